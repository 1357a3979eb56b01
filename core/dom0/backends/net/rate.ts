/** Limits how much an interface may send in a given time. */

/** The longest time that setTimeout() takes, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * The limit for an interface: so many bytes an interval, as in Xen's netback (`rate` in xenstore: "bytes,microseconds"), shared by its queues. Queues
 * that have to wait continue in the order in which they came, so one that always has something to send takes no other's turn.
 */
export class RateLimit {
  readonly #bytes: number;
  readonly #milliseconds: number;
  readonly #now: () => number;
  #left: number;
  #begins: number;
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;

  /** `now` returns milliseconds. */
  constructor(bytes: number, milliseconds: number, now: () => number) {
    this.#bytes = this.#left = bytes;
    this.#milliseconds = milliseconds;
    this.#now = now;
    this.#begins = now();
  }

  /** Reads the node; null for no limit. */
  static of(node: string | null, now: () => number): RateLimit | null {
    const match = /^(\d{1,15}),(\d{1,10})$/.exec(node ?? "");
    if (!match || !Number(match[1]) || !Number(match[2])) return null;
    return new RateLimit(Number(match[1]), Number(match[2]) / 1000, now);
  }

  /** Whether something may be sent now. */
  get allows(): boolean {
    const intervals = Math.floor((this.#now() - this.#begins) / this.#milliseconds);
    if (intervals > 0) {
      this.#begins += intervals * this.#milliseconds;
      // A packet that was longer than what was left is paid back by later intervals. What was not used is not kept.
      this.#left = Math.min(this.#bytes, this.#left + intervals * this.#bytes);
    }
    return this.#left > 0;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
  }

  /** Calls a queue when something may be sent again and all that waited before it have had their turn. */
  wait(queue: () => void): void {
    this.#waiting.add(queue);
    if (this.#timer) return;
    const intervals = Math.ceil((1 - this.#left) / this.#bytes);
    const until = this.#begins + Math.max(1, intervals) * this.#milliseconds;
    const delay = Math.min(LONGEST_TIMER, Math.max(1, until - this.#now()));
    this.#timer = setTimeout(() => this.#goOn(), delay).unref();
  }

  #goOn(): void {
    this.#timer = null;
    for (const queue of [...this.#waiting]) {
      if (!this.allows) return this.wait(queue);
      this.#waiting.delete(queue);
      queue();
    }
  }

  /** Removes a queue that is closed. */
  forget(queue: () => void): void {
    this.#waiting.delete(queue);
  }
}
