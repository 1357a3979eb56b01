/**
 * `__HYPERVISOR_arch_7`: what a native domain has instead of page tables (core/README.md). The first argument is the operation, the others are plain
 * numbers, and the result is the return value.
 */
import {
  NATIVE_map_frame,
  NATIVE_map_frame_to_read,
  NATIVE_map_frame_writable,
  NATIVE_own_frames,
  NATIVE_set_frames,
  NATIVE_thread_ended,
  NATIVE_unmap_frame,
  NATIVE_unmap_frame_writable,
} from "../../hypervisor/abi/native.ts";
import { HYPERVISOR_arch_7 } from "../../abi/xen.ts";
import { HypercallError } from "./errno.ts";
import type { Hypercalls, NativeExports } from "./hypercalls.ts";
import { PAGE_SIZE } from "./memory.ts";

/** Returns the memory with which a native domain was started. */
export function ownFrames(exports: NativeExports): { first: number; count: number; startInfo: number } {
  const ask = (which: bigint): number => {
    const value = Number(exports.native_hypercall(HYPERVISOR_arch_7, BigInt(NATIVE_own_frames), which, 0n, 0n, 0n));
    if (value < 0) throw new HypercallError("NATIVE_own_frames", -value);
    return value;
  };
  return { first: ask(0n), count: ask(1n), startInfo: ask(2n) };
}

/** What a domain's own thread will be told of its memory: `count` adjacent frames from `first` on, which has its start_info. */
export function setOwnFrames(hypercalls: Hypercalls, domid: number, first: number, count: number): void {
  const range = BigInt(first) | (BigInt(count) << 32n);
  hypercalls.call(`memory of native domain ${domid}`, HYPERVISOR_arch_7, NATIVE_set_frames, domid, range);
}

/** The thread of a native domain has ended. Unless that was `meant`, the domain has crashed. */
export function threadEnded(hypercalls: Hypercalls, domid: number, meant: boolean): void {
  const operation = `end of domain ${domid}'s thread`;
  hypercalls.call(operation, HYPERVISOR_arch_7, NATIVE_thread_ended, domid, meant ? 1 : 0);
}

/** A frame of another domain that is held. `address` is its place in the machine. */
export interface HeldFrame {
  readonly domid: number;
  readonly address: number;
  readonly access: FrameAccess;
}

/**
 * To hold a frame for writing means to hold a reference of its writable type too. Until that is given back, the domain can't make a page table of the
 * frame.
 */
export type FrameAccess = "read" | "write";

const HOLDING: Readonly<Record<FrameAccess, { hold: number; release: number }>> = {
  read: { hold: NATIVE_map_frame, release: NATIVE_unmap_frame },
  write: { hold: NATIVE_map_frame_writable, release: NATIVE_unmap_frame_writable },
};

/** Frames of other domains, which are held while they are written or read. */
export class ForeignFrames {
  readonly #hypercalls: Hypercalls;

  constructor(hypercalls: Hypercalls) {
    this.#hypercalls = hypercalls;
  }

  /**
   * Runs `body` with the machine address of what the domain calls frame `frame` (for PVH a guest frame number). The reference is given back whatever
   * happens.
   */
  with<T>(domid: number, frame: number, body: (address: number) => T): T {
    const operation = `frame ${frame} of domain ${domid}`;
    const held = this.#hypercalls.call(operation, HYPERVISOR_arch_7, NATIVE_map_frame, domid, frame);
    try {
      return body(held * PAGE_SIZE);
    } finally {
      this.#hypercalls.call(operation, HYPERVISOR_arch_7, NATIVE_unmap_frame, domid, held);
    }
  }

  /**
   * The same with several frames at once, which are only read: their addresses, in their order. The domain stands still: a frame that it shares with
   * others stays shared, so what it writes later stands elsewhere.
   */
  withAll<T>(domid: number, frames: readonly number[], body: (addresses: number[]) => T): T {
    const held: HeldFrame[] = [];
    try {
      for (const frame of frames) {
        const operation = `frame ${frame} of domain ${domid}`;
        const mfn = this.#hypercalls.call(operation, HYPERVISOR_arch_7, NATIVE_map_frame_to_read, domid, frame);
        held.push({ domid, address: mfn * PAGE_SIZE, access: "read" });
      }
      return body(held.map(({ address }) => address));
    } finally {
      for (const each of held) this.release(each);
    }
  }

  /**
   * Holds a frame of a domain until release(). Throws HypercallError (EINVAL: the frame is not that domain's, or it is to be written and is a page
   * table).
   */
  hold(domid: number, frame: number, access: FrameAccess): HeldFrame {
    const operation = `frame ${frame} of domain ${domid}`;
    const held = this.#hypercalls.call(operation, HYPERVISOR_arch_7, HOLDING[access].hold, domid, frame);
    return { domid, address: held * PAGE_SIZE, access };
  }

  release({ domid, address, access }: HeldFrame): void {
    const mfn = address / PAGE_SIZE;
    this.#hypercalls.call(`frame ${mfn} of domain ${domid}`, HYPERVISOR_arch_7, HOLDING[access].release, domid, mfn);
  }
}
