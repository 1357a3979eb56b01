/** The application's windows: the main one, and one for each console that was taken out of it. */
import type { BrowserWindow, WebContents } from "electron";
import type { HostService } from "../core/api/host-service.ts";
import { OPEN_CONSOLE } from "./channels.ts";
import type { Inbox } from "./inbox.ts";
import type { ElectronParts } from "./parts.ts";
import { openConsoleWindow, openMainWindow, type Page } from "./window.ts";

const MOST_CONSOLES = 64;
/** The greatest domid, below DOMID_FIRST_RESERVED. */
const MOST_DOMID = 0x7fef;

export class Windows {
  readonly main: BrowserWindow;
  readonly #parts: ElectronParts;
  readonly #page: Page;
  readonly #inbox: Inbox;
  readonly #attach: (contents: WebContents) => void;
  readonly #consoles = new Map<number, BrowserWindow>();

  /** `attach` connects each window with the host. */
  constructor(
    parts: ElectronParts,
    host: HostService,
    inbox: Inbox,
    page: Page,
    attach: (contents: WebContents) => void,
  ) {
    this.#parts = parts;
    this.#page = page;
    this.#inbox = inbox;
    this.#attach = attach;
    this.main = openMainWindow(parts, page);
    this.#admit(this.main);
    this.main.webContents.on("render-process-gone", (_event, { reason }) => {
      if (reason !== "clean-exit") void this.#offerReload(reason);
    });
    inbox.on(OPEN_CONSOLE, (_from, domid) => this.#openConsole(domid));
    // The same numbers then mean other domains.
    host.on("host", ({ power }) => {
      if (power === "starting") this.#closeConsoles();
    });
  }

  /** Brings the window to the front, wherever it is. */
  show(): void {
    if (this.main.isDestroyed()) return;
    if (this.main.isMinimized()) this.main.restore();
    this.main.show();
    this.main.focus();
  }

  /** Hides everything of the application except its tray. */
  hide(): void {
    this.#closeConsoles();
    this.main.hide();
  }

  /** Whether the user looks at one of them. */
  get isFocused(): boolean {
    return [this.main, ...this.#consoles.values()].some((window) => !window.isDestroyed() && window.isFocused());
  }

  #admit(window: BrowserWindow): void {
    this.#inbox.admit(window.webContents);
    this.#attach(window.webContents);
  }

  #openConsole(domid: unknown): void {
    if (!Number.isInteger(domid)) return;
    const number = domid as number;
    if (number < 1 || number > MOST_DOMID) return;
    const found = this.#consoles.get(number);
    if (found) {
      if (found.isMinimized()) found.restore();
      found.focus();
      return;
    }
    if (this.#consoles.size >= MOST_CONSOLES) return;
    const window = openConsoleWindow(this.#parts, this.#page, number);
    this.#consoles.set(number, window);
    window.on("closed", () => this.#consoles.delete(number));
    this.#admit(window);
  }

  #closeConsoles(): void {
    for (const window of [...this.#consoles.values()]) window.destroy();
  }

  /** The host and its guests do not run in the page's process, so they live on. */
  async #offerReload(reason: string): Promise<void> {
    const chosen = await this.#parts.ask(this.main, {
      type: "error",
      message: "The window’s page has ended.",
      detail: `Chromium says: ${reason}. The host and its domains go on running.`,
      buttons: ["Load It Again", "Quit"],
      defaultId: 0,
      cancelId: 0,
    });
    if (chosen === 1) this.#parts.app.quit();
    else if (!this.main.isDestroyed()) this.main.webContents.reload();
  }
}
