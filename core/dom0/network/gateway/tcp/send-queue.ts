/**
 * Bytes that were written and are not acknowledged yet. Positions count the bytes of the stream and never wrap: 0 is the SYN, 1 is the first byte of
 * data.
 */
interface Chunk {
  readonly position: number;
  readonly bytes: Uint8Array;
  /** How many of the bytes are used, since small writes share a chunk. */
  length: number;
}

/** Writes shorter than this are joined, in chunks of this length. */
const SMALL = 16 * 1024;

export class SendQueue {
  #chunks: Chunk[] = [];
  #start = 1;
  #end = 1;

  /** Position of the oldest byte that is kept, and the one after the newest. */
  get start(): number {
    return this.#start;
  }
  get end(): number {
    return this.#end;
  }
  get length(): number {
    return this.#end - this.#start;
  }
  get chunks(): number {
    return this.#chunks.length;
  }

  /** Keeps the bytes; long pieces are kept as they are and must not be changed afterwards. */
  append(bytes: Uint8Array): void {
    if (!bytes.length) return;
    if (bytes.length >= SMALL) this.#chunks.push({ position: this.#end, bytes, length: bytes.length });
    else {
      let last = this.#chunks.at(-1);
      if (!last || last.bytes.length - last.length < bytes.length) {
        last = { position: this.#end, bytes: new Uint8Array(SMALL), length: 0 };
        this.#chunks.push(last);
      }
      last.bytes.set(bytes, last.length);
      last.length += bytes.length;
    }
    this.#end += bytes.length;
  }

  /** Drops everything before `position`. */
  release(position: number): void {
    if (position <= this.#start) return;
    this.#start = Math.min(position, this.#end);
    let gone = 0;
    while (gone < this.#chunks.length && end(this.#chunks[gone]!) <= this.#start) gone++;
    if (gone) this.#chunks.splice(0, gone);
  }

  /** Copies the bytes from `position` on, which must all be kept here. */
  copy(position: number, length: number, target: Uint8Array, at: number): void {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#chunks[middle]!.position <= position) low = middle;
      else high = middle - 1;
    }
    for (let index = low, left = length, from = position, to = at; left > 0; index++) {
      const chunk = this.#chunks[index]!;
      const skip = from - chunk.position;
      const part = Math.min(left, chunk.length - skip);
      target.set(chunk.bytes.subarray(skip, skip + part), to);
      left -= part;
      from += part;
      to += part;
    }
  }
}

function end(chunk: Chunk): number {
  return chunk.position + chunk.length;
}
