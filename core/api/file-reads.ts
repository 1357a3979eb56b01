/** A session's files as tasks of the host: each lasts from the file's first byte until the host has looked into it, or until it is cancelled. */
import type { ImageDescription } from "../toolstack/messages.ts";
import { ApiFailure } from "./failure.ts";
import { oversized } from "./oversize.ts";
import { SessionFiles } from "./files.ts";
import type { Client } from "./journal/entry.ts";
import type { HostJournal } from "./journal/host-journal.ts";
import type { Work } from "./journal/journal.ts";

interface Reading {
  work: Work;
  size: number;
  /** Whether somebody has cancelled it; further bytes are then refused. */
  stopped: boolean;
  /** Rejects what waits for the host's look into the file. */
  stop: () => void;
}

export class FileReads {
  readonly #files: SessionFiles;
  readonly #journal: HostJournal;
  readonly #who: () => Client;
  readonly #readings = new Map<string, Reading>();

  constructor(files: SessionFiles, journal: HostJournal, who: () => Client) {
    this.#files = files;
    this.#journal = journal;
    this.#who = who;
  }

  /** Throws ApiFailure as SessionFiles.begin() does. */
  begin(name: string, size: number): string {
    const reading: Reading = { work: null!, size, stopped: false, stop: () => {} };
    reading.work = this.#journal.begin(`Read ${name}`, this.#who(), () => {
      reading.stopped = true;
      reading.stop();
    });
    try {
      const id = this.#files.begin(name, size);
      this.#readings.set(id, reading);
      return id;
    } catch (error) {
      reading.work.end({ message: error instanceof Error ? error.message : String(error), cancelled: false });
      throw error;
    }
  }

  /** Looks at a file that is too large to be given. */
  async sniff(
    name: string,
    size: number,
    head: Uint8Array,
    look: (file: { name: string; bytes: Uint8Array }) => Promise<ImageDescription>,
  ): Promise<{ refusal: string }> {
    const work = this.#journal.begin(`Read ${name}`, this.#who(), null);
    const refusal = await oversized(name, size, head, look);
    work.end({ message: refusal, cancelled: false });
    return { refusal };
  }

  chunk(id: string, offset: number, bytes: Uint8Array): void {
    const reading = this.#readings.get(id);
    if (reading?.stopped) throw ended();
    this.#files.chunk(id, offset, bytes);
    reading?.work.progress((offset + bytes.length) / Math.max(1, reading.size));
  }

  /** Returns what the host finds in it. A file that could not be read as anything is reported as useless. */
  async inspect(
    id: string,
    look: (file: { name: string; bytes: Uint8Array }) => Promise<ImageDescription>,
  ): Promise<ImageDescription> {
    const reading = this.#readings.get(id);
    if (reading?.stopped) throw ended();
    const stopped = new Promise<never>((_, reject) => {
      if (reading) reading.stop = () => reject(ended());
    });
    try {
      const found = await Promise.race([look(this.#files.whole(id)), stopped]);
      const { bootable, ramdisk, reason, summary } = found;
      this.#settle(id, bootable || ramdisk ? undefined : (reason ?? summary));
      return found;
    } catch (error) {
      if (!reading?.stopped) this.#settle(id, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  release(id: string): void {
    this.#files.release(id);
    const reading = this.#readings.get(id);
    this.#readings.delete(id);
    reading?.work.end({ message: "It was cancelled.", cancelled: true });
  }

  /** Called when the session has ended. */
  end(): void {
    for (const { work } of this.#readings.values()) work.end({ message: "Its window went.", cancelled: true });
    this.#readings.clear();
    this.#files.clear();
  }

  #settle(id: string, refusal: string | undefined): void {
    const reading = this.#readings.get(id);
    this.#readings.delete(id);
    reading?.work.end(refusal === undefined ? undefined : { message: refusal, cancelled: false });
  }
}

function ended(): ApiFailure {
  return new ApiFailure("ECANCELED", "It was cancelled.");
}
