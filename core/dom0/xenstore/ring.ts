/**
 * The xenstore ring of a domain (struct xenstore_domain_interface, docs/misc/xenstore-ring.txt). The guest may write everything in the page at any
 * time, so indices are read once, checked, and then used. A guest that breaks the protocol is ignored until it asks for a reconnection.
 */
import type { Connection } from "./connection.ts";
import { encodeMessage, HEADER_SIZE, joinStrings, PAYLOAD_MAX, XenstoreError, XS } from "./wire.ts";
import type { Xenstored } from "./xenstored.ts";

const RING_SIZE = 1024;
const RESPONSES = 1024;
const REQ_CONS = 2048 >> 2;
const REQ_PROD = 2052 >> 2;
const RSP_CONS = 2056 >> 2;
const RSP_PROD = 2060 >> 2;
const SERVER_FEATURES = 2064 >> 2;
const CONNECTION = 2068 >> 2;
const ERROR = 2072 >> 2;

/** Pieces of requests that are taken before others have their turn. */
const TURNS_PER_SERVICE = 64;

const FEATURE_RECONNECTION = 1;
const FEATURE_ERROR = 2;
const CONNECTED = 0;
const RECONNECT = 1;

export const RING_ERROR_COMM = 1;
export const RING_ERROR_RINGIDX = 2;
export const RING_ERROR_PROTO = 3;

interface RingIndices {
  producer: number;
  consumer: number;
  size: number;
}
export interface RingState {
  req: RingIndices;
  rsp: RingIndices;
  connection: number;
  error: number;
}

export class RingTransport {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #xenstored: Xenstored;
  readonly #notify: () => void;
  #connection!: Connection;
  /** The request that is being received: header and payload so far. */
  #request = Buffer.alloc(HEADER_SIZE + PAYLOAD_MAX);
  #received = 0;
  /** Encoded messages that wait for room; part of the first may be sent. One with `reply` counts as an outstanding request. */
  #output: { bytes: Buffer; sent: number; reply: boolean; key: string | null }[] = [];
  #outputBytes = 0;
  /** Events that wait, and of which nothing has been sent. */
  readonly #waitingEvents = new Set<string>();
  #outstanding = 0;
  #broken = 0;
  #told = false;
  #scheduled = false;
  /** The next turn of the event loop goes on where this one left off. */
  #willService = false;
  #isClosed = false;

  /** `page` is the machine address of the interface page. `notify` sends the guest an event. Call attach() before use. */
  constructor(xenstored: Xenstored, buffer: ArrayBufferLike, page: number, notify: () => void) {
    this.#xenstored = xenstored;
    this.#bytes = new Uint8Array(buffer, page, 4096);
    this.#words = new Int32Array(buffer, page, 1024);
    this.#notify = notify;
    Atomics.store(this.#words, SERVER_FEATURES, FEATURE_RECONNECTION | FEATURE_ERROR);
  }

  attach(connection: Connection): void {
    this.#connection = connection;
  }

  /** The XENSTORE_ERROR_* that ended the conversation; 0 while it goes on. */
  get broken(): number {
    return this.#broken;
  }

  /** Returns indices, `connection` and `error` as they stand in the page now, whoever wrote them. */
  indices(): RingState {
    const word = (at: number): number => Atomics.load(this.#words, at) >>> 0;
    return {
      req: { producer: word(REQ_PROD), consumer: word(REQ_CONS), size: RING_SIZE },
      rsp: { producer: word(RSP_PROD), consumer: word(RSP_CONS), size: RING_SIZE },
      connection: word(CONNECTION),
      error: word(ERROR),
    };
  }

  /** What the guest has not taken yet: the number of bytes, and of the replies among them. */
  get waiting(): { bytes: number; replies: number } {
    return { bytes: this.#outputBytes, replies: this.#outstanding };
  }

  /** The page no longer belongs to the domain, so work that was deferred must not touch it. */
  close(): void {
    this.#isClosed = true;
    this.#forgetOutput();
  }

  /** Called when an event has arrived: reads requests, answers them, sends what fits. */
  service(): void {
    // At most one turn is to come: if each event could add one, a guest that never lets its ring become empty would have them all.
    if (this.#isClosed || this.#willService) return;
    if (Atomics.load(this.#words, CONNECTION) === RECONNECT) this.#reconnect();
    if (this.#broken) return;
    let moved = this.#flush();
    let turns = TURNS_PER_SERVICE;
    while (!this.#broken && turns > 0 && this.#outstanding < this.#limit() && this.#receive()) {
      moved = true;
      turns--;
      this.#flush();
    }
    if (this.#flush() || moved) this.#notify();
    // A guest that writes as fast as it is read must not keep dom0 from its other work.
    if (turns > 0) return;
    this.#willService = true;
    setImmediate(() => {
      this.#willService = false;
      this.service();
    });
  }

  /** Sends a watch event to this domain, unless an equal one waits of which nothing has been sent. */
  sendEvent(path: string, token: string): void {
    if (this.#broken || this.#isClosed) return;
    const payload = joinStrings(path, token);
    if (payload.length > PAYLOAD_MAX) return;
    const key = payload.toString("latin1");
    if (this.#waitingEvents.has(key)) return;
    const bytes = encodeMessage({ type: XS.WATCH_EVENT, requestId: 0, transactionId: 0, payload });
    if (this.#outputBytes + bytes.length > this.#xenstored.quota.outputBytes) {
      // If the event were left out, nobody would know that it is missing, and a frontend would wait for ever.
      const { domid } = this.#connection;
      const waiting = `${this.#outputBytes} bytes wait for it`;
      // This is reported once, because a guest may do it again and again.
      if (!this.#told)
        this.#xenstored.report(
          domid,
          `Domain ${domid} does not read its xenstore ring: ${waiting}. Its connection has ended; it may ask for another.`,
        );
      this.#told = true;
      this.#fail(RING_ERROR_COMM);
      return;
    }
    this.#push(bytes, false, key);
    this.#waitingEvents.add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#broken && this.#flush()) this.#notify();
    });
  }

  #limit(): number {
    return this.#connection.privileged ? Infinity : this.#xenstored.quota.outstanding;
  }

  #push(bytes: Buffer, reply: boolean, key: string | null): void {
    this.#output.push({ bytes, sent: 0, reply, key });
    this.#outputBytes += bytes.length;
    if (reply) this.#outstanding++;
  }

  #fail(error: number): void {
    this.#broken = error;
    this.#forgetOutput();
    this.#xenstored.resetConnection(this.#connection);
    Atomics.store(this.#words, ERROR, error);
    this.#notify();
  }

  #forgetOutput(): void {
    this.#output = [];
    this.#outputBytes = 0;
    this.#outstanding = 0;
    this.#waitingEvents.clear();
  }

  #reconnect(): void {
    this.#xenstored.resetConnection(this.#connection);
    this.#broken = 0;
    this.#received = 0;
    this.#forgetOutput();
    for (const index of [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, ERROR]) Atomics.store(this.#words, index, 0);
    Atomics.store(this.#words, CONNECTION, CONNECTED);
    this.#notify();
  }

  /** Takes bytes of requests, and handles at most one request. Returns true when it took any bytes. */
  #receive(): boolean {
    const consumer = Atomics.load(this.#words, REQ_CONS) >>> 0;
    const producer = Atomics.load(this.#words, REQ_PROD) >>> 0;
    let available = (producer - consumer) >>> 0;
    if (available > RING_SIZE) {
      this.#fail(RING_ERROR_RINGIDX);
      return false;
    }
    if (available === 0) return false;
    let at = consumer;
    const need = (): number =>
      this.#received < HEADER_SIZE
        ? HEADER_SIZE - this.#received
        : HEADER_SIZE + this.#request.readUInt32LE(12) - this.#received;
    let complete = false;
    while (available > 0 && !complete) {
      const length = Math.min(need(), available, RING_SIZE - (at % RING_SIZE));
      this.#request.set(this.#bytes.subarray(at % RING_SIZE, (at % RING_SIZE) + length), this.#received);
      this.#received += length;
      at = (at + length) >>> 0;
      available -= length;
      if (this.#received === HEADER_SIZE && this.#request.readUInt32LE(12) > PAYLOAD_MAX) {
        this.#fail(RING_ERROR_PROTO);
        return false;
      }
      complete = this.#received >= HEADER_SIZE && need() === 0;
    }
    Atomics.store(this.#words, REQ_CONS, at | 0);
    if (complete) {
      const length = this.#received;
      this.#received = 0;
      this.#answer(Buffer.from(this.#request.subarray(0, length)));
    }
    return true;
  }

  #answer(request: Buffer): void {
    const type = request.readUInt32LE(0);
    const requestId = request.readUInt32LE(4);
    const transactionId = request.readUInt32LE(8);
    let reply: Buffer;
    try {
      const payload = this.#xenstored.handle(this.#connection, type, transactionId, request.subarray(HEADER_SIZE));
      reply = encodeMessage({ type, requestId, transactionId, payload });
    } catch (error) {
      // Anything but a refusal is a bug here. The guest is told EIO, and dom0 goes on.
      const code = error instanceof XenstoreError ? error.code : "EIO";
      if (!(error instanceof XenstoreError)) console.error("xenstored:", error);
      reply = encodeMessage({ type: XS.ERROR, requestId, transactionId, payload: joinStrings(code) });
    }
    // The request's own events may have ended the connection.
    if (!this.#broken) this.#push(reply, true, null);
  }

  /** Moves waiting output into the ring. Returns true when it moved any. */
  #flush(): boolean {
    let moved = false;
    while (this.#output.length > 0) {
      const consumer = Atomics.load(this.#words, RSP_CONS) >>> 0;
      const producer = Atomics.load(this.#words, RSP_PROD) >>> 0;
      const used = (producer - consumer) >>> 0;
      if (used > RING_SIZE) {
        this.#fail(RING_ERROR_RINGIDX);
        return false;
      }
      const first = this.#output[0]!;
      const offset = producer % RING_SIZE;
      const length = Math.min(first.bytes.length - first.sent, RING_SIZE - used, RING_SIZE - offset);
      if (length === 0) break;
      this.#bytes.set(first.bytes.subarray(first.sent, first.sent + length), RESPONSES + offset);
      Atomics.store(this.#words, RSP_PROD, (producer + length) | 0);
      first.sent += length;
      if (first.key !== null) this.#waitingEvents.delete(first.key);
      moved = true;
      if (first.sent === first.bytes.length) {
        this.#output.shift();
        this.#outputBytes -= first.bytes.length;
        if (first.reply) this.#outstanding--;
      }
    }
    return moved;
  }
}
