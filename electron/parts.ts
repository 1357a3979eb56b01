/** The few functions of Electron that the shell uses: tests give a double of them. */
import type { App, BrowserWindow, BrowserWindowConstructorOptions, IpcMain, Menu, Protocol, Session } from "electron";

export interface ElectronParts {
  app: Pick<
    App,
    "requestSingleInstanceLock" | "quit" | "exit" | "whenReady" | "on" | "getPath" | "name" | "isPackaged"
  >;
  ipcMain: Pick<IpcMain, "on">;
  protocol: Pick<Protocol, "handle">;
  defaultSession: () => Pick<Session, "setPermissionRequestHandler" | "setPermissionCheckHandler">;
  createWindow: (options: BrowserWindowConstructorOptions) => BrowserWindow;
  setMenu: (template: Parameters<typeof Menu.buildFromTemplate>[0]) => void;
  openExternal: (url: string) => Promise<void>;
  platform: NodeJS.Platform;
  /** This start's command line, and the folder it was given in. */
  argv: readonly string[];
  folder: string;
}
