/**
 * Sends what is typed and pasted to the guest in order. A long text goes in pieces, each sent when the host has taken the one before. A guest reads a
 * paste only as fast as its terminal's line discipline, which throws away what arrives faster.
 */

/** The bytes of a piece, and the milliseconds from one piece to the next, which makes 25 kB/s. A keystroke is never delayed by them. */
const PIECE_BYTES = 256;
const PIECE_MS = 10;
const CTRL_C = 3;

/** Resolves when the host has taken the bytes, and rejects when it has not. */
export type Send = (bytes: Uint8Array) => Promise<unknown>;

export class Typist {
  readonly #send: Send;
  readonly #onProgress: (waiting: number) => void;
  #waiting: Uint8Array[] = [];
  #busy = false;

  /** `onProgress` is called with the number of bytes that wait. */
  constructor(send: Send, onProgress: (waiting: number) => void) {
    this.#send = send;
    this.#onProgress = onProgress;
  }

  /** How many bytes have not been sent yet. */
  get waiting(): number {
    return this.#waiting.reduce((sum, { length }) => sum + length, 0);
  }

  type(bytes: Uint8Array): void {
    // Someone who interrupts a program does not want the rest of a paste to follow.
    if (bytes.length === 1 && bytes[0] === CTRL_C) this.#waiting = [];
    const last = this.#waiting.at(-1);
    // A letter that finds others waiting is sent with them, because each piece takes time.
    if (last && last.length + bytes.length <= PIECE_BYTES) {
      const joined = new Uint8Array(last.length + bytes.length);
      joined.set(last);
      joined.set(bytes, last.length);
      this.#waiting[this.#waiting.length - 1] = joined;
    } else
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) this.#waiting.push(bytes.subarray(at, at + PIECE_BYTES));
    if (!this.#busy) void this.#run();
  }

  /** Drops everything that has not been sent yet. */
  cancel(): void {
    this.#waiting = [];
  }

  async #run(): Promise<void> {
    this.#busy = true;
    for (let piece = this.#waiting.shift(); piece; piece = this.#waiting.shift()) {
      try {
        await this.#send(piece);
      } catch {
        // The domain is gone or reads nothing, so what follows would not arrive either.
        this.#waiting = [];
      }
      this.#onProgress(this.waiting);
      if (this.#waiting.length) await new Promise((resolve) => setTimeout(resolve, PIECE_MS));
    }
    this.#busy = false;
    // What was cancelled in the meantime no longer waits.
    this.#onProgress(0);
  }
}
