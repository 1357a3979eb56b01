/** A double of the Electron functions that the shell uses. Its windows, menus, tray and notifications record what is done to them. */
import { EventEmitter } from "node:events";
import path from "node:path";
import type {
  BrowserWindow,
  BrowserWindowConstructorOptions,
  Menu,
  MenuItemConstructorOptions,
  MessageBoxOptions,
  NotificationConstructorOptions,
} from "electron";
import { vi } from "vitest";
import type { HostService } from "../../core/api/host-service.ts";
import type { HostServiceOptions } from "../../core/api/host-options.ts";
import { APP_ORIGIN, FROM_HOST, TO_HOST, type ToMain, type ToWindow } from "../../electron/channels.ts";
import type { ElectronParts } from "../../electron/parts.ts";
import { startShell, type Shell } from "../../electron/shell.ts";
import { builtHost } from "../built-host.ts";
import { temporaryFolder } from "../temporary.ts";

type Item = MenuItemConstructorOptions;
type Answer = (granted: boolean) => void;

export function service(options: Partial<HostServiceOptions> = {}): HostService {
  return builtHost(options);
}

let nextId = 1;
export class FakeContents extends EventEmitter {
  readonly id = nextId++;
  readonly mainFrame = { url: `${APP_ORIGIN}/index.html` };
  readonly sent: [string, unknown][] = [];
  readonly reload = vi.fn();
  openHandler: (details: { url: string }) => { action: string } = () => ({ action: "allow" });
  destroyed = false;
  send(channel: string, argument: unknown): void {
    if (this.destroyed) throw new Error("Object has been destroyed");
    this.sent.push([channel, argument]);
  }
  isDestroyed(): boolean {
    return this.destroyed;
  }
  setWindowOpenHandler(handler: typeof this.openHandler): void {
    this.openHandler = handler;
  }
  /** What was sent over that channel, in order. */
  got<C extends keyof ToWindow>(channel: C): ToWindow[C][] {
    return this.sent.filter(([each]) => each === channel).map(([, argument]) => argument as ToWindow[C]);
  }
}

export class FakeWindow extends EventEmitter {
  readonly webContents = new FakeContents();
  readonly options: BrowserWindowConstructorOptions;
  url = "";
  visible = false;
  focused = false;
  readonly maximize = vi.fn();
  readonly setProgressBar = vi.fn();
  constructor(options: BrowserWindowConstructorOptions) {
    super();
    this.options = options;
  }
  isMinimized = (): boolean => false;
  isDestroyed = (): boolean => this.webContents.destroyed;
  isMaximized = (): boolean => false;
  isVisible = (): boolean => this.visible;
  isFocused = (): boolean => this.focused;
  focus = (): void => void (this.focused = true);
  show = (): void => void (this.visible = true);
  hide = (): void => void (this.visible = this.focused = false);
  restore(): void {}
  getNormalBounds = () => ({ x: 5, y: 6, width: 1000, height: 700 });
  destroy(): void {
    this.webContents.destroyed = true;
    this.webContents.emit("destroyed");
    this.emit("closed");
  }
  loadURL(url: string): Promise<void> {
    this.url = url;
    return Promise.resolve();
  }
}

export class FakeNotification extends EventEmitter {
  readonly options: NotificationConstructorOptions;
  shown = false;
  constructor(options: NotificationConstructorOptions) {
    super();
    this.options = options;
  }
  show(): void {
    this.shown = true;
  }
  close(): void {
    this.shown = false;
  }
}

export class FakeTray extends EventEmitter {
  menu: Item[] = [];
  tip = "";
  destroyed = false;
  setToolTip(tip: string): void {
    this.tip = tip;
  }
  setContextMenu(menu: unknown): void {
    this.menu = menu as Item[];
  }
  destroy(): void {
    this.destroyed = true;
  }
}

/** Returns all items of a menu, including those of its submenus. */
export function itemsOf(template: readonly Item[]): Item[] {
  return template.flatMap((item) => [item, ...(Array.isArray(item.submenu) ? itemsOf(item.submenu) : [])]);
}

export interface DoubleOptions {
  lock?: boolean;
  files?: string[];
  platform?: NodeJS.Platform;
  tray?: boolean;
}

export class Double {
  readonly app = Object.assign(new EventEmitter(), {
    name: "Xenarium",
    isPackaged: true,
    requestSingleInstanceLock: () => this.#options.lock ?? true,
    quit: vi.fn(() => void this.app.emit("before-quit", { preventDefault: this.refused })),
    exit: vi.fn(),
    whenReady: () => Promise.resolve(),
    getPath: () => (this.#folder ??= temporaryFolder("electron")),
  });
  readonly ipcMain = new EventEmitter();
  readonly powerMonitor = new EventEmitter();
  /** Why it could not start. */
  readonly refusals: string[] = [];
  readonly windows: FakeWindow[] = [];
  readonly trays: FakeTray[] = [];
  readonly notifications: FakeNotification[] = [];
  /** The questions asked, and the number of the button that is chosen. */
  readonly questions: MessageBoxOptions[] = [];
  answer: number | Promise<number> = 0;
  /** Called when quitting was prevented. */
  readonly refused = vi.fn();
  /** Called when the end of the session was prevented, with what the system says about it. */
  readonly held = vi.fn();
  readonly sessionEnd = { preventDefault: this.held };
  readonly closed = vi.fn(() => Promise.resolve());
  menu: Item[] = [];
  request: (contents: unknown, permission: string, answer: Answer, details: { requestingUrl: string }) => void =
    () => {};
  check: (contents: unknown, permission: string, origin: string) => boolean = () => true;
  device: () => boolean = () => true;
  fetch: (request: Request) => Promise<Response> = () => Promise.reject(new Error("nothing is served"));
  /** What its user chooses when asked for a folder, and how often it was asked. */
  folder: string | null = null;
  foldersAsked = 0;
  readonly #options: DoubleOptions;
  #folder: string | null = null;
  #asked = 1_000_000;

  constructor(options: DoubleOptions = {}) {
    this.#options = options;
  }

  get parts(): ElectronParts {
    const workArea = { x: 0, y: 0, width: 1920, height: 1080 };
    const parts = {
      app: this.app,
      ipcMain: this.ipcMain,
      protocol: { handle: (_scheme: string, handle: typeof this.fetch) => void (this.fetch = handle) },
      defaultSession: () => ({
        setPermissionRequestHandler: (handler: typeof this.request) => void (this.request = handler),
        setPermissionCheckHandler: (handler: typeof this.check) => void (this.check = handler),
        setDevicePermissionHandler: (handler: typeof this.device) => void (this.device = handler),
      }),
      createWindow: (options: BrowserWindowConstructorOptions) => {
        const window = new FakeWindow(options);
        this.windows.push(window);
        this.app.emit("web-contents-created", {}, window.webContents);
        return window as unknown as BrowserWindow;
      },
      setMenu: (template: Item[]) => {
        this.menu = template;
        return { getMenuItemById: (id: string) => itemsOf(template).find((item) => item.id === id) ?? null };
      },
      createTray: () => {
        if (this.#options.tray === false) throw new Error("There is no tray here.");
        const tray = new FakeTray();
        this.trays.push(tray);
        return tray;
      },
      buildMenu: (template: Item[]) => template as unknown as Menu,
      createNotification: (options: NotificationConstructorOptions) => {
        const notification = new FakeNotification(options);
        this.notifications.push(notification);
        return notification;
      },
      ask: (_window: BrowserWindow | null, options: MessageBoxOptions) => {
        this.questions.push(options);
        return Promise.resolve(this.answer);
      },
      chooseFolder: () => {
        this.foldersAsked++;
        return Promise.resolve(this.folder);
      },
      refuse: (reason: string) => void this.refusals.push(reason),
      powerMonitor: this.powerMonitor,
      workAreas: () => [workArea],
      platform: this.#options.platform ?? "linux",
      argv: ["/opt/xenarium", "--no-sandbox", ...(this.#options.files ?? [])],
      folder: "/nowhere",
    };
    return parts as unknown as ElectronParts;
  }

  get main(): FakeWindow {
    return this.windows[0]!;
  }

  start(host: HostService | (() => HostService)): Promise<Shell | null> {
    const openHost = typeof host === "function" ? host : () => host;
    const paths = {
      renderer: path.resolve(import.meta.dirname, "../../dist/renderer"),
      preload: "/preload.cjs",
      icon: "/icon.png",
    };
    return startShell(this.parts, openHost, paths, () => Promise.resolve({ close: this.closed }));
  }

  /** Sends a message as the window's page does. */
  send<C extends keyof ToMain>(channel: C, argument: ToMain[C], { webContents }: FakeWindow = this.main): void {
    this.ipcMain.emit(channel, { sender: webContents, senderFrame: webContents.mainFrame }, argument);
  }

  /** Waits until a request of the main window's is answered. By then, everything that was under way before has ended if it waits for nothing. */
  async answered(): Promise<void> {
    const id = this.#asked++;
    this.send(TO_HOST, { id, request: "hostState", args: {} });
    const answers = (): unknown[] =>
      this.main.webContents.got(FROM_HOST).map((message) => "id" in message && message.id);
    await vi.waitUntil(() => answers().includes(id), { timeout: 20_000 });
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Returns the menu's item for that command. */
  item(id: string): Item {
    const found = itemsOf(this.menu).find((item) => item.id === id);
    if (!found) throw new Error(`The menu has no ${id}.`);
    return found;
  }
}

/** Clicks an item as the desktop does. */
export function click({ click: run }: Item): void {
  (run as unknown as () => void)();
}
