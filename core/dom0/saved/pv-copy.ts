/**
 * Copies of a PV domain (copies.ts). Every frame is copied: page tables name machine frames, so two domains can't have one, and data frames can't be shared
 * behind the back of a guest that writes its page tables itself; Xen's memory sharing does not do it either.
 */
import { COPY_MOST } from "../../hypervisor/abi/native.ts";
import { HypercallError } from "../kernel/errno.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import { TABLE_PINNED } from "../kernel/page-types.ts";
import { turns, type Copies, type DomainRestore } from "./copies.ts";
import { restorePolicy } from "./cpu-policy.ts";
import { GuestMemory, SaveError } from "./p2m.ts";
import { PvCompletion, type PvParts } from "./pv-completion.ts";
import { onlineContexts } from "./save.ts";
import { StreamError } from "./stream.ts";
import { convertTable, NONE, TableError } from "./tables.ts";

interface Filled {
  domid: number;
  /** Its frames by pfn. */
  mfns: Uint32Array;
}

/** Of a domain that has suspended; `vcpus` is the most vCPUs that it has. Throws SaveError. */
export function pvCopies(hypercalls: Hypercalls, frames: ForeignFrames, domid: number, vcpus: number): Copies {
  const info = hypercalls.domains.info(domid);
  if (!info) throw new SaveError("The domain is gone.");
  const guest = new GuestMemory(hypercalls, frames);
  const { mfns, frames: p2m } = guest.read(domid, info.sharedInfoFrame);
  const { pfns, types } = guest.owned(domid, mfns);
  const pfnOf = new Uint32Array(Math.max(0, ...chunkMaxima(mfns)) + 1).fill(NONE);
  for (const pfn of pfns) {
    // A guest may list one frame at several places, and would have more memory as a copy.
    if (pfnOf[mfns[pfn]!] !== NONE) throw new SaveError(`The guest lists frame ${mfns[pfn]} of its memory twice.`);
    pfnOf[mfns[pfn]!] = pfn;
  }
  const canonical = (mfn: number): number => pfnOf[mfn] ?? NONE;
  return sentence(() => {
    const contexts = onlineContexts(hypercalls, domid, vcpus, canonical);
    const tables = pfns
      .filter((pfn) => types[pfn] !== 0)
      .map((pfn) => ({ pfn, level: types[pfn]! & ~TABLE_PINNED, isPinned: (types[pfn]! & TABLE_PINNED) !== 0 }))
      .filter(({ level }) => level > 0);
    const p2mFrames = p2m.map((mfn) => {
      const pfn = canonical(mfn);
      if (pfn === NONE) throw new TableError(`its P2M has frame 0x${mfn.toString(16)}, which it does not list`);
      return pfn;
    });
    const parts: Omit<PvParts, "mfns"> = {
      p2mFrames,
      sharedInfo: frames.with(domid, info.sharedInfoFrame, (at) => hypercalls.memory.bytes(at, PAGE_SIZE).slice()),
      pinned: tables.filter(({ isPinned }) => isPinned),
      contexts: new Map(contexts.map(({ vcpu, context }) => [vcpu, context])),
      extended: new Map(contexts.map(({ vcpu, extended }) => [vcpu, extended])),
      xsaves: new Map(contexts.map(({ vcpu, xsave }) => [vcpu, xsave])),
    };
    return new PvCopies(hypercalls, frames, { domid, mfns }, Uint32Array.from(pfns), canonical, tables, parts);
  });
}

/** The highest frame number of each part of a P2M. */
function chunkMaxima(mfns: Uint32Array): number[] {
  const maxima: number[] = [];
  for (let from = 0; from < mfns.length; from += COPY_MOST)
    maxima.push(
      mfns.subarray(from, from + COPY_MOST).reduce((most, mfn) => (mfn === NONE ? most : Math.max(most, mfn)), 0),
    );
  return maxima;
}

/** What the guest has done wrong, as a sentence about it. */
function sentence<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof TableError || error instanceof StreamError)
      throw new SaveError(`The guest's memory can't be copied: ${error.message}.`);
    throw error;
  }
}

class PvCopies implements Copies {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;
  /** What the next copy is made from. */
  #source: Filled;
  readonly #pfns: Uint32Array;
  /** The pfn of a frame of the domain that is copied. */
  readonly #canonical: (mfn: number) => number;
  readonly #tables: readonly { pfn: number; level: number }[];
  readonly #parts: Omit<PvParts, "mfns">;
  readonly #policy: Uint8Array;
  readonly #filled = new Map<number, Filled>();

  constructor(
    hypercalls: Hypercalls,
    frames: ForeignFrames,
    source: Filled,
    pfns: Uint32Array,
    canonical: (mfn: number) => number,
    tables: readonly { pfn: number; level: number }[],
    parts: Omit<PvParts, "mfns">,
  ) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
    this.#source = source;
    this.#pfns = pfns;
    this.#canonical = canonical;
    this.#tables = tables;
    this.#parts = parts;
    this.#policy = hypercalls.domains.cpuPolicy(source.domid);
  }

  async fill(domid: number, alive: () => void): Promise<void> {
    const turn = turns();
    const source = this.#source;
    const copy: Filled = { domid, mfns: new Uint32Array(source.mfns.length).fill(NONE) };
    for (let from = 0; from < this.#pfns.length; from += COPY_MOST) {
      const pfns = this.#pfns.subarray(from, from + COPY_MOST);
      this.#populate(copy, pfns);
      this.#hypercalls.frames.copy(source.domid, pick(source.mfns, pfns), domid, pick(copy.mfns, pfns));
      alive();
      await turn();
    }
    this.#filled.set(domid, copy);
    this.#source = copy;
  }

  #populate({ domid, mfns }: Filled, pfns: Uint32Array): void {
    for (let i = 0; i < pfns.length;) {
      let end = i + 1;
      while (end < pfns.length && pfns[end] === pfns[end - 1]! + 1) end++;
      const got = this.#hypercalls.frames.populatePhysmap(domid, pfns[i]!, end - i, mfns);
      if (got < end - i) throw new HypercallError(`memory for domain ${domid}`, 12);
      i = end;
    }
  }

  complete(request: DomainRestore): { storeMfn: number; consoleMfn: number } {
    const { mfns } = this.#filled.get(request.domid)!;
    const { contexts } = this.#parts;
    for (const vcpu of contexts.keys())
      if (vcpu >= request.vcpus)
        throw new SaveError(`The guest runs on vCPU ${vcpu}; its configuration allows ${request.vcpus} by now.`);
    const localise = (mfn: number): number => {
      const pfn = this.#canonical(mfn);
      return pfn === NONE ? NONE : mfns[pfn]!;
    };
    const { memory } = this.#hypercalls;
    restorePolicy(this.#hypercalls, request, this.#policy);
    return sentence(() => {
      for (const { pfn, level } of this.#tables)
        this.#frames.with(request.domid, mfns[pfn]!, (at) =>
          convertTable(memory.bytes(at, PAGE_SIZE), level, localise),
        );
      const own = new Map([...contexts].map(([vcpu, context]) => [vcpu, context.slice()]));
      const completion = new PvCompletion(this.#hypercalls, this.#frames, request, mfns);
      return completion.complete({ ...this.#parts, contexts: own });
    });
  }
}

function pick(mfns: Uint32Array, pfns: Uint32Array): Uint32Array {
  return pfns.map((pfn) => mfns[pfn]!);
}
