/**
 * The backend's end of a shared ring of requests and responses (public/io/ring.h), over one or more granted pages that need not be adjacent. The
 * frontend can write all of it at any time. Therefore a request is copied once and only the copy is looked at, and indices that make no sense throw
 * RingError, upon which the owner disconnects the frontend.
 * No call allocates or crosses into the hypervisor.
 */
import type { RequestRecord } from "./request-record.ts";

const REQ_PROD = 0;
const REQ_EVENT = 1;
const RSP_PROD = 2;
const RSP_EVENT = 3;
/** Offset of the first slot. */
const HEADER = 64;
const PAGE_SHIFT = 12;
const PAGE_MASK = 4095;

/** The frontend has broken the protocol of the ring. */
export class RingError extends Error {
  override readonly name = "RingError";
}

/** Returns the number of slots of a ring: the largest power of two that fits. */
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
  /** The request that take() has taken, as little-endian words in memory that is not shared. */
  readonly request: Int32Array;
  /** What respond() has to be given with the answer to that request. Means something only in a ring with a record. */
  taken = 0;
  readonly size: number;
  /** Whether an earlier backend has answered requests of this ring. It may have ended before it notified the frontend of the last answers. */
  readonly isContinued: boolean;
  readonly #words: Int32Array;
  /** For each page, the index in #words of its first word. */
  readonly #pages: readonly number[];
  readonly #header: number;
  readonly #slotBytes: number;
  #requestConsumer: number;
  #responseProducer: number;
  readonly #record: RequestRecord | null;
  /** Entries of the record whose requests an earlier backend has taken, and not answered: they are taken first. */
  readonly #left: number[] = [];

  /**
   * `pages` are machine addresses, in order. `slotBytes` is the size of the larger of request and response, a multiple of 4. If a frontend connects
   * again to a ring in use, it continues at the ring's response producer; with a record, at what was recorded of this ring.
   */
  constructor(
    buffer: ArrayBufferLike,
    pages: readonly number[],
    slotBytes: number,
    record: RequestRecord | null = null,
  ) {
    this.#words = new Int32Array(buffer);
    this.#pages = pages.map((address) => address >>> 2);
    this.#header = this.#pages[0]!;
    this.#slotBytes = slotBytes;
    this.size = ringSize(pages.length, slotBytes);
    this.request = new Int32Array(slotBytes >> 2);
    this.#requestConsumer = this.#responseProducer = Atomics.load(this.#words, this.#header + RSP_PROD) >>> 0;
    this.isContinued = this.#responseProducer !== 0;
    this.#record = record;
    const before = record?.recover(this.#responseProducer);
    if (before) {
      this.#requestConsumer = before.consumer;
      this.#left = before.entries;
    }
    this.#pending();
  }

  /** Copies the next request. Returns false when there is none. Throws RingError. */
  take(): boolean {
    const { request } = this;
    const left = this.#left.shift();
    if (left !== undefined) {
      this.#record!.read(left, request);
      this.taken = left;
      return true;
    }
    if (this.#pending() === 0) return false;
    let at = HEADER + (this.#requestConsumer & (this.size - 1)) * this.#slotBytes;
    for (let i = 0; i < request.length; i++, at += 4)
      request[i] = this.#words[this.#pages[at >>> PAGE_SHIFT]! + ((at & PAGE_MASK) >>> 2)]!;
    if (this.#record) this.taken = this.#record.take(this.#requestConsumer, request);
    this.#requestConsumer = (this.#requestConsumer + 1) >>> 0;
    return true;
  }

  /** Puts a response where the frontend does not see it yet. Only as many requests as were taken can be answered. `taken` as it was after take(). */
  respond(response: Int32Array, taken = 0): void {
    if (this.#responseProducer === this.#requestConsumer) throw new Error("a response to no request");
    this.#record?.answer(taken, this.#responseProducer);
    let at = HEADER + (this.#responseProducer & (this.size - 1)) * this.#slotBytes;
    for (let i = 0; i < response.length; i++, at += 4)
      this.#words[this.#pages[at >>> PAGE_SHIFT]! + ((at & PAGE_MASK) >>> 2)] = response[i]!;
    this.#responseProducer = (this.#responseProducer + 1) >>> 0;
  }

  /** Shows the responses to the frontend. Returns true when the frontend asked to be notified (RING_PUSH_RESPONSES_AND_CHECK_NOTIFY). */
  push(): boolean {
    const old = Atomics.load(this.#words, this.#header + RSP_PROD) >>> 0;
    Atomics.store(this.#words, this.#header + RSP_PROD, this.#responseProducer | 0);
    this.#record?.shown();
    const event = Atomics.load(this.#words, this.#header + RSP_EVENT) >>> 0;
    return (this.#responseProducer - event) >>> 0 < (this.#responseProducer - old) >>> 0;
  }

  /** Asks to be notified of the next request. Returns true when one has come meanwhile (RING_FINAL_CHECK_FOR_REQUESTS). Throws RingError. */
  more(): boolean {
    if (this.#pending() > 0) return true;
    Atomics.store(this.#words, this.#header + REQ_EVENT, (this.#requestConsumer + 1) | 0);
    return this.#pending() > 0;
  }

  /** Number of requests that were taken and not answered. */
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

  /** Number of requests that wait. Throws RingError when the frontend claims more than there are slots. */
  #pending(): number {
    const producer = Atomics.load(this.#words, this.#header + REQ_PROD) >>> 0;
    if ((producer - this.#responseProducer) >>> 0 > this.size || (producer - this.#requestConsumer) >>> 0 > this.size)
      throw new RingError(
        `the ring's request producer is ${producer}, with ${this.#responseProducer} answered and ${this.#requestConsumer} taken of ${this.size} slots`,
      );
    return (producer - this.#requestConsumer) >>> 0;
  }
}
