/**
 * As much of a hypervisor as dom0's calls need, in plain memory. It checks what it is given and records what it is told. It runs no guest; tests play
 * the guest by hand. The real hypervisor is tested with real guests.
 */
import type { NativeExports } from "../../core/dom0/kernel/hypercalls.ts";

interface FakeDomain {
  flags: number;
  frames: Set<number>;
  maxPages: number;
  maxVcpus: number;
  handle: Buffer;
  sharedInfo: number;
  grantFrame: number;
  contexts: Map<number, Buffer>;
  pinned: number[];
  hypercallPages: number[];
  ports: Map<number, { remote: number; remotePort: number } | null>;
  weight: number;
  cap: number;
  tscMode: number;
}

const DOM0_FIRST = 256;
const DOM0_COUNT = 512;
const E = { ENOMEM: -12n, EINVAL: -22n, ESRCH: -3n, ENOSYS: -38n, EPERM: -1n };

export class FakeHypervisor implements NativeExports {
  readonly memory: WebAssembly.Memory;
  readonly view: DataView;
  readonly domains = new Map<number, FakeDomain>();
  readonly mapped = new Map<number, number>();
  readonly grantMaps = new Map<number, { domid: number; mfn: number }>();
  readonly console: string[] = [];
  readonly eventWord = 0x1000;
  readonly dom0SharedInfo = DOM0_FIRST * 4096 + 4096;
  virqPort = 0;
  #nextMfn = 1024;
  readonly #totalFrames: number;
  #free: number[] = [];
  #nextHandle = 1;

  constructor(megabytes: number) {
    this.memory = new WebAssembly.Memory({ initial: megabytes * 16, maximum: megabytes * 16, shared: true });
    this.view = new DataView(this.memory.buffer);
    this.#totalFrames = megabytes * 256;
    this.domains.set(0, this.#fresh(Buffer.alloc(16), 1));
    this.view.setBigUint64(DOM0_FIRST * 4096 + 40, BigInt(this.dom0SharedInfo), true);
  }

  #fresh(handle: Buffer, maxVcpus: number): FakeDomain {
    return {
      flags: 0,
      frames: new Set(),
      maxPages: 0,
      maxVcpus,
      handle,
      sharedInfo: this.#takeFrame()!,
      grantFrame: 0,
      contexts: new Map(),
      pinned: [],
      hypercallPages: [],
      ports: new Map(),
      weight: 256,
      cap: 0,
      tscMode: 0,
    };
  }

  #takeFrame(): number | null {
    const reused = this.#free.pop();
    if (reused !== undefined) return reused;
    return this.#nextMfn < this.#totalFrames ? this.#nextMfn++ : null;
  }

  get freeFrames(): number {
    return this.#totalFrames - this.#nextMfn + this.#free.length;
  }

  bytes(address: number, length: number): Buffer {
    return Buffer.from(this.memory.buffer as unknown as ArrayBuffer, address, length);
  }

  /** The domain raises an event on its own port. */
  guestNotify(domid: number, port: number): void {
    const channel = this.domains.get(domid)!.ports.get(port);
    if (channel) this.raise(channel.remotePort);
  }

  /** Makes dom0's port pending. */
  raise(port: number): void {
    const pending = this.dom0SharedInfo + 2048 + (port >> 6) * 8;
    this.view.setBigUint64(pending, this.view.getBigUint64(pending, true) | (1n << BigInt(port & 63)), true);
    const selector = this.dom0SharedInfo + 8;
    this.view.setBigUint64(selector, this.view.getBigUint64(selector, true) | (1n << BigInt(port >> 6)), true);
    this.view.setUint8(this.dom0SharedInfo, 1);
    const words = new Int32Array(this.memory.buffer);
    Atomics.add(words, this.eventWord >> 2, 1);
    Atomics.notify(words, this.eventWord >> 2);
  }

  /** The domain ends by itself (SHUTDOWN_*), as by sched_op. */
  stop(domid: number, reason: number): void {
    this.domains.get(domid)!.flags |= 4 | (reason << 16);
    this.raise(this.virqPort);
  }

  native_attach = (): number => 0;
  native_event_word = (): number => this.eventWord;

  native_hypercall(nr: number, a0: bigint, a1: bigint, a2: bigint, a3: bigint): bigint {
    const n0 = Number(a0);
    const n1 = Number(a1);
    switch (nr) {
      case 55:
        return this.#native(n0, n1, Number(a2));
      case 36:
        return this.#domctl(n0);
      case 35:
        return this.#sysctl(n0);
      case 12:
        return (n0 & 63) === 13 ? 0n : this.#populate(n0, n1);
      case 32:
        return this.#evtchn(n0, n1);
      case 20:
        for (let i = 0; i < Number(a2); i++) this.#grant(n0, n1 + i * (n0 === 0 ? 32 : 24));
        return 0n;
      case 26: {
        const domain = this.domains.get(Number(a3));
        const mfn = Number(this.view.getBigUint64(n0 + 8, true));
        if (!domain || this.view.getUint32(n0, true) !== 3 || !domain.frames.has(mfn) || this.mapped.get(mfn))
          return E.EINVAL;
        domain.pinned.push(mfn);
        return 0n;
      }
      case 18:
        this.console.push(this.bytes(Number(a2), n1).toString());
        return 0n;
      case 17:
        return n0 === 0 ? 0x40011n : 0n;
    }
    return E.ENOSYS;
  }

  #native(op: number, x: number, y: number): bigint {
    if (op === 5) return 0n;
    if (op === 2) return BigInt([DOM0_FIRST, DOM0_COUNT, DOM0_FIRST * 4096][x]!);
    const domain = this.domains.get(x);
    // A frame that must not become writable is one of its page tables. Only the root's number is known here.
    if (op === 10 && domain?.pinned.includes(y)) return E.EINVAL;
    if (op >= 10) op -= 10;
    if (!domain || (!domain.frames.has(y) && domain.grantFrame !== y && domain.sharedInfo !== y)) return E.EINVAL;
    const held = (this.mapped.get(y) ?? 0) + (op === 0 ? 1 : -1);
    if (held < 0) return E.EINVAL;
    this.mapped.set(y, held);
    return op === 0 ? BigInt(y) : 0n;
  }

  #domctl(at: number): bigint {
    const { view } = this;
    if (view.getUint32(at + 4, true) !== 0x15) return E.EINVAL;
    const cmd = view.getUint32(at, true);
    const domid = view.getUint16(at + 8, true);
    const u = at + 16;
    if (cmd === 1) {
      let fresh = 1;
      while (this.domains.has(fresh)) fresh++;
      this.domains.set(fresh, this.#fresh(Buffer.from(this.bytes(u + 4, 16)), view.getUint32(u + 28, true)));
      this.domains.get(fresh)!.flags = 8;
      view.setUint16(at + 8, fresh, true);
      return 0n;
    }
    const domain = this.domains.get(domid);
    if (!domain) return E.ESRCH;
    switch (cmd) {
      case 2:
        for (const mfn of domain.frames) {
          this.bytes(mfn * 4096, 4096).fill(0);
          this.#free.push(mfn);
        }
        this.domains.delete(domid);
        return 0n;
      case 3:
        domain.flags |= 8;
        return 0n;
      case 4:
        if (!(domain.flags & 8)) return E.EINVAL;
        domain.flags &= ~8;
        return 0n;
      case 5:
        this.#info(u, domid, domain);
        return 0n;
      case 9:
      case 25:
        return 0n;
      case 11:
        domain.maxPages = Number(view.getBigUint64(u, true)) / 4;
        return 0n;
      case 12:
        domain.contexts.set(
          view.getUint32(u, true),
          Buffer.from(this.bytes(Number(view.getBigUint64(u + 8, true)), 5168)),
        );
        return 0n;
      case 14:
        view.setUint8(u + 4, 1);
        return 0n;
      case 15:
        return view.getUint32(u, true) === domain.maxVcpus ? 0n : E.EINVAL;
      case 16:
        if (view.getUint32(u + 4, true) === 0) {
          domain.weight = view.getUint16(u + 8, true);
          domain.cap = view.getUint16(u + 10, true);
        }
        view.setUint16(u + 8, domain.weight, true);
        view.setUint16(u + 10, domain.cap, true);
        return 0n;
      case 17:
        domain.handle = Buffer.from(this.bytes(u, 16));
        return 0n;
      case 22:
        domain.hypercallPages.push(Number(view.getBigUint64(u, true)));
        return 0n;
      case 60:
        domain.tscMode = view.getUint32(u, true);
        return 0n;
    }
    return E.ENOSYS;
  }

  #info(at: number, domid: number, domain: FakeDomain): void {
    const { view } = this;
    view.setUint16(at, domid, true);
    view.setUint32(at + 4, domain.flags, true);
    view.setBigUint64(at + 8, BigInt(domain.frames.size), true);
    view.setBigUint64(at + 16, BigInt(domain.maxPages), true);
    view.setBigUint64(at + 48, BigInt(domain.sharedInfo), true);
    view.setUint32(at + 64, 1, true);
    view.setUint32(at + 68, domain.maxVcpus - 1, true);
    domain.handle.copy(this.bytes(at + 76, 16));
  }

  #sysctl(at: number): bigint {
    const { view } = this;
    const u = at + 8;
    switch (view.getUint32(at, true)) {
      case 3:
        view.setUint32(u + 8, 2, true);
        view.setBigUint64(u + 40, BigInt(this.#totalFrames), true);
        view.setBigUint64(u + 48, BigInt(this.freeFrames), true);
        return 0n;
      case 6: {
        const buffer = Number(view.getBigUint64(u + 8, true));
        const list = [...this.domains].filter(([domid]) => domid >= view.getUint16(u, true)).sort(([a], [b]) => a - b);
        list.forEach(([domid, domain], i) => this.#info(buffer + 112 * i, domid, domain));
        view.setUint32(u + 16, list.length, true);
        return 0n;
      }
      case 8:
        view.setUint32(u + 16, 2, true);
        return 0n;
    }
    return E.ENOSYS;
  }

  #populate(op: number, at: number): bigint {
    const { view } = this;
    const domain = this.domains.get(view.getUint16(at + 24, true));
    if ((op & 63) !== 6 || !domain) return E.EINVAL;
    const extents = Number(view.getBigUint64(at, true));
    const count = Number(view.getBigUint64(at + 8, true));
    for (let i = 0; i < count; i++) {
      const mfn = domain.frames.size < domain.maxPages ? this.#takeFrame() : null;
      if (mfn === null) return BigInt(i);
      domain.frames.add(mfn);
      view.setBigUint64(extents + 8 * i, BigInt(mfn), true);
    }
    return BigInt(count);
  }

  #port(domid: number): number {
    let port = 1;
    while (this.domains.get(domid)!.ports.has(port)) port++;
    return port;
  }

  #evtchn(op: number, at: number): bigint {
    const { view } = this;
    if (op === 6) {
      const domid = view.getUint16(at, true);
      const port = this.#port(domid);
      this.domains.get(domid)!.ports.set(port, null);
      view.setUint32(at + 4, port, true);
    } else if (op === 0) {
      const remote = view.getUint16(at, true);
      const remotePort = view.getUint32(at + 4, true);
      if (this.domains.get(remote)?.ports.get(remotePort) !== null) return E.EINVAL;
      const port = this.#port(0);
      this.domains.get(0)!.ports.set(port, { remote, remotePort });
      this.domains.get(remote)!.ports.set(remotePort, { remote: 0, remotePort: port });
      view.setUint32(at + 8, port, true);
      // Xen makes the port pending at once, because the other end may have sent its event before.
      this.raise(port);
    } else if (op === 1) {
      this.virqPort = this.#port(0);
      this.domains.get(0)!.ports.set(this.virqPort, null);
      view.setUint32(at + 8, this.virqPort, true);
    } else if (op === 3) {
      const channel = this.domains.get(0)!.ports.get(view.getUint32(at, true));
      if (channel === undefined) return E.EINVAL;
      this.domains.get(0)!.ports.delete(view.getUint32(at, true));
      if (channel) this.domains.get(channel.remote)?.ports.set(channel.remotePort, null);
    }
    if (op === 5) {
      const channel = this.domains.get(view.getUint16(at, true))?.ports.get(view.getUint32(at + 4, true));
      if (channel === undefined && view.getUint32(at + 4, true) > 16) return E.EINVAL;
      view.setUint32(at + 8, channel === undefined ? 0 : channel ? 2 : 1, true);
      view.setUint16(at + 16, channel?.remote ?? 0, true);
      view.setUint32(at + 20, channel?.remotePort ?? 0, true);
    }
    return 0n;
  }

  /** One structure of the operation. */
  #grant(op: number, at: number): void {
    const { view } = this;
    if (op === 2) {
      const domain = this.domains.get(view.getUint16(at, true))!;
      domain.grantFrame ||= this.#takeFrame()!;
      view.setBigUint64(Number(view.getBigUint64(at + 16, true)), BigInt(domain.grantFrame), true);
    } else if (op === 0) {
      const domid = view.getUint16(at + 16, true);
      const domain = this.domains.get(domid);
      const entry = (domain?.grantFrame ?? 0) * 4096 + 8 * Math.min(511, view.getUint32(at + 12, true));
      const mfn = view.getUint32(entry + 4, true);
      if (
        !domain?.grantFrame ||
        view.getUint32(at + 12, true) > 511 ||
        !(view.getUint16(entry, true) & 1) ||
        !domain.frames.has(mfn)
      ) {
        view.setInt16(at + 18, -3, true);
        return;
      }
      const handle = this.#nextHandle++;
      this.grantMaps.set(handle, { domid, mfn });
      view.setUint32(at + 20, handle, true);
      view.setBigUint64(at + 24, BigInt(mfn) * 4096n, true);
    } else if (op === 6) {
      view.setUint32(at + 4, 1, true);
      view.setUint32(at + 8, 32, true);
    } else if (op === 10) {
      view.setUint32(at + 4, 1, true);
    } else if (op === 1) {
      const handle = view.getUint32(at + 16, true);
      if (!this.grantMaps.delete(handle)) view.setInt16(at + 20, -4, true);
    }
  }
}
