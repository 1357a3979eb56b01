/** The API over IPC: a session per window, and only for the application's own page in its top frame. */
import type { IpcMainEvent, WebContents } from "electron";
import type { HostService } from "../core/api/host-service.ts";
import { Session } from "../core/api/session.ts";
import { Backlog } from "./backlog.ts";
import { APP_ORIGIN, FROM_HOST, HOST_CLOSED, TAKEN, TO_HOST } from "./channels.ts";
import type { ElectronParts } from "./parts.ts";

/** True for a message from the application's page itself: no subframe, no page that was navigated to. */
export function isTrustedSender(event: Pick<IpcMainEvent, "senderFrame" | "sender">): boolean {
  const frame = event.senderFrame;
  if (!frame || frame !== event.sender.mainFrame) return false;
  try {
    const { protocol, host } = new URL(frame.url);
    return `${protocol}//${host}` === APP_ORIGIN;
  } catch {
    return false;
  }
}

export class ApiBridge {
  readonly #host: HostService;
  readonly #sessions = new Map<number, { session: Session; backlog: Backlog }>();

  constructor(parts: Pick<ElectronParts, "ipcMain">, host: HostService) {
    this.#host = host;
    parts.ipcMain.on(TO_HOST, (event, message: unknown) => {
      if (!isTrustedSender(event)) return;
      void this.#sessionOf(event.sender).receive(message);
    });
    parts.ipcMain.on(TAKEN, (event, count: unknown) => {
      if (isTrustedSender(event)) this.#sessions.get(event.sender.id)?.backlog.taken(count);
    });
  }

  /** The window's session begins with its first message; a reload ends it, and the new page begins another. */
  attach(contents: WebContents): void {
    contents.on("did-start-navigation", ({ isMainFrame, isSameDocument }) => {
      if (isMainFrame && !isSameDocument) this.#end(contents.id);
    });
    contents.on("destroyed", () => this.#end(contents.id));
    contents.on("render-process-gone", () => this.#end(contents.id));
  }

  #sessionOf(contents: WebContents): Session {
    const found = this.#sessions.get(contents.id);
    if (found) return found.session;
    const backlog = new Backlog();
    const session = new Session(this.#host, {
      send: (message) => {
        if (contents.isDestroyed()) return;
        backlog.sent(message);
        contents.send(FROM_HOST, message);
      },
      get backlog() {
        return backlog.bytes;
      },
      end: (reason) => {
        this.#end(contents.id);
        if (!contents.isDestroyed()) contents.send(HOST_CLOSED, reason);
      },
      mayNameFiles: false,
    });
    this.#sessions.set(contents.id, { session, backlog });
    return session;
  }

  #end(id: number): void {
    this.#sessions.get(id)?.session.end();
    this.#sessions.delete(id);
  }
}
