/** A frontend played by hand in a domain of the fake hypervisor. It grants pages, has a port, writes xenstore and puts requests. */
import type { Hypercalls } from "../../../core/dom0/kernel/hypercalls.ts";
import type { LocalXenstore } from "../../../core/dom0/xenstore/local.ts";
import type { FakeHypervisor } from "../fake-hypervisor.ts";

const FIRST_REF = 8;

export class HandFrontend {
  readonly pages: number[];
  readonly refs: number[];
  readonly path: string;
  readonly #xen: FakeHypervisor;
  readonly #store: LocalXenstore;
  readonly #domid: number;
  readonly #hypercalls: Hypercalls;
  readonly #slotBytes: number;
  port = 0;
  #producer = 0;

  /** `first` says which of the domain's frames and grants it takes. */
  constructor(
    xen: FakeHypervisor,
    hypercalls: Hypercalls,
    store: LocalXenstore,
    domid: number,
    device: string,
    { pages = 1, first = 0, slotBytes = 8 } = {},
  ) {
    this.#xen = xen;
    this.#store = store;
    this.#domid = domid;
    this.#hypercalls = hypercalls;
    this.#slotBytes = slotBytes;
    this.path = `/local/domain/${domid}/device/${device}`;
    const { frames, grantFrame } = xen.domains.get(domid)!;
    // Neither adjacent nor in order.
    const own = [...frames].slice(100 + 16 * first);
    const mfns = Array.from({ length: pages }, (_, i) => own[2 * (pages - i)]!);
    this.refs = mfns.map((_, i) => FIRST_REF + 4 * first + i);
    mfns.forEach((mfn, i) => {
      const entry = grantFrame * 4096 + 8 * this.refs[i]!;
      xen.view.setUint32(entry + 4, mfn, true);
      xen.view.setUint16(entry, 1, true);
    });
    this.pages = mfns.map((mfn) => mfn * 4096);
  }

  /** Grants a page of data under this reference. Returns its machine address. */
  grant(ref: number): number {
    const { frames, grantFrame } = this.#xen.domains.get(this.#domid)!;
    const mfn = [...frames][ref + 400]!;
    this.#xen.view.setUint32(grantFrame * 4096 + 8 * ref + 4, mfn, true);
    this.#xen.view.setUint16(grantFrame * 4096 + 8 * ref, 1, true);
    return mfn * 4096;
  }

  /** Makes a fresh ring. */
  clear(): void {
    for (const page of this.pages) this.#xen.bytes(page, 4096).fill(0);
    this.#producer = 0;
    this.#set(4, 1);
    this.#set(12, 1);
  }

  /** Makes a fresh ring and a fresh port, and sets the state Initialised. */
  connect(nodes: Record<string, string | number>): void {
    this.clear();
    this.port = this.#hypercalls.ports.allocUnbound(this.#domid, 0);
    this.#store.writeAll(this.path, { "event-channel": this.port, ...nodes, state: 3 });
  }

  state(state: number): void {
    this.#store.write(`${this.path}/state`, state);
  }

  put(...words: number[]): void {
    const size = 2 ** Math.floor(Math.log2((this.pages.length * 4096 - 64) / this.#slotBytes));
    const at = 64 + (this.#producer % size) * this.#slotBytes;
    words.forEach((word, i) => this.#set(at + 4 * i, word));
    this.#producer++;
  }
  /** Publishes what was put, or that many, and notifies the backend. */
  push(producer = this.#producer): void {
    this.#set(0, producer);
    this.#xen.guestNotify(this.#domid, this.port);
  }
  get responses(): number {
    return this.word(8);
  }
  slot(index: number): number[] {
    const at = 64 + index * this.#slotBytes;
    return Array.from({ length: this.#slotBytes / 4 }, (_, i) => this.word(at + 4 * i));
  }
  word(at: number): number {
    return this.#xen.view.getUint32(this.#address(at), true);
  }
  #set(at: number, value: number): void {
    this.#xen.view.setUint32(this.#address(at), value >>> 0, true);
  }
  #address(at: number): number {
    return this.pages[at >> 12]! + (at & 4095);
  }
}
