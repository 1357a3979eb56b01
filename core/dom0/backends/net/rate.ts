/**
 * The limit of what an interface may send: so many bytes an interval, as Xen's netback has it (`rate` in xenstore: "bytes,microseconds"),
 * shared by its queues. Those that have to wait are let go on in the order in which they came: one that always has something to send
 * takes no other's turn.
 */
export class RateLimit {
  readonly #bytes: number;
  readonly #milliseconds: number;
  readonly #now: () => number;
  #left: number;
  #begins: number;
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;

  /** `now` in milliseconds. */
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
      // A packet that was longer than what was left is paid back; what was not used is not kept.
      this.#left = Math.min(this.#bytes, this.#left + intervals * this.#bytes);
    }
    return this.#left > 0;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
  }

  /** Calls a queue when something may be sent again and all that waited before it had their turn. */
  wait(queue: () => void): void {
    this.#waiting.add(queue);
    if (this.#timer) return;
    const intervals = Math.ceil((1 - this.#left) / this.#bytes);
    const until = this.#begins + Math.max(1, intervals) * this.#milliseconds;
    this.#timer = setTimeout(() => this.#goOn(), Math.max(1, until - this.#now())).unref();
  }

  #goOn(): void {
    this.#timer = null;
    for (const queue of [...this.#waiting]) {
      if (!this.allows) return this.wait(queue);
      this.#waiting.delete(queue);
      queue();
    }
  }

  /** A queue that is closed waits no more. */
  forget(queue: () => void): void {
    this.#waiting.delete(queue);
  }
}
