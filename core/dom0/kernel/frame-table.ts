/**
 * What every machine frame is, read from the hypervisor's frame table in the machine's memory. Reading takes no reference and no lock. Guests notice
 * nothing, and a frame that changes hands meanwhile shows one state or the other.
 */
import { DOMID_COW, DOMID_INVALID, DOMID_XEN, HYPERVISOR_arch_7 } from "../../abi/xen.ts";
import * as area from "../../hypervisor/abi/native.ts";
import { XEN_HEAP_START } from "../../machine/layout.ts";
import type { Hypercalls } from "./hypercalls.ts";
import { PAGE_SHIFT, PAGE_SIZE, type PhysicalMemory } from "./memory.ts";

/**
 * The kinds of frames. Those of Xen are: what the machine keeps below the heap, the hypervisor's root, the frame table, the M2P, and the rest of the
 * heap. "shared" is heap that a guest sees (shared info, vCPU areas), and so is "grant-table". A domain's frame has its PGT_* type while that has
 * references. Otherwise it is "none", or "granted" while another domain has it mapped or copies it by a grant. "copy-on-write" is shared by copies of a
 * domain, and its owner is DOMID_COW. "other" is a frame between two owners.
 */
export const FRAME_KINDS = [
  "machine",
  "root",
  "frame-table",
  "m2p",
  "xen-heap",
  "shared",
  "grant-table",
  "free",
  "broken",
  "granted",
  "none",
  "l1",
  "l2",
  "l3",
  "l4",
  "seg-desc",
  "writable",
  "copy-on-write",
  "other",
] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];

export interface FrameMap {
  /** The number of machine frames, from mfn 0 on. */
  frames: number;
  /** What the frames are, and how many of each there are, in at most 255 entries. Domid 0x7ff2 is Xen, 0x7ff3 all copies of
   * domains, and 0x7ff4 nobody. */
  palette: { domid: number; kind: FrameKind; frames: number }[];
  /**
   * Runs of equal frames, in the order of mfns: a u8 index of the palette, and then the length of the run as LEB128. They take at most two bytes for
   * each frame.
   */
  runs: Uint8Array;
}

/** Where the hypervisor keeps what it knows about memory. Addresses and sizes are in bytes. */
export interface MemoryLayout {
  frames: number;
  frameTable: { address: number; bytes: number };
  m2p: { address: number; bytes: number };
  firstHeapFrame: number;
  xenHeapFrames: number;
}

const TYPES = ["none", "l1", "l2", "l3", "l4", "seg-desc", "none", "writable"] as const;
const MOST_PALETTE = 255;
const MOST_GRANT_FRAMES = 256;
/** Marks of frames that grant tables name. */
const GRANTED = 1;
const GRANT_TABLE = 2;
const KIND = Object.fromEntries(FRAME_KINDS.map((kind, i) => [kind, i])) as Record<FrameKind, number>;

export class FrameTable {
  readonly #memory: PhysicalMemory;
  readonly #hypercalls: Hypercalls;
  readonly #statistics: number;
  /** Machine address of the frame table. #words is the table itself. */
  readonly #table: number;
  readonly #frames: number;
  readonly #m2p: number;
  readonly #m2pFrames: number;
  readonly #words: Uint32Array;
  #marks: Uint8Array | null = null;
  #marked: number[] = [];

  /** Throws HypercallError if the caller may not read it. */
  constructor(hypercalls: Hypercalls) {
    this.#hypercalls = hypercalls;
    this.#memory = hypercalls.memory;
    this.#statistics = hypercalls.call("statistics area", HYPERVISOR_arch_7, area.NATIVE_statistics);
    this.#table = this.#ask(area.MEMORY_frame_table);
    this.#frames = this.#ask(area.MEMORY_frames);
    this.#m2p = this.#ask(area.MEMORY_m2p);
    this.#m2pFrames = this.#ask(area.MEMORY_m2p_frames);
    this.#words = new Uint32Array(this.#memory.memory.buffer, this.#table, (this.#frames * area.FRAME_SIZE) / 4);
  }

  layout(): MemoryLayout {
    return {
      frames: this.#frames,
      frameTable: { address: this.#table, bytes: this.#frames * area.FRAME_SIZE },
      m2p: { address: this.#m2p, bytes: this.#m2pFrames * PAGE_SIZE },
      firstHeapFrame: this.#ask(area.MEMORY_first_heap_frame),
      xenHeapFrames: this.#ask(area.MEMORY_xenheap_frames),
    };
  }

  map(): FrameMap {
    this.#mark();
    const frames = this.#frames;
    const runs = new Uint8Array(2 * frames);
    const found = new Map<number, number>();
    const palette: FrameMap["palette"] = [];
    let end = 0;
    let current = -1;
    let length = 0;
    const close = (): void => {
      if (length === 0) return;
      let index = found.get(current);
      if (index === undefined) {
        // If there are more owners and kinds than indices, the rest share the last index.
        index = Math.min(palette.length, MOST_PALETTE - 1);
        found.set(current, index);
        const last = palette.length >= MOST_PALETTE - 1;
        if (index === palette.length)
          palette.push({
            domid: last ? DOMID_INVALID : current >>> 8,
            kind: last ? "other" : FRAME_KINDS[current & 0xff]!,
            frames: 0,
          });
      }
      palette[index]!.frames += length;
      runs[end++] = index;
      let rest = length;
      for (; rest > 0x7f; rest >>>= 7) runs[end++] = (rest & 0x7f) | 0x80;
      runs[end++] = rest;
    };
    for (let mfn = 0; mfn < frames; mfn++) {
      const key = this.#keyOf(mfn);
      if (key !== current) {
        close();
        current = key;
        length = 0;
      }
      length++;
    }
    close();
    return { frames, palette, runs: runs.slice(0, end) };
  }

  #ask(which: number): number {
    return this.#hypercalls.call("memory layout", HYPERVISOR_arch_7, area.NATIVE_memory, which);
  }

  /** Returns owner << 8 | kind. */
  #keyOf(mfn: number): number {
    const at = mfn * 8;
    const high = this.#words[at + 1]!;
    const owner = high & 0xffff;
    const flags = high >>> 16;
    if (flags & area.FRAME_free) return (DOMID_INVALID << 8) | KIND.free;
    if (flags & area.FRAME_broken) return (owner << 8) | KIND.broken;
    if (flags & area.FRAME_xen_heap) {
      if (owner !== DOMID_XEN)
        return (owner << 8) | (this.#marks![mfn] === GRANT_TABLE ? KIND["grant-table"] : KIND.shared);
      return (DOMID_XEN << 8) | this.#xenKind(mfn);
    }
    if (owner === DOMID_COW && this.#words[at] !== 0) return (DOMID_COW << 8) | KIND["copy-on-write"];
    if (this.#words[at] === 0 || owner >= 0x7ff0) return (DOMID_INVALID << 8) | KIND.other;
    if (this.#marks![mfn] === GRANTED) return (owner << 8) | KIND.granted;
    if (this.#words[at + 2] === 0) return (owner << 8) | KIND.none;
    return (owner << 8) | KIND[TYPES[this.#words[at + 3]! & 7]!];
  }

  #xenKind(mfn: number): number {
    const address = mfn * PAGE_SIZE;
    if (address < XEN_HEAP_START) return KIND.machine;
    if (address < this.#table) return KIND.root;
    if (address < this.#table + this.#frames * area.FRAME_SIZE) return KIND["frame-table"];
    if (address >= this.#m2p && mfn < (this.#m2p >>> PAGE_SHIFT) + this.#m2pFrames) return KIND.m2p;
    return KIND["xen-heap"];
  }

  /** Marks the frames of all grant tables, and the frames that an active grant has pinned. */
  #mark(): void {
    const marks = (this.#marks ??= new Uint8Array(this.#frames));
    for (const mfn of this.#marked) marks[mfn] = 0;
    this.#marked = [];
    const set = (mfn: number, mark: number): void => {
      if (mfn >= this.#frames) return;
      marks[mfn] = mark;
      this.#marked.push(mfn);
    };
    const memory = this.#memory;
    let domain = memory.get32(this.#statistics + area.STATISTICS_DOMAINS);
    for (; domain !== 0; domain = memory.get32(domain + area.DOMAIN_NEXT)) {
      const owned = memory.get32(domain + area.DOMAIN_MEMORY);
      const grants = owned === 0 ? 0 : memory.get32(owned + area.MEMORY_GRANTS);
      if (grants === 0) continue;
      // What is read of a domain that goes away at this moment may be anything. A number that is no frame ends the walk.
      const frames = Math.min(MOST_GRANT_FRAMES, memory.get32(grants + area.GRANTS_FRAMES));
      for (let i = 0; i < frames; i++) set(memory.get32(grants + area.GRANTS_SHARED + 4 * i), GRANT_TABLE);
      if (memory.get32(grants + area.GRANTS_PINNED) === 0) continue;
      const list = memory.get32(grants + area.GRANTS_ACTIVE_PAGES);
      if (list >= this.#frames) continue;
      for (let page = 0; page < frames * area.ACTIVE_PAGES_PER_FRAME; page++) {
        const entries = memory.get32(list * PAGE_SIZE + 4 * page);
        if (entries === 0 || entries >= this.#frames) break;
        for (let i = 0; i < area.ACTIVE_ENTRIES; i++) {
          const entry = entries * PAGE_SIZE + i * area.ACTIVE_ENTRY_SIZE;
          if (memory.get32(entry) !== 0) set(memory.get32(entry + area.ACTIVE_ENTRY_MFN), GRANTED);
        }
      }
    }
  }
}
