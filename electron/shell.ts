/** The desktop shell's life: one instance, one host, one window; guests are shut down before it ends. */
import type { BrowserWindow } from "electron";
import type { HostService } from "../core/api/host-service.ts";
import { ApiBridge } from "./bridge.ts";
import { serveFiles } from "./files.ts";
import { menuTemplate } from "./menu.ts";
import { OpenedFiles, pathsIn } from "./opened.ts";
import type { ElectronParts } from "./parts.ts";
import { openWindow } from "./window.ts";

const GRACE_MS = 10_000;

export interface ShellPaths {
  /** Folder of the built renderer. */
  renderer: string;
  preload: string;
}

/** Resolves when the window is open; false: another instance has been told to show itself. */
export async function startShell(parts: ElectronParts, host: HostService, paths: ShellPaths): Promise<boolean> {
  const { app } = parts;
  if (!app.requestSingleInstanceLock()) {
    app.quit();
    return false;
  }
  let window: BrowserWindow | null = null;
  let stopping: Promise<void> | null = null;
  const opened = new OpenedFiles(parts);
  // The program; unless it is packaged with it, the application's folder too.
  const skip = app.isPackaged ? 1 : 2;
  opened.open(pathsIn(parts.argv, parts.folder, skip));
  const toFront = (): void => {
    if (!window) return;
    if (window.isMinimized()) window.restore();
    window.focus();
  };
  app.on("second-instance", (_event, argv, folder) => {
    opened.open(pathsIn(argv, folder, skip));
    toFront();
  });
  // macOS, which may say so before it is ready.
  app.on("open-file", (event, file) => {
    event.preventDefault();
    opened.open([file]);
    toFront();
  });
  app.on("before-quit", (event) => {
    // Quitting goes on once the guests are down; asked again meanwhile, it waits for the same.
    event.preventDefault();
    if (window && !window.isDestroyed()) window.setProgressBar(2);
    stopping ??= host
      .powerOff(GRACE_MS)
      .catch(() => {})
      .then(() => app.exit(0));
  });
  app.on("window-all-closed", () => app.quit());

  await app.whenReady();
  const session = parts.defaultSession();
  // The page may copy text, and nothing else that needs asking.
  session.setPermissionRequestHandler((_contents, permission, answer) =>
    answer(permission === "clipboard-sanitized-write"),
  );
  session.setPermissionCheckHandler((_contents, permission) => permission === "clipboard-sanitized-write");
  serveFiles(parts, paths.renderer);
  parts.setMenu(menuTemplate(parts.platform, app.name));
  const bridge = new ApiBridge(parts, host);
  window = openWindow(parts, paths.preload);
  bridge.attach(window.webContents);
  opened.attach(window.webContents);
  // The window stays while the guests shut down, and shows it.
  window.on("close", (event) => {
    event.preventDefault();
    app.quit();
  });
  // The window shows how it goes, or why it does not.
  void host.powerOn().catch(() => {});
  return true;
}
