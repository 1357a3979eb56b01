/**
 * Which code has run: what a pCPU has decoded as a block, and what was translated before (which may have been decoded so long ago that it was
 * forgotten). Regions are made only of such code, because code that never ran until it became hot hardly ever will.
 */
import { BLOCK_HOST, BLOCK_MODE, BLOCK_NEXT, BUCKET_COUNT, BUCKET_FOLD, BUCKET_MODE } from "../cpu/block_layout.ts";
import { regionKey } from "./region-key.ts";

/** The pCPU goes on meanwhile and may empty its cache, so a bucket that does not end counts as empty. */
const LONGEST_BUCKET = 32;
const MOST_TRANSLATED = 1 << 18;

export class ReachedCode {
  readonly #words: Uint32Array;
  readonly #translated = new Set<number>();

  constructor(memory: WebAssembly.Memory) {
    this.#words = new Uint32Array(memory.buffer);
  }

  /** Records that a block at this machine address, of code of this mode, is part of a region. */
  add(host: number, mode: number): void {
    if (this.#translated.size >= MOST_TRANSLATED) this.#translated.clear();
    this.#translated.add(regionKey({ host, mode }));
  }

  /**
   * Returns whether a block of this mode began at this machine address. `buckets` are those of the pCPU's decoded blocks; with 0 nothing is known, so the answer
   * is yes.
   */
  has(host: number, mode: number, buckets: number): boolean {
    if (!buckets || this.#translated.has(regionKey({ host, mode }))) return true;
    const number = (host ^ (host >>> BUCKET_FOLD) ^ (mode << BUCKET_MODE)) & (BUCKET_COUNT - 1);
    let block = this.#words[(buckets >>> 2) + number]!;
    for (let n = 0; block && n < LONGEST_BUCKET; n++) {
      const at = block >>> 2;
      if (this.#words[at + (BLOCK_HOST >> 2)] === host && this.#words[at + (BLOCK_MODE >> 2)] === mode) return true;
      block = this.#words[at + (BLOCK_NEXT >> 2)] ?? 0;
    }
    return false;
  }
}
