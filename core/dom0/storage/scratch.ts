/**
 * Where the writes to a disposable disk are until they are thrown away: a file that vanishes with this object, and with the process if it is killed,
 * and a map of what is in it. Another thread of this process may borrow both: a driver domain's backend may die, and the next one needs what was
 * acknowledged.
 */
import { randomUUID } from "node:crypto";
import { readdirSync, rmSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { storeError } from "./block-store.ts";
import { HostFile, type LentFile } from "./host-file.ts";
import { RawStore } from "./raw.ts";

/** The unit that is copied when less than it is written. */
export const SCRATCH_CLUSTER = 4096;

const SUFFIX = ".scratch";

export interface LentScratch {
  readonly file: LentFile;
  readonly written: SharedArrayBuffer;
}

export class Scratch {
  readonly store: RawStore;
  /** A bit for each cluster that is in the file. Bits are set and never cleared. */
  readonly written: Uint8Array;
  readonly #file: HostFile;
  readonly #shared: SharedArrayBuffer;
  /** What becomes of the file when it is closed. */
  readonly #closed: () => Promise<void>;

  private constructor(file: HostFile, shared: SharedArrayBuffer, closed: () => Promise<void>) {
    this.#file = file;
    this.#shared = shared;
    this.#closed = closed;
    this.store = RawStore.of(file, "read-write");
    this.written = new Uint8Array(shared);
  }

  /** For a disk of that size. Throws StoreError when no file can be made in the folder. */
  static async create(folder: string, bytes: number): Promise<Scratch> {
    const file = path.join(folder, `${randomUUID()}${SUFFIX}`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const handle = await open(file, "wx", 0o600);
      try {
        await handle.truncate(bytes);
      } finally {
        await handle.close();
      }
      const opened = await HostFile.open(file, "read-write");
      // Where the system allows it, the file has no name from here on, so nothing of it is left however this process ends.
      if (process.platform !== "win32") await rm(file);
      const written = new SharedArrayBuffer(Math.ceil(bytes / SCRATCH_CLUSTER / 8));
      return new Scratch(opened, written, () => rm(file, { force: true }));
    } catch (error) {
      throw storeError(error, file);
    }
  }

  /** Another thread's; `givenBack` is called when nothing is under way in it any more and nothing can begin. Throws StoreError. */
  static async borrow({ file, written }: LentScratch, givenBack: () => void): Promise<Scratch> {
    return new Scratch(await HostFile.borrow(file), written, async () => givenBack());
  }

  lend(): LentScratch {
    return { file: this.#file.lend(), written: this.#shared };
  }

  async close(): Promise<void> {
    await this.#file.close();
    await this.#closed();
  }
}

/**
 * Removes what a host that was killed has left in its folder: a file whose name it had not taken away yet, or, on Windows, any. To be called before
 * anything is made there.
 */
export function clearScratches(folder: string): void {
  let names: string[] = [];
  try {
    names = readdirSync(folder);
  } catch {
    // There is no such folder yet.
  }
  for (const name of names) {
    if (!name.endsWith(SUFFIX)) continue;
    try {
      rmSync(path.join(folder, name));
    } catch {
      // It takes room, and does no other harm.
    }
  }
}
