/**
 * Translated code of one pCPU: regions of hot guest code that ../translator has turned into WebAssembly functions, called from the run loop between
 * blocks. A region is entered only at its first byte, in the mode (mode_bits.ts) for which it was made, and executes whole instructions: wherever it
 * returns, the vCPU's state is that at an instruction boundary. What it can't do (a fault, a privileged instruction, an access across pages) it leaves undone and reports (CPU_BAILED),
 * and the interpreter executes that instruction.
 * Two tables of this pCPU find regions:
 * - by the host address of the first byte and the mode, in sets of 4 entries of 8 bytes: u32 host address, u16 index in the instance's function
 *   table, u16 mode;
 * - by linear address, direct-mapped, entries of 32 bytes: u64 address, u64 ASID, mode and epoch, u64 count of code changes, u32 index (0: there is no
 *   region).
 *   This one is filled after looking at the region's record in shared memory (layout.ts): every page of the region must be mapped
 *   where it was, with the code version that it had. An entry holds until a translation is forgotten, code changes anywhere, or regions
 *   come or go.
 * A third one, by list of pages (layout.ts), has the clusters whose pages were found where they were: u64 linear address of the first page, u64 ASID, mode
 * and epoch, u64 count of code changes. It holds as long as an entry of the second, so the pages of a cluster are looked at once for all its entrances.
 * Requests go through a ring in shared memory that the translator's thread empties. What it has made is adopted by this pCPU's JavaScript when
 * TRANSLATOR_READY has changed.
 */
import { translate } from "./access";
import { codeChanges, codeVersion, setRunningRegion } from "./frames/code";
import { followGeneration } from "./frames/written";
import { checkSegment, linearMask, segmentChecked } from "./inspection";
import { clearFault, cpu, setActivity } from "./machine";
import { codeLinear, codeMode } from "./mode";
import { MODE_BITS } from "./mode_bits";
import { beginPath, isOnPath, recording } from "./path";
import { ACCESS_EXECUTE, isCanonical } from "./paging/format";
import { pagesOf, recordOf } from "./region_pages";
import { ASKED_BYTES, requestRegion, requestsInit } from "./region_requests";
import { BAILED_UNDONE, CPU_BAILED, CPU_TLB_TAG } from "./state";
import {
  ACTIVITY_INTERPRETER,
  EXTENT_LARGE,
  PAGE_LISTS,
  PAGE_LIST_SIZE,
  RECORD_BAILED,
  RECORD_COUNT,
  RECORD_DISTANCE,
  RECORD_ENTERED,
  RECORD_LIST,
  RECORD_PAGES,
  RECORD_PAGE_HOST,
  RECORD_PAGE_OFFSET,
  RECORD_PAGE_SIZE,
  RECORD_PAGE_VERSION,
  TRANSLATOR_PAGE_LISTS,
  TRANSLATOR_READY,
} from "../layout";
import { TLB_EXECUTE, flushEpoch, pageRelied, spaceTag, tlbBase, tlbLookup, tlbTag } from "./tlb";

const BY_HOST: u32 = 65536;
const WAYS: u32 = 4;
const BY_LINEAR: u32 = 8192;
const BY_LINEAR_TABLE = 65536 * 8;
const LISTS_TABLE = BY_LINEAR_TABLE + 8192 * 32;
const ASKED_TABLE = LISTS_TABLE + PAGE_LISTS * 32;
export const REGION_TABLE_BYTES = ASKED_TABLE + ASKED_BYTES;
const HOST_INDEX = 4;
const HOST_MODE = 6;
const LINEAR_SPACE = 8;
const LINEAR_CHANGES = 16;
const LINEAR_INDEX = 24;

/** A block is requested when a lookup or a backward branch has reached it so often, and again at every doubling. */
const HEAT_ASKED: u32 = 4096;
/** A region that was entered so often is requested again as a large one, which includes parts of the functions it calls. */
const HEAT_LARGE: u32 = 32768;
/** A region that was entered so often all the same, and again at every doubling, is requested as a cluster, of the regions that follow on it. */
const HEAT_CLUSTER: u32 = 131072;
/** A region that was left by an instruction which it could not execute, after more instructions than these, was worth entering. */
const FEW_INSTRUCTIONS: i32 = 256;

let table: usize = 0;
let seenReady: u32 = 0;
/** Incremented when regions come or go. */
let regionEpoch: u64 = 0;

// @ts-ignore: decorator
@external("env", "adopt")
/**
 * JavaScript takes over what the translator has made: it fills the function table, and calls regionAdopt() and regionDrop(). Returns true if it has
 * left some for the next time, so that nobody waits long.
 */
declare function adopt(): bool;

export function regionsInit(address: usize, sets: usize): void {
  table = address;
  requestsInit(sets, address + ASKED_TABLE);
  memory.fill(address, 0, REGION_TABLE_BYTES);
}

/** Returns the first entry of the set in which `host` may be. */
// @ts-ignore: decorator
@inline
function hostSet(host: u32): usize {
  return table + (((host ^ (host >> 15)) & (BY_HOST - WAYS)) << 3);
}
/**
 * Makes function `index` the region at machine address `host` for code of `mode`, which is used as long as its record holds. A cluster has an entry beside
 * that of the ordinary region: it may lie elsewhere in another process, or not all of it may be mapped.
 */
export function regionAdopt(host: u32, mode: u32, index: u32): void {
  const set = hostSet(host);
  const isCluster = isClustered(index);
  let entry: usize = 0;
  for (let each = set; each < set + (WAYS << 3); each += 8)
    if (
      load<u32>(each) == host &&
      load<u16>(each, HOST_MODE) == mode &&
      isClustered(load<u16>(each, HOST_INDEX)) == isCluster
    )
      entry = each;
  if (!entry) {
    // A free entry, or one that is used, whose region will then be requested again in vain. With four to choose from this is rare.
    entry = set;
    while (load<u32>(entry) && entry < set + ((WAYS - 1) << 3)) entry += 8;
  }
  store<u32>(entry, host);
  store<u16>(entry, <u16>index, HOST_INDEX);
  store<u16>(entry, <u16>mode, HOST_MODE);
  regionEpoch++;
}
function isClustered(index: u32): bool {
  return load<u32>(recordOf(index), RECORD_LIST) != 0;
}

/** Forgets the region at `host` if it is still function `index`. */
export function regionDrop(host: u32, index: u32): void {
  const set = hostSet(host);
  for (let entry = set; entry < set + (WAYS << 3); entry += 8)
    if (load<u32>(entry) == host && load<u16>(entry, HOST_INDEX) == index) store<u32>(entry, 0);
  regionEpoch++;
}

/** Returns whether there is more to take over. */
// @ts-ignore: decorator
@inline
export function adoptRegions(): bool {
  const ready = atomic.load<u32>(TRANSLATOR_READY);
  if (ready == seenReady) return false;
  const more = adopt();
  if (!more) seenReady = ready;
  return more;
}

/** Returns whether there is an ordinary region at `host` for code of `mode`, and for the present code of its frames. */
export function hasRegion(host: u32, mode: u32): bool {
  const set = hostSet(host);
  for (let entry = set; entry < set + (WAYS << 3); entry += 8) {
    const index = <u32>load<u16>(entry, HOST_INDEX);
    if (load<u32>(entry) == host && load<u16>(entry, HOST_MODE) == mode && !isClustered(index)) return isPresent(index);
  }
  return false;
}
function isPresent(index: u32): bool {
  const record = recordOf(index);
  const pages = pagesOf(record);
  for (let n: u32 = 0; n < load<u32>(record, RECORD_COUNT); n++) {
    const page = pages + <usize>n * RECORD_PAGE_SIZE;
    if (load<u32>(page, RECORD_PAGE_VERSION) != codeVersion(load<u32>(page, RECORD_PAGE_HOST) >> 12)) return false;
  }
  return true;
}

/** pCPUs may overwrite each other's increments, since the count need not be exact. */
// @ts-ignore: decorator
@inline
function countEntry(index: u32, lin: u64): void {
  const record = recordOf(index);
  const entered = load<u32>(record, RECORD_ENTERED) + 1;
  store<u32>(record, entered, RECORD_ENTERED);
  if (entered >= HEAT_LARGE && (entered & (entered - 1)) == 0) growRegion(lin, entered);
}
// @ts-ignore: decorator
@inline
function countBail(index: u32): void {
  const record = recordOf(index);
  store<u32>(record, load<u32>(record, RECORD_BAILED) + 1, RECORD_BAILED);
}
function growRegion(lin: u64, entered: u32): void {
  const host = <u32>executable(lin);
  if (!host) return;
  if (entered == HEAT_LARGE) requestRegion(host, codeMode, lin, EXTENT_LARGE);
  else if (entered >= HEAT_CLUSTER) beginPath(<u32>table, host, lin);
}

/** Returns whether a block that was reached `heat` times is to be requested now. */
// @ts-ignore: decorator
@inline
export function isAskedFor(heat: u32): bool {
  return heat >= HEAT_ASKED && (heat & (heat - 1)) == 0;
}

/** Returns the host address of the code at `lin`, 0 if it can't be executed. */
function executable(lin: u64): usize {
  const host = tlbLookup(TLB_EXECUTE, lin);
  if (host || !isCanonical(lin)) return host;
  const found = translate(lin, ACCESS_EXECUTE);
  clearFault();
  return found;
}

/** Returns the index of the region at linear address `lin` of the current address space, 0 if there is none. */
// @ts-ignore: decorator
@inline
function regionAt(lin: u64, mode: u32): u32 {
  const entry = table + BY_LINEAR_TABLE + ((((<usize>lin) ^ (<usize>(lin >> 12))) & (BY_LINEAR - 1)) << 5);
  if (
    load<u64>(entry) == lin &&
    load<u64>(entry, LINEAR_SPACE) == currentSpace(mode) &&
    load<u64>(entry, LINEAR_CHANGES) == codeChanges()
  )
    return load<u32>(entry, LINEAR_INDEX);
  return findRegion(lin, mode, entry);
}

// @ts-ignore: decorator
@inline
function currentSpace(mode: u32): u64 {
  return spaceTag | ((<u64>mode) << 12) | ((flushEpoch + regionEpoch) << (12 + MODE_BITS));
}

function findRegion(lin: u64, mode: u32, entry: usize): u32 {
  const changes = codeChanges();
  const space = currentSpace(mode);
  const index = checkedRegion(lin, mode);
  store<u64>(entry, lin);
  store<u64>(entry, space, LINEAR_SPACE);
  store<u64>(entry, changes, LINEAR_CHANGES);
  store<u32>(entry, index, LINEAR_INDEX);
  return index;
}

/** A cluster comes before an ordinary region. */
function checkedRegion(lin: u64, mode: u32): u32 {
  pageRelied(lin);
  const host = <u32>executable(lin);
  if (!host) return 0;
  const set = hostSet(host);
  let ordinary: u32 = 0;
  for (let entry = set; entry < set + (WAYS << 3); entry += 8) {
    if (load<u32>(entry) != host || load<u16>(entry, HOST_MODE) != mode) continue;
    const index = <u32>load<u16>(entry, HOST_INDEX);
    if (!isMapped(index, lin)) continue;
    if (isClustered(index)) return index;
    ordinary = index;
  }
  return ordinary;
}

/** Returns whether all pages of a region that is entered at `lin` are mapped where they were, with the code that they had. */
function isMapped(index: u32, lin: u64): bool {
  const record = recordOf(index);
  const first = (lin & ~(<u64>0xfff)) - <u64>(<i64>load<i32>(record, RECORD_DISTANCE));
  const list = <usize>load<u32>(record, RECORD_LIST);
  if (!list) return areMapped(record, record + RECORD_PAGES, first);
  const entry = table + LISTS_TABLE + ((((list - TRANSLATOR_PAGE_LISTS) / PAGE_LIST_SIZE) & (PAGE_LISTS - 1)) << 5);
  const space = currentSpace(codeMode);
  const changes = codeChanges();
  if (
    load<u64>(entry) == first &&
    load<u64>(entry, LINEAR_SPACE) == space &&
    load<u64>(entry, LINEAR_CHANGES) == changes
  )
    return true;
  if (!areMapped(record, list, first)) return false;
  store<u64>(entry, first);
  store<u64>(entry, space, LINEAR_SPACE);
  store<u64>(entry, changes, LINEAR_CHANGES);
  return true;
}
function areMapped(record: usize, pages: usize, first: u64): bool {
  for (let n: u32 = 0; n < load<u32>(record, RECORD_COUNT); n++) {
    const page = pages + <usize>n * RECORD_PAGE_SIZE;
    const frame = load<u32>(page, RECORD_PAGE_HOST);
    const linear = (first + <u64>(<i64>load<i32>(page, RECORD_PAGE_OFFSET))) & linearMask;
    pageRelied(linear);
    if (<u32>executable(linear) != frame) return false;
    if (load<u32>(page, RECORD_PAGE_VERSION) != codeVersion(frame >> 12)) return false;
  }
  return true;
}

/**
 * Runs regions from CPU_RIP on, until there is none, one bails out, or something else has to be looked at. Returns how many instructions are left. To
 * be called between blocks, when instructions need not be executed one by one.
 */
export function runRegions(left: i32, poll: usize): i32 {
  const s = cpu;
  const mode = codeMode;
  store<u32>(s, 0, CPU_BAILED);
  if (tlbTag != spaceTag) {
    // An operand may have made the interpreter compare accesses with their segment. Regions do that themselves.
    if (!segmentChecked) return left;
    checkSegment(false);
    if (tlbTag != spaceTag) return left;
  }
  let lin = codeLinear(mode);
  let index = regionAt(lin, mode);
  if (!index) return left;
  store<u64>(s, tlbTag, CPU_TLB_TAG);
  do {
    countEntry(index, lin);
    // The interpreter shows which blocks follow.
    if (recording && isOnPath()) break;
    setActivity(index);
    setRunningRegion(index);
    const before = left;
    left = call_indirect<i32>(index, s, left, tlbBase, poll);
    const bailed = load<u32>(s, CPU_BAILED);
    if (bailed == <u32>BAILED_UNDONE && before - left < FEW_INSTRUCTIONS) countBail(index);
    if (bailed) break;
    if (left <= 0 || atomic.load<u32>(poll)) break;
    followGeneration();
    lin = codeLinear(mode);
    index = regionAt(lin, mode);
  } while (index);
  setActivity(ACTIVITY_INTERPRETER);
  return left;
}
