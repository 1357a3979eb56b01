/**
 * What is typed and pasted, on its way to the guest: in order, and a long text in pieces, each when the host has taken the one
 * before. A guest reads a paste as fast as its terminal's line discipline can, which throws away what comes faster.
 */

/** Bytes at a time, and milliseconds from one piece to the next: 25 kB/s. A keystroke is never held up by them. */
const PIECE_BYTES = 256;
const PIECE_MS = 10;
const CTRL_C = 3;

/** Resolves when the host took it, rejects when it did not. */
export type Send = (bytes: Uint8Array) => Promise<unknown>;

export class Typist {
  readonly #send: Send;
  readonly #onProgress: (waiting: number) => void;
  #waiting: Uint8Array[] = [];
  #busy = false;

  /** `onProgress` hears how many bytes wait. */
  constructor(send: Send, onProgress: (waiting: number) => void) {
    this.#send = send;
    this.#onProgress = onProgress;
  }

  /** Bytes that have not gone yet. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }

  type(bytes: Uint8Array): void {
    // Who interrupts does not want the rest of a paste to come after it.
    if (bytes.length === 1 && bytes[0] === CTRL_C) this.#waiting = [];
    const last = this.#waiting.at(-1);
    // A letter that finds others waiting goes with them: each piece takes its time.
    if (last && last.length + bytes.length <= PIECE_BYTES) {
      const joined = new Uint8Array(last.length + bytes.length);
      joined.set(last);
      joined.set(bytes, last.length);
      this.#waiting[this.#waiting.length - 1] = joined;
    } else
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) this.#waiting.push(bytes.subarray(at, at + PIECE_BYTES));
    if (!this.#busy) void this.#run();
  }

  /** What has not gone yet never goes. */
  cancel(): void {
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (let piece = this.#waiting.shift(); piece; piece = this.#waiting.shift()) {
      try {
        await this.#send(piece);
      } catch {
        // The domain is gone, or reads nothing: what follows would not arrive either.
        this.#waiting = [];
      }
      this.#onProgress(this.waiting);
      if (this.#waiting.length) await new Promise((resolve) => setTimeout(resolve, PIECE_MS));
    }
    this.#busy = false;
    // What was cancelled meanwhile waits no more.
    this.#onProgress(0);
  }
}
