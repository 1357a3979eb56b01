/** A network frontend played by hand in a domain of the fake host. It can put anything into its rings and sees what arrives. */
import * as netif from "../../../../core/dom0/backends/net/protocol.ts";
import { macBytes } from "../../../../core/dom0/network/packet/address.ts";
import { foldSum, put16 } from "../../../../core/dom0/network/packet/bytes.ts";
import { pseudoHeaderSum, writeHeaders } from "../../../../core/dom0/network/packet/internet.ts";
import { HandFrontend } from "../../xenbus/frontend.ts";
import type { FakeHost } from "../../xenbus/host.ts";

export const SLOTS = 256;
export const REF = 64;
export const PAGES = 20;
const PATIENCE = 20_000;

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
export const mac = (id: number) => macBytes(`00:16:3e:00:00:0${id}`)!;

export class Vif {
  readonly tx: HandFrontend;
  readonly rx: HandFrontend;
  readonly data: number[];
  readonly #back: string;
  readonly #id: number;
  readonly #host: FakeHost;
  sent = 0;
  #posted = 0;
  #read = 0;

  constructor(host: FakeHost, domid: number, id: number) {
    this.#host = host;
    const make = (first: number, slotBytes: number) =>
      new HandFrontend(host.xen, host.hypercalls, host.store, domid, `vif/${id}`, { first, slotBytes });
    this.#id = id;
    this.tx = make(2 * id, netif.TX_SLOT_BYTES);
    this.rx = make(2 * id + 1, netif.RX_SLOT_BYTES);
    this.data = Array.from({ length: PAGES }, (_, i) => this.tx.grant(REF + id * PAGES + i));
    this.#back = `/local/domain/0/backend/vif/${domid}/${id}`;
  }
  ref(page: number): number {
    return REF + this.#id * PAGES + page;
  }
  get state(): string | null {
    return this.#host.store.read(`${this.#back}/state`);
  }
  async until(condition: () => boolean, what: string): Promise<void> {
    for (const last = Date.now() + PATIENCE; !condition();) {
      if (Date.now() > last) throw new Error(what);
      await turn();
    }
  }
  /** `receives` is the number of pages posted for reception, taken from the second half of its pages. */
  async connect(features: Record<string, number> = {}): Promise<void> {
    if (this.state !== "2") {
      this.tx.state(6);
      await this.until(() => this.state === "6", `state is ${this.state}, not 6`);
      this.tx.state(1);
      await this.until(() => this.state === "2", `state is ${this.state}, not 2`);
    }
    this.sent = this.#posted = this.#read = 0;
    this.rx.clear();
    const refs = { "tx-ring-ref": this.tx.refs[0]!, "rx-ring-ref": this.rx.refs[0]! };
    this.tx.connect({ ...refs, "request-rx-copy": 1, "feature-sg": 1, ...features });
    this.rx.port = this.tx.port;
    await this.until(() => this.state === "4", `state is ${this.state}, not 4`);
  }
  post(count: number): void {
    for (let i = 0; i < count; i++, this.#posted++)
      this.rx.put(this.#posted & 0xffff, this.ref(10 + (this.#posted % 10)));
    this.rx.push();
  }
  put(words: number[]): void {
    this.tx.put(...words);
    this.sent++;
  }
  /** The number of pages that are posted and not filled yet. */
  get outstanding(): number {
    return this.#posted - this.rx.responses;
  }
  get hasReceived(): boolean {
    return this.rx.responses > this.#read;
  }
  /** Sends one packet in as many slots as it has pieces. */
  send(bytes: Uint8Array, pieces: number, flags = 0, extra: number[] | null = null): void {
    const size = Math.ceil(bytes.length / pieces);
    for (let i = 0; i < pieces; i++) {
      const part = bytes.subarray(i * size, (i + 1) * size);
      const offset = 4096 - size;
      this.#host.xen.bytes(this.data[i]! + offset, part.length).set(part);
      const more = i < pieces - 1 ? netif.TXF_MORE_DATA : 0;
      const all = i === 0 ? flags | more | (extra ? netif.TXF_EXTRA_INFO : 0) : more;
      this.put([this.ref(i), offset | (all << 16), i | ((i === 0 ? bytes.length : part.length) << 16)]);
      if (i === 0 && extra) this.put(extra);
    }
    this.tx.push();
  }
  /** Waits until all is answered, or the backend has ended the connection. */
  async answered(): Promise<boolean> {
    await this.until(
      () => this.state !== "4" || this.tx.responses === this.sent,
      `${this.tx.responses} answers to ${this.sent} slots`,
    );
    return this.state === "4";
  }
  status(back: number): number {
    return (this.tx.slot((this.sent - back) % SLOTS)[0]! << 0) >> 16;
  }
  /** Returns the next packet received, with its flags and the segment size given with it. */
  async receive(): Promise<{ bytes: Uint8Array; flags: number; segmentSize: number }> {
    const parts: Uint8Array[] = [];
    let [flags, segmentSize, more] = [0, 0, true];
    while (more) {
      await this.until(() => this.rx.responses > this.#read, "nothing was received");
      const [id, rest] = this.rx.slot(this.#read++ % SLOTS) as [number, number];
      const [each, status] = [rest & 0xffff, (rest << 0) >> 16];
      if (!parts.length) flags = each;
      const page = this.data[10 + ((id & 0xffff) % 10)]!;
      parts.push(Uint8Array.from(this.#host.xen.bytes(page, status)));
      if (parts.length === 1 && each & netif.RXF_EXTRA_INFO) {
        await this.until(() => this.rx.responses > this.#read, "the extra information is missing");
        segmentSize = this.rx.slot(this.#read++ % SLOTS)[0]! >>> 16;
      }
      more = (each & netif.RXF_MORE_DATA) !== 0;
    }
    return { bytes: Buffer.concat(parts), flags, segmentSize };
  }
}

/** Makes a TCP segment whose checksum field holds the sum of the pseudo header. */
export function tcp(from: number, to: number, payload: number): Uint8Array {
  const bytes = new Uint8Array(54 + payload);
  for (let i = 54; i < bytes.length; i++) bytes[i] = i * 7;
  const [source, destination] = [Uint8Array.of(10, 9, 9, from), Uint8Array.of(10, 9, 9, to)];
  writeHeaders(bytes, { sourceMac: mac(from), destinationMac: mac(to), source, destination, protocol: 6 });
  bytes.set([1, 1, 2, 2, 0, 0, 0, 100, 0, 0, 0, 0, 0x50, 0x19, 1, 0], 34);
  put16(bytes, 50, foldSum(pseudoHeaderSum(source, destination, 6, bytes.length - 34)));
  return bytes;
}
