/**
 * Makes modules for requests: reads guest code from the machine's memory, and writes a function for each region.
 * Besides its code, a module has places in the function table, and decoded operations in a pool in shared memory. When these are used up, old modules
 * must be given up (release), after every pCPU has dropped them.
 */
import { OP_COLD, OP_SIZE } from "../cpu/op.ts";
import {
  EXTENT_LARGE,
  PAGE_LISTS,
  PAGE_LIST_MOST_PAGES,
  PAGE_LIST_SIZE,
  RECORD_BAILED,
  RECORD_COUNT,
  RECORD_DISTANCE,
  RECORD_ENTERED,
  RECORD_LIST,
  RECORD_MOST_PAGES,
  RECORD_PAGES,
  RECORD_PAGE_HOST,
  RECORD_PAGE_OFFSET,
  RECORD_PAGE_SIZE,
  RECORD_PAGE_VERSION,
  RECORD_SIZE,
  TRANSLATOR_KNOWN_REGIONS,
} from "../layout.ts";
import type { KnownCode } from "./code-cache/known-code.ts";
import { findCluster } from "./cluster.ts";
import { CodeMode } from "./code-mode.ts";
import { readOp, type DecodedOp } from "./decoded.ts";
import { HELPER_NAMES, REGION_TYPE, SHARED, TYPES } from "./imports.ts";
import { CodePages, type CodePage } from "./pages.ts";
import { ReachedCode } from "./reached.ts";
import { Path } from "./path.ts";
import { regionKey } from "./region-key.ts";
import {
  CLUSTER,
  CLUSTER_WITH_CALLS,
  LARGE_REGION,
  RegionTooLarge,
  SMALL_REGION,
  findRegion,
  type Decode,
  type Region,
  type WasReached,
} from "./region.ts";
import { entranceBody } from "./dispatch.ts";
import { translateRegion } from "./translate.ts";
import { moduleBytes, type FunctionBody } from "./wasm.ts";

/** The decoder is given a byte more than the longest instruction has. */
const FETCHED = 16;
const END_OF_32_BITS = 1n << 32n;

/** What a pCPU requests: the region at a machine address, which is a linear address in an address space, as code of a mode. */
export interface RegionRequest {
  host: number;
  /** MODE_* of ../cpu/mode_bits.ts. */
  mode: number;
  linear: bigint;
  /** The key of the address space; see ../cpu/paging/space.ts. */
  space: bigint;
  /** Machine address of the root of the second stage of translation; 0 if there is none. */
  second: number;
  /** EXTENT_* of ../layout.ts. */
  extent: number;
  /** Sets of the pCPU's decoded blocks; 0 if all code counts as having run. */
  blocks: number;
}
/** A region as the pCPUs are told of it. */
export interface RegionPlace {
  /** Machine address of its first byte. */
  host: number;
  /** The mode whose code it is. */
  mode: number;
  /** Its index in the function table. */
  index: number;
}
/** A region's function, and the pages that it is made of. */
interface NewRegion {
  pages: CodePage[];
  body: FunctionBody;
  /** Called when it becomes part of a module. */
  used(): void;
}
/** What is known of a region that was made. */
interface Made {
  pages: CodePage[];
  extent: number;
  /** Its index in the function table. */
  index: number;
}
/** What is known of a cluster, by one of its entrances. */
interface MadeCluster {
  pages: CodePage[];
  index: number;
  misses: Region["misses"];
  /** Where its blocks begin, by distance from the page of this one. */
  leaders: number[];
}
export interface TranslatedModule {
  /** Identifies it to those who adopt and drop it. */
  id: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** In the order of the module's functions. */
  regions: RegionPlace[];
}

/** The code around a requested region. Offsets are from the page in which it begins. */
interface RequestedCode {
  /** The pages that were looked into. */
  pages: CodePage[];
  /** Opens the page at that distance; null if there is no memory, or they are too many. */
  page(offset: number): CodePage | null;
  /** Returns the machine address; null if there is no memory. */
  place(offset: number): number | null;
  decode: Decode;
  reached: WasReached;
}

export interface TranslatorMachine {
  memory: WebAssembly.Memory;
  /** The decoder of core.wasm; see ../cpu/decode/decode.ts. */
  decode(op: number, mode: number, bytes: number, available: number, offset: number): number;
  /** The page walk of core.wasm; see ../cpu/paging/code_page.ts. */
  codePage(space: bigint, second: number, linear: bigint): number;
  /** Machine addresses of the tables of ../cpu/frames/tables.ts, of the regions' records, of the lists of pages and of the pool (../layout.ts). */
  codeVersions: number;
  codeFlags: number;
  records: number;
  pageLists: number;
  pool: number;
  poolEnd: number;
}

export class Translator {
  readonly #machine: TranslatorMachine;
  readonly #failed: (error: unknown) => void;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #pages: CodePages;
  readonly #reached: ReachedCode;
  /** The cache on disk; null without one. */
  readonly #known: KnownCode | null;
  /** Machine addresses for operations, and places in the function table, that no module uses. */
  readonly #freeOps: number[] = [];
  readonly #freeIndices: number[] = [];
  /** Machine addresses of lists of pages that no cluster uses. */
  readonly #freeLists: number[] = [];
  readonly #modules = new Map<number, { ops: number[]; indices: number[]; lists: number[] }>();
  /** Regions by what they are found by (regionKey). */
  readonly #made = new Map<number, Made>();
  readonly #clusters = new Map<number, MadeCluster>();
  /** How many of both there are, free or not. */
  readonly #allOps: number;
  readonly #allIndices: number;
  #nextModule = 1;

  /**
   * `table` has the first index in the function table and the one after the last. `failed` is told what should not have happened; the requested
   * region is then left out.
   */
  constructor(
    machine: TranslatorMachine,
    table: { first: number; end: number },
    failed: (error: unknown) => void,
    known: KnownCode | null = null,
  ) {
    this.#machine = machine;
    this.#known = known;
    this.#failed = failed;
    this.#view = new DataView(machine.memory.buffer);
    this.#bytes = new Uint8Array(machine.memory.buffer);
    this.#pages = new CodePages(machine);
    this.#reached = new ReachedCode(machine.memory);
    // The decoder uses the first two of the pool: an operation, and bytes from two pages.
    for (const at of placesOfOps(machine.pool, machine.poolEnd).slice(2).reverse()) this.#freeOps.push(at);
    for (let index = table.end - 1; index >= table.first; index--) this.#freeIndices.push(index);
    for (let n = PAGE_LISTS - 1; n >= 0; n--) this.#freeLists.push(machine.pageLists + n * PAGE_LIST_SIZE);
    this.#allOps = this.#freeOps.length;
    this.#allIndices = this.#freeIndices.length;
  }

  /** The share that is left of the scarcest of places, operations and lists of pages, up to 1. */
  get room(): number {
    return Math.min(
      this.#freeOps.length / this.#allOps,
      this.#freeIndices.length / this.#allIndices,
      this.#freeLists.length / PAGE_LISTS,
    );
  }

  /** Lets its operations and places be used again, since no pCPU has the module any more. */
  release(id: number): void {
    const module = this.#modules.get(id);
    if (!module) return;
    this.#modules.delete(id);
    this.#freeOps.push(...module.ops);
    this.#freeIndices.push(...module.indices);
    this.#freeLists.push(...module.lists);
  }

  /** Makes a module of those regions that can be translated and have not been; null if there are none, or there is no room. */
  translate(requests: Iterable<RegionRequest>): TranslatedModule | null {
    return this.#module(requests, (request, kept) => this.#fromCache(request, kept) ?? this.#region(request, kept));
  }
  /** The same of what the cache on disk has. Where the code around is another one, nothing is made: no pCPU has asked for that yet. */
  takeKnown(requests: Iterable<RegionRequest>): TranslatedModule | null {
    return this.#module(requests, (request, kept) => this.#fromCache(request, kept));
  }
  #module(
    requests: Iterable<RegionRequest>,
    make: (request: RegionRequest, kept: number[]) => NewRegion | null,
  ): TranslatedModule | null {
    const bodies: FunctionBody[] = [];
    const regions: RegionPlace[] = [];
    const ops: number[] = [];
    for (const request of requests) {
      const { host, mode, extent } = request;
      const made = this.#made.get(regionKey(request));
      if (!this.#freeIndices.length || (made && made.extent >= extent && this.#pages.hold(made.pages))) continue;
      const kept: number[] = [];
      const region = make(request, kept);
      if (!region || !this.#pages.hold(region.pages)) {
        this.#freeOps.push(...kept);
        continue;
      }
      const { pages, body } = region;
      region.used();
      const index = this.#freeIndices.pop()!;
      this.#record(index, pages.length, 0, 0);
      this.#list(this.#machine.records + index * RECORD_SIZE + RECORD_PAGES, pages);
      this.#made.set(regionKey(request), { pages, extent, index });
      ops.push(...kept);
      regions.push({ host, mode, index });
      bodies.push(body);
    }
    if (!bodies.length) return null;
    const id = this.#nextModule++;
    this.#modules.set(id, { ops, indices: regions.map(({ index }) => index), lists: [] });
    return { id, bytes: moduleBytes(TYPES, REGION_TYPE, HELPER_NAMES.length, SHARED, bodies), regions };
  }

  /** Returns requests for all regions that the cache on disk has of the page of the requested code, for takeKnown(). */
  known(request: RegionRequest): RegionRequest[] {
    if (!this.#known) return [];
    const { mode } = request;
    const within = request.host & 0xfff;
    this.#pages.begin();
    const page = this.#pages.open(0, request.host - within);
    if (!page) return [];
    return this.#known.inPage(page, mode).map(({ offset, extent }) => ({
      ...request,
      host: page.host + offset,
      linear: request.linear - BigInt(within - offset),
      extent,
    }));
  }

  /** Lets the regions be requested again. */
  forget(regions: RegionPlace[]): void {
    for (const region of regions)
      for (const made of [this.#made, this.#clusters]) {
        const key = regionKey(region);
        if (made.get(key)?.index === region.index) made.delete(key);
      }
  }

  /** Returns whether a region was mostly left by an instruction that it could not execute: by accesses whose pages the TLB does not have. */
  #misses(index: number): boolean {
    const at = this.#machine.records + index * RECORD_SIZE;
    return 2 * this.#view.getUint32(at + RECORD_BAILED, true) > this.#view.getUint32(at + RECORD_ENTERED, true);
  }
  #record(index: number, pages: number, list: number, distance: number): void {
    const at = this.#machine.records + index * RECORD_SIZE;
    this.#view.setUint32(at + RECORD_COUNT, pages, true);
    this.#view.setUint32(at + RECORD_ENTERED, 0, true);
    this.#view.setUint32(at + RECORD_BAILED, 0, true);
    this.#view.setUint32(at + RECORD_LIST, list, true);
    this.#view.setInt32(at + RECORD_DISTANCE, distance, true);
  }
  #list(at: number, pages: CodePage[]): void {
    pages.forEach(({ offset, host, version }, n) => {
      const page = at + n * RECORD_PAGE_SIZE;
      this.#view.setInt32(page + RECORD_PAGE_OFFSET, offset, true);
      this.#view.setUint32(page + RECORD_PAGE_HOST, host, true);
      this.#view.setUint32(page + RECORD_PAGE_VERSION, version, true);
    });
  }

  /**
   * Makes a cluster of the blocks that a path leads through. `executed` are the blocks of the path, by linear distance from the page in which the
   * requested region begins. Null if they are too many, or are in a cluster already, or there is no room.
   */
  translateCluster(request: RegionRequest, executed: Int32Array): TranslatedModule | null {
    const list = this.#freeLists.at(-1);
    if (list === undefined) return null;
    const { mode } = request;
    const before = this.#heldCluster(regionKey(request));
    const limits = before && (before.misses === "call" || this.#misses(before.index)) ? CLUSTER_WITH_CALLS : CLUSTER;
    const code = this.#code(request, PAGE_LIST_MOST_PAGES);
    const known = (entrance: number): number[] | null => {
      const host = code.place(entrance);
      const cluster = host === null ? null : this.#heldCluster(regionKey({ host, mode }));
      if (cluster?.misses !== limits.misses) return null;
      return cluster.leaders.map((leader) => leader + (entrance - (entrance & 0xfff)));
    };
    const kept: number[] = [];
    const made = this.#tried(() => {
      // The path leads through pages that the cluster has nothing of, and does not depend on.
      const path = new Path(executed, new CodeMode(mode), this.#code(request, Infinity).decode);
      const cluster = findCluster(path, code.decode, limits, known);
      return cluster && { ...cluster, body: translateRegion(cluster.region, (op) => this.#keep(op, kept)) };
    });
    const transfer = made?.region.blocks[0]!.transfer;
    const entrances = transfer?.kind === "dispatch" ? transfer.to : [];
    if (!made || !entrances.length || !this.#pages.hold(code.pages) || this.#freeIndices.length < entrances.length) {
      this.#freeOps.push(...kept);
      return null;
    }
    this.#freeLists.pop();
    this.#list(list, code.pages);
    const regions = entrances.map(({ offset }): RegionPlace => {
      const page = offset - (offset & 0xfff);
      const index = this.#freeIndices.pop()!;
      this.#record(index, code.pages.length, list, page);
      const region = { host: code.place(offset)!, mode, index };
      const leaders = made.leaders.map((leader) => leader - page);
      this.#clusters.set(regionKey(region), { pages: code.pages, index, misses: limits.misses, leaders });
      return region;
    });
    const id = this.#nextModule++;
    this.#modules.set(id, { ops: kept, indices: regions.map(({ index }) => index), lists: [list] });
    // The function of the cluster comes after those of its entrances.
    const all = SHARED.length + entrances.length;
    const bodies = [...entrances.map(({ offset }) => entranceBody(offset - (offset & 0xfff), all)), made.body];
    const bytes = moduleBytes(TYPES, REGION_TYPE, HELPER_NAMES.length, SHARED, bodies, entrances.length);
    return { id, bytes, regions };
  }
  /** Returns the index of the cluster that begins where this one is requested if it is mostly left because of accesses that miss the TLB; else null. */
  uselessCluster(request: RegionRequest): number | null {
    const cluster = this.#heldCluster(regionKey(request));
    return cluster?.misses === "leave" && this.#misses(cluster.index) ? cluster.index : null;
  }
  /** Returns the cluster that was made, if its code is still the same. */
  #heldCluster(key: number): MadeCluster | null {
    const made = this.#clusters.get(key);
    return made && this.#pages.hold(made.pages) ? made : null;
  }

  /** Null if it can't be translated. `kept` receives the operations taken from the pool, also then. */
  #region(request: RegionRequest, kept: number[]): NewRegion | null {
    const { host, mode, extent } = request;
    const limits = extent === EXTENT_LARGE ? LARGE_REGION : SMALL_REGION;
    const { pages, decode, reached, place } = this.#code(request, RECORD_MOST_PAGES);
    const body = this.#tried(() => {
      const region = findRegion(host & 0xfff, new CodeMode(mode), decode, reached, limits);
      if (!region.blocks[0]!.ops.length) return null;
      for (const { ops } of region.blocks) if (ops[0]) this.#reached.add(place(ops[0].offset)!, mode);
      return translateRegion(region, (op) => this.#keep(op, kept));
    });
    const used = () => this.#known?.add({ offset: host & 0xfff, mode, extent }, pages, body!, kept);
    return body && { pages, body, used };
  }
  /** The same from the cache on disk; null if that does not have it, and nothing is kept then. */
  #fromCache(request: RegionRequest, kept: number[]): NewRegion | null {
    const known = this.#known;
    if (!known) return null;
    const { host, mode, extent } = request;
    const { pages, page } = this.#code(request, RECORD_MOST_PAGES);
    const body = this.#tried(() => known.body({ offset: host & 0xfff, mode, extent }, page, () => this.#free(kept)));
    if (body) return { pages, body, used: () => this.#addKnown() };
    this.#freeOps.push(...kept.splice(0));
    return null;
  }
  #addKnown(): void {
    const count = this.#view.getUint32(TRANSLATOR_KNOWN_REGIONS, true);
    this.#view.setUint32(TRANSLATOR_KNOWN_REGIONS, count + 1, true);
  }

  /** Null if what is tried has no room, or fails. */
  #tried<T>(make: () => T | null): T | null {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof PoolFull || error instanceof RegionTooLarge)) this.#failed(error);
      return null;
    }
  }

  /** The code around a requested region. */
  #code({ host, linear, space, second, blocks, mode }: RegionRequest, mostPages: number): RequestedCode {
    const { isLong } = new CodeMode(mode);
    const pages: CodePage[] = [];
    const known = new Map<number, CodePage>();
    this.#pages.begin();
    const base = BigInt.asUintN(64, linear - (linear & 0xfffn));
    const frames = new Map<number, number | null>([[0, host - (host & 0xfff)]]);
    const frame = (offset: number): number | null => {
      let at = frames.get(offset);
      if (at !== undefined) return at;
      const to = base + BigInt(offset);
      // Code does not go on from one end of the linear addresses at the other.
      const isPossible = isLong ? isCanonical(to) : to >= 0n && to < END_OF_32_BITS;
      at = (isPossible && this.#machine.codePage(space, second, to)) || null;
      frames.set(offset, at);
      return at;
    };
    const page = (offset: number): CodePage | null => {
      const before = known.get(offset);
      // A record has 32 bits for the distance.
      if (before || pages.length === mostPages || offset !== (offset | 0)) return before ?? null;
      const at = frame(offset);
      const opened = at === null ? null : this.#pages.open(offset, at);
      if (!opened) return null;
      pages.push(opened);
      known.set(offset, opened);
      return opened;
    };
    const place = (offset: number): number | null => {
      const at = frame(offset - (offset & 0xfff));
      return at === null ? null : at + (offset & 0xfff);
    };
    const reached = (offset: number): boolean => {
      const at = place(offset);
      return at !== null && this.#reached.has(at, mode, blocks);
    };
    return { pages, page, place, reached, decode: (offset) => this.#decode(offset, mode, page) };
  }

  #decode(offset: number, mode: number, page: (offset: number) => CodePage | null): DecodedOp | null {
    const { pool, decode } = this.#machine;
    const within = offset & 0xfff;
    const first = page(offset - within);
    if (!first) return null;
    const room = Math.min(4096 - within, FETCHED);
    const bytes = pool + OP_SIZE;
    this.#bytes.set(first.content.subarray(within, within + room), bytes);
    if (decode(pool, mode, bytes, room, within) < 0) {
      const second = page(offset - within + 4096);
      if (!second) return null;
      this.#bytes.set(second.content.subarray(0, FETCHED - room), bytes + room);
      decode(pool, mode, bytes, FETCHED, within);
    }
    return readOp(this.#view, pool, offset - within);
  }

  #free(kept: number[]): number {
    const at = this.#freeOps.pop();
    if (at === undefined) throw new PoolFull();
    kept.push(at);
    return at;
  }
  #keep(op: DecodedOp, kept: number[]): number {
    const at = this.#free(kept);
    this.#bytes.set(op.raw, at);
    this.#bytes.set(op.rawCold, at + OP_COLD);
    return at;
  }
}

/** Returns whether it is an address of 48 bits, whatever lies above bit 63. */
function isCanonical(linear: bigint): boolean {
  return BigInt.asIntN(64, linear) === BigInt.asIntN(48, linear);
}

/** Returns the addresses of the decoded operations that a pool has room for, in parts (../cpu/op.ts). */
function placesOfOps(pool: number, end: number): number[] {
  const places: number[] = [];
  for (let part = pool; part < end; part += 2 * OP_COLD)
    for (let at = part; at < Math.min(part + OP_COLD, end - OP_COLD); at += OP_SIZE) places.push(at);
  return places;
}

/** There is no room for another decoded operation. */
class PoolFull extends Error {}
