/**
 * Judges whether a file's transfers end as fast as the host's memory takes them. Then the thread that asks does them itself: passing one to another
 * thread, and being told of its end, takes longer than the transfer, and the host lets only one thread at a time write a file. The host does not tell
 * which parts of a file it has in memory, nor when it will make a writer wait, so this is judged by how long transfers take. Slow ones delay
 * everything that this thread serves. Therefore they may cost a twentieth of its time, 5 ms in 100 ms; when they have cost more, other threads do the
 * file's transfers until that is made up for, and each time for longer. A single one says little: on a busy computer the thread itself may have lost
 * its core for some milliseconds. It is forgiven, but the next is not before it is made up for too.
 *
 * The bound, whatever a frontend asks for: in any time T, slow reads of one file hold this thread for at most T / 20, and 100 ms and one slow read in
 * addition; its slow writes likewise. A slow transfer is the last of its turn of the event loop. The prompt ones are bounded by BYTES_PER_TURN, of
 * all files together.
 */

/** How many milliseconds other threads do the transfers after slow ones: at first, and at most. */
export interface Pause {
  readonly shortest: number;
  readonly longest: number;
}
/** A read that has to wait for a disk waits some milliseconds. */
export const READING: Pause = { shortest: 50, longest: 10_000 };
/** A writer that fills the host's memory faster than its disk takes it is made to wait 200 ms at a time (Linux, balance_dirty_pages). */
export const WRITING: Pause = { shortest: 2000, longest: 60_000 };

/** Bytes that all files together may move on this thread in one turn of its event loop, which take a fraction of a millisecond. */
const BYTES_PER_TURN = 2 << 20;
/** The smallest transfer counts as so many bytes, so that a loop of small transfers also lets others have their turn. */
const LEAST_BYTES = 16 << 10;
/** Milliseconds that a prompt transfer may take, and how much each mebibyte adds. */
const PROMPT = 0.5;
const PROMPT_PER_MEBIBYTE = 1;
/** The part of this thread's time that slow transfers of a file may cost, and the milliseconds that may be above that at any time. */
const SLOW_PART = 1 / 20;
const SLOW_MS = 5;
/** A single transfer is not forgiven if it took so many milliseconds. */
const SURELY_SLOW = 100;
/** After so many prompt transfers the next pause is the shortest again. */
const TRUSTED_AFTER = 1000;

let leftThisTurn = BYTES_PER_TURN;

export class Promptness {
  readonly #now: () => number;
  readonly #bounds: Pause;
  #pausedUntil = -Infinity;
  #pause: number;
  #prompt = 0;
  /** Milliseconds that slow transfers have cost and that were not made up for when the last of them ended, and when that was. */
  #owed = 0;
  #owedAt = -Infinity;

  /** `now` returns milliseconds. */
  constructor(bounds: Pause, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#bounds = bounds;
    this.#pause = bounds.shortest;
  }

  /** Returns whether so many bytes may be moved on this thread now. */
  allows(bytes: number): boolean {
    return bytes <= leftThisTurn && this.#now() >= this.#pausedUntil;
  }

  /** Makes a transfer that was allowed, and learns from its duration. Throws what `transfer` throws. */
  measure<T>(bytes: number, transfer: () => T): T {
    if (leftThisTurn === BYTES_PER_TURN) setImmediate(() => (leftThisTurn = BYTES_PER_TURN));
    leftThisTurn -= Math.max(bytes, LEAST_BYTES);
    const began = this.#now();
    try {
      return transfer();
    } finally {
      this.#learn(bytes, began, this.#now());
    }
  }

  #learn(bytes: number, began: number, ended: number): void {
    const took = ended - began;
    if (took <= PROMPT + (PROMPT_PER_MEBIBYTE * bytes) / 2 ** 20) {
      if (++this.#prompt === TRUSTED_AFTER) this.#pause = this.#bounds.shortest;
      return;
    }
    this.#prompt = 0;
    leftThisTurn = 0;
    const before = Math.max(0, this.#owed - (began - this.#owedAt) * SLOW_PART);
    this.#owed = before + took;
    this.#owedAt = ended;
    const isForgiven = before === 0 && took < SURELY_SLOW;
    if (isForgiven || this.#owed <= SLOW_MS) return;
    this.#pausedUntil = ended + Math.max(this.#pause, (this.#owed - SLOW_MS) / SLOW_PART);
    this.#pause = Math.min(2 * this.#pause, this.#bounds.longest);
  }
}
