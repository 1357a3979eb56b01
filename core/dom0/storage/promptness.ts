/**
 * Whether a file's reads are answered out of the host's memory. Then the thread that asks does them itself: to hand one to another thread and
 * to be told of its end takes longer than the read. Which parts of a file the host has in its memory it does not say, so it is judged by
 * how long reads take. A slow one keeps everything that this thread serves waiting: after it other threads do the reading for a while, and for
 * longer each time.
 */

/** Bytes that all files together may read on this thread in one turn of its event loop: a fraction of a millisecond. */
const BYTES_PER_TURN = 2 << 20;
/** What the smallest counts as: a loop of small reads gives others their turn too. */
const LEAST_BYTES = 16 << 10;
/** Milliseconds that a prompt read takes at most, and what each mebibyte adds. */
const PROMPT = 0.5;
const PROMPT_PER_MEBIBYTE = 1;
/** Milliseconds in which other threads read after a slow one. */
const SHORTEST_PAUSE = 50;
const LONGEST_PAUSE = 10_000;
/** Prompt reads after which a pause is the shortest again. */
const TRUSTED_AFTER = 1000;

let leftThisTurn = BYTES_PER_TURN;

export class Promptness {
  readonly #now: () => number;
  #pausedUntil = -Infinity;
  #pause = SHORTEST_PAUSE;
  #prompt = 0;

  /** `now`: milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether so many bytes may be read on this thread now. */
  allows(bytes: number): boolean {
    return bytes <= leftThisTurn && this.#now() >= this.#pausedUntil;
  }

  /** Does a read that was allowed, and learns from it. Throws what `read` throws. */
  measure<T>(bytes: number, read: () => T): T {
    if (leftThisTurn === BYTES_PER_TURN) setImmediate(() => (leftThisTurn = BYTES_PER_TURN));
    leftThisTurn -= Math.max(bytes, LEAST_BYTES);
    const began = this.#now();
    try {
      return read();
    } finally {
      const ended = this.#now();
      if (ended - began > PROMPT + (PROMPT_PER_MEBIBYTE * bytes) / 2 ** 20) {
        this.#pausedUntil = ended + this.#pause;
        this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
        this.#prompt = 0;
      } else if (++this.#prompt === TRUSTED_AFTER) this.#pause = SHORTEST_PAUSE;
    }
  }
}
