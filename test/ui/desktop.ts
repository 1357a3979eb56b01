/** The test plays Electron's part: it gives a page the bridge that electron/preload.ts puts on the window, to a host of the test's own. */
import type { Page } from "playwright-core";
import type { HostService } from "../../core/api/host-service.ts";
import { Session } from "../../core/api/session.ts";

/** Bytes are sent to the page as base64. */
const BRIDGE = `
  const fromBase64 = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const toBase64 = (bytes) => btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(""));
  const pack = (_key, value) => (value instanceof Uint8Array ? { base64: toBase64(value) } : value);
  const unpack = (_key, value) => (value?.base64 === undefined ? value : fromBase64(value.base64));
  const listeners = {};
  window.desktopSays = (what, text) => listeners[what](JSON.parse(text, unpack));
  window.xenariumDesktop = {
    send: (message) => window.toHost(JSON.stringify(message, pack)),
    onMessage: (listener) => (listeners.message = listener),
    onClose: () => {},
    onOpened: (listener) => (listeners.opened = listener),
    onCommand: (listener) => (listeners.command = listener),
    offer: (ids) => void window.offered(ids),
    openConsole: (domid) => void window.consoleWanted(domid),
    chooseFolder: () => window.folderWanted(),
  };
`;
const pack = (message: unknown): string =>
  JSON.stringify(message, (_key, value: unknown) =>
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value,
  );
const unpack = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown) => {
    const base64 = (value as { base64?: string } | null)?.base64;
    return base64 === undefined ? value : Uint8Array.from(Buffer.from(base64, "base64"));
  });

export class Desktop {
  readonly page: Page;
  /** What the page offered, with the latest at the end. */
  readonly offers: string[][] = [];
  /** The domids of consoles that are to get windows of their own. */
  readonly consoles: number[] = [];
  /** The folders that the user chooses when asked, the next one first. If there are none, the dialog is cancelled. */
  readonly folders: string[] = [];

  private constructor(page: Page) {
    this.page = page;
  }

  /** Call it before the page is loaded. */
  static async bridge(page: Page, host: HostService): Promise<Desktop> {
    const desktop = new Desktop(page);
    let session: Session | null = null;
    await page.exposeFunction("toHost", (text: string) => {
      session ??= new Session(host, {
        send: (message) => void desktop.say("message", message),
        backlog: 0,
        end: () => {},
        mayNameFiles: false,
      });
      void session.receive(unpack(text));
    });
    await page.exposeFunction("offered", (ids: string[]) => void desktop.offers.push(ids));
    await page.exposeFunction("consoleWanted", (domid: number) => void desktop.consoles.push(domid));
    await page.exposeFunction("folderWanted", () => {
      const chosen = desktop.folders.shift() ?? null;
      if (chosen !== null) session?.grant(chosen);
      return chosen;
    });
    await page.addInitScript(BRIDGE);
    return desktop;
  }

  /** Sends something as the main process does. The page may be closed already. */
  async say(what: "message" | "opened" | "command", argument: unknown): Promise<void> {
    const text = JSON.stringify(pack(argument));
    await this.page.evaluate(`window.desktopSays(${JSON.stringify(what)}, ${text})`).catch(() => {});
  }
}
