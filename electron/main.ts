/** Electron's entry: the real parts, put together. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { BrowserWindow, Menu, app, ipcMain, protocol, session, shell } from "electron";
import { HostService } from "../core/api/host-service.ts";
import { serveLocal } from "../core/api/transport/local-socket.ts";
import { APP_SCHEME } from "./channels.ts";
import { startShell } from "./shell.ts";

const dist = new URL("../", import.meta.url);

// Must be said before the application is ready.
protocol.registerSchemesAsPrivileged([{ scheme: APP_SCHEME, privileges: { standard: true, secure: true } }]);

const host = new HostService({
  imageFolder: dist,
  bundledGuest: new URL("assets/guests/mini.elf", dist),
  firstGuest: true,
  bootFile: path.join(app.getPath("userData"), "boot.cfg"),
  history: { folder: path.join(app.getPath("userData"), "history") },
});
const first = await startShell(
  {
    app,
    ipcMain,
    protocol,
    defaultSession: () => session.defaultSession,
    createWindow: (options) => new BrowserWindow(options),
    setMenu: (template) => Menu.setApplicationMenu(Menu.buildFromTemplate(template)),
    openExternal: (url) => shell.openExternal(url),
    platform: process.platform,
    argv: process.argv,
    folder: process.cwd(),
  },
  host,
  {
    renderer: fileURLToPath(new URL("renderer/", dist)),
    preload: fileURLToPath(new URL("electron/preload.cjs", dist)),
  },
);
// `xenarium xl` reaches this host too; where another one listens already, that one stays.
if (first) await serveLocal(host).catch(() => {});
