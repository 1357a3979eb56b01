/**
 * Which code has run: what a pCPU has decoded as a block, and what was translated before (which may have been decoded so long ago that it was
 * forgotten). Regions are made only of such code, because code that never ran until it became hot hardly ever will.
 */
import {
  BLOCK_HOST,
  BLOCK_MODE,
  BLOCK_NEXT,
  PLACE_BLOCK,
  PLACE_BYTES,
  SET_BYTES,
  SET_COUNT,
  SET_FOLD,
  SET_MODE,
} from "../cpu/block_layout.ts";
import { regionKey } from "./region-key.ts";

/** The pCPU goes on meanwhile and may empty its cache, so a chain of blocks that does not end is left. */
const LONGEST_CHAIN = 32;
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
   * Returns whether a block of this mode began at this machine address. `sets` are those of the pCPU's decoded blocks; with 0 nothing is known, so
   * the answer is yes.
   */
  has(host: number, mode: number, sets: number): boolean {
    if (!sets || this.#translated.has(regionKey({ host, mode }))) return true;
    const set = sets + ((host ^ (host >>> SET_FOLD) ^ (mode << SET_MODE)) & (SET_COUNT - 1)) * SET_BYTES;
    const isIt = (block: number) => this.#word(block + BLOCK_HOST) === host && this.#word(block + BLOCK_MODE) === mode;
    for (let place = set; place < set + SET_BYTES; place += PLACE_BYTES)
      if (this.#word(place) === host && isIt(this.#word(place + PLACE_BLOCK))) return true;
    let block = this.#word(set + SET_BYTES - PLACE_BYTES + PLACE_BLOCK);
    for (let n = 0; block && n < LONGEST_CHAIN; n++) {
      if (isIt(block)) return true;
      block = this.#word(block + BLOCK_NEXT);
    }
    return false;
  }
  #word(at: number): number {
    return this.#words[at >>> 2] ?? 0;
  }
}
