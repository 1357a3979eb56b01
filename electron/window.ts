/** The window: sandboxed, isolated, unable to leave its page. Its size and place are kept for the next start. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { BrowserWindow } from "electron";
import { APP_ORIGIN } from "./channels.ts";
import type { ElectronParts } from "./parts.ts";

const LEAST = { width: 820, height: 560 };
const FIRST = { width: 1280, height: 820 };

interface Bounds {
  x?: number;
  y?: number;
  width: number;
  height: number;
}

/** Bounds from a file that anybody may have changed. */
export function readBounds(file: string): Bounds {
  try {
    const { x, y, width, height } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    if (typeof width !== "number" || typeof height !== "number") return FIRST;
    return {
      width: Math.max(LEAST.width, Math.min(width, 10_000)),
      height: Math.max(LEAST.height, Math.min(height, 10_000)),
      ...(typeof x === "number" && typeof y === "number" && { x, y }),
    };
  } catch {
    return FIRST;
  }
}

export function openWindow(parts: ElectronParts, preload: string): BrowserWindow {
  const boundsFile = path.join(parts.app.getPath("userData"), "window.json");
  const window = parts.createWindow({
    ...readBounds(boundsFile),
    minWidth: LEAST.width,
    minHeight: LEAST.height,
    show: false,
    title: "Xenarium",
    backgroundColor: "#14181e",
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webSecurity: true,
      webviewTag: false,
      spellcheck: false,
    },
  });
  window.once("ready-to-show", () => window.show());
  window.on("close", () => {
    try {
      writeFileSync(boundsFile, JSON.stringify(window.getNormalBounds()));
    } catch {
      // The next window has the first size again.
    }
  });
  const { webContents } = window;
  webContents.on("will-navigate", (event) => event.preventDefault());
  webContents.on("will-attach-webview", (event) => event.preventDefault());
  webContents.setWindowOpenHandler(({ url }) => {
    // Links of the documentation open in the user's browser, nothing opens here.
    if (url.startsWith("https://")) void parts.openExternal(url);
    return { action: "deny" };
  });
  void window.loadURL(`${APP_ORIGIN}/index.html`);
  return window;
}
