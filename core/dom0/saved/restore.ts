/**
 * Makes a paused PV domain from a stream, as xc_domain_restore of libxenguest does. The stream may come from anybody: when the page tables are
 * pinned, the hypervisor checks what it says of the domain's frames; everything else is checked here.
 */
import { TABLE_PINNED } from "../kernel/page-types.ts";
import { VCPU_GUEST_CONTEXT_SIZE } from "../../abi/arch_x86.ts";
import { DOMCTL_EXT_VCPUCONTEXT_SIZE } from "../../abi/domctl.ts";
import { HypercallError } from "../kernel/errno.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import type { DomainRestore } from "./copies.ts";
import { policyOf, restorePolicy } from "./cpu-policy.ts";
import { PvCompletion } from "./pv-completion.ts";
import * as stream from "./stream.ts";
import { StreamError } from "./stream.ts";
import { convertTable, MOST_PFNS, NONE, TableError } from "./tables.ts";

const ENTRIES = PAGE_SIZE / 8;
/** More bytes than an XSAVE area that any processor has today; the hypervisor knows which ones it takes. */
const XSAVE_MOST = 0x4000;

interface Table {
  pfn: number;
  level: number;
  pinned: boolean;
  page: Uint8Array;
}

export class PvRestorer {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;

  constructor(hypercalls: Hypercalls, frames: ForeignFrames) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
  }

  /** Throws StreamError, or HypercallError when the hypervisor refuses; the caller then destroys the domain. */
  async restore(request: DomainRestore, source: stream.Source): Promise<{ storeMfn: number; consoleMfn: number }> {
    const restoring = new Restoring(this.#hypercalls, this.#frames, request);
    try {
      for await (const record of stream.records(source, "pv")) takeRecord(restoring, record);
      return restoring.finish();
    } catch (error) {
      if (error instanceof TableError) throw new StreamError(error.message);
      throw error;
    }
  }
}

/** Takes over a record, and reports one that is too short. */
export function takeRecord(
  restoring: { take: (record: stream.StreamRecord) => void },
  record: stream.StreamRecord,
): void {
  try {
    restoring.take(record);
  } catch (error) {
    // Reading beyond the record's end throws RangeError.
    if (!(error instanceof RangeError)) throw error;
    throw new StreamError(`a record of type 0x${record.type.toString(16)} is too short (${record.body.length} bytes)`);
  }
}

/** The restoring of one domain. */
class Restoring {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;
  readonly #request: DomainRestore;
  readonly #mfns = new Uint32Array(MOST_PFNS).fill(NONE);
  #pages = 0;
  /** By pfn, whether the page has come. */
  readonly #seen = new Uint8Array(MOST_PFNS);
  /** Page tables are written last, because a frame that they name may come after them. */
  readonly #tables: Table[] = [];
  #p2mFrames: number[] = [];
  #sharedInfo: Uint8Array | null = null;
  #policy: Uint8Array | null = null;
  readonly #contexts = new Map<number, Uint8Array>();
  readonly #extended = new Map<number, Uint8Array>();
  readonly #xsaves = new Map<number, Uint8Array>();

  constructor(hypercalls: Hypercalls, frames: ForeignFrames, request: DomainRestore) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
    this.#request = request;
  }

  take(record: stream.StreamRecord): void {
    const { type, body } = record;
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    switch (type) {
      case stream.REC_X86_PV_INFO:
        if (body[0] !== 8 || body[1] !== 4) throw new StreamError("its guest is not a 64-bit one");
        break;
      case stream.REC_X86_PV_P2M_FRAMES: {
        const end = view.getUint32(4, true);
        if (view.getUint32(0, true) !== 0 || end >= MOST_PFNS) throw new StreamError(`its P2M ends at pfn ${end}`);
        const count = Math.ceil((end + 1) / ENTRIES);
        this.#p2mFrames = Array.from({ length: count }, (_, i) => Number(view.getBigUint64(8 + 8 * i, true)));
        break;
      }
      case stream.REC_X86_CPUID_POLICY:
        this.#policy = policyOf(record);
        break;
      case stream.REC_PAGE_DATA:
        this.#takePages(record);
        break;
      case stream.REC_SHARED_INFO:
        if (body.length !== PAGE_SIZE) throw new StreamError(`its shared_info has ${body.length} bytes`);
        this.#sharedInfo = body.slice();
        break;
      case stream.REC_X86_PV_VCPU_BASIC: {
        const vcpu = view.getUint32(0, true);
        if (vcpu >= this.#request.vcpus || body.length !== 8 + VCPU_GUEST_CONTEXT_SIZE)
          throw new StreamError(`it has a context of ${body.length - 8} bytes for vCPU ${vcpu}`);
        this.#contexts.set(vcpu, body.slice(8));
        break;
      }
      case stream.REC_X86_PV_VCPU_EXTENDED: {
        const vcpu = view.getUint32(0, true);
        if (vcpu >= this.#request.vcpus || body.length !== 8 + DOMCTL_EXT_VCPUCONTEXT_SIZE)
          throw new StreamError(`it has an extended context of ${body.length - 8} bytes for vCPU ${vcpu}`);
        this.#extended.set(vcpu, body.slice(8));
        break;
      }
      case stream.REC_X86_PV_VCPU_XSAVE: {
        const vcpu = view.getUint32(0, true);
        if (vcpu >= this.#request.vcpus || body.length > XSAVE_MOST)
          throw new StreamError(`it has an XSAVE area of ${body.length - 8} bytes for vCPU ${vcpu}`);
        this.#xsaves.set(vcpu, body.slice(8));
        break;
      }
    }
  }

  #takePages(record: stream.StreamRecord): void {
    const pages = stream.pagesOf(record, MOST_PFNS).map(({ pfn, type, data }) => {
      const level = data ? type & ~TABLE_PINNED : 0;
      if (level > 4 || (data && type === TABLE_PINNED))
        throw new StreamError(`page ${pfn} has type ${type}, which a saved domain has not`);
      return { pfn, level, pinned: level > 0 && (type & TABLE_PINNED) !== 0, data };
    });
    for (const { pfn } of pages) {
      // The domain stood still when it was saved, so no page comes twice; accepting that would let a stream go on without end.
      if (this.#seen[pfn]) throw new StreamError(`it has page ${pfn} twice`);
      this.#seen[pfn] = 1;
    }
    this.#populate(pages.map(({ pfn }) => pfn));
    for (const { data, ...page } of pages)
      if (!data) continue;
      else if (page.level) this.#tables.push({ ...page, page: data.slice() });
      else this.#write(page.pfn, data);
  }

  /** Gets frames for the pfns, in runs. */
  #populate(wanted: number[]): void {
    const { domid, mostPages } = this.#request;
    for (let i = 0; i < wanted.length;) {
      let end = i + 1;
      while (end < wanted.length && wanted[end] === wanted[end - 1]! + 1) end++;
      const count = end - i;
      if (this.#pages + count > mostPages)
        throw new StreamError(`it has more than the ${mostPages} pages that its configuration allows`);
      const got = this.#hypercalls.frames.populatePhysmap(domid, wanted[i]!, count, this.#mfns);
      if (got < count) throw new HypercallError(`memory for domain ${domid} (${this.#pages + got} pages)`, 12);
      this.#pages += count;
      i = end;
    }
  }

  #write(pfn: number, data: Uint8Array): void {
    this.#frames.with(this.#request.domid, this.#mfns[pfn]!, (at) =>
      this.#hypercalls.memory.bytes(at, PAGE_SIZE).set(data),
    );
  }

  readonly #localise = (pfn: number): number => (pfn < MOST_PFNS ? this.#mfns[pfn]! : NONE);

  finish(): { storeMfn: number; consoleMfn: number } {
    if (!this.#contexts.has(0)) throw new StreamError("it has no context for vCPU 0");
    if (!this.#sharedInfo) throw new StreamError("it has no shared_info");
    for (const { pfn, level, page } of this.#tables) {
      convertTable(page, level, this.#localise);
      this.#write(pfn, page);
    }
    restorePolicy(this.#hypercalls, this.#request, this.#policy);
    const completion = new PvCompletion(this.#hypercalls, this.#frames, this.#request, this.#mfns);
    return completion.complete({
      p2mFrames: this.#p2mFrames,
      sharedInfo: this.#sharedInfo,
      pinned: this.#tables.filter(({ pinned }) => pinned),
      contexts: this.#contexts,
      extended: this.#extended,
      xsaves: this.#xsaves,
    });
  }
}
