/** The page's commands (renderer/app/commands.ts) by id: which can be run now, and how to run one. */
import type { WebContents } from "electron";
import { COMMANDS, RUN_COMMAND } from "./channels.ts";
import { tell, type Inbox } from "./inbox.ts";
import { whenLeft } from "./pages.ts";

const MOST_IDS = 512;
const MOST_CHARACTERS = 64;

export class Commands {
  onOffered: (ids: ReadonlySet<string>) => void = () => {};
  #window: WebContents | null = null;
  /** The page that has said what it offers, so that it listens. */
  #page: WebContents | null = null;
  /** A command that was chosen before there was such a page; the last one counts. */
  #waiting: string | null = null;

  constructor(inbox: Inbox) {
    inbox.on(COMMANDS, (from, ids) => {
      if (from !== this.#window || !Array.isArray(ids) || ids.length > MOST_IDS) return;
      this.#page = from;
      this.onOffered(new Set(ids.filter((id) => typeof id === "string" && id.length <= MOST_CHARACTERS)));
      if (this.#waiting !== null) tell(from, RUN_COMMAND, this.#waiting);
      this.#waiting = null;
    });
  }

  attach(contents: WebContents): void {
    this.#window = contents;
    whenLeft(contents, () => {
      this.#page = null;
      this.onOffered(new Set());
    });
  }

  /** Passes the command to the page, which runs it if it makes sense at that moment. */
  run(id: string): void {
    if (this.#page) tell(this.#page, RUN_COMMAND, id);
    else this.#waiting = id;
  }
}
