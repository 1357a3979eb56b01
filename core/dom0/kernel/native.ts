/**
 * `__HYPERVISOR_arch_7`: what a native domain has instead of page tables (core/README.md). The first argument is the
 * operation, the others are plain numbers, the result comes back in the return value.
 */
import { HypercallError } from "./errno.ts";
import type { Hypercalls, NativeExports } from "./hypercalls.ts";
import { PAGE_SIZE } from "./memory.ts";

export const HYPERVISOR_arch_7 = 55;
/** (domid, mfn) → 0: takes a page reference for the caller; machine address mfn << 12 may then be used. */
export const NATIVE_map_frame = 0;
/** (domid, mfn) → 0. */
export const NATIVE_unmap_frame = 1;
/** (which: 0 first mfn, 1 number of frames, 2 machine address of start_info) → the value. */
export const NATIVE_own_frames = 2;
/** () → machine address of the statistics area. */
export const NATIVE_statistics = 3;
/** () -> number of violated invariants. */
export const NATIVE_check_invariants = 4;
/** () -> machine address of the trace buffers; (domid, on) -> 0. */
export const NATIVE_trace_buffers = 7;
export const NATIVE_trace = 8;
/** (domid, port) -> PORT_BITS_* (hypervisor/abi/native.ts). */
export const NATIVE_port_bits = 5;
/** (INSPECT_*, machine address of its structure): hypervisor/abi/inspect.ts. */
export const NATIVE_inspect = 6;

/** As the first two, and as long as it is held the frame can't become a table of the processor's. */
const NATIVE_map_frame_writable = 10;
const NATIVE_unmap_frame_writable = 11;

/** The memory a native domain was started with. */
export function ownFrames(exports: NativeExports): { first: number; count: number; startInfo: number } {
  const ask = (which: bigint): number => {
    const value = Number(exports.native_hypercall(HYPERVISOR_arch_7, BigInt(NATIVE_own_frames), which, 0n, 0n, 0n));
    if (value < 0) throw new HypercallError("NATIVE_own_frames", -value);
    return value;
  };
  return { first: ask(0n), count: ask(1n), startInfo: ask(2n) };
}

/** A frame of another domain's that is held. `address`: where it is in the machine. */
export interface HeldFrame {
  readonly domid: number;
  readonly address: number;
  readonly access: FrameAccess;
}

/** To write a frame is to hold its type too: as long as it is held it is ordinary memory, whatever the domain wants to make of it. */
export type FrameAccess = "read" | "write";

const HOLDING: Readonly<Record<FrameAccess, { hold: number; release: number }>> = {
  read: { hold: NATIVE_map_frame, release: NATIVE_unmap_frame },
  write: { hold: NATIVE_map_frame_writable, release: NATIVE_unmap_frame_writable },
};

/** Frames of other domains, held while they are written or read. */
export class ForeignFrames {
  readonly #hypercalls: Hypercalls;

  constructor(hypercalls: Hypercalls) {
    this.#hypercalls = hypercalls;
  }

  /** Runs `body` with the frame's machine address; the reference is given back whatever happens. */
  with<T>(domid: number, mfn: number, body: (address: number) => T): T {
    const operation = `frame ${mfn} of domain ${domid}`;
    this.#hypercalls.call(operation, HYPERVISOR_arch_7, NATIVE_map_frame, domid, mfn);
    try {
      return body(mfn * PAGE_SIZE);
    } finally {
      this.#hypercalls.call(operation, HYPERVISOR_arch_7, NATIVE_unmap_frame, domid, mfn);
    }
  }

  /** Holds a frame of a domain's until release(). Throws HypercallError (EINVAL: it is not that domain's, or to be written and a page table). */
  hold(domid: number, mfn: number, access: FrameAccess): HeldFrame {
    this.#hypercalls.call(`frame ${mfn} of domain ${domid}`, HYPERVISOR_arch_7, HOLDING[access].hold, domid, mfn);
    return { domid, address: mfn * PAGE_SIZE, access };
  }

  release({ domid, address, access }: HeldFrame): void {
    const mfn = address / PAGE_SIZE;
    this.#hypercalls.call(`frame ${mfn} of domain ${domid}`, HYPERVISOR_arch_7, HOLDING[access].release, domid, mfn);
  }
}
