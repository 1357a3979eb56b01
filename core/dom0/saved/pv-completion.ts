/**
 * The last steps by which the memory of a PV domain, restored or copied, becomes that domain's own: what names machine frames in it names its new ones,
 * its tables are pinned, and its vCPUs get their contexts.
 */
import { START_INFO_MAGIC_TEXT } from "../../hypervisor/abi/implied.ts";
import {
  SHARED_INFO_EVTCHN_MASK,
  SHARED_INFO_MAX_PFN,
  SHARED_INFO_PFN_TO_MFN_FRAME_LIST_LIST,
  START_INFO_CONSOLE_EVTCHN,
  START_INFO_CONSOLE_MFN,
  START_INFO_FLAGS,
  START_INFO_SHARED_INFO,
  START_INFO_STORE_EVTCHN,
  START_INFO_STORE_MFN,
  VCPU_INFO_EVTCHN_PENDING_SEL,
  VCPU_INFO_EVTCHN_UPCALL_MASK,
  VCPU_INFO_EVTCHN_UPCALL_PENDING,
  VCPU_INFO_SIZE,
} from "../../abi/xen.ts";
import { XEN_LEGACY_MAX_VCPUS } from "../../abi/arch_x86.ts";
import { EVTCHN_2L_NR_CHANNELS } from "../../abi/event_channel.ts";
import { seedGrants } from "../builder/reserved-grants.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import { convertContext, setStartInfo, startInfoOf } from "./context.ts";
import type { DomainRestore } from "./copies.ts";
import { StreamError } from "./stream.ts";
import { ENTRY_HIGH, isFrame, MOST_PFNS, NONE } from "./tables.ts";

const ENTRIES = PAGE_SIZE / 8;
const INVALID_MFN = 0xffffffffffffffffn;

/** A domain that has its memory. Page tables are tables of its frames already. */
export interface PvParts {
  /** Its frames by pfn; NONE where there is none. */
  mfns: Uint32Array;
  /** The pages of its P2M, by pfn, in order. */
  p2mFrames: readonly number[];
  /** As its guest sees it: of it the number of pages is used. */
  sharedInfo: Uint8Array;
  /** Of each page table that is pinned. */
  pinned: readonly { pfn: number; level: number }[];
  /** Of each vCPU that is online, with pfns where there are frame numbers. They are changed. */
  contexts: ReadonlyMap<number, Uint8Array>;
  extended: ReadonlyMap<number, Uint8Array>;
  /** XCR0 and XSAVE areas by vCPU; older images have none. */
  xsaves: ReadonlyMap<number, Uint8Array>;
}

/** Throws StreamError, TableError, or HypercallError when the hypervisor refuses; the caller then destroys the domain. */
export class PvCompletion {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;
  readonly #request: DomainRestore;
  readonly #mfns: Uint32Array;

  constructor(hypercalls: Hypercalls, frames: ForeignFrames, request: DomainRestore, mfns: Uint32Array) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
    this.#request = request;
    this.#mfns = mfns;
  }

  complete({ p2mFrames, sharedInfo, pinned, contexts, extended, xsaves }: Omit<PvParts, "mfns">): {
    storeMfn: number;
    consoleMfn: number;
  } {
    const { domid } = this.#request;
    const first = contexts.get(0);
    if (!first) throw new StreamError("it has no context for vCPU 0");
    const info = this.#hypercalls.domains.info(domid);
    if (!info) throw new Error(`domain ${domid} vanished while it was restored`);
    this.#writeP2m(p2mFrames);
    const rings = this.#writeStartInfo(startInfoOf(first), info.sharedInfoFrame);
    this.#writeSharedInfo(sharedInfo, info.sharedInfoFrame);
    for (const { pfn, level } of pinned) this.#hypercalls.frames.pinTable(domid, level, this.#mfns[pfn]!);
    setStartInfo(first, this.#frame(startInfoOf(first), "start_info"));
    for (const [vcpu, context] of contexts) {
      convertContext(context, this.#localise);
      this.#hypercalls.vcpus.setContext(domid, vcpu, context);
    }
    for (const [vcpu, context] of extended) this.#hypercalls.vcpus.setExtContext(domid, vcpu, context);
    for (const [vcpu, state] of xsaves) this.#hypercalls.vcpus.setExtState(domid, vcpu, state);
    seedGrants(this.#hypercalls, this.#frames, domid, rings.storeMfn, rings.consoleMfn);
    return rings;
  }

  readonly #localise = (pfn: number): number => this.#mfns[pfn] ?? NONE;

  /** Throws StreamError. `what` is the frame's name for the message. */
  #frame(pfn: number, what: string): number {
    const mfn = this.#localise(pfn);
    if (mfn === NONE) throw new StreamError(`${what} is page ${pfn}, which it has not`);
    return mfn;
  }

  /** Each entry that was the frame of a page gets that page's new frame. Entries that mark missing and identity frames stay. */
  #writeP2m(p2mFrames: readonly number[]): void {
    const { memory } = this.#hypercalls;
    p2mFrames.forEach((frame, i) =>
      this.#frames.with(this.#request.domid, this.#frame(frame, "a frame of its P2M"), (at) => {
        for (let j = 0; j < ENTRIES; j++) {
          if (memory.get32(at + 8 * j + ENTRY_HIGH) !== 0 || memory.get32(at + 8 * j) === NONE) continue;
          const mfn = this.#localise(i * ENTRIES + j);
          memory.set64(at + 8 * j, mfn === NONE ? INVALID_MFN : BigInt(mfn));
        }
      }),
    );
  }

  /** A guest that suspends puts pfns where the frames of its two rings stand. */
  #writeStartInfo(pfn: number, sharedInfoFrame: number): { storeMfn: number; consoleMfn: number } {
    const { memory } = this.#hypercalls;
    const { domid, storePort, consolePort } = this.#request;
    return this.#frames.with(domid, this.#frame(pfn, "start_info"), (at) => {
      const ring = (offset: number, what: string): number => {
        const found = memory.get64(at + offset);
        return this.#frame(isFrame(found) ? Number(found) : MOST_PFNS, what);
      };
      const storeMfn = ring(START_INFO_STORE_MFN, "xenstore's ring");
      const consoleMfn = ring(START_INFO_CONSOLE_MFN, "the console's ring");
      memory.bytes(at, START_INFO_MAGIC_TEXT.length).set(Buffer.from(START_INFO_MAGIC_TEXT, "latin1"));
      memory.set64(at + START_INFO_SHARED_INFO, sharedInfoFrame * PAGE_SIZE);
      memory.set32(at + START_INFO_FLAGS, 0);
      memory.set64(at + START_INFO_STORE_MFN, storeMfn);
      memory.set32(at + START_INFO_STORE_EVTCHN, storePort);
      memory.set64(at + START_INFO_CONSOLE_MFN, consoleMfn);
      memory.set32(at + START_INFO_CONSOLE_EVTCHN, consolePort);
      return { storeMfn, consoleMfn };
    });
  }

  /** Restores the parts of its vCPUs and the guest's own. No event is pending, and all ports are masked until the guest binds them again. */
  #writeSharedInfo(saved: Uint8Array, frame: number): void {
    const { memory } = this.#hypercalls;
    const vcpus = XEN_LEGACY_MAX_VCPUS;
    this.#frames.with(this.#request.domid, frame, (at) => {
      for (let vcpu = 0; vcpu < vcpus; vcpu++) {
        memory.set8(at + vcpu * VCPU_INFO_SIZE + VCPU_INFO_EVTCHN_UPCALL_PENDING, 0);
        memory.set8(at + vcpu * VCPU_INFO_SIZE + VCPU_INFO_EVTCHN_UPCALL_MASK, 1);
        memory.set64(at + vcpu * VCPU_INFO_SIZE + VCPU_INFO_EVTCHN_PENDING_SEL, 0);
      }
      memory.bytes(at + SHARED_INFO_EVTCHN_MASK, EVTCHN_2L_NR_CHANNELS / 8).fill(0xff);
      // The list's frame is another one now, and the guest makes the list again.
      memory.set64(at + SHARED_INFO_PFN_TO_MFN_FRAME_LIST_LIST, 0);
      const maxPfn = new DataView(saved.buffer, saved.byteOffset).getBigUint64(SHARED_INFO_MAX_PFN, true);
      memory.set64(at + SHARED_INFO_MAX_PFN, maxPfn);
    });
  }
}
