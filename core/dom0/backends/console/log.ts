/** Keeps the last bytes of a stream, addressed by their offset in it. */
export class BoundedLog {
  readonly #capacity: number;
  #chunks: Uint8Array[] = [];
  #kept = 0;
  #end = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Offset in the stream after the last byte. */
  get end(): number {
    return this.#end;
  }
  get length(): number {
    return this.#kept;
  }

  append(bytes: Uint8Array): void {
    const kept = bytes.length > this.#capacity ? bytes.subarray(bytes.length - this.#capacity) : bytes;
    this.#end += bytes.length;
    const last = this.#chunks.at(-1);
    // Consoles write few bytes at a time, so small chunks are joined.
    if (last && last.length + kept.length <= 4096) this.#chunks[this.#chunks.length - 1] = Buffer.concat([last, kept]);
    else this.#chunks.push(kept.slice());
    this.#kept += kept.length;
    while (this.#kept > this.#capacity) {
      const first = this.#chunks[0]!;
      const surplus = this.#kept - this.#capacity;
      if (first.length <= surplus) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(surplus);
      this.#kept -= Math.min(surplus, first.length);
    }
  }

  bytes(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#chunks));
  }
}
