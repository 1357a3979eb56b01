/**
 * What the thread of a native domain leaves to the one that takes its place: records of its frontends' requests, and what was written to disposable
 * disks. Dom0's thread keeps it, so that it outlives the other. What belongs to a device goes when the device goes, also while there is no thread.
 */
import { StoreError } from "../storage/block-store.ts";
import { Scratch, type LentScratch } from "../storage/scratch.ts";

interface KeptScratch {
  readonly bytes: number;
  readonly scratch: Promise<Scratch>;
  /** A thread works with the file, so it must not be closed. */
  isLent: boolean;
  /** Its disk has gone. */
  isUnwanted: boolean;
}

export class Leftovers {
  /** By the names that the thread gives them, which begin with the device's. */
  readonly #records = new Map<string, { ring: string; memory: SharedArrayBuffer }>();
  readonly #scratches = new Map<string, KeptScratch>();
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
    const kept = known ?? { bytes, scratch: Scratch.create(folder, bytes), isLent: true, isUnwanted: false };
    kept.isLent = true;
    this.#scratches.set(key, kept);
    kept.scratch.catch(() => this.#scratches.delete(key));
    return (await kept.scratch).lend();
  }

  /** Nobody has borrowed it any more. */
  async dropScratch(key: string): Promise<void> {
    const known = this.#scratches.get(key);
    this.#scratches.delete(key);
    await known?.scratch.then((scratch) => scratch.close());
  }

  /** The toolstack has given up the device of that name; `scratch` names what its writes go to if it is a disposable disk. */
  async deviceGone(device: string, scratch: string | null): Promise<void> {
    for (const key of [...this.#records.keys()]) if (key.startsWith(`${device}/`)) this.#records.delete(key);
    const kept = scratch === null ? undefined : this.#scratches.get(scratch);
    if (!kept) return;
    kept.isUnwanted = true;
    if (!kept.isLent) await this.dropScratch(scratch!);
  }

  /** The thread has ended, and the operating system with what it had begun: nothing is lent any more. */
  async threadEnded(): Promise<void> {
    const unwanted: string[] = [];
    for (const [key, kept] of this.#scratches) {
      kept.isLent = false;
      if (kept.isUnwanted) unwanted.push(key);
    }
    await Promise.all(unwanted.map((key) => this.dropScratch(key)));
  }

  /** Nobody goes on with any of it. */
  async close(): Promise<void> {
    this.#records.clear();
    await Promise.all([...this.#scratches.keys()].map((key) => this.dropScratch(key)));
  }
}
