/** The limit of what an interface may send: so many bytes an interval, as Xen's netback has it (`rate` in xenstore: "bytes,microseconds"). */
export class RateLimit {
  readonly #bytes: number;
  readonly #milliseconds: number;
  readonly #now: () => number;
  #left: number;
  #begins: number;

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

  /** Milliseconds until something may be sent again; 0 for now. */
  wait(): number {
    const now = this.#now();
    if (now - this.#begins >= this.#milliseconds) {
      this.#begins = now;
      // A packet that was longer than what was left is paid back.
      this.#left = Math.min(this.#bytes, this.#left + this.#bytes);
    }
    return this.#left > 0 ? 0 : Math.max(1, this.#begins + this.#milliseconds - now);
  }

  spend(bytes: number): void {
    this.#left -= bytes;
  }
}
