/** The few functions of Electron that the shell uses, so that tests can replace them by doubles. */
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
  /** Throws, or has no visible effect, where the desktop has no tray. */
  createTray: () => Pick<Tray, "setToolTip" | "setContextMenu" | "on" | "destroy">;
  buildMenu: (template: MenuItemConstructorOptions[]) => Menu;
  /** Returns null where the desktop shows none. */
  createNotification: (options: NotificationConstructorOptions) => Pick<Notification, "on" | "show" | "close"> | null;
  /** Returns the number of the button that was chosen. */
  ask: (window: BrowserWindow | null, options: MessageBoxOptions) => Promise<number>;
  /** Returns the folder that the user has chosen; null for none. */
  chooseFolder: () => Promise<string | null>;
  /** Tells the user why the application can't start. */
  refuse: (reason: string) => void;
  powerMonitor: Pick<PowerMonitor, "on">;
  /** The usable area of every screen, without docks and bars. */
  workAreas: () => Rectangle[];
  platform: NodeJS.Platform;
  /** This start's command line, and the folder in which it was given. */
  argv: readonly string[];
  folder: string;
}
