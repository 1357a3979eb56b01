/**
 * A disk whose changes are thrown away: reads come from an image that stays as it is, and writes go to a scratch file that vanishes with the store,
 * and with the process if it is killed. For "run disposable".
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { StoreError, storeError, type BlockStore } from "./block-store.ts";
import { HostFile } from "./host-file.ts";
import { RawStore } from "./raw.ts";
import { together } from "./together.ts";
import { lengthOf, part } from "./views.ts";

/** The unit that is copied when less than it is written. */
const CLUSTER = 4096;
/** The largest disk in bytes, because the map of clusters has a bit for each. */
const MOST_BYTES = 2 ** 42;

export class OverlayStore implements BlockStore {
  readonly format: string;
  readonly readOnly = false;
  readonly discardGranularity = null;
  readonly #base: BlockStore;
  readonly #scratch: RawStore;
  readonly #file: string;
  /** A bit for each cluster that is in the scratch file. Bits are set and never cleared. */
  readonly #written: Uint8Array;
  /**
   * Writes to clusters that are not in the scratch file yet take turns, so that none copies the base's bytes into a cluster that another is filling.
   */
  #first: Promise<unknown> = Promise.resolve();

  private constructor(base: BlockStore, scratch: RawStore, file: string) {
    this.format = `${base.format}, disposable`;
    this.#base = base;
    this.#scratch = scratch;
    this.#file = file;
    this.#written = new Uint8Array(Math.ceil(base.size / CLUSTER / 8));
  }

  /** `base` is closed together with it. Throws StoreError when no file can be made in the folder. */
  static async over(base: BlockStore, folder: string): Promise<OverlayStore> {
    if (base.size > MOST_BYTES) throw new StoreError("EFBIG", "a disk of more than 4 TiB can't be run disposable");
    const file = path.join(folder, `${randomUUID()}.scratch`);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const handle = await open(file, "wx", 0o600);
      try {
        await handle.truncate(base.size);
      } finally {
        await handle.close();
      }
      const scratch = RawStore.of(await HostFile.open(file, "read-write"), "read-write");
      // Where the system allows it, the file has no name from here on, so nothing of it is left however this process ends.
      if (process.platform !== "win32") await rm(file);
      return new OverlayStore(base, scratch, file);
    } catch (error) {
      throw storeError(error, file);
    }
  }

  get size(): number {
    return this.#base.size;
  }

  read(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    return together((add) => this.#beginReads(offset, targets, add));
  }

  async #beginReads(offset: number, targets: readonly Uint8Array[], add: (read: Promise<void>) => void): Promise<void> {
    const length = lengthOf(targets);
    for (let at = offset; at < offset + length;) {
      const isWritten = this.#has(at);
      let end = at;
      while (end < offset + length && this.#has(end) === isWritten) end = (Math.floor(end / CLUSTER) + 1) * CLUSTER;
      end = Math.min(end, offset + length);
      const store = isWritten ? this.#scratch : this.#base;
      add(store.read(at, part(targets, at - offset, end - at)));
      at = end;
    }
  }

  write(offset: number, sources: readonly Uint8Array[]): Promise<void> {
    const end = offset + lengthOf(sources);
    if (this.#hasAll(offset, end)) return this.#scratch.write(offset, sources);
    const done = this.#first.then(() => this.#writeFirst(offset, end, sources));
    this.#first = done.catch(() => {});
    return done;
  }

  async #writeFirst(offset: number, end: number, sources: readonly Uint8Array[]): Promise<void> {
    if (offset % CLUSTER) await this.#fill(offset);
    if (end % CLUSTER && end < this.size) await this.#fill(end);
    await this.#scratch.write(offset, sources);
    for (let at = offset - (offset % CLUSTER); at < end; at += CLUSTER) this.#mark(at);
  }

  /** Copies the cluster at that byte from the base, if it is not there yet. */
  async #fill(at: number): Promise<void> {
    if (this.#has(at)) return;
    const from = at - (at % CLUSTER);
    const bytes = new Uint8Array(Math.min(CLUSTER, this.size - from));
    await this.#base.read(from, [bytes]);
    await this.#scratch.write(from, [bytes]);
    this.#mark(from);
  }

  /** Nothing of it needs to be durable. */
  async flush(): Promise<void> {}
  async discard(): Promise<void> {}

  async writeZeroes(offset: number, length: number): Promise<void> {
    const zeroes = new Uint8Array(Math.min(length, 1 << 20));
    for (let done = 0; done < length; done += zeroes.length)
      await this.write(offset + done, [zeroes.subarray(0, Math.min(zeroes.length, length - done))]);
  }

  resize(): Promise<void> {
    return Promise.reject(new StoreError("EOPNOTSUPP", "a disk that is run disposable keeps its size"));
  }

  async close(): Promise<void> {
    await this.#first;
    await this.#scratch.close();
    await rm(this.#file, { force: true });
    await this.#base.close();
  }

  #has(at: number): boolean {
    const cluster = Math.floor(at / CLUSTER);
    return (this.#written[Math.floor(cluster / 8)]! & (1 << (cluster % 8))) !== 0;
  }
  #hasAll(from: number, to: number): boolean {
    for (let at = from - (from % CLUSTER); at < to; at += CLUSTER) if (!this.#has(at)) return false;
    return true;
  }
  #mark(at: number): void {
    const cluster = Math.floor(at / CLUSTER);
    this.#written[Math.floor(cluster / 8)]! |= 1 << (cluster % 8);
  }
}
