/** What guests were asked to do, until they do it. The toolstack's answer only says that they were asked. */
import type { JournalEntry } from "./entry.ts";
import type { Work } from "./journal.ts";

/** A guest that has not reacted by then has ignored the request, as far as one can tell. */
export const PATIENCE_MS = 20_000;
const MOST = 64;

interface Awaited {
  domid: number;
  work: Work;
  /** Returns whether a domain with these figures has done it. */
  isDone: (figures: Figures) => boolean;
  timer: NodeJS.Timeout;
}
export interface Figures {
  stopped: boolean;
  onlineVcpus: number;
  memoryMiB: number;
}

export class AwaitedGuests {
  #awaited: Awaited[] = [];
  readonly #patience: number;

  constructor(patience = PATIENCE_MS) {
    this.#patience = patience;
  }

  /** If the guest does nothing, `advice` is shown and `remedy` offered. What it does later still counts. */
  add(domid: number, work: Work, isDone: Awaited["isDone"], advice: string, remedy: JournalEntry["remedy"]): void {
    work.waits("Waiting for the guest");
    const timer = setTimeout(() => work.ignored(advice, remedy), this.#patience);
    timer.unref();
    const over = this.#awaited.length >= MOST ? this.#awaited[0] : undefined;
    if (over) this.#forget(over);
    this.#awaited.push({ domid, work, isDone, timer });
  }

  seen(domid: number, figures: Figures): void {
    for (const each of this.#awaited.filter((awaited) => awaited.domid === domid))
      if (each.isDone(figures)) {
        this.#forget(each);
        each.work.end();
      } else if (figures.stopped) {
        this.#forget(each);
        each.work.end({ message: "The domain stopped first.", cancelled: true });
      }
  }

  hostEnded(): void {
    for (const each of [...this.#awaited]) {
      this.#forget(each);
      each.work.end({ message: "The host went off first.", cancelled: true });
    }
  }

  #forget(each: Awaited): void {
    clearTimeout(each.timer);
    this.#awaited = this.#awaited.filter((other) => other !== each);
  }
}
