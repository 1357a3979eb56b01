/** The API over IPC, with a session for each window. */
import type { WebContents } from "electron";
import type { HostService } from "../core/api/host-service.ts";
import { Session } from "../core/api/session.ts";
import { Backlog } from "./backlog.ts";
import { CHOOSE_FOLDER, CHOSEN, FOLDER_CHOSEN, FROM_HOST, HOST_CLOSED, TAKEN, TO_HOST } from "./channels.ts";
import { tell, type Inbox } from "./inbox.ts";
import { whenLeft } from "./pages.ts";

export class ApiBridge {
  readonly #host: HostService;
  readonly #sessions = new Map<number, { session: Session; backlog: Backlog }>();
  /** Windows whose user is being asked for a folder. */
  readonly #asking = new Set<number>();

  /** `chooseFolder` asks the user for one. */
  constructor(inbox: Inbox, host: HostService, chooseFolder: () => Promise<string | null>) {
    this.#host = host;
    inbox.on(TO_HOST, (from, message) => void this.#sessionOf(from).receive(message));
    inbox.on(CHOSEN, (from, file) => {
      if (typeof file === "string") this.#sessionOf(from).grant(file);
    });
    inbox.on(CHOOSE_FOLDER, (from) => {
      if (this.#asking.has(from.id)) return;
      this.#asking.add(from.id);
      const session = this.#sessionOf(from);
      const answer = (folder: string | null): void => {
        this.#asking.delete(from.id);
        if (folder !== null) session.grant(folder);
        tell(from, FOLDER_CHOSEN, folder);
      };
      void chooseFolder().then(answer, () => answer(null));
    });
    inbox.on(TAKEN, (from, count) => this.#sessions.get(from.id)?.backlog.taken(count));
  }

  /** The window's session begins with its first message; a reload ends it, and the new page begins another. */
  attach(contents: WebContents): void {
    const { id } = contents;
    whenLeft(contents, () => this.#end(id));
  }

  #sessionOf(contents: WebContents): Session {
    const { id } = contents;
    const found = this.#sessions.get(id);
    if (found) return found.session;
    const backlog = new Backlog();
    const session = new Session(this.#host, {
      send: (message) => {
        if (contents.isDestroyed()) return;
        backlog.sent(message);
        tell(contents, FROM_HOST, message);
      },
      get backlog() {
        return backlog.bytes;
      },
      end: (reason) => {
        this.#end(id);
        tell(contents, HOST_CLOSED, reason);
      },
      mayNameFiles: false,
    });
    this.#sessions.set(id, { session, backlog });
    return session;
  }

  #end(id: number): void {
    this.#sessions.get(id)?.session.end();
    this.#sessions.delete(id);
  }
}
