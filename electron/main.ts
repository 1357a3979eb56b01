/** Electron's entry, which connects the shell with the real Electron. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  BrowserWindow,
  Menu,
  Notification,
  Tray,
  app,
  dialog,
  ipcMain,
  nativeImage,
  powerMonitor,
  protocol,
  screen,
  session,
} from "electron";
import { codeCacheFolder } from "../core/api/cache-folder.ts";
import { downloadsIn } from "../core/api/fetching.ts";
import { HostService } from "../core/api/host-service.ts";
import { lockState } from "../core/api/state-lock.ts";
import { serveLocal } from "../core/api/transport/local-socket.ts";
import { APP_SCHEME } from "./channels.ts";
import { unpacked } from "./packed.ts";
import { startShell } from "./shell.ts";

const dist = new URL("../", import.meta.url);
/** What worker threads load lies beside the archive, because only Electron's own threads can read inside it. */
const loose = unpacked(dist);
const file = (name: string, folder: URL): string => fileURLToPath(new URL(name, folder));

// Must be called before the application is ready.
protocol.registerSchemesAsPrivileged([{ scheme: APP_SCHEME, privileges: { standard: true, secure: true } }]);
app.enableSandbox();

/** Throws a sentence if another host has this application's folder. */
function openHost(): HostService {
  const folder = app.getPath("userData");
  lockState(folder, "the Xenarium application", "give this one a folder of its own with --user-data-dir");
  const codeCache = codeCacheFolder();
  return new HostService({
    imageFolder: loose,
    // Not among what belongs to the application, which Windows copies to other computers of a network.
    ...(codeCache !== null && { codeCacheFolder: codeCache }),
    bundledGuest: new URL("assets/guests/mini.elf", loose),
    firstGuest: true,
    // The windows belong to the user and show only this application's page; they name a release and never a path.
    ...(process.platform === "linux" && { kernelFolder: "/boot" }),
    bootFile: path.join(folder, "boot.cfg"),
    sizeFile: path.join(folder, "host-size.json"),
    libraryFolder: path.join(folder, "library"),
    savedFolder: path.join(folder, "saved"),
    imagesFolder: path.join(folder, "images"),
    capturesFolder: path.join(folder, "captures"),
    consoleFolder: path.join(folder, "consoles"),
    scratchFolder: path.join(folder, "scratch"),
    downloads: downloadsIn(folder),
    transferFolder: path.join(folder, "transfer"),
    networksFile: path.join(folder, "networks.json"),
    history: { folder: path.join(folder, "history") },
  });
}
// This is not awaited, because Electron becomes ready only once this module has been evaluated to its end.
const starting = startShell(
  {
    app,
    ipcMain,
    protocol,
    defaultSession: () => session.defaultSession,
    createWindow: (options) => new BrowserWindow(options),
    setMenu: (template) => {
      const menu = Menu.buildFromTemplate(template);
      Menu.setApplicationMenu(menu);
      return menu;
    },
    createTray: () => new Tray(nativeImage.createFromPath(file("assets/icons/tray.png", loose))),
    buildMenu: (template) => Menu.buildFromTemplate(template),
    createNotification: (options) => (Notification.isSupported() ? new Notification(options) : null),
    ask: async (window, options) => {
      const { response } = await (window ? dialog.showMessageBox(window, options) : dialog.showMessageBox(options));
      return response;
    },
    chooseFolder: async () => {
      const { canceled, filePaths } = await dialog.showOpenDialog({ properties: ["openDirectory"] });
      return canceled ? null : (filePaths[0] ?? null);
    },
    refuse: (reason) => dialog.showErrorBox("Xenarium can’t start", reason),
    powerMonitor,
    workAreas: () => screen.getAllDisplays().map(({ workArea }) => workArea),
    platform: process.platform,
    argv: process.argv,
    folder: process.cwd(),
  },
  openHost,
  {
    renderer: file("renderer/", dist),
    preload: file("electron/preload.cjs", dist),
    icon: file("assets/icons/icon.png", loose),
  },
  // `xenarium xl` reaches this host too.
  serveLocal,
);
starting.catch((error: unknown) => {
  process.stderr.write(`xenarium: ${error instanceof Error ? error.message : String(error)}\n`);
  app.exit(1);
});
// Whoever ends it by a signal can't be asked. Electron's own handling of signals, which is installed by then, is to quit, and quitting asks.
void app.whenReady().then(() => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => void starting.then((shell) => shell?.end()));
});
