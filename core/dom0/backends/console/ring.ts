/**
 * The PV console ring (struct xencons_interface in public/io/console.h): the guest writes `out` and reads `in`. Indices wrap freely, and the guest
 * may spoil them: one that makes no sense silences that direction and nothing else.
 */
const IN_SIZE = 1024;
const OUT_SIZE = 2048;
const OUT = 1024;
const IN_CONS = 3072 >> 2;
const IN_PROD = 3076 >> 2;
const OUT_CONS = 3080 >> 2;
const OUT_PROD = 3084 >> 2;

/** One direction. */
export interface RingIndices {
  producer: number;
  consumer: number;
  size: number;
}

export class ConsoleRing {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  /** `page` is the machine address of the interface page. */
  constructor(buffer: ArrayBufferLike, page: number) {
    this.#bytes = new Uint8Array(buffer, page, 4096);
    this.#words = new Int32Array(buffer, page, 1024);
  }

  /** Returns the indices as they stand in the page now, whoever wrote them. */
  indices(): { in: RingIndices; out: RingIndices } {
    const word = (at: number): number => Atomics.load(this.#words, at) >>> 0;
    return {
      in: { producer: word(IN_PROD), consumer: word(IN_CONS), size: IN_SIZE },
      out: { producer: word(OUT_PROD), consumer: word(OUT_CONS), size: OUT_SIZE },
    };
  }

  /** Takes what the guest has written so far; null when that is nothing, or the indices make no sense. */
  takeOutput(): Uint8Array | null {
    const consumer = Atomics.load(this.#words, OUT_CONS) >>> 0;
    const producer = Atomics.load(this.#words, OUT_PROD) >>> 0;
    const length = (producer - consumer) >>> 0;
    if (length === 0 || length > OUT_SIZE) return null;
    const output = new Uint8Array(length);
    const offset = consumer % OUT_SIZE;
    const first = Math.min(length, OUT_SIZE - offset);
    output.set(this.#bytes.subarray(OUT + offset, OUT + offset + first));
    output.set(this.#bytes.subarray(OUT, OUT + length - first), first);
    Atomics.store(this.#words, OUT_CONS, producer | 0);
    return output;
  }

  /** Puts as many bytes as fit, and returns how many. */
  putInput(bytes: Uint8Array): number {
    const consumer = Atomics.load(this.#words, IN_CONS) >>> 0;
    const producer = Atomics.load(this.#words, IN_PROD) >>> 0;
    const used = (producer - consumer) >>> 0;
    if (used > IN_SIZE) return 0;
    const length = Math.min(bytes.length, IN_SIZE - used);
    for (let i = 0; i < length; i++) this.#bytes[(producer + i) % IN_SIZE] = bytes[i]!;
    if (length > 0) Atomics.store(this.#words, IN_PROD, (producer + length) | 0);
    return length;
  }
}
