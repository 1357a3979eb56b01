/**
 * Whether a file's transfers end as fast as the host's memory takes them. Then the thread that asks does them itself: to hand one to another
 * thread and to be told of its end takes longer than the transfer, and the host lets only one thread write a file at a time. Which parts of a file
 * it has in its memory, and when it makes a writer wait, it does not say, so it is judged by how long transfers take. Slow ones keep
 * everything that this thread serves waiting: after two that follow each other closely other threads do them for a while, and for longer each
 * time. One alone says little: on a busy computer the thread itself may have lost its core for some milliseconds.
 */

/** Milliseconds in which other threads do it after a slow one: at first, and at most. */
export interface Pause {
  readonly shortest: number;
  readonly longest: number;
}
/** A read that waits for a disk waits some milliseconds. */
export const READING: Pause = { shortest: 50, longest: 10_000 };
/** A writer that has filled the host's memory faster than its disk takes it is made to wait 200 ms at a time (Linux, balance_dirty_pages). */
export const WRITING: Pause = { shortest: 2000, longest: 60_000 };

/** Bytes that all files together may move on this thread in one turn of its event loop: a fraction of a millisecond. */
const BYTES_PER_TURN = 2 << 20;
/** What the smallest counts as: a loop of small transfers gives others their turn too. */
const LEAST_BYTES = 16 << 10;
/** Milliseconds that a prompt transfer takes at most, and what each mebibyte adds. */
const PROMPT = 0.5;
const PROMPT_PER_MEBIBYTE = 1;
/** Transfers within which a second slow one counts. */
const CLOSELY = 8;
/** Milliseconds after which a single one counts too. */
const SURELY_SLOW = 100;
/** Prompt transfers after which a pause is the shortest again. */
const TRUSTED_AFTER = 1000;

let leftThisTurn = BYTES_PER_TURN;

export class Promptness {
  readonly #now: () => number;
  readonly #bounds: Pause;
  #pausedUntil = -Infinity;
  #pause: number;
  #prompt = 0;
  #sinceSlow = CLOSELY;

  /** `now`: milliseconds. */
  constructor(bounds: Pause, now: () => number = () => performance.now()) {
    this.#now = now;
    this.#bounds = bounds;
    this.#pause = bounds.shortest;
  }

  /** Whether so many bytes may be moved on this thread now. */
  allows(bytes: number): boolean {
    return bytes <= leftThisTurn && this.#now() >= this.#pausedUntil;
  }

  /** Does a transfer that was allowed, and learns from it. Throws what `transfer` throws. */
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
    this.#sinceSlow++;
    const took = ended - began;
    if (took <= PROMPT + (PROMPT_PER_MEBIBYTE * bytes) / 2 ** 20) {
      if (++this.#prompt === TRUSTED_AFTER) this.#pause = this.#bounds.shortest;
      return;
    }
    this.#prompt = 0;
    const isAlone = this.#sinceSlow > CLOSELY;
    this.#sinceSlow = 0;
    if (isAlone && took < SURELY_SLOW) return;
    this.#pausedUntil = ended + this.#pause;
    this.#pause = Math.min(2 * this.#pause, this.#bounds.longest);
  }
}
