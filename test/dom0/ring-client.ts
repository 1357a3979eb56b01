/** A guest's end of the xenstore ring, for tests: blocking requests over a page of shared memory. */
import { Connection } from "../../core/dom0/xenstore/connection.ts";
import { RingTransport } from "../../core/dom0/xenstore/ring.ts";
import type { Xenstored } from "../../core/dom0/xenstore/xenstored.ts";

const RING = 1024;

export interface GuestMessage {
  type: number;
  requestId: number;
  transactionId: number;
  payload: Buffer;
}

export class RingClient {
  readonly buffer = new SharedArrayBuffer(4096);
  readonly bytes = new Uint8Array(this.buffer);
  readonly words = new Int32Array(this.buffer);
  readonly ring: RingTransport;
  readonly connection: Connection;
  kicks = 0;
  #input = Buffer.alloc(0);
  #nextRequest = 1;
  #kept: GuestMessage[] = [];

  constructor(xenstored: Xenstored, domid: number) {
    this.ring = new RingTransport(xenstored, this.buffer, 0, () => this.kicks++);
    this.connection = new Connection(domid, (path, token) => this.ring.sendEvent(path, token));
    this.ring.attach(this.connection);
  }

  get reqCons(): number {
    return this.words[2048 >> 2]! >>> 0;
  }
  get reqProd(): number {
    return this.words[2052 >> 2]! >>> 0;
  }
  get error(): number {
    return this.words[2072 >> 2]!;
  }

  /** Puts raw bytes into the request ring as room allows, and notifies xenstored. */
  push(bytes: Uint8Array): void {
    let sent = 0;
    for (let idle = 0; sent < bytes.length && idle < 4; idle++) {
      while (sent < bytes.length && (this.reqProd - this.reqCons) >>> 0 < RING) {
        this.bytes[this.reqProd % RING] = bytes[sent++]!;
        this.words[2052 >> 2] = (this.reqProd + 1) | 0;
        idle = 0;
      }
      this.ring.service();
      this.take();
    }
  }

  /** Takes what xenstored sent. */
  take(): void {
    for (;;) {
      const cons = this.words[2056 >> 2]! >>> 0;
      const prod = this.words[2060 >> 2]! >>> 0;
      const length = (prod - cons) >>> 0;
      // This is more than there can be, so somebody has written an invalid index.
      if (length === 0 || length > RING) return;
      const part = Buffer.alloc(length);
      for (let i = 0; i < length; i++) part[i] = this.bytes[1024 + ((cons + i) % RING)]!;
      this.#input = Buffer.concat([this.#input, part]);
      this.words[2056 >> 2] = prod | 0;
      this.ring.service();
    }
  }

  /** Asks for a new connection. Both ends forget incomplete messages. */
  reconnect(): void {
    this.words[2068 >> 2] = 1;
    this.ring.service();
    this.#input = Buffer.alloc(0);
    this.#kept = [];
  }

  /** Returns the complete messages so far. */
  messages(): GuestMessage[] {
    this.take();
    const found = this.#kept;
    this.#kept = [];
    while (this.#input.length >= 16 && this.#input.length >= 16 + this.#input.readUInt32LE(12)) {
      const length = this.#input.readUInt32LE(12);
      found.push({
        type: this.#input.readUInt32LE(0),
        requestId: this.#input.readUInt32LE(4),
        transactionId: this.#input.readUInt32LE(8),
        payload: Buffer.from(this.#input.subarray(16, 16 + length)),
      });
      this.#input = this.#input.subarray(16 + length);
    }
    return found;
  }

  static encode(type: number, payload: string | Buffer, transaction = 0, requestId = 0): Buffer {
    const body = Buffer.from(payload as string, "latin1");
    const header = Buffer.alloc(16);
    header.writeUInt32LE(type, 0);
    header.writeUInt32LE(requestId, 4);
    header.writeUInt32LE(transaction, 8);
    header.writeUInt32LE(body.length, 12);
    return Buffer.concat([header, body]);
  }

  /** Sends one request. Returns the payload of its reply, or "!ENOENT" and the like for an error. */
  request(type: number, payload: string, transaction = 0): string {
    const id = this.#nextRequest++;
    this.push(RingClient.encode(type, payload, transaction, id));
    const messages = this.messages();
    const reply = messages.find((message) => message.requestId === id && message.type !== 15);
    this.#kept = messages.filter((message) => message !== reply);
    if (!reply) throw new Error("no reply");
    const text = reply.payload.toString("latin1");
    return reply.type === 16 ? `!${text.replace(/\0$/, "")}` : text;
  }
}
