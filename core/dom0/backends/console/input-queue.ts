/** Bytes that were typed and that the guest has not taken. They are kept together, because they may come one at a time and wait for long. */

/** The bytes that are kept in one piece. */
const PIECE_BYTES = 16 << 10;

export class InputQueue {
  readonly #most: number;
  readonly #pieces: Uint8Array[] = [];
  /** Where the first piece's bytes begin, and where the last piece's end. */
  #start = 0;
  #end = 0;
  #length = 0;

  /** Keeps at most so many bytes. */
  constructor(most: number) {
    this.#most = most;
  }

  get length(): number {
    return this.#length;
  }

  /** Takes all of the bytes, or returns false. */
  add(bytes: Uint8Array): boolean {
    if (this.#length + bytes.length > this.#most) return false;
    for (let taken = 0; taken < bytes.length;) {
      if (this.#pieces.length === 0 || this.#end === PIECE_BYTES) {
        this.#pieces.push(new Uint8Array(PIECE_BYTES));
        this.#end = 0;
      }
      const count = Math.min(bytes.length - taken, PIECE_BYTES - this.#end);
      this.#pieces.at(-1)!.set(bytes.subarray(taken, taken + count), this.#end);
      this.#end += count;
      taken += count;
    }
    this.#length += bytes.length;
    return true;
  }

  /** Returns bytes from the front, not always all of them; an empty array when there are none. They are valid until the next call of another method. */
  front(): Uint8Array {
    const [first] = this.#pieces;
    if (!first) return new Uint8Array(0);
    return first.subarray(this.#start, this.#pieces.length === 1 ? this.#end : PIECE_BYTES);
  }

  /** Removes bytes that front() has returned. */
  remove(count: number): void {
    this.#start += count;
    this.#length -= count;
    if (this.#length === 0) return this.clear();
    if (this.#start === PIECE_BYTES) {
      this.#pieces.shift();
      this.#start = 0;
    }
  }

  clear(): void {
    this.#pieces.length = 0;
    this.#start = this.#end = this.#length = 0;
  }
}
