/**
 * Makes a paused PVH domain from a stream. The stream may come from anybody. Page tables are the guest's own affair, so what is checked is how much
 * memory it has, that its rings lie in it and, by the hypervisor, the state of its vCPUs.
 */
import { HVM_PARAM_CONSOLE_PFN, HVM_PARAM_STORE_PFN } from "../../abi/hvm_params.ts";
import { EXTRA_PAGES, MOST_GFNS } from "../builder/pvh/layout.ts";
import { connectRings } from "../builder/pvh/rings.ts";
import { HypercallError } from "../kernel/errno.ts";
import { CONTEXT_MOST, type HvmHypercalls } from "../kernel/hvm.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import type { DomainRestore } from "./copies.ts";
import { policyOf, restorePolicy } from "./cpu-policy.ts";
import { takeRecord } from "./restore.ts";
import * as stream from "./stream.ts";
import { StreamError } from "./stream.ts";

export class PvhRestorer {
  readonly #hypercalls: Hypercalls;
  readonly #hvm: HvmHypercalls;
  readonly #frames: ForeignFrames;

  constructor(hypercalls: Hypercalls, hvm: HvmHypercalls, frames: ForeignFrames) {
    this.#hypercalls = hypercalls;
    this.#hvm = hvm;
    this.#frames = frames;
  }

  /** Throws StreamError, or HypercallError when the hypervisor refuses; the caller then destroys the domain. */
  async restore(request: DomainRestore, source: stream.Source): Promise<{ storeMfn: number; consoleMfn: number }> {
    const restoring = new Restoring(this.#hypercalls, this.#hvm, this.#frames, request);
    for await (const record of stream.records(source, "pvh")) takeRecord(restoring, record);
    return restoring.finish();
  }
}

/** The restoring of one domain. */
class Restoring {
  readonly #hypercalls: Hypercalls;
  readonly #hvm: HvmHypercalls;
  readonly #frames: ForeignFrames;
  readonly #request: DomainRestore;
  /** By guest frame number, whether the page has come. */
  readonly #seen = new Uint8Array(MOST_GFNS);
  #pages = 0;
  #context: Uint8Array | null = null;
  #policy: Uint8Array | null = null;
  readonly #parameters = new Map<number, bigint>();

  constructor(hypercalls: Hypercalls, hvm: HvmHypercalls, frames: ForeignFrames, request: DomainRestore) {
    this.#hypercalls = hypercalls;
    this.#hvm = hvm;
    this.#frames = frames;
    this.#request = request;
  }

  take(record: stream.StreamRecord): void {
    const { type, body } = record;
    switch (type) {
      case stream.REC_X86_CPUID_POLICY:
        this.#policy = policyOf(record);
        break;
      case stream.REC_PAGE_DATA:
        this.#takePages(record);
        break;
      case stream.REC_HVM_CONTEXT:
        if (body.length > CONTEXT_MOST)
          throw new StreamError(`its HVM context has ${body.length} bytes; ${CONTEXT_MOST} are allowed`);
        this.#context = body.slice();
        break;
      case stream.REC_HVM_PARAMS: {
        const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
        const count = view.getUint32(0, true);
        if (8 + 16 * count !== body.length)
          throw new StreamError(`a record of ${count} HVM parameters has ${body.length} bytes`);
        for (let i = 0; i < count; i++)
          this.#parameters.set(Number(view.getBigUint64(8 + 16 * i, true)), view.getBigUint64(16 + 16 * i, true));
        break;
      }
    }
  }

  #takePages(record: stream.StreamRecord): void {
    const { domid, mostPages } = this.#request;
    const pages = stream.pagesOf(record, MOST_GFNS);
    for (const { pfn, type, data } of pages) {
      if (type && data) throw new StreamError(`page ${pfn} has type ${type}, which a saved PVH domain has not`);
      // The domain stood still when it was saved, so no page comes twice; accepting that would let a stream go on without end.
      if (this.#seen[pfn]) throw new StreamError(`it has page ${pfn} twice`);
      this.#seen[pfn] = 1;
    }
    for (let i = 0; i < pages.length;) {
      const first = pages[i]!.pfn;
      let count = 1;
      while (i + count < pages.length && pages[i + count]!.pfn === first + count) count++;
      if (this.#pages + count > mostPages + EXTRA_PAGES)
        throw new StreamError(`it has more than the ${mostPages} pages that its configuration allows`);
      const got = this.#hvm.populate(domid, first, count);
      this.#pages += got;
      if (got < count) throw new HypercallError(`memory for domain ${domid} (${this.#pages} pages)`, 12);
      i += count;
    }
    for (const { pfn, data } of pages)
      if (data) this.#frames.with(domid, pfn, (at) => this.#hypercalls.memory.bytes(at, PAGE_SIZE).set(data));
  }

  /** Throws StreamError. `what` is the ring's name for the message. */
  #ring(parameter: number, what: string): number {
    const page = this.#parameters.get(parameter);
    if (page === undefined) throw new StreamError(`it does not say where ${what} is`);
    if (page >= BigInt(MOST_GFNS) || !this.#seen[Number(page)])
      throw new StreamError(`${what} is page ${page}, which it has not`);
    return Number(page);
  }

  finish(): { storeMfn: number; consoleMfn: number } {
    if (!this.#context) throw new StreamError("it has no HVM context");
    const storeMfn = this.#ring(HVM_PARAM_STORE_PFN, "xenstore's ring");
    const consoleMfn = this.#ring(HVM_PARAM_CONSOLE_PFN, "the console's ring");
    connectRings(this.#hvm, this.#frames, this.#hypercalls.memory, this.#request, storeMfn, consoleMfn);
    restorePolicy(this.#hypercalls, this.#request, this.#policy);
    this.#hvm.setContext(this.#request.domid, this.#context);
    return { storeMfn, consoleMfn };
  }
}
