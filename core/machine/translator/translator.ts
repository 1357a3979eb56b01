/**
 * Makes modules for requests: reads guest code from the machine's memory, and writes a function for each region.
 * Besides its code, a module has places in the function table, and decoded operations in a pool in shared memory. When these are used up, old modules
 * must be given up (release), after every pCPU has dropped them.
 */
import { OP_COLD, OP_SIZE } from "../cpu/op.ts";
import {
  RECORD_COUNT,
  RECORD_ENTERED,
  RECORD_MOST_PAGES,
  RECORD_PAGES,
  RECORD_PAGE_HOST,
  RECORD_PAGE_OFFSET,
  RECORD_PAGE_SIZE,
  RECORD_PAGE_VERSION,
  RECORD_SIZE,
} from "../layout.ts";
import { CodeMode } from "./code-mode.ts";
import { readOp, type DecodedOp } from "./decoded.ts";
import { HELPER_NAMES, REGION_TYPE, SHARED, TYPES } from "./imports.ts";
import { CodePages, type CodePage } from "./pages.ts";
import { ReachedCode } from "./reached.ts";
import { regionKey } from "./region-key.ts";
import { LARGE_REGION, SMALL_REGION, findRegion } from "./region.ts";
import { RegionTooLarge, translateRegion } from "./translate.ts";
import { moduleBytes, type FunctionBody } from "./wasm.ts";

const LONGEST_INSTRUCTION = 15;
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
  large: boolean;
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
export interface TranslatedModule {
  /** Identifies it to those who adopt and drop it. */
  id: number;
  bytes: Uint8Array<ArrayBuffer>;
  /** In the order of the module's functions. */
  regions: RegionPlace[];
}

export interface TranslatorMachine {
  memory: WebAssembly.Memory;
  /** The decoder of core.wasm; see ../cpu/decode/decode.ts. */
  decode(op: number, mode: number, bytes: number, available: number, offset: number): number;
  /** The page walk of core.wasm; see ../cpu/paging/code_page.ts. */
  codePage(space: bigint, second: number, linear: bigint): number;
  /** Machine addresses of the tables of ../cpu/frames/tables.ts, of the regions' records and of the pool (../layout.ts). */
  codeVersions: number;
  codeFlags: number;
  records: number;
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
  /** Machine addresses for operations, and places in the function table, that no module uses. */
  readonly #freeOps: number[] = [];
  readonly #freeIndices: number[] = [];
  readonly #modules = new Map<number, { ops: number[]; indices: number[] }>();
  /** Regions by what they are found by (regionKey). */
  readonly #made = new Map<number, { pages: CodePage[]; large: boolean }>();
  /** How many of both there are, free or not. */
  readonly #allOps: number;
  readonly #allIndices: number;
  #nextModule = 1;

  /**
   * `table` has the first index in the function table and the one after the last. `failed` is told what should not have happened; the requested
   * region is then left out.
   */
  constructor(machine: TranslatorMachine, table: { first: number; end: number }, failed: (error: unknown) => void) {
    this.#machine = machine;
    this.#failed = failed;
    this.#view = new DataView(machine.memory.buffer);
    this.#bytes = new Uint8Array(machine.memory.buffer);
    this.#pages = new CodePages(machine);
    this.#reached = new ReachedCode(machine.memory);
    // The decoder uses the first two of the pool: an operation, and bytes from two pages.
    for (const at of placesOfOps(machine.pool, machine.poolEnd).slice(2).reverse()) this.#freeOps.push(at);
    for (let index = table.end - 1; index >= table.first; index--) this.#freeIndices.push(index);
    this.#allOps = this.#freeOps.length;
    this.#allIndices = this.#freeIndices.length;
  }

  /** The share that is left of the scarcer of the two, up to 1. */
  get room(): number {
    return Math.min(this.#freeOps.length / this.#allOps, this.#freeIndices.length / this.#allIndices);
  }

  /** Lets its operations and places be used again, since no pCPU has the module any more. */
  release(id: number): void {
    const module = this.#modules.get(id);
    if (!module) return;
    this.#modules.delete(id);
    this.#freeOps.push(...module.ops);
    this.#freeIndices.push(...module.indices);
  }

  /** Makes a module of those regions that can be translated and have not been; null if there are none, or there is no room. */
  translate(requests: Iterable<RegionRequest>): TranslatedModule | null {
    const bodies: FunctionBody[] = [];
    const regions: RegionPlace[] = [];
    const ops: number[] = [];
    for (const request of requests) {
      const { host, mode, large } = request;
      const made = this.#made.get(regionKey(request));
      if (!this.#freeIndices.length || (made && (made.large || !large) && this.#pages.hold(made.pages))) continue;
      const kept: number[] = [];
      const pages: CodePage[] = [];
      const body = this.#region(request, pages, kept);
      if (!body || !this.#pages.hold(pages)) {
        this.#freeOps.push(...kept);
        continue;
      }
      const index = this.#freeIndices.pop()!;
      this.#record(index, pages);
      this.#made.set(regionKey(request), { pages, large });
      ops.push(...kept);
      regions.push({ host, mode, index });
      bodies.push(body);
    }
    if (!bodies.length) return null;
    const id = this.#nextModule++;
    this.#modules.set(id, { ops, indices: regions.map(({ index }) => index) });
    return { id, bytes: moduleBytes(TYPES, REGION_TYPE, HELPER_NAMES.length, SHARED, bodies), regions };
  }

  /** Lets the regions be requested again. */
  forget(regions: RegionPlace[]): void {
    for (const region of regions) this.#made.delete(regionKey(region));
  }

  #record(index: number, pages: CodePage[]): void {
    const at = this.#machine.records + index * RECORD_SIZE;
    this.#view.setUint32(at + RECORD_COUNT, pages.length, true);
    this.#view.setUint32(at + RECORD_ENTERED, 0, true);
    pages.forEach(({ offset, host, version }, n) => {
      const page = at + RECORD_PAGES + n * RECORD_PAGE_SIZE;
      this.#view.setInt32(page + RECORD_PAGE_OFFSET, offset, true);
      this.#view.setUint32(page + RECORD_PAGE_HOST, host, true);
      this.#view.setUint32(page + RECORD_PAGE_VERSION, version, true);
    });
  }

  /** `pages` receives the pages of its code; `kept` receives the operations taken from the pool. */
  #region(request: RegionRequest, pages: CodePage[], kept: number[]): FunctionBody | null {
    const { host, linear, space, second, large, blocks } = request;
    const mode = new CodeMode(request.mode);
    const base = BigInt.asUintN(64, linear - (linear & 0xfffn));
    const frames = new Map<number, number | null>([[0, host - (host & 0xfff)]]);
    const frame = (offset: number): number | null => {
      let at = frames.get(offset);
      if (at !== undefined) return at;
      const to = base + BigInt(offset);
      // Code does not go on from one end of the linear addresses at the other.
      const isPossible = mode.isLong || (to >= 0n && to < END_OF_32_BITS);
      at = (isPossible && this.#machine.codePage(space, second, to)) || null;
      frames.set(offset, at);
      return at;
    };
    const page = (offset: number): CodePage | null => {
      const known = pages.find((each) => each.offset === offset);
      if (known || pages.length === RECORD_MOST_PAGES) return known ?? null;
      const at = frame(offset);
      const opened = at === null ? null : this.#pages.open(offset, at);
      if (opened) pages.push(opened);
      return opened;
    };
    const place = (offset: number): number | null => {
      const at = frame(offset - (offset & 0xfff));
      return at === null ? null : at + (offset & 0xfff);
    };
    const decode = (offset: number) => this.#decode(offset, request.mode, page);
    const reached = (offset: number) => {
      const at = place(offset);
      return at !== null && this.#reached.has(at, request.mode, blocks);
    };
    try {
      const region = findRegion(host & 0xfff, mode, decode, reached, large ? LARGE_REGION : SMALL_REGION);
      if (!region.blocks[0]!.ops.length) return null;
      for (const { ops } of region.blocks) if (ops[0]) this.#reached.add(place(ops[0].offset)!, request.mode);
      return translateRegion(region, (op) => this.#keep(op, kept));
    } catch (error) {
      if (!(error instanceof PoolFull || error instanceof RegionTooLarge)) this.#failed(error);
      return null;
    }
  }

  #decode(offset: number, mode: number, page: (offset: number) => CodePage | null): DecodedOp | null {
    const { pool, decode } = this.#machine;
    const within = offset & 0xfff;
    const first = page(offset - within);
    if (!first) return null;
    const room = 4096 - within;
    if (decode(pool, mode, first.host + within, room, within) < 0) {
      const second = page(offset - within + 4096);
      if (!second) return null;
      const bytes = pool + OP_SIZE;
      this.#bytes.copyWithin(bytes, first.host + within, first.host + 4096);
      this.#bytes.copyWithin(bytes + room, second.host, second.host + LONGEST_INSTRUCTION + 1 - room);
      decode(pool, mode, bytes, LONGEST_INSTRUCTION + 1, within);
    }
    return readOp(this.#view, pool, offset - within);
  }

  #keep(op: DecodedOp, kept: number[]): number {
    const at = this.#freeOps.pop();
    if (at === undefined) throw new PoolFull();
    kept.push(at);
    this.#bytes.set(op.raw, at);
    this.#bytes.set(op.rawCold, at + OP_COLD);
    return at;
  }
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
