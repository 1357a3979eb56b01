/** The host's list of tasks and events. It is bounded, and changes are sent to all who follow. */
import { ApiFailure } from "../failure.ts";
import type { Client, Failure, JournalEntry } from "./entry.ts";

export const MOST_ENTRIES = 500;
/** Changes are collected and sent at this interval, in milliseconds. */
const TELL_MS = 40;

/** A task under way, for whoever carries it out. */
export interface Work {
  progress(done: number): void;
  /** Called when the request has been made, and its effect is still to be seen. */
  waits(detail: string): void;
  /** Called when nothing has come of it so far. `remedy` is what leads to the result all the same. */
  ignored(detail: string, remedy: JournalEntry["remedy"]): void;
  end(failure?: Failure): void;
}

export type NewEvent = Pick<JournalEntry, "title" | "domid"> &
  Partial<Pick<JournalEntry, "state" | "detail">> & {
    /** The client that caused it, or a word for another cause. */
    cause: Client | string;
  };

export class Journal {
  readonly #tell: (entries: JournalEntry[]) => void;
  /** By id, the oldest first. */
  readonly #entries = new Map<number, JournalEntry>();
  readonly #cancels = new Map<number, () => void>();
  readonly #changed = new Set<number>();
  #next = 1;
  #timer: NodeJS.Timeout | null = null;

  constructor(tell: (entries: JournalEntry[]) => void) {
    this.#tell = tell;
  }

  /** The latest last. */
  get entries(): JournalEntry[] {
    return [...this.#entries.values()];
  }

  event({ title, domid, state = "info", detail = "", cause }: NewEvent): void {
    const [by, words] = typeof cause === "string" ? [null, cause] : [cause.id, cause.words];
    this.#add({ kind: "event", state, title, cause: words, by, detail, domid, progress: null, cancels: false });
  }

  /** `cancel` ends it before its time; null where nothing can. */
  begin(title: string, { id: by, words }: Client, domid: number | null, cancel: (() => void) | null): Work {
    const began = performance.now();
    const base = { title, cause: words, by, domid, detail: "", progress: null };
    const id = this.#add({ ...base, kind: "task", state: "running", cancels: cancel !== null });
    if (cancel) this.#cancels.set(id, cancel);
    const settle = (to: Partial<JournalEntry>): void => {
      this.#cancels.delete(id);
      this.#change(id, { remedy: null, ...to, progress: null, cancels: false });
    };
    return {
      progress: (progress) => this.#change(id, { progress }),
      waits: (detail) => settle({ detail }),
      ignored: (detail, remedy) => settle({ state: "ignored", detail, remedy }),
      end: (failure) =>
        settle({
          state: failure === undefined ? "done" : failure.cancelled ? "cancelled" : "failed",
          detail: failure?.message ?? "",
          took: performance.now() - began,
        }),
    };
  }

  /** Throws ApiFailure ESRCH where there is nothing that could be cancelled. */
  cancel(id: number): void {
    const cancel = this.#cancels.get(id);
    if (!cancel) throw new ApiFailure("ESRCH", "This task has ended, or nothing can end it.");
    cancel();
  }

  #add(entry: Omit<JournalEntry, "id" | "at" | "took" | "remedy">): number {
    const id = this.#next++;
    this.#entries.set(id, { ...entry, id, at: Date.now(), took: null, remedy: null });
    // Tasks under way are kept, because their end is still to be reported.
    if (this.#entries.size > MOST_ENTRIES) {
      const oldest = [...this.#entries.values()].find(({ state }) => state !== "running")?.id ?? id;
      this.#entries.delete(oldest);
    }
    this.#note(id);
    return id;
  }
  #change(id: number, to: Partial<JournalEntry>): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    this.#entries.set(id, { ...entry, ...to });
    this.#note(id);
  }
  #note(id: number): void {
    this.#changed.add(id);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const changed = [...this.#changed].flatMap((each) => this.#entries.get(each) ?? []);
      this.#changed.clear();
      this.#tell(changed);
    }, TELL_MS);
    this.#timer.unref();
  }
}
