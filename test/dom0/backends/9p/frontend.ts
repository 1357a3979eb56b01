/** A 9pfs frontend played by hand in a domain of the fake hypervisor, with one ring whose pages are not adjacent. */
import type { FakeHost } from "../../xenbus/host.ts";

const PAGE = 4096;
const OUT_CONS = 64;
const OUT_PROD = 68;
const IN_CONS = 0;
const IN_PROD = 4;

export class HandShare {
  readonly #host: FakeHost;
  readonly #domid: number;
  readonly #first: number;
  readonly path: string;
  readonly back: string;
  readonly order: number;
  page = 0;
  pages: number[] = [];
  port = 0;

  /** `first` is the first of the domain's frames and grants that it takes. */
  constructor(host: FakeHost, domid: number, id: string, first: number, order = 3) {
    this.#host = host;
    this.#domid = domid;
    this.#first = first;
    this.order = order;
    this.path = `/local/domain/${domid}/device/9pfs/${id}`;
    this.back = `/local/domain/0/backend/9pfs/${domid}/${id}`;
  }

  get state(): string | null {
    return this.#host.store.read(`${this.back}/state`);
  }
  get problem(): string | null {
    return this.#host.store.read(this.back.replace("/backend/", "/error/backend/") + "/error");
  }
  get size(): number {
    return (PAGE << this.order) / 2;
  }
  word(at: number): number {
    return this.#host.xen.view.getUint32(this.page + at, true);
  }
  set(at: number, value: number): void {
    this.#host.xen.view.setUint32(this.page + at, value >>> 0, true);
  }

  #grant(ref: number, mfn: number): void {
    const entry = this.#host.xen.domains.get(this.#domid)!.grantFrame * PAGE + 8 * ref;
    this.#host.xen.view.setUint32(entry + 4, mfn, true);
    this.#host.xen.view.setUint16(entry, 1, true);
  }

  /** Makes fresh rings and sets the state Initialised. `spoil` may change the page before that. */
  connect(nodes: Record<string, string | number> = {}, spoil: () => void = () => {}): void {
    const frames = [...this.#host.xen.domains.get(this.#domid)!.frames]
      .slice(100 + this.#first, 140 + this.#first)
      .reverse();
    const mfns = frames.slice(0, 1 + (1 << this.order));
    mfns.forEach((mfn, i) => {
      this.#host.xen.bytes(mfn * PAGE, PAGE).fill(0);
      this.#grant(8 + this.#first + i, mfn);
    });
    this.page = mfns[0]! * PAGE;
    this.pages = mfns.slice(1).map((mfn) => mfn * PAGE);
    this.set(128, this.order);
    this.pages.forEach((_, i) => this.set(132 + 4 * i, 9 + this.#first + i));
    // Rings whose indices begin near their end wrap around soon.
    for (const at of [OUT_CONS, OUT_PROD, IN_CONS, IN_PROD]) this.set(at, 2 ** 32 - 100);
    spoil();
    this.port = this.#host.hypercalls.ports.allocUnbound(this.#domid, 0);
    const own = { version: "1", "num-rings": 1, "ring-ref0": 8 + this.#first, "event-channel-0": this.port };
    this.#host.store.writeAll(this.path, { ...own, ...nodes, state: 3 });
  }
  write(state: number): void {
    this.#host.store.write(`${this.path}/state`, state);
  }

  #place(base: number, index: number): number {
    const at = base + ((index >>> 0) & (this.size - 1));
    return this.pages[at >> 12]! + (at & (PAGE - 1));
  }
  get room(): number {
    return this.size - ((this.word(OUT_PROD) - this.word(OUT_CONS)) >>> 0);
  }
  /** Puts bytes and shows them. */
  put(bytes: Uint8Array): void {
    const producer = this.word(OUT_PROD);
    bytes.forEach((byte, i) => this.#host.xen.view.setUint8(this.#place(this.size, producer + i), byte));
    this.set(OUT_PROD, producer + bytes.length);
  }
  notify(): void {
    this.#host.xen.guestNotify(this.#domid, this.port);
  }
  /** Returns the next answer, if there is a complete one. */
  take(): Buffer | null {
    const [consumer, producer] = [this.word(IN_CONS), this.word(IN_PROD)];
    const waiting = (producer - consumer) >>> 0;
    if (waiting < 7) return null;
    const read = (count: number): Buffer =>
      Buffer.from(Array.from({ length: count }, (_, i) => this.#host.xen.view.getUint8(this.#place(0, consumer + i))));
    const length = read(4).readUInt32LE(0);
    if (length > waiting) return null;
    const answer = read(length);
    this.set(IN_CONS, consumer + length);
    return answer;
  }
}
