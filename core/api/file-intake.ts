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
    const coming: Coming = { intake, work: null!, stopped: false };
    coming.work = this.#journal.begin(title, this.#who(), () => {
      coming.stopped = true;
      this.#noteStopped(id);
      void this.#over(id, cancelled()).catch(() => {});
    });
    this.#coming.set(id, coming);
    return { intake: id };
  }

  async chunk(id: string, offset: number, bytes: Uint8Array): Promise<void> {
    const coming = this.#find(id);
    try {
      await coming.intake.take(offset, bytes);
    } catch (error) {
      // The first error is the one that is reported.
      await this.#over(id, error).catch(() => {});
      throw coming.stopped ? cancelled() : error;
    }
    if (coming.stopped) throw cancelled();
    coming.work.progress((offset + bytes.length) / Math.max(1, coming.intake.size));
  }

  async finish(id: string): Promise<{ path: string }> {
    const coming = this.#find(id);
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
      // The first error is the one that is reported.
      await this.#over(id, error).catch(() => {});
      throw coming.stopped ? cancelled() : error;
    }
  }

  /** Discards the file completely. */
  drop(id: string): Promise<void> {
    this.#find(id);
    return this.#over(id, cancelled());
  }

  /** Called when the session has ended. */
  end(): void {
    this.#ended = true;
    for (const id of [...this.#coming.keys()])
      void this.#over(id, new ApiFailure("ECANCELED", "Its window went.")).catch(() => {});
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

  #find(id: string): Coming {
    const coming = this.#coming.get(id);
    if (coming) return coming;
    throw this.#stopped.has(id) ? cancelled() : new ApiFailure("ENOENT", `There is no file ${id} on its way.`);
  }
}

function cancelled(): ApiFailure {
  return new ApiFailure("ECANCELED", "It was cancelled.");
}
