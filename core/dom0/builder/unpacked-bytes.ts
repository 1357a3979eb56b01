/** The output of unpacking so far. It grows as it is produced, up to a bound, whatever a file's header says of its size. */

export class UnpackError extends Error {
  override readonly name = "UnpackError";
}

export class UnpackedBytes {
  readonly #most: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** `most` is the number of bytes allowed. `expected` is a guess, which may be wrong. */
  constructor(most: number, expected: number) {
    this.#most = most;
    this.#bytes = new Uint8Array(Math.min(most, Math.max(expected, 4096)));
  }

  get length(): number {
    return this.#length;
  }
  /** All bytes so far; more may follow in the same buffer. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  write(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  writeByte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#room(1);
    this.#bytes[this.#length++] = byte;
  }

  /** Returns the byte `distance` before the end, which must exist; 1 is the last one. */
  back(distance: number): number {
    return this.#bytes[this.#length - distance]!;
  }

  /** Copies bytes from `distance` before the end; the range may reach into what is being written. */
  repeat(distance: number, count: number): void {
    if (distance > this.#length || distance < 1)
      throw new UnpackError("the data are damaged: they refer to what is not there");
    this.#room(count);
    const bytes = this.#bytes;
    let at = this.#length;
    const end = at + count;
    // The number of bytes that can be copied doubles with each step.
    for (let known = distance; at < end; known *= 2) {
      const part = Math.min(known, end - at);
      bytes.copyWithin(at, at - known, at - known + part);
      at += part;
    }
    this.#length = end;
  }

  #room(count: number): void {
    const needed = this.#length + count;
    if (needed > this.#most) throw new UnpackError(`it unpacks to more than ${inWords(this.#most)}`);
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.min(this.#most, Math.max(needed, this.#bytes.length * 2)));
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}

function inWords(bytes: number): string {
  return bytes >= 2 ** 30 ? `${bytes / 2 ** 30} GiB` : `${bytes / 2 ** 20} MiB`;
}
