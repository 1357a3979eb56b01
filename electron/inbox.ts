/** Messages from windows. Only those from the application's own page are heard, in the top frame of a window that the shell has opened. */
import type { IpcMainEvent, WebContents } from "electron";
import { APP_ORIGIN, type ToMain, type ToWindow } from "./channels.ts";
import type { ElectronParts } from "./parts.ts";

/** Returns true for an address of the application itself. In Node's URL, custom schemes have no `origin`. */
export function isOurs(url: string): boolean {
  try {
    const { protocol, host } = new URL(url);
    return `${protocol}//${host}` === APP_ORIGIN;
  } catch {
    return false;
  }
}

/** Sends to a window if it still exists. */
export function tell<C extends keyof ToWindow>(contents: WebContents, channel: C, argument: ToWindow[C]): void {
  if (!contents.isDestroyed()) contents.send(channel, argument);
}

export class Inbox {
  readonly #ipc: ElectronParts["ipcMain"];
  readonly #admitted = new Set<WebContents>();

  constructor(parts: Pick<ElectronParts, "ipcMain">) {
    this.#ipc = parts.ipcMain;
  }

  /** From now on that window is heard. */
  admit(contents: WebContents): void {
    this.#admitted.add(contents);
    contents.on("destroyed", () => this.#admitted.delete(contents));
  }

  /** The argument is what the window sent, which may be anything. */
  on(channel: keyof ToMain, listener: (from: WebContents, argument: unknown) => void): void {
    this.#ipc.on(channel, (event, argument: unknown) => {
      if (this.#isTrusted(event)) listener(event.sender, argument);
    });
  }

  /** Excludes subframes, pages that were navigated to, and windows that somebody else has made. */
  #isTrusted({ sender, senderFrame }: Pick<IpcMainEvent, "sender" | "senderFrame">): boolean {
    return (
      this.#admitted.has(sender) && senderFrame !== null && senderFrame === sender.mainFrame && isOurs(senderFrame.url)
    );
  }
}
