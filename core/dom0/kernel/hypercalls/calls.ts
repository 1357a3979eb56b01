/**
 * How a native domain makes hypercalls: it builds the C structures of Xen's public headers in scratch frames that the domain owns, and passes them to
 * `native_hypercall`. There is one call at a time, because the thread is the vCPU, so one scratch area is enough for all.
 */
import {
  DOMCTL_CMD,
  DOMCTL_DOMAIN,
  DOMCTL_INTERFACE_VERSION,
  DOMCTL_U,
  XEN_DOMCTL_INTERFACE_VERSION,
} from "../../../abi/domctl.ts";
import { SYSCTL_CMD, SYSCTL_INTERFACE_VERSION, SYSCTL_U, XEN_SYSCTL_INTERFACE_VERSION } from "../../../abi/sysctl.ts";
import { HYPERVISOR_domctl, HYPERVISOR_sysctl } from "../../../abi/xen.ts";
import { HypercallError } from "../errno.ts";
import { PAGE_SHIFT, PAGE_SIZE, type PhysicalMemory } from "../memory.ts";

/** The exports of core.wasm that a native domain uses (core/README.md). */
export interface NativeExports {
  native_attach(domid: number, vcpu: number): number;
  native_hypercall(nr: number, a0: bigint, a1: bigint, a2: bigint, a3: bigint, a4: bigint): bigint;
  native_event_word(): number;
}

export const SCRATCH_FRAMES = 32;
const SCRATCH_BYTES = SCRATCH_FRAMES << PAGE_SHIFT;
/** The offset in the scratch area of the buffer to which the structure at its beginning points, and the size of that buffer in bytes. */
export const BUFFER = PAGE_SIZE;
export const BUFFER_BYTES = SCRATCH_BYTES - BUFFER;

/** Fills in the structure of a hypercall at machine address `struct`. `u` is the address of the part that belongs to the operation. */
export type Fill = (u: number, struct: number) => void;
const nothing: Fill = () => {};

export class NativeCalls {
  readonly memory: PhysicalMemory;
  readonly #exports: NativeExports;
  readonly #scratch: number;

  /** `scratch`: the machine address of SCRATCH_FRAMES frames that the domain owns and uses for nothing else. */
  constructor(exports: NativeExports, memory: PhysicalMemory, scratch: number) {
    this.#exports = exports;
    this.memory = memory;
    this.#scratch = scratch;
  }

  /** Makes a hypercall as the guest ABI defines it. Throws HypercallError for a negative result. */
  call(operation: string, nr: number, ...args: (number | bigint)[]): number {
    const a = [0n, 0n, 0n, 0n, 0n];
    args.forEach((value, i) => (a[i] = BigInt(value)));
    const result = Number(this.#exports.native_hypercall(nr, a[0]!, a[1]!, a[2]!, a[3]!, a[4]!));
    if (result < 0) throw new HypercallError(operation, -result);
    return result;
  }

  /** Returns the address of a structure of `size` zero bytes in the scratch area. It is valid until the next hypercall is prepared. */
  scratch(size: number): number {
    if (size > SCRATCH_BYTES)
      throw new RangeError(`a hypercall argument of ${size} bytes is larger than the scratch area`);
    this.memory.zero(this.#scratch, size);
    return this.#scratch;
  }

  /** The address of the buffer of the last domctl or sysctl. */
  get buffer(): number {
    return this.#scratch + BUFFER;
  }

  /** Makes a domctl. Returns the address of its operation's structure, as the hypervisor has left it. */
  domctl(name: string, cmd: number, domid: number, fill = nothing): number {
    const struct = this.scratch(PAGE_SIZE);
    this.memory.set32(struct + DOMCTL_CMD, cmd);
    this.memory.set32(struct + DOMCTL_INTERFACE_VERSION, XEN_DOMCTL_INTERFACE_VERSION);
    this.memory.set16(struct + DOMCTL_DOMAIN, domid);
    fill(struct + DOMCTL_U, struct);
    this.call(`domctl ${name} of domain ${domid}`, HYPERVISOR_domctl, struct);
    return struct + DOMCTL_U;
  }

  /** Makes a sysctl in the same way. */
  sysctl(name: string, cmd: number, fill = nothing): number {
    const struct = this.scratch(PAGE_SIZE);
    this.memory.set32(struct + SYSCTL_CMD, cmd);
    this.memory.set32(struct + SYSCTL_INTERFACE_VERSION, XEN_SYSCTL_INTERFACE_VERSION);
    fill(struct + SYSCTL_U, struct);
    this.call(`sysctl ${name}`, HYPERVISOR_sysctl, struct);
    return struct + SYSCTL_U;
  }
}
