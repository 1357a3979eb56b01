/**
 * A disk whose changes are thrown away: reads come from an image that stays as it is, and writes go to a scratch file (scratch.ts). For "run
 * disposable".
 */
import { StoreError, type BlockStore } from "./block-store.ts";
import { SCRATCH_CLUSTER as CLUSTER, type Scratch } from "./scratch.ts";
import { together } from "./together.ts";
import { lengthOf, part } from "./views.ts";

/** The largest disk in bytes, because the map of clusters has a bit for each. */
const MOST_BYTES = 2 ** 42;

export class OverlayStore implements BlockStore {
  readonly format: string;
  readonly readOnly = false;
  readonly discardGranularity = null;
  readonly #base: BlockStore;
  readonly #scratch: Scratch;
  /**
   * Writes to clusters that are not in the scratch file yet take turns, so that none copies the base's bytes into a cluster that another is filling.
   */
  #first: Promise<unknown> = Promise.resolve();

  private constructor(base: BlockStore, scratch: Scratch) {
    this.format = `${base.format}, disposable`;
    this.#base = base;
    this.#scratch = scratch;
  }

  /** Both are closed together with it; if this fails, `base` is. `scratchFor` gets the size of the disk. Throws StoreError. */
  static async over(base: BlockStore, scratchFor: (bytes: number) => Promise<Scratch>): Promise<OverlayStore> {
    try {
      if (base.size > MOST_BYTES) throw new StoreError("EFBIG", "a disk of more than 4 TiB can't be run disposable");
      return new OverlayStore(base, await scratchFor(base.size));
    } catch (error) {
      await base.close();
      throw error;
    }
  }

  get size(): number {
    return this.#base.size;
  }

  read(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    return together((add) => this.#beginReads(offset, targets, add));
  }

  async #beginReads(offset: number, targets: readonly Uint8Array[], add: (read: Promise<void>) => void): Promise<void> {
    for (const { at, end, isWritten } of this.#runs(offset, lengthOf(targets))) {
      const store = isWritten ? this.#scratch.store : this.#base;
      add(store.read(at, part(targets, at - offset, end - at)));
    }
  }

  /** The parts of a range that lie in the scratch file, or in the image, as a whole. */
  #runs(offset: number, length: number): { at: number; end: number; isWritten: boolean }[] {
    const runs: { at: number; end: number; isWritten: boolean }[] = [];
    for (let at = offset; at < offset + length;) {
      const isWritten = this.#has(at);
      let end = at;
      while (end < offset + length && this.#has(end) === isWritten) end = (Math.floor(end / CLUSTER) + 1) * CLUSTER;
      end = Math.min(end, offset + length);
      runs.push({ at, end, isWritten });
      at = end;
    }
    return runs;
  }

  readAtOnce(offset: number, targets: readonly Uint8Array[]): boolean {
    const length = lengthOf(targets);
    return this.#runs(offset, length).every(({ at, end, isWritten }) => {
      const store = isWritten ? this.#scratch.store : this.#base;
      return store.readAtOnce?.(at, part(targets, at - offset, end - at)) ?? false;
    });
  }

  writeAtOnce(offset: number, sources: readonly Uint8Array[]): boolean {
    return this.#hasAll(offset, offset + lengthOf(sources)) && this.#scratch.store.writeAtOnce(offset, sources);
  }

  write(offset: number, sources: readonly Uint8Array[]): Promise<void> {
    const end = offset + lengthOf(sources);
    if (this.#hasAll(offset, end)) return this.#scratch.store.write(offset, sources);
    const done = this.#first.then(() => this.#writeFirst(offset, end, sources));
    this.#first = done.catch(() => {});
    return done;
  }

  async #writeFirst(offset: number, end: number, sources: readonly Uint8Array[]): Promise<void> {
    if (offset % CLUSTER) await this.#fill(offset);
    if (end % CLUSTER && end < this.size) await this.#fill(end);
    await this.#scratch.store.write(offset, sources);
    for (let at = offset - (offset % CLUSTER); at < end; at += CLUSTER) this.#mark(at);
  }

  /** Copies the cluster at that byte from the base, if it is not there yet. */
  async #fill(at: number): Promise<void> {
    if (this.#has(at)) return;
    const from = at - (at % CLUSTER);
    const bytes = new Uint8Array(Math.min(CLUSTER, this.size - from));
    await this.#base.read(from, [bytes]);
    await this.#scratch.store.write(from, [bytes]);
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
    await this.#base.close();
  }

  #has(at: number): boolean {
    const cluster = Math.floor(at / CLUSTER);
    return (this.#scratch.written[Math.floor(cluster / 8)]! & (1 << (cluster % 8))) !== 0;
  }
  #hasAll(from: number, to: number): boolean {
    for (let at = from - (from % CLUSTER); at < to; at += CLUSTER) if (!this.#has(at)) return false;
    return true;
  }
  #mark(at: number): void {
    const cluster = Math.floor(at / CLUSTER);
    this.#scratch.written[Math.floor(cluster / 8)]! |= 1 << (cluster % 8);
  }
}
