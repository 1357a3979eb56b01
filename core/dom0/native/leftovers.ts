/**
 * What the thread of a native domain leaves to the one that takes its place: records of its frontends' requests, and what was written to disposable
 * disks. Dom0's thread keeps it, so that it outlives the other.
 */
import { StoreError } from "../storage/block-store.ts";
import { Scratch, type LentScratch } from "../storage/scratch.ts";

export class Leftovers {
  /** By the names that the thread gives them. */
  readonly #records = new Map<string, { ring: string; memory: SharedArrayBuffer }>();
  readonly #scratches = new Map<string, { bytes: number; scratch: Promise<Scratch> }>();
  /** False from when one thread has ended until the next has begun. Whoever has it then must close it if there is to be none. */
  hasThread = true;

  record(key: string, ring: string, bytes: number): SharedArrayBuffer {
    const before = this.#records.get(key);
    if (before?.ring === ring && before.memory.byteLength === bytes) return before.memory;
    const memory = new SharedArrayBuffer(bytes);
    this.#records.set(key, { ring, memory });
    return memory;
  }

  dropRecord(key: string): void {
    this.#records.delete(key);
  }

  /** Lends the scratch file of a disposable disk, which is made in the folder when it is first asked for. Rejects with StoreError. */
  async scratch(key: string, folder: string, bytes: number): Promise<LentScratch> {
    const known = this.#scratches.get(key);
    if (known && known.bytes !== bytes)
      throw new StoreError("ESTALE", `its image had ${known.bytes} bytes when it was attached, and has ${bytes} now`);
    const scratch = known?.scratch ?? Scratch.create(folder, bytes);
    this.#scratches.set(key, { bytes, scratch });
    scratch.catch(() => this.#scratches.delete(key));
    return (await scratch).lend();
  }

  /** Nobody has borrowed it any more. */
  async dropScratch(key: string): Promise<void> {
    const known = this.#scratches.get(key);
    this.#scratches.delete(key);
    await known?.scratch.then((scratch) => scratch.close());
  }

  /** Nobody goes on with any of it. */
  async close(): Promise<void> {
    this.#records.clear();
    await Promise.all([...this.#scratches.keys()].map((key) => this.dropScratch(key)));
  }
}
