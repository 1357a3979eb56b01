/** A domain's end of its console ring (public/io/console.h), of which it only writes. */
import {
  XENCONS_INTERFACE_OUT,
  XENCONS_INTERFACE_OUT_BYTES,
  XENCONS_INTERFACE_OUT_CONS,
  XENCONS_INTERFACE_OUT_PROD,
} from "../../abi/io_console.ts";

/** Bytes that wait for room in the ring. What comes while so many wait is lost. */
const MOST_WAITING = 64 << 10;

export class ConsoleWriter {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #notify: () => void;
  #waiting = Buffer.alloc(0);

  /** `page` is the machine address of the interface page; `notify` sends an event. flush() is to be called when one comes. */
  constructor(buffer: ArrayBufferLike, page: number, notify: () => void) {
    this.#bytes = new Uint8Array(buffer, page, 4096);
    this.#words = new Int32Array(buffer, page, 1024);
    this.#notify = notify;
  }

  /** Writes a line, as a terminal wants it. */
  say(text: string): void {
    if (this.#waiting.length < MOST_WAITING)
      this.#waiting = Buffer.concat([this.#waiting, Buffer.from(`${text.replace(/\r?\n/g, "\r\n")}\r\n`, "utf8")]);
    this.flush();
  }

  flush(): void {
    const consumer = Atomics.load(this.#words, XENCONS_INTERFACE_OUT_CONS >> 2) >>> 0;
    const producer = Atomics.load(this.#words, XENCONS_INTERFACE_OUT_PROD >> 2) >>> 0;
    const room = XENCONS_INTERFACE_OUT_BYTES - ((producer - consumer) >>> 0);
    const length = Math.min(this.#waiting.length, Math.max(0, room));
    if (length === 0) return;
    for (let i = 0; i < length; i++)
      this.#bytes[XENCONS_INTERFACE_OUT + ((producer + i) % XENCONS_INTERFACE_OUT_BYTES)] = this.#waiting[i]!;
    Atomics.store(this.#words, XENCONS_INTERFACE_OUT_PROD >> 2, (producer + length) | 0);
    this.#waiting = this.#waiting.subarray(length);
    this.#notify();
  }
}
