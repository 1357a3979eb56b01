/** Windows: sandboxed, isolated, on the application's own origin. The main window's size and place are kept for the next start. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { BrowserWindow, BrowserWindowConstructorOptions, Rectangle, WebPreferences } from "electron";
import { writeWholeSync } from "../core/files/whole.ts";
import { APP_ORIGIN } from "./channels.ts";
import type { ElectronParts } from "./parts.ts";

const LEAST = { width: 820, height: 560 };
const FIRST = { width: 1280, height: 820 };
/** Size of the part of a title bar, at a window's top left corner, by which a user can still take hold of the window. */
const REACHED = { width: 120, height: 24 };

export interface WindowState {
  x?: number;
  y?: number;
  width: number;
  height: number;
  maximized: boolean;
}

/** Each is also Electron's default; they are set here so that a change of the defaults changes nothing. */
const PREFERENCES: WebPreferences = {
  contextIsolation: true,
  sandbox: true,
  nodeIntegration: false,
  nodeIntegrationInWorker: false,
  nodeIntegrationInSubFrames: false,
  webSecurity: true,
  allowRunningInsecureContent: false,
  experimentalFeatures: false,
  webviewTag: false,
  navigateOnDragDrop: false,
  spellcheck: false,
};

/** The file may have been changed by anybody. A place that is no longer on any screen is left out. */
export function readState(file: string, workAreas: readonly Rectangle[]): WindowState {
  try {
    const { x, y, width, height, maximized } = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    if (typeof width !== "number" || typeof height !== "number") return { ...FIRST, maximized: false };
    const isSeen =
      typeof x === "number" &&
      typeof y === "number" &&
      workAreas.some(
        (area) =>
          x + REACHED.width > area.x &&
          x + REACHED.width <= area.x + area.width &&
          y >= area.y &&
          y + REACHED.height <= area.y + area.height,
      );
    return {
      width: Math.round(Math.max(LEAST.width, Math.min(width, 10_000))),
      height: Math.round(Math.max(LEAST.height, Math.min(height, 10_000))),
      ...(isSeen && { x: Math.round(x), y: Math.round(y) }),
      maximized: maximized === true,
    };
  } catch {
    return { ...FIRST, maximized: false };
  }
}

const stateFile = (parts: Pick<ElectronParts, "app">): string =>
  path.join(parts.app.getPath("userData"), "window.json");

export function keepState(parts: Pick<ElectronParts, "app">, window: BrowserWindow): void {
  if (window.isDestroyed()) return;
  const state: WindowState = { ...window.getNormalBounds(), maximized: window.isMaximized() };
  try {
    writeWholeSync(stateFile(parts), JSON.stringify(state));
  } catch {
    // The next window has the first size again.
  }
}

export interface Page {
  preload: string;
  /** Path of the windows' icon, which is the only one that Linux desktops know. */
  icon: string;
}

function open(parts: ElectronParts, page: Page, options: BrowserWindowConstructorOptions, hash: string): BrowserWindow {
  const window = parts.createWindow({
    ...options,
    show: false,
    icon: page.icon,
    backgroundColor: "#14181e",
    webPreferences: { ...PREFERENCES, preload: page.preload },
  });
  void window.loadURL(`${APP_ORIGIN}/index.html${hash}`);
  return window;
}

export function openMainWindow(parts: ElectronParts, page: Page): BrowserWindow {
  const { maximized, ...bounds } = readState(stateFile(parts), parts.workAreas());
  const least = { minWidth: LEAST.width, minHeight: LEAST.height };
  const window = open(parts, page, { ...bounds, ...least, title: "Xenarium" }, "");
  window.once("ready-to-show", () => {
    if (maximized) window.maximize();
    window.show();
  });
  return window;
}

/** renderer/console/deeds.ts reads the address. The page sets the title. */
export function openConsoleWindow(parts: ElectronParts, page: Page, domid: number): BrowserWindow {
  const size = { width: 820, height: 520, minWidth: 320, minHeight: 200 };
  const window = open(parts, page, { ...size, title: "Console" }, `#console=${domid}`);
  window.once("ready-to-show", () => window.show());
  return window;
}
