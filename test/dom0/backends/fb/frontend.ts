/** A framebuffer's and a keyboard's frontend played by hand in a domain of the fake hypervisor. */
import type { FakeHost } from "../../xenbus/host.ts";

export interface HandMode {
  width: number;
  height: number;
  depth: number;
  stride?: number;
  bytes?: number;
}

const PAGE = 4096;

export class HandFramebuffer {
  readonly #host: FakeHost;
  readonly #domid: number;
  readonly #mfns: number[];
  readonly path: string;
  readonly back: string;
  #next: number;
  page = 0;
  port = 0;
  pixels: number[] = [];
  stride = 0;
  depth = 32;

  /** `first` is the first of the domain's frames that it may take. */
  constructor(host: FakeHost, domid: number, first = 100, id = "0") {
    this.#host = host;
    this.#domid = domid;
    // Not in order.
    this.#mfns = [...host.xen.domains.get(domid)!.frames].slice(first).reverse();
    this.#next = 0;
    this.path = `/local/domain/${domid}/device/vfb/${id}`;
    this.back = `/local/domain/0/backend/vfb/${domid}/${id}`;
  }

  #frame(): number {
    const mfn = this.#mfns[this.#next++];
    if (mfn === undefined) throw new Error("the domain has no more frames");
    this.#host.xen.bytes(mfn * PAGE, PAGE).fill(0);
    return mfn;
  }
  get view(): DataView {
    return this.#host.xen.view;
  }
  set(at: number, value: number): void {
    this.view.setUint32(this.page + at, value >>> 0, true);
  }
  get(at: number): number {
    return this.view.getUint32(this.page + at, true);
  }
  get state(): string | null {
    return this.#host.store.read(`${this.back}/state`);
  }
  get problem(): string | null {
    return this.#host.store.read(this.back.replace("/backend/", "/error/backend/") + "/error");
  }

  /** Lays out a framebuffer and its page. */
  make({ width, height, depth, stride = (width * depth) / 8, bytes = stride * height }: HandMode): void {
    this.#next = 0;
    this.stride = stride;
    this.depth = depth;
    this.page = this.#frame() * PAGE;
    this.set(16, width);
    this.set(20, height);
    this.set(24, stride);
    this.set(28, bytes);
    this.view.setUint8(this.page + 32, depth);
    const count = Math.ceil(bytes / PAGE);
    this.pixels = [];
    for (let i = 0, list = 0; i < count; i++) {
      if (i % 512 === 0) {
        const mfn = this.#frame();
        list = mfn * PAGE;
        this.view.setBigUint64(this.page + 40 + (i / 512) * 8, BigInt(mfn), true);
      }
      const mfn = this.#frame();
      this.view.setBigUint64(list + (i % 512) * 8, BigInt(mfn), true);
      this.pixels.push(mfn * PAGE);
    }
  }

  connect(nodes: Record<string, string | number> = {}): void {
    this.port = this.#host.hypercalls.ports.allocUnbound(this.#domid, 0);
    const own = {
      "page-ref": this.page / PAGE,
      "event-channel": this.port,
      protocol: "x86_64-abi",
      "feature-update": 1,
    };
    this.#host.store.writeAll(this.path, { ...own, ...nodes, state: 3 });
  }
  write(state: number): void {
    this.#host.store.write(`${this.path}/state`, state);
  }

  /** Writes bytes, across pages if needed. */
  poke(at: number, ...bytes: number[]): void {
    bytes.forEach((byte, i) => {
      const place = at + i;
      this.view.setUint8(this.pixels[place >> 12]! + (place & 4095), byte);
    });
  }
  /** Depth 32. */
  draw(x: number, y: number, width: number, height: number, colour: number): void {
    for (let row = y; row < y + height; row++)
      for (let column = x; column < x + width; column++) {
        const at = row * this.stride + column * 4;
        this.view.setUint32(this.pixels[at >> 12]! + (at & 4095), colour, true);
      }
  }

  /** Puts an event and shows it. */
  put(...words: number[]): void {
    const producer = this.get(12);
    const at = 2048 + (producer % 51) * 40;
    words.forEach((word, i) => this.set(at + 4 * i, word));
    this.set(12, producer + 1);
  }
  update(x: number, y: number, width: number, height: number): void {
    this.put(2, x, y, width, height);
    this.notify();
  }
  resize(width: number, height: number, stride: number, depth: number, offset: number): void {
    this.put(3, width, height, stride, depth, offset);
    this.notify();
  }
  notify(): void {
    this.#host.xen.guestNotify(this.#domid, this.port);
  }
}
