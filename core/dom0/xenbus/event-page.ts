/**
 * The page that a pvfb frontend shares with its backend (public/io/fbif.h, kbdif.h): events of 40 bytes in two rings, "out" to the backend and "in"
 * to the frontend, with their indices at the page's beginning. The frontend can write all of it at any time. Therefore an event is copied once and
 * only the copy is looked at, this end's own indices are kept here, and impossible indices of the other end throw RingError.
 */
import { RingError } from "./back-ring.ts";
import type { RingDirection } from "./kind.ts";

const IN_CONS = 0;
const IN_PROD = 1;
const OUT_CONS = 2;
const OUT_PROD = 3;
export const EVENT_BYTES = 40;
const EVENT_WORDS = EVENT_BYTES >> 2;

/** Where the rings begin, and how long they are, in bytes. */
export interface EventPageLayout {
  readonly in: { readonly offset: number; readonly bytes: number };
  readonly out: { readonly offset: number; readonly bytes: number };
}

export class EventPage {
  /** The event that take() has taken, as little-endian words in memory that is not shared. */
  readonly event = new Int32Array(EVENT_WORDS);
  readonly #words: Int32Array;
  readonly #layout: EventPageLayout;
  readonly #inSize: number;
  readonly #outSize: number;
  #inProducer: number;
  #outConsumer: number;

  /** `address` is the page's machine address. Throws RingError. */
  constructor(buffer: ArrayBufferLike, address: number, layout: EventPageLayout) {
    this.#words = new Int32Array(buffer, address, 1024);
    this.#layout = layout;
    this.#inSize = Math.floor(layout.in.bytes / EVENT_BYTES);
    this.#outSize = Math.floor(layout.out.bytes / EVENT_BYTES);
    this.#inProducer = this.#load(IN_PROD);
    this.#outConsumer = this.#load(OUT_CONS);
    this.#waiting();
    this.#unread();
  }

  /** Copies the next event. Returns false when there is none. The frontend gets the slot back at once. */
  take(): boolean {
    if (this.#waiting() === 0) return false;
    const slot = (this.#outConsumer % this.#outSize) * EVENT_WORDS + (this.#layout.out.offset >> 2);
    for (let i = 0; i < EVENT_WORDS; i++) this.event[i] = this.#words[slot + i]!;
    this.#outConsumer = (this.#outConsumer + 1) >>> 0;
    Atomics.store(this.#words, OUT_CONS, this.#outConsumer | 0);
    return true;
  }

  /** Shows an event to the frontend. Returns false when there is no room for it. */
  put(event: Int32Array): boolean {
    if (this.#unread() === this.#inSize) return false;
    const slot = (this.#inProducer % this.#inSize) * EVENT_WORDS + (this.#layout.in.offset >> 2);
    for (let i = 0; i < EVENT_WORDS; i++) this.#words[slot + i] = event[i] ?? 0;
    this.#inProducer = (this.#inProducer + 1) >>> 0;
    Atomics.store(this.#words, IN_PROD, this.#inProducer | 0);
    return true;
  }

  directions(): RingDirection[] {
    return [
      {
        name: "out",
        towards: "backend",
        producer: this.#load(OUT_PROD),
        consumer: this.#outConsumer,
        size: this.#outSize,
      },
      {
        name: "in",
        towards: "frontend",
        producer: this.#inProducer,
        consumer: this.#load(IN_CONS),
        size: this.#inSize,
      },
    ];
  }

  #load(index: number): number {
    return Atomics.load(this.#words, index) >>> 0;
  }

  /** Number of events to the backend that wait. */
  #waiting(): number {
    const producer = this.#load(OUT_PROD);
    const count = (producer - this.#outConsumer) >>> 0;
    if (count > this.#outSize)
      throw new RingError(`out_prod is ${producer}, with ${this.#outConsumer} taken of ${this.#outSize} slots`);
    return count;
  }

  /** Number of events to the frontend that it has not read. */
  #unread(): number {
    const consumer = this.#load(IN_CONS);
    const count = (this.#inProducer - consumer) >>> 0;
    if (count > this.#inSize)
      throw new RingError(`in_cons is ${consumer}, with ${this.#inProducer} put in ${this.#inSize} slots`);
    return count;
  }
}
