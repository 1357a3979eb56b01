/**
 * The two byte rings of a 9pfs connection (DEFINE_XEN_FLEX_RING_AND_INTF, public/io/9pfs.h): "out" brings requests to the backend, "in" brings
 * answers to the frontend. The frontend can write all of it at any time. Therefore this end's indices are kept here, and impossible indices of the
 * other end throw RingError. Data need not be copied: views() tells where it lies in the guest's own frames.
 */
import {
  XEN_9PFS_DATA_INTF_IN_CONS,
  XEN_9PFS_DATA_INTF_IN_PROD,
  XEN_9PFS_DATA_INTF_OUT_CONS,
  XEN_9PFS_DATA_INTF_OUT_PROD,
  XEN_9PFS_DATA_INTF_REF,
  XEN_9PFS_DATA_INTF_RING_ORDER,
} from "../../../abi/io_9pfs.ts";
import { RingError } from "../../xenbus/back-ring.ts";
import type { RingDirection } from "../../xenbus/kind.ts";

const PAGE_SHIFT = 12;
const PAGE_SIZE = 4096;

/** Reads from the interface page which pages hold the data. Throws RingError. */
export function readDataRefs(buffer: ArrayBufferLike, page: number, mostOrder: number): number[] {
  const words = new Int32Array(buffer, page, PAGE_SIZE >> 2);
  const order = Atomics.load(words, XEN_9PFS_DATA_INTF_RING_ORDER >> 2) >>> 0;
  if (order < 1 || order > mostOrder)
    throw new RingError(`the ring's ring_order is ${order}; allowed: 1 to ${mostOrder}`);
  return Array.from({ length: 1 << order }, (_, i) => Atomics.load(words, (XEN_9PFS_DATA_INTF_REF >> 2) + i) >>> 0);
}

export class FlexRing {
  /** Size of each direction, in bytes. */
  readonly size: number;
  readonly #buffer: ArrayBufferLike;
  readonly #words: Int32Array;
  readonly #pages: readonly number[];
  /** Up to where requests were taken, and up to where the frontend may use the bytes again. */
  #outTaken: number;
  #outConsumer: number;
  #inProducer: number;

  /** `page` is the machine address of the interface page, `pages` are those of the pages with data, in order. Throws RingError. */
  constructor(buffer: ArrayBufferLike, page: number, pages: readonly number[]) {
    this.#buffer = buffer;
    this.#words = new Int32Array(buffer, page, PAGE_SIZE >> 2);
    this.#pages = pages;
    this.size = (pages.length << PAGE_SHIFT) / 2;
    this.#outTaken = this.#outConsumer = this.#load(XEN_9PFS_DATA_INTF_OUT_CONS);
    this.#inProducer = this.#load(XEN_9PFS_DATA_INTF_IN_PROD);
    this.available();
    this.room();
  }

  /** Number of bytes of requests that were not taken yet. Throws RingError. */
  available(): number {
    const producer = this.#load(XEN_9PFS_DATA_INTF_OUT_PROD);
    const held = (producer - this.#outConsumer) >>> 0;
    const taken = (this.#outTaken - this.#outConsumer) >>> 0;
    if (held > this.size || held < taken)
      throw new RingError(
        `out_prod is ${producer}, with ${this.#outTaken} taken and ${this.#outConsumer} given back of ${this.size} bytes`,
      );
    return held - taken;
  }

  /** Number of free bytes for answers. Throws RingError. */
  room(): number {
    const consumer = this.#load(XEN_9PFS_DATA_INTF_IN_CONS);
    const unread = (this.#inProducer - consumer) >>> 0;
    if (unread > this.size)
      throw new RingError(`in_cons is ${consumer}, with ${this.#inProducer} put in ${this.size} bytes`);
    return this.size - unread;
  }

  /** Index of the first byte that was not taken. */
  get next(): number {
    return this.#outTaken;
  }

  /** Makes a private copy of requests' bytes from this index on. */
  copy(index: number, bytes: Uint8Array): void {
    let at = 0;
    for (const view of this.outViews(index, bytes.length)) {
      bytes.set(view, at);
      at += view.length;
    }
  }

  take(count: number): void {
    this.#outTaken = (this.#outTaken + count) >>> 0;
  }

  /** Lets the frontend overwrite everything before this index. */
  giveBack(index: number): void {
    this.#outConsumer = index >>> 0;
    Atomics.store(this.#words, XEN_9PFS_DATA_INTF_OUT_CONS >> 2, index | 0);
  }

  outViews(index: number, count: number): Uint8Array[] {
    return this.#views(this.size, index, count);
  }

  /** Returns where an answer's bytes go, from `skipped` bytes after its beginning on. */
  inViews(skipped: number, count: number): Uint8Array[] {
    return this.#views(0, (this.#inProducer + skipped) >>> 0, count);
  }

  /** Writes bytes of the next answer, which the frontend does not see yet. */
  fill(bytes: Uint8Array): void {
    let at = 0;
    for (const view of this.inViews(0, bytes.length)) {
      view.set(bytes.subarray(at, at + view.length));
      at += view.length;
    }
  }

  /** Shows an answer of so many bytes to the frontend. */
  publish(count: number): void {
    this.#inProducer = (this.#inProducer + count) >>> 0;
    Atomics.store(this.#words, XEN_9PFS_DATA_INTF_IN_PROD >> 2, this.#inProducer | 0);
  }

  directions(): RingDirection[] {
    const { size } = this;
    return [
      {
        name: "out",
        towards: "backend",
        producer: this.#load(XEN_9PFS_DATA_INTF_OUT_PROD),
        consumer: this.#outConsumer,
        size,
      },
      {
        name: "in",
        towards: "frontend",
        producer: this.#inProducer,
        consumer: this.#load(XEN_9PFS_DATA_INTF_IN_CONS),
        size,
      },
    ];
  }

  #load(offset: number): number {
    return Atomics.load(this.#words, offset >> 2) >>> 0;
  }

  /** `base` is where the direction's data begins, in bytes. Pages that lie side by side in the machine are joined in one view. */
  #views(base: number, index: number, count: number): Uint8Array[] {
    const views: Uint8Array[] = [];
    let [from, to] = [0, 0];
    for (let done = 0; done < count;) {
      const at = base + (((index + done) >>> 0) & (this.size - 1));
      const address = this.#pages[at >>> PAGE_SHIFT]! + (at & (PAGE_SIZE - 1));
      const length = Math.min(count - done, PAGE_SIZE - (at & (PAGE_SIZE - 1)));
      if (address !== to) {
        if (to > from) views.push(new Uint8Array(this.#buffer, from, to - from));
        from = address;
      }
      to = address + length;
      done += length;
    }
    if (to > from) views.push(new Uint8Array(this.#buffer, from, to - from));
    return views;
  }
}
