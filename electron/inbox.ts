/** Messages from windows: heard only from the application's own page, in the top frame of a window that the shell opened. */
import type { IpcMainEvent, WebContents } from "electron";
import { APP_ORIGIN, type ToMain, type ToWindow } from "./channels.ts";
import type { ElectronParts } from "./parts.ts";

/** True for an address of the application itself. Custom schemes have no `origin` in Node's URL. */
export function isOurs(url: string): boolean {
  try {
    const { protocol, host } = new URL(url);
    return `${protocol}//${host}` === APP_ORIGIN;
  } catch {
    return false;
  }
}

/** Sends to a window, if it is still there. */
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

  /** The argument is what the window sent: anything may be in it. */
  on(channel: keyof ToMain, listener: (from: WebContents, argument: unknown) => void): void {
    this.#ipc.on(channel, (event, argument: unknown) => {
      if (this.#isTrusted(event)) listener(event.sender, argument);
    });
  }

  /** No subframe, no page that was navigated to, no window of somebody else's making. */
  #isTrusted({ sender, senderFrame }: Pick<IpcMainEvent, "sender" | "senderFrame">): boolean {
    return (
      this.#admitted.has(sender) && senderFrame !== null && senderFrame === sender.mainFrame && isOurs(senderFrame.url)
    );
  }
}
