/**
 * The backend's end of a shared ring of requests and responses (public/io/ring.h), over one or more granted pages that need not lie
 * side by side. The frontend can write all of it at any time: a request is copied once and only the copy is looked at, and indices
 * that make no sense throw RingError, upon which the owner disconnects that frontend.
 *
 * No call allocates or crosses into the hypervisor.
 */
const REQ_PROD = 0;
const REQ_EVENT = 1;
const RSP_PROD = 2;
const RSP_EVENT = 3;
/** Bytes before the first slot. */
const HEADER = 64;
const PAGE_SHIFT = 12;
const PAGE_MASK = 4095;

/** The frontend broke the ring's protocol. */
export class RingError extends Error {
  override readonly name = "RingError";
}

/** Slots of a ring: the largest power of two that fits. */
export function ringSize(pages: number, slotBytes: number): number {
  return 2 ** Math.floor(Math.log2(((pages << PAGE_SHIFT) - HEADER) / slotBytes));
}

export interface BackRingIndices {
  requestProducer: number;
  requestConsumer: number;
  responseProducer: number;
  size: number;
}

export class BackRing {
  /** The request that take() took: little-endian words, not shared with anybody. */
  readonly request: Int32Array;
  readonly size: number;
  readonly #words: Int32Array;
  /** Index into #words of each page's first word. */
  readonly #pages: readonly number[];
  readonly #header: number;
  readonly #slotBytes: number;
  #requestConsumer: number;
  #responseProducer: number;

  /**
   * `pages`: machine addresses, in order. `slotBytes`: of the larger of request and response, a multiple of 4. A frontend that
   * connects again to a ring in use goes on where the ring's response producer stands.
   */
  constructor(buffer: ArrayBufferLike, pages: readonly number[], slotBytes: number) {
    this.#words = new Int32Array(buffer);
    this.#pages = pages.map((address) => address >>> 2);
    this.#header = this.#pages[0]!;
    this.#slotBytes = slotBytes;
    this.size = ringSize(pages.length, slotBytes);
    this.request = new Int32Array(slotBytes >> 2);
    this.#requestConsumer = this.#responseProducer = Atomics.load(this.#words, this.#header + RSP_PROD) >>> 0;
    this.#pending();
  }

  /** Copies the next request; false when there is none. Throws RingError. */
  take(): boolean {
    if (this.#pending() === 0) return false;
    const { request } = this;
    let at = HEADER + (this.#requestConsumer & (this.size - 1)) * this.#slotBytes;
    for (let i = 0; i < request.length; i++, at += 4)
      request[i] = this.#words[this.#pages[at >>> PAGE_SHIFT]! + ((at & PAGE_MASK) >>> 2)]!;
    this.#requestConsumer = (this.#requestConsumer + 1) >>> 0;
    return true;
  }

  /** Puts a response where the frontend does not see it yet. Answers as many requests as were taken, and no more. */
  respond(response: Int32Array): void {
    if (this.#responseProducer === this.#requestConsumer) throw new Error("a response to no request");
    let at = HEADER + (this.#responseProducer & (this.size - 1)) * this.#slotBytes;
    for (let i = 0; i < response.length; i++, at += 4)
      this.#words[this.#pages[at >>> PAGE_SHIFT]! + ((at & PAGE_MASK) >>> 2)] = response[i]!;
    this.#responseProducer = (this.#responseProducer + 1) >>> 0;
  }

  /** Shows the responses to the frontend; true when it has asked to be told (RING_PUSH_RESPONSES_AND_CHECK_NOTIFY). */
  push(): boolean {
    const old = Atomics.load(this.#words, this.#header + RSP_PROD) >>> 0;
    Atomics.store(this.#words, this.#header + RSP_PROD, this.#responseProducer | 0);
    const event = Atomics.load(this.#words, this.#header + RSP_EVENT) >>> 0;
    return (this.#responseProducer - event) >>> 0 < (this.#responseProducer - old) >>> 0;
  }

  /** Asks to be told of the next request; true when one has come meanwhile (RING_FINAL_CHECK_FOR_REQUESTS). Throws RingError. */
  more(): boolean {
    if (this.#pending() > 0) return true;
    Atomics.store(this.#words, this.#header + REQ_EVENT, (this.#requestConsumer + 1) | 0);
    return this.#pending() > 0;
  }

  /** Requests taken and not answered. */
  get inFlight(): number {
    return (this.#requestConsumer - this.#responseProducer) >>> 0;
  }

  indices(): BackRingIndices {
    return {
      requestProducer: Atomics.load(this.#words, this.#header + REQ_PROD) >>> 0,
      requestConsumer: this.#requestConsumer,
      responseProducer: this.#responseProducer,
      size: this.size,
    };
  }

  /** Requests that wait. Throws RingError when the frontend claims more than there are slots. */
  #pending(): number {
    const producer = Atomics.load(this.#words, this.#header + REQ_PROD) >>> 0;
    if ((producer - this.#responseProducer) >>> 0 > this.size || (producer - this.#requestConsumer) >>> 0 > this.size)
      throw new RingError(
        `the ring's request producer is ${producer}, with ${this.#responseProducer} answered and ${this.#requestConsumer} taken of ${this.size} slots`,
      );
    return (producer - this.#requestConsumer) >>> 0;
  }
}
