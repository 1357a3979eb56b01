/** Builds a native domain: memory, start_info, the pages of its rings, and the thread that is its vCPU. Leaves the domain paused. */
import { START_INFO_MAGIC_TEXT } from "../../hypervisor/abi/implied.ts";
import {
  START_INFO_CONSOLE_EVTCHN,
  START_INFO_CONSOLE_MFN,
  START_INFO_NR_PAGES,
  START_INFO_SHARED_INFO,
  START_INFO_STORE_EVTCHN,
  START_INFO_STORE_MFN,
} from "../../abi/xen.ts";
import { ENOMEM } from "../../abi/errno.ts";
import { HypercallError } from "../kernel/errno.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import { setOwnFrames, type ForeignFrames } from "../kernel/native.ts";
import type { Leftovers } from "../native/leftovers.ts";
import type { DriverDisk } from "../native/messages.ts";
import type { NativeThreads } from "../native/threads.ts";
import type { Built, DomainBuild, DomainShape } from "./build.ts";
import { seedGrants } from "./reserved-grants.ts";

/** 2 MiB that lie side by side: where its hypercalls' structures and its rings are. */
const FIRST_ORDER = 9;
const FIRST_FRAMES = 1 << FIRST_ORDER;
/** The least memory of a native domain. */
export const LEAST_NATIVE_MIB = 2;
const [STORE_FRAME, CONSOLE_FRAME] = [1, 2];

export interface NativeBuild extends Omit<DomainBuild, "kernel" | "modules" | "cmdline"> {
  disks: readonly DriverDisk[];
  /** Those of the thread whose place the new one's takes. */
  leftovers: Leftovers;
}

export class NativeBuilder implements DomainShape {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;
  readonly #threads: NativeThreads;

  constructor(hypercalls: Hypercalls, frames: ForeignFrames, threads: NativeThreads) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
    this.#threads = threads;
  }

  framesBesides(): number {
    return 0;
  }

  /** It is told of its memory by its start_info. */
  prepare(): void {}

  /** It has no balloon driver: its memory stays as it is. */
  retarget(): void {}

  /** Throws HypercallError. The caller then ends its thread and destroys the domain. */
  build({ domid, totalPages, storePort, consolePort, disks, leftovers }: NativeBuild): Built {
    const began = performance.now();
    const { memory } = this.#hypercalls;
    const first = this.#hypercalls.frames.populateExtent(domid, 0, FIRST_ORDER);
    const rest = totalPages - FIRST_FRAMES;
    const more = new Uint32Array(totalPages);
    if (first === null || this.#hypercalls.frames.populatePhysmap(domid, FIRST_FRAMES, rest, more) < rest)
      throw new HypercallError(`memory for domain ${domid}`, ENOMEM);
    const sharedInfo = this.#hypercalls.domains.info(domid)!.sharedInfoFrame;
    const [storeMfn, consoleMfn] = [first + STORE_FRAME, first + CONSOLE_FRAME];
    for (const mfn of [storeMfn, consoleMfn])
      this.#frames.with(domid, mfn, (address) => memory.zero(address, PAGE_SIZE));
    this.#frames.with(domid, first, (at) => {
      memory.zero(at, PAGE_SIZE);
      memory.bytes(at, START_INFO_MAGIC_TEXT.length).set(Buffer.from(START_INFO_MAGIC_TEXT, "latin1"));
      memory.set64(at + START_INFO_NR_PAGES, totalPages);
      memory.set64(at + START_INFO_SHARED_INFO, sharedInfo * PAGE_SIZE);
      memory.set64(at + START_INFO_STORE_MFN, storeMfn);
      memory.set32(at + START_INFO_STORE_EVTCHN, storePort);
      memory.set64(at + START_INFO_CONSOLE_MFN, consoleMfn);
      memory.set32(at + START_INFO_CONSOLE_EVTCHN, consolePort);
    });
    setOwnFrames(this.#hypercalls, domid, first, FIRST_FRAMES);
    seedGrants(this.#hypercalls, this.#frames, domid, storeMfn, consoleMfn);
    this.#threads.start(domid, disks, leftovers);
    return { storeMfn, consoleMfn, timings: [{ name: "memory", milliseconds: performance.now() - began }] };
  }
}
