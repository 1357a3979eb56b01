/**
 * Writes a PV domain that has suspended as a stream, as xc_domain_save of libxenguest does for a domain that does not run. The guest's memory is
 * found by its P2M (p2m.ts), and start_info by RDX of vCPU 0.
 */
import { TABLE_PINNED } from "../kernel/page-types.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import { convertContext, setStartInfo, startInfoOf } from "./context.ts";
import { policyRecord } from "./cpu-policy.ts";
import * as stream from "./stream.ts";
import { GuestMemory, SaveError, type P2m } from "./p2m.ts";
import { convertTable, NONE, TableError } from "./tables.ts";

/** Number of pages in a record. */
const BATCH = 512;
const GUEST_WIDTH = 8;
const PT_LEVELS = 4;

export class PvSaver {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;
  readonly #memory: GuestMemory;

  constructor(hypercalls: Hypercalls, frames: ForeignFrames) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
    this.#memory = new GuestMemory(hypercalls, frames);
  }

  /**
   * Yields the stream in pieces. `vcpus` is the most vCPUs that the domain has. `progress` is told the share of the memory that is written, up to 1.
   */
  async *save(
    domid: number,
    vcpus: number,
    version: { major: number; minor: number },
    progress: (share: number) => void,
  ): AsyncGenerator<Uint8Array> {
    const info = this.#hypercalls.domains.info(domid);
    if (!info) throw new SaveError("The domain is gone.");
    const p2m = this.#memory.read(domid, info.sharedInfoFrame);
    const { mfns } = p2m;
    const { pfns, types } = this.#memory.owned(domid, mfns);
    // A guest may list one frame again and again; this bounds the file to the domain's memory.
    if (pfns.length > info.totPages)
      throw new SaveError(`The guest lists ${pfns.length} frames of its memory; it has ${info.totPages}.`);
    const canonical = pfnsByFrame(pfns, mfns);
    try {
      const contexts = onlineContexts(this.#hypercalls, domid, vcpus, canonical);
      yield stream.headers(version.major, version.minor);
      yield policyRecord(this.#hypercalls, domid);
      yield stream.record(stream.REC_STATIC_DATA_END);
      yield stream.record(stream.REC_X86_PV_INFO, Uint8Array.of(GUEST_WIDTH, PT_LEVELS, 0, 0, 0, 0, 0, 0));
      yield this.#p2mRecord(p2m, canonical);
      for (let from = 0; from < pfns.length; from += BATCH) {
        yield this.#pages(domid, pfns.slice(from, from + BATCH), mfns, types, canonical);
        progress(Math.min(1, (from + BATCH) / pfns.length));
        // Lets others' events have their turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
      yield stream.record(
        stream.REC_SHARED_INFO,
        this.#frames.with(domid, info.sharedInfoFrame, (at) => this.#hypercalls.memory.bytes(at, PAGE_SIZE).slice()),
      );
      for (const { vcpu, context, extended, xsave } of contexts) {
        const number = Uint8Array.of(vcpu, 0, 0, 0, 0, 0, 0, 0);
        yield stream.record(stream.REC_X86_PV_VCPU_BASIC, number, context);
        yield stream.record(stream.REC_X86_PV_VCPU_EXTENDED, number, extended);
        yield stream.record(stream.REC_X86_PV_VCPU_XSAVE, number, xsave);
      }
      yield stream.record(stream.REC_END);
    } catch (error) {
      if (error instanceof TableError) throw new SaveError(`The guest's memory can't be saved: ${error.message}.`);
      throw error;
    }
  }

  #p2mRecord({ mfns, frames }: P2m, canonical: (mfn: number) => number): Uint8Array {
    const body = new DataView(new ArrayBuffer(8 + 8 * frames.length));
    body.setUint32(0, 0, true);
    body.setUint32(4, mfns.length - 1, true);
    frames.forEach((mfn, i) => {
      const pfn = canonical(mfn);
      if (pfn === NONE) throw new TableError(`its P2M has frame 0x${mfn.toString(16)}, which it does not list`);
      body.setBigUint64(8 + 8 * i, BigInt(pfn), true);
    });
    return stream.record(stream.REC_X86_PV_P2M_FRAMES, new Uint8Array(body.buffer));
  }

  #pages(
    domid: number,
    pfns: number[],
    mfns: Uint32Array,
    types: Uint8Array,
    canonical: (mfn: number) => number,
  ): Uint8Array {
    const { memory } = this.#hypercalls;
    const held = pfns.map((pfn) => mfns[pfn]!);
    return this.#frames.withAll(domid, held, (addresses) => {
      const pages = pfns.map((pfn, i) => ({ pfn, type: types[pfn]!, address: addresses[i]! }));
      return stream.pageRecord(memory, pages, (page, type) => convertTable(page, type & ~TABLE_PINNED, canonical));
    });
  }
}

/** Returns what tells the pfn of a frame, NONE for one that has none. */
function pfnsByFrame(pfns: readonly number[], mfns: Uint32Array): (mfn: number) => number {
  const highest = pfns.reduce((most, pfn) => Math.max(most, mfns[pfn]!), 0);
  const pfnOf = new Uint32Array(highest + 1).fill(NONE);
  for (const pfn of pfns) pfnOf[mfns[pfn]!] = pfn;
  return (mfn) => pfnOf[mfn] ?? NONE;
}

/** Returns the contexts of the vCPUs that are online, vCPU 0 first, with pfns where there are frame numbers. Throws TableError. */
export function onlineContexts(
  hypercalls: Hypercalls,
  domid: number,
  vcpus: number,
  canonical: (mfn: number) => number,
): { vcpu: number; context: Uint8Array; extended: Uint8Array; xsave: Uint8Array }[] {
  return Array.from({ length: vcpus }, (_, vcpu) => vcpu)
    .filter((vcpu) => vcpu === 0 || hypercalls.vcpus.info(domid, vcpu).online)
    .map((vcpu) => {
      const context = hypercalls.vcpus.getContext(domid, vcpu);
      convertContext(context, canonical);
      if (vcpu === 0) {
        const startInfo = canonical(startInfoOf(context));
        if (startInfo === NONE) throw new TableError("RDX did not say where start_info is when it suspended");
        setStartInfo(context, startInfo);
      }
      const extended = hypercalls.vcpus.getExtContext(domid, vcpu);
      return { vcpu, context, extended, xsave: hypercalls.vcpus.getExtState(domid, vcpu) };
    });
}
