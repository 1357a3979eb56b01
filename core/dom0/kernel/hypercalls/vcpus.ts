/** Domctls on single vCPUs. */
import { VCPU_GUEST_CONTEXT_SIZE } from "../../../abi/arch_x86.ts";
import * as domctl from "../../../abi/domctl.ts";
import { XENCTL_BITMAP_BITMAP, XENCTL_BITMAP_NR_BITS } from "../../../abi/xen.ts";
import type { NativeCalls } from "./calls.ts";

/** Bitmaps of pCPUs, of which there are at most 32. */
export interface Affinity {
  hard: number;
  soft: number;
}
const PCPUS = 32;
/** The hard and the soft bitmap lie one after the other in the buffer. */
const SOFT_BITMAP = 8;

export interface VcpuInfoRecord {
  online: boolean;
  blocked: boolean;
  running: boolean;
  cpuTime: number;
  cpu: number;
}

export class VcpuCalls {
  readonly #calls: NativeCalls;

  constructor(calls: NativeCalls) {
    this.#calls = calls;
  }

  info(domid: number, vcpu: number): VcpuInfoRecord {
    const { memory } = this.#calls;
    const u = this.#calls.domctl("getvcpuinfo", domctl.XEN_DOMCTL_getvcpuinfo, domid, (at) =>
      memory.set32(at + domctl.DOMCTL_GETVCPUINFO_VCPU, vcpu),
    );
    return {
      online: memory.get8(u + domctl.DOMCTL_GETVCPUINFO_ONLINE) !== 0,
      blocked: memory.get8(u + domctl.DOMCTL_GETVCPUINFO_BLOCKED) !== 0,
      running: memory.get8(u + domctl.DOMCTL_GETVCPUINFO_RUNNING) !== 0,
      cpuTime: Number(memory.get64(u + domctl.DOMCTL_GETVCPUINFO_CPU_TIME)),
      cpu: memory.get32(u + domctl.DOMCTL_GETVCPUINFO_CPU),
    };
  }

  /** `context`: a struct vcpu_guest_context. */
  setContext(domid: number, vcpu: number, context: Uint8Array): void {
    this.#calls.domctl("setvcpucontext", domctl.XEN_DOMCTL_setvcpucontext, domid, (u) => {
      this.#calls.memory.bytes(this.#calls.buffer, context.length).set(context);
      this.#context(u, vcpu);
    });
  }

  getContext(domid: number, vcpu: number): Uint8Array {
    this.#calls.domctl("getvcpucontext", domctl.XEN_DOMCTL_getvcpucontext, domid, (u) => this.#context(u, vcpu));
    return this.#calls.memory.bytes(this.#calls.buffer, VCPU_GUEST_CONTEXT_SIZE).slice();
  }

  #context(u: number, vcpu: number): void {
    this.#calls.memory.set32(u + domctl.DOMCTL_VCPUCONTEXT_VCPU, vcpu);
    this.#calls.memory.set64(u + domctl.DOMCTL_VCPUCONTEXT_CTXT, this.#calls.buffer);
  }

  /** `context`: a struct xen_domctl_ext_vcpucontext. The number of the vCPU is put into it here. */
  setExtContext(domid: number, vcpu: number, context: Uint8Array): void {
    const { memory } = this.#calls;
    this.#calls.domctl("set_ext_vcpucontext", domctl.XEN_DOMCTL_set_ext_vcpucontext, domid, (u) => {
      memory.bytes(u, context.length).set(context);
      memory.set32(u + domctl.DOMCTL_EXT_VCPUCONTEXT_VCPU, vcpu);
    });
  }

  getExtContext(domid: number, vcpu: number): Uint8Array {
    const { memory } = this.#calls;
    const u = this.#calls.domctl("get_ext_vcpucontext", domctl.XEN_DOMCTL_get_ext_vcpucontext, domid, (at) =>
      memory.set32(at + domctl.DOMCTL_EXT_VCPUCONTEXT_VCPU, vcpu),
    );
    return memory.bytes(u, domctl.DOMCTL_EXT_VCPUCONTEXT_SIZE).slice();
  }

  /**
   * XCR0 and the state of x87, SSE and AVX, as XEN_DOMCTL_getvcpuextstate gives them: two words, and an area of XSAVE. The area is missing if the domain has
   * no XSAVE.
   */
  getExtState(domid: number, vcpu: number): Uint8Array {
    const { memory, buffer } = this.#calls;
    const ask = (size: bigint, mask: bigint): number =>
      this.#calls.domctl("getvcpuextstate", domctl.XEN_DOMCTL_getvcpuextstate, domid, (u) => {
        memory.set32(u + domctl.DOMCTL_VCPUEXTSTATE_VCPU, vcpu);
        memory.set64(u + domctl.DOMCTL_VCPUEXTSTATE_XFEATURE_MASK, mask);
        memory.set64(u + domctl.DOMCTL_VCPUEXTSTATE_SIZE_MEMBER, size);
        memory.set64(u + domctl.DOMCTL_VCPUEXTSTATE_BUFFER, size ? buffer : 0);
      });
    const room = ask(0n, 0n);
    const size = memory.get64(room + domctl.DOMCTL_VCPUEXTSTATE_SIZE_MEMBER);
    ask(size, memory.get64(room + domctl.DOMCTL_VCPUEXTSTATE_XFEATURE_MASK));
    return memory.bytes(buffer, Number(size)).slice();
  }

  setExtState(domid: number, vcpu: number, state: Uint8Array): void {
    const { memory, buffer } = this.#calls;
    this.#calls.domctl("setvcpuextstate", domctl.XEN_DOMCTL_setvcpuextstate, domid, (u) => {
      memory.bytes(buffer, state.length).set(state);
      memory.set32(u + domctl.DOMCTL_VCPUEXTSTATE_VCPU, vcpu);
      memory.set64(u + domctl.DOMCTL_VCPUEXTSTATE_SIZE_MEMBER, state.length);
      memory.set64(u + domctl.DOMCTL_VCPUEXTSTATE_BUFFER, buffer);
    });
  }

  /** What is left out stays as it is. With `force` this also works if the guest's kernel has pinned the vCPU for a while. */
  setAffinity(domid: number, vcpu: number, { hard, soft }: Partial<Affinity>, force = false): void {
    const flags =
      (hard === undefined ? 0 : domctl.XEN_VCPUAFFINITY_HARD) |
      (soft === undefined ? 0 : domctl.XEN_VCPUAFFINITY_SOFT) |
      (force ? domctl.XEN_VCPUAFFINITY_FORCE : 0);
    this.#calls.domctl("setvcpuaffinity", domctl.XEN_DOMCTL_setvcpuaffinity, domid, (u) =>
      this.#affinity(u, vcpu, flags, { hard: hard ?? 0, soft: soft ?? 0 }),
    );
  }

  getAffinity(domid: number, vcpu: number): Affinity {
    const both = domctl.XEN_VCPUAFFINITY_HARD | domctl.XEN_VCPUAFFINITY_SOFT;
    this.#calls.domctl("getvcpuaffinity", domctl.XEN_DOMCTL_getvcpuaffinity, domid, (u) =>
      this.#affinity(u, vcpu, both, { hard: 0, soft: 0 }),
    );
    const { memory, buffer } = this.#calls;
    return { hard: memory.get32(buffer), soft: memory.get32(buffer + SOFT_BITMAP) };
  }

  #affinity(u: number, vcpu: number, flags: number, { hard, soft }: Affinity): void {
    const { memory, buffer } = this.#calls;
    memory.set64(buffer, BigInt(hard >>> 0));
    memory.set64(buffer + SOFT_BITMAP, BigInt(soft >>> 0));
    memory.set32(u + domctl.DOMCTL_VCPUAFFINITY_VCPU, vcpu);
    memory.set32(u + domctl.DOMCTL_VCPUAFFINITY_FLAGS, flags);
    this.#bitmap(u + domctl.DOMCTL_VCPUAFFINITY_CPUMAP_HARD, buffer);
    this.#bitmap(u + domctl.DOMCTL_VCPUAFFINITY_CPUMAP_SOFT, buffer + SOFT_BITMAP);
  }

  /** Writes a struct xenctl_bitmap at `at`, for the bits at `bits`. */
  #bitmap(at: number, bits: number): void {
    this.#calls.memory.set64(at + XENCTL_BITMAP_BITMAP, bits);
    this.#calls.memory.set32(at + XENCTL_BITMAP_NR_BITS, PCPUS);
  }

  sendNmi(domid: number, vcpu: number): void {
    this.#calls.domctl("sendtrigger", domctl.XEN_DOMCTL_sendtrigger, domid, (u) => {
      this.#calls.memory.set32(u + domctl.DOMCTL_SENDTRIGGER_TRIGGER, domctl.XEN_DOMCTL_SENDTRIGGER_NMI);
      this.#calls.memory.set32(u + domctl.DOMCTL_SENDTRIGGER_VCPU, vcpu);
    });
  }
}
