/** The few functions of Electron that the shell uses: tests give a double of them. */
import type {
  App,
  BrowserWindow,
  BrowserWindowConstructorOptions,
  IpcMain,
  Menu,
  MenuItemConstructorOptions,
  MessageBoxOptions,
  Notification,
  NotificationConstructorOptions,
  PowerMonitor,
  Protocol,
  Rectangle,
  Session,
  Tray,
} from "electron";

export interface ElectronParts {
  app: Pick<
    App,
    "requestSingleInstanceLock" | "quit" | "exit" | "whenReady" | "on" | "getPath" | "name" | "isPackaged"
  >;
  ipcMain: Pick<IpcMain, "on">;
  protocol: Pick<Protocol, "handle">;
  defaultSession: () => Pick<
    Session,
    "setPermissionRequestHandler" | "setPermissionCheckHandler" | "setDevicePermissionHandler"
  >;
  createWindow: (options: BrowserWindowConstructorOptions) => BrowserWindow;
  /** Makes it the application's menu. */
  setMenu: (template: MenuItemConstructorOptions[]) => Pick<Menu, "getMenuItemById">;
  /** Throws, or does nothing that is seen, where the desktop has no tray. */
  createTray: () => Pick<Tray, "setToolTip" | "setContextMenu" | "on" | "destroy">;
  buildMenu: (template: MenuItemConstructorOptions[]) => Menu;
  /** null where the desktop shows none. */
  createNotification: (options: NotificationConstructorOptions) => Pick<Notification, "on" | "show" | "close"> | null;
  /** The number of the button that was chosen. */
  ask: (window: BrowserWindow | null, options: MessageBoxOptions) => Promise<number>;
  /** The folder that the user has chosen; null for none. */
  chooseFolder: () => Promise<string | null>;
  /** Says why the application can't start. */
  refuse: (reason: string) => void;
  powerMonitor: Pick<PowerMonitor, "on">;
  /** Of every screen, without docks and bars. */
  workAreas: () => Rectangle[];
  platform: NodeJS.Platform;
  /** This start's command line, and the folder it was given in. */
  argv: readonly string[];
  folder: string;
}
