/**
 * This is what `import ... from "electron"` finds beside the packaged application: as much of Electron as main.js uses. As in Electron, nothing is
 * ready before main.js has been evaluated to its end (`becomeReady`).
 */
import { EventEmitter } from "node:events";
import { existsSync } from "node:fs";

let ready;
const whenReady = new Promise((resolve) => (ready = resolve));
export const becomeReady = () => ready();
export const windows = [];
export const served = { handler: null };
export const trays = [];

function mustExist(file) {
  if (!existsSync(file)) throw new Error(`${file} is missing`);
  return file;
}

export const app = Object.assign(new EventEmitter(), {
  name: "Xenarium",
  isPackaged: true,
  enableSandbox() {},
  requestSingleInstanceLock: () => true,
  whenReady: () => whenReady,
  getPath: () => process.env.USER_DATA,
  quit: () => app.emit("before-quit", { preventDefault() {} }),
  exit: (status) => process.exit(status),
});
class Contents extends EventEmitter {
  id = 1;
  mainFrame = { url: "" };
  received = [];
  send(channel, argument) {
    this.received.push([channel, argument]);
  }
  isDestroyed = () => false;
  setWindowOpenHandler() {}
}
export class BrowserWindow extends EventEmitter {
  webContents = new Contents();
  constructor(options) {
    super();
    mustExist(options.webPreferences.preload);
    mustExist(options.icon);
    windows.push(this);
    app.emit("web-contents-created", {}, this.webContents);
  }
  loadURL(url) {
    this.webContents.mainFrame.url = url;
    return Promise.resolve();
  }
  isDestroyed = () => false;
  isFocused = () => true;
  isMaximized = () => false;
  getNormalBounds = () => ({ x: 0, y: 0, width: 1000, height: 700 });
  setProgressBar() {}
}
export const Menu = {
  buildFromTemplate: () => ({ getMenuItemById: () => null }),
  setApplicationMenu() {},
};
export class Tray extends EventEmitter {
  constructor(image) {
    super();
    trays.push(image);
  }
  setToolTip() {}
  setContextMenu() {}
  destroy() {}
}
export class Notification extends EventEmitter {
  static isSupported = () => false;
}
export const dialog = {
  showMessageBox: () => Promise.reject(new Error("nobody is there to be asked")),
  showErrorBox: (title, text) => process.stderr.write(`${title}: ${text}\n`),
};
export const ipcMain = new EventEmitter();
export const nativeImage = { createFromPath: (file) => mustExist(file) };
export const powerMonitor = new EventEmitter();
export const protocol = {
  registerSchemesAsPrivileged() {},
  handle: (_scheme, handler) => (served.handler = handler),
};
export const screen = { getAllDisplays: () => [{ workArea: { x: 0, y: 0, width: 1920, height: 1080 } }] };
export const session = {
  defaultSession: {
    setPermissionRequestHandler() {},
    setPermissionCheckHandler() {},
    setDevicePermissionHandler() {},
  },
};
