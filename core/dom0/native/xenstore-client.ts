/**
 * A domain's end of its xenstore ring (public/io/xs_wire.h, docs/misc/xenstore-ring.txt). xenstored, at the other end, is trusted: what it writes against
 * the protocol throws. It ends the conversation with a domain for which too many events wait, and any domain can make many at once, with nodes below one
 * that this domain watches. Therefore the conversation is begun anew then: what was not answered is asked again, and each listener looks again.
 */
import {
  XENSTORE_CONNECTED,
  XENSTORE_DOMAIN_INTERFACE_CONNECTION,
  XENSTORE_DOMAIN_INTERFACE_ERROR,
  XENSTORE_DOMAIN_INTERFACE_REQ,
  XENSTORE_DOMAIN_INTERFACE_REQ_CONS,
  XENSTORE_DOMAIN_INTERFACE_REQ_PROD,
  XENSTORE_DOMAIN_INTERFACE_RSP,
  XENSTORE_DOMAIN_INTERFACE_RSP_CONS,
  XENSTORE_DOMAIN_INTERFACE_RSP_PROD,
  XENSTORE_RECONNECT,
  XENSTORE_RING_SIZE,
} from "../../abi/xs_wire.ts";
import type { BackendStore } from "../xenbus/kind.ts";
import {
  encodeMessage,
  HEADER_SIZE,
  directoryPart,
  joinStrings,
  PAYLOAD_MAX,
  splitStrings,
  XenstoreError,
  XS,
  type XenstoreErrno,
} from "../xenstore/wire.ts";

/**
 * Whether an error says that there is no such node. Of what is gone together with a directory that this domain might read, xenstored says EACCES, because
 * it judges by what is left above it.
 */
function isGone(error: unknown): boolean {
  return error instanceof XenstoreError && (error.code === "ENOENT" || error.code === "EACCES");
}

/** The reason why a watch was refused. */
function sayWhy(error: unknown): string {
  if (!(error instanceof XenstoreError)) return String(error);
  return error.code === "E2BIG" ? "this domain has as many watches as it may have (E2BIG)" : error.message;
}

interface Waiting {
  type: number;
  /** The whole request. */
  bytes: Buffer;
  resolve: (payload: Buffer) => void;
  reject: (error: unknown) => void;
}

interface Listener {
  path: string;
  changed: (path: string) => void;
  refused: (error: Error) => void;
}

export class XenstoreClient implements BackendStore {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #notify: () => void;
  /** Requests that wait for room in the ring; of the first, `#sent` bytes are in it. */
  readonly #output: Buffer[] = [];
  #sent = 0;
  #input = Buffer.alloc(0);
  readonly #waiting = new Map<number, Waiting>();
  /** By the tokens of their watches. */
  readonly #listeners = new Map<string, Listener>();
  /** Tokens of watches that xenstored has taken. */
  readonly #watched = new Set<string>();
  #isReconnecting = false;
  #nextRequest = 1;
  #nextToken = 1;

  /** `page` is the machine address of the interface page; `notify` sends xenstored an event. service() is to be called when one comes from it. */
  constructor(buffer: ArrayBufferLike, page: number, notify: () => void) {
    this.#bytes = new Uint8Array(buffer, page, 4096);
    this.#words = new Int32Array(buffer, page, 1024);
    this.#notify = notify;
  }

  /** Resolves with null when there is no such node that this domain may read. Rejects with XenstoreError. */
  async read(path: string): Promise<string | null> {
    try {
      return (await this.#request(XS.READ, joinStrings(path))).toString("latin1");
    } catch (error) {
      if (isGone(error)) return null;
      throw error;
    }
  }

  /** Resolves with the names of the children; none when there is no such node that this domain may read. */
  async list(path: string): Promise<string[]> {
    const names: string[] = [];
    try {
      for (let offset = 0; ;) {
        const reply = await this.#request(XS.DIRECTORY_PART, joinStrings(path, String(offset)));
        const part = directoryPart(reply);
        names.push(...part.names);
        if (part.isLast) return names;
        offset += part.bytes;
      }
    } catch (error) {
      if (isGone(error)) return [];
      throw error;
    }
  }

  async write(path: string, value: string | number): Promise<void> {
    await this.#request(XS.WRITE, Buffer.concat([joinStrings(path), Buffer.from(String(value), "latin1")]));
  }

  /** It is no error if the node or its parent does not exist. */
  async remove(path: string): Promise<void> {
    try {
      await this.#request(XS.RM, joinStrings(path));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /**
   * Calls `listener` once soon, and then after every change at or below `path`; or else `refused`, once, if xenstored does not take the watch, as it
   * does not when the domain has as many as it may. The returned function ends the watch; after it neither is called.
   */
  watch(path: string, listener: (path: string) => void, refused: (error: Error) => void): () => void {
    const token = String(this.#nextToken++);
    this.#listeners.set(token, { path, changed: listener, refused });
    this.#watch(token, path);
    return () => {
      if (!this.#listeners.delete(token)) return;
      this.#watched.delete(token);
      // It is refused only if there is no such watch, because xenstored has not taken it either.
      this.#request(XS.UNWATCH, joinStrings(path, token)).catch(() => {});
    };
  }

  #watch(token: string, path: string): void {
    this.#request(XS.WATCH, joinStrings(path, token)).then(
      () => {
        if (this.#listeners.has(token)) this.#watched.add(token);
      },
      (error: unknown) => {
        const listener = this.#listeners.get(token);
        this.#listeners.delete(token);
        listener?.refused(new Error(`xenstored refuses to watch ${path}: ${sayWhy(error)}`));
      },
    );
  }

  /** Called when xenstored has sent an event: takes what it has written, and writes what has waited for room. */
  service(): void {
    if (this.#isReconnecting) {
      if (Atomics.load(this.#words, XENSTORE_DOMAIN_INTERFACE_CONNECTION >> 2) !== XENSTORE_CONNECTED) return;
      this.#isReconnecting = false;
      this.#askAgain();
    }
    if (Atomics.load(this.#words, XENSTORE_DOMAIN_INTERFACE_ERROR >> 2) !== 0) {
      this.#isReconnecting = true;
      Atomics.store(this.#words, XENSTORE_DOMAIN_INTERFACE_CONNECTION >> 2, XENSTORE_RECONNECT);
      this.#notify();
      return;
    }
    let moved = false;
    while (this.#receive() || this.#flush()) moved = true;
    if (moved) this.#notify();
  }

  /**
   * xenstored has forgotten all watches, and nobody knows which of the requests without an answer it has carried out. To write the same value twice does
   * no harm. To remove a node twice might: meanwhile there may be another of that name. So whoever wanted that has to look again.
   */
  #askAgain(): void {
    this.#input = Buffer.alloc(0);
    this.#output.length = 0;
    this.#sent = 0;
    for (const [number, { type, bytes, reject }] of [...this.#waiting]) {
      if (type !== XS.RM) {
        this.#output.push(bytes);
        continue;
      }
      this.#waiting.delete(number);
      reject(new XenstoreError("EAGAIN", "xenstored has ended the conversation"));
    }
    const before = [...this.#watched];
    this.#watched.clear();
    for (const token of before) this.#watch(token, this.#listeners.get(token)!.path);
  }

  #request(type: number, payload: Buffer): Promise<Buffer> {
    // xenstored would take it for a breach of the protocol.
    if (payload.length > PAYLOAD_MAX) return Promise.reject(new XenstoreError("E2BIG"));
    const requestId = this.#nextRequest;
    this.#nextRequest = (this.#nextRequest % 0x7fffffff) + 1;
    return new Promise((resolve, reject) => {
      const bytes = encodeMessage({ type, requestId, transactionId: 0, payload });
      this.#waiting.set(requestId, { type, bytes, resolve, reject });
      if (this.#isReconnecting) return;
      this.#output.push(bytes);
      if (this.#flush()) this.#notify();
    });
  }

  /** Returns whether anything was written. */
  #flush(): boolean {
    let moved = false;
    for (let first = this.#output[0]; first; first = this.#output[0]) {
      const consumer = Atomics.load(this.#words, XENSTORE_DOMAIN_INTERFACE_REQ_CONS >> 2) >>> 0;
      const producer = Atomics.load(this.#words, XENSTORE_DOMAIN_INTERFACE_REQ_PROD >> 2) >>> 0;
      const offset = producer % XENSTORE_RING_SIZE;
      const room = XENSTORE_RING_SIZE - ((producer - consumer) >>> 0);
      const length = Math.min(first.length - this.#sent, room, XENSTORE_RING_SIZE - offset);
      if (length <= 0) break;
      this.#bytes.set(first.subarray(this.#sent, this.#sent + length), XENSTORE_DOMAIN_INTERFACE_REQ + offset);
      Atomics.store(this.#words, XENSTORE_DOMAIN_INTERFACE_REQ_PROD >> 2, (producer + length) | 0);
      this.#sent += length;
      moved = true;
      if (this.#sent < first.length) continue;
      this.#output.shift();
      this.#sent = 0;
    }
    return moved;
  }

  /** Returns whether anything was taken. */
  #receive(): boolean {
    const consumer = Atomics.load(this.#words, XENSTORE_DOMAIN_INTERFACE_RSP_CONS >> 2) >>> 0;
    const producer = Atomics.load(this.#words, XENSTORE_DOMAIN_INTERFACE_RSP_PROD >> 2) >>> 0;
    const length = (producer - consumer) >>> 0;
    if (length === 0) return false;
    if (length > XENSTORE_RING_SIZE)
      throw new Error(`xenstored's ring has ${length} bytes, more than there is room for`);
    const part = Buffer.alloc(length);
    for (let i = 0; i < length; i++)
      part[i] = this.#bytes[XENSTORE_DOMAIN_INTERFACE_RSP + ((consumer + i) % XENSTORE_RING_SIZE)]!;
    Atomics.store(this.#words, XENSTORE_DOMAIN_INTERFACE_RSP_CONS >> 2, producer | 0);
    this.#input = Buffer.concat([this.#input, part]);
    for (;;) {
      const whole = this.#input.length >= HEADER_SIZE ? HEADER_SIZE + this.#input.readUInt32LE(12) : Infinity;
      if (this.#input.length < whole) return true;
      this.#take(this.#input.subarray(0, whole));
      this.#input = this.#input.subarray(whole);
    }
  }

  #take(message: Buffer): void {
    const type = message.readUInt32LE(0);
    const payload = Buffer.from(message.subarray(HEADER_SIZE));
    if (type === XS.WATCH_EVENT) {
      const [path, token] = splitStrings(payload);
      // After an answer, so that a listener finds what it has waited for.
      setImmediate(() => this.#listeners.get(token!)?.changed(path!));
      return;
    }
    const id = message.readUInt32LE(4);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (type === XS.ERROR) waiting?.reject(new XenstoreError(splitStrings(payload)[0] as XenstoreErrno));
    else waiting?.resolve(payload);
  }
}
