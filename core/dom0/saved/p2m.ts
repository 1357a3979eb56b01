/**
 * Finds a PV guest's memory by its pfns, as tools do: the guest says in its shared_info which frames hold its P2M (arch.pfn_to_mfn_frame_list_list).
 * What it says is checked: only the guest's own frames are read.
 */
import { SHARED_INFO_MAX_PFN, SHARED_INFO_PFN_TO_MFN_FRAME_LIST_LIST } from "../../abi/xen.ts";
import { HypercallError } from "../kernel/errno.ts";
import { NOT_THE_DOMAINS } from "../kernel/page-types.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import { PAGE_SIZE } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";
import { ENTRY_HIGH, isFrame, MOST_PFNS, NONE } from "./tables.ts";

/** The guest is not in a state in which it can be saved. The message is a sentence for the user. */
export class SaveError extends Error {
  override readonly name = "SaveError";
}

const ENTRIES = PAGE_SIZE / 8;

export interface P2m {
  /** The frames by pfn; NONE where there is no frame. */
  mfns: Uint32Array;
  /** The frames that hold the P2M itself, in order. */
  frames: number[];
}

export class GuestMemory {
  readonly #hypercalls: Hypercalls;
  readonly #frames: ForeignFrames;

  constructor(hypercalls: Hypercalls, frames: ForeignFrames) {
    this.#hypercalls = hypercalls;
    this.#frames = frames;
  }

  /** Reads the P2M by the lists that the guest keeps for tools. */
  read(domid: number, sharedInfo: number): P2m {
    const { memory } = this.#hypercalls;
    /** The entries of a frame of the list; NONE for those that are no frames. */
    const read = (mfn: number, count: number): number[] => {
      if (mfn === NONE)
        throw new SaveError("The guest keeps no list of its memory's frames for tools: it can't be saved.");
      try {
        return this.#frames.with(domid, mfn, (at) =>
          Array.from({ length: count }, (_, i) =>
            memory.get32(at + 8 * i + ENTRY_HIGH) === 0 ? memory.get32(at + 8 * i) : NONE,
          ),
        );
      } catch (error) {
        if (!(error instanceof HypercallError)) throw error;
        throw new SaveError("The list that the guest keeps of its memory's frames names frames that are not its own.");
      }
    };
    const [pfns, list] = this.#frames.with(
      domid,
      sharedInfo,
      (at) =>
        [memory.get64(at + SHARED_INFO_MAX_PFN), memory.get64(at + SHARED_INFO_PFN_TO_MFN_FRAME_LIST_LIST)] as const,
    );
    if (pfns === 0n || pfns > BigInt(MOST_PFNS))
      throw new SaveError(`The guest says that it has ${pfns} pages; 1 to ${MOST_PFNS} can be saved.`);
    const mfns = new Uint32Array(Number(pfns)).fill(NONE);
    const lists = Math.ceil(mfns.length / ENTRIES / ENTRIES);
    const frames = read(isFrame(list) ? Number(list) : NONE, lists)
      .flatMap((mfn) => read(mfn, ENTRIES))
      .slice(0, Math.ceil(mfns.length / ENTRIES));
    frames.forEach((mfn, i) =>
      read(mfn, ENTRIES).forEach((entry, j) => {
        const pfn = i * ENTRIES + j;
        if (pfn < mfns.length) mfns[pfn] = entry;
      }),
    );
    return { mfns, frames };
  }

  /** Returns the pfns that have a frame of the domain's, and what each is, by pfn. */
  owned(domid: number, mfns: Uint32Array): { pfns: number[]; types: Uint8Array } {
    const said: number[] = [];
    mfns.forEach((mfn, pfn) => {
      if (mfn !== NONE) said.push(pfn);
    });
    const asked = new Uint32Array(said.length);
    said.forEach((pfn, i) => (asked[i] = mfns[pfn]!));
    const found = this.#hypercalls.domains.pageTypes(domid, asked);
    const types = new Uint8Array(mfns.length).fill(NOT_THE_DOMAINS);
    said.forEach((pfn, i) => (types[pfn] = found[i]!));
    return { pfns: said.filter((pfn) => types[pfn] !== NOT_THE_DOMAINS), types };
  }
}
