/**
 * A session's files on their way to the host, as tasks that everybody sees and can cancel. When the session ends, incomplete ones are removed.
 */
import { ApiFailure } from "./failure.ts";
import type { Client } from "./journal/entry.ts";
import type { HostJournal } from "./journal/host-journal.ts";
import type { Work } from "./journal/journal.ts";

/** A file that comes in pieces. In the end it is complete, or nothing of it is there. */
export interface ComingFile {
  readonly size: number;
  /** Takes the next bytes. */
  take(offset: number, bytes: Uint8Array): Promise<void>;
  /** Returns the place of the whole file. */
  finish(): Promise<string>;
  /** Discards what has come. */
  drop(): Promise<void>;
  /** Removes the whole file again. If this function is missing, one that is whole stays. */
  undo?(): Promise<void>;
}

/** The most at one time. */
const MOST_INTAKES = 8;
/** A client that sends the next bytes of a cancelled file does so soon, so only the last ones are remembered. */
const MOST_STOPPED = 64;

interface Coming {
  intake: ComingFile;
  work: Work;
  stopped: boolean;
  /** Exists once it is to come to its end, which alone decides from then on what becomes of it. Resolves when that is decided, to whether it stays. */
  ending: Promise<boolean> | null;
}

export class FileIntake {
  readonly #journal: HostJournal;
  readonly #who: () => Client;
  readonly #coming = new Map<string, Coming>();
  /** Files that were cancelled, of which the client is told when it sends the next bytes. */
  readonly #stopped = new Set<string>();
  #next = 1;
  /** Number of files whose intake is about to begin; they count too. */
  #beginning = 0;
  #ended = false;

  constructor(journal: HostJournal, who: () => Client) {
    this.#journal = journal;
    this.#who = who;
  }

  /** `title` names the task, and `open` begins the file. */
  async begin(title: string, open: () => Promise<ComingFile>): Promise<{ intake: string }> {
    if (this.#coming.size + this.#beginning >= MOST_INTAKES)
      throw new ApiFailure("EBUSY", `${MOST_INTAKES} files are being taken already; wait for one of them.`);
    const id = `d${this.#next++}`;
    this.#beginning++;
    const intake = await open().finally(() => this.#beginning--);
    if (this.#ended) {
      await intake.drop();
      throw cancelled();
    }
    const coming: Coming = { intake, work: null!, stopped: false, ending: null };
    coming.work = this.#journal.begin(title, this.#who(), () => {
      coming.stopped = true;
      if (coming.ending) return;
      this.#noteStopped(id);
      void this.#over(id, cancelled()).catch(() => {});
    });
    this.#coming.set(id, coming);
    return { intake: id };
  }

  async chunk(id: string, offset: number, bytes: Uint8Array): Promise<void> {
    const coming = this.#findOpen(id);
    try {
      await coming.intake.take(offset, bytes);
    } catch (error) {
      // The first error is the one that is reported.
      await this.#over(id, error).catch(() => {});
      throw coming.stopped ? cancelled() : error;
    }
    // It may have been cancelled or dropped meanwhile.
    if (this.#coming.get(id) !== coming) throw cancelled();
    coming.work.progress((offset + bytes.length) / Math.max(1, coming.intake.size));
  }

  async finish(id: string): Promise<{ path: string }> {
    const coming = this.#findOpen(id);
    const end = this.#finish(id, coming);
    coming.ending = end.then(
      () => true,
      () => false,
    );
    return end;
  }

  async #finish(id: string, coming: Coming): Promise<{ path: string }> {
    try {
      const path = await coming.intake.finish();
      if (coming.stopped && coming.intake.undo) {
        await coming.intake.undo();
        throw cancelled();
      }
      this.#coming.delete(id);
      coming.work.end();
      return { path };
    } catch (error) {
      if (coming.stopped) this.#noteStopped(id);
      // The first error is the one that is reported.
      await this.#over(id, error).catch(() => {});
      throw coming.stopped ? cancelled() : error;
    }
  }

  /** Discards the file completely. Throws ApiFailure EBUSY if it came to its end meanwhile and stays. */
  async drop(id: string): Promise<void> {
    const coming = this.#find(id);
    if (!coming.ending) return this.#over(id, cancelled());
    coming.stopped = true;
    if (await coming.ending) throw new ApiFailure("EBUSY", "It was whole already, and is where it was to be.");
  }

  /** Called when the session has ended. */
  end(): void {
    this.#ended = true;
    for (const [id, { ending }] of [...this.#coming])
      if (!ending) void this.#over(id, new ApiFailure("ECANCELED", "Its window went.")).catch(() => {});
  }

  #noteStopped(id: string): void {
    this.#stopped.add(id);
    const [oldest] = this.#stopped;
    if (this.#stopped.size > MOST_STOPPED) this.#stopped.delete(oldest!);
  }

  /** Ends its task, whatever becomes of its file. Throws ApiFailure if the file can't be removed. */
  async #over(id: string, error: unknown): Promise<void> {
    const coming = this.#coming.get(id);
    if (!coming) return;
    this.#coming.delete(id);
    try {
      await coming.intake.drop();
    } finally {
      const isCancel = coming.stopped || (error instanceof ApiFailure && error.data.code === "ECANCELED");
      const message = error instanceof Error ? error.message : String(error);
      coming.work.end({ message: coming.stopped ? "It was cancelled." : message, cancelled: isCancel });
    }
  }

  #findOpen(id: string): Coming {
    const coming = this.#find(id);
    if (coming.ending) throw new ApiFailure("EBUSY", `The file ${id} is coming to its end already.`);
    return coming;
  }

  #find(id: string): Coming {
    const coming = this.#coming.get(id);
    if (coming) return coming;
    throw this.#stopped.has(id) ? cancelled() : new ApiFailure("ENOENT", `There is no file ${id} on its way.`);
  }
}

function cancelled(): ApiFailure {
  return new ApiFailure("ECANCELED", "It was cancelled.");
}
