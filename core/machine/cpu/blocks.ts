/**
 * The decoded blocks of one pCPU. A block is a run of ops in one physical page that ends with a control transfer, at the end of the page, or after
 * BLOCK_OPS ops. It is found by the host address of its first byte and the mode, so that a page mapped at several linear addresses is decoded once. A
 * block is valid while its frame's code version (frames/code.ts) is the one at which it was decoded.
 * An instruction across two pages is a block of its own, which records the second page and its version. A full cache is emptied and filled again;
 * that happens only between blocks.
 */
import { VECTOR_GP, cpu, fault, raise } from "./machine";
import { ACCESS_EXECUTE, isCanonical } from "./paging/format";
import { translate } from "./access";
import {
  BLOCK_HOST,
  BLOCK_MODE,
  BLOCK_NEXT,
  PLACE_BLOCK,
  PLACE_BYTES,
  SET_BYTES,
  SET_COUNT,
  SET_FOLD,
  SET_MODE,
} from "./block_layout";
import { codeVersion } from "./frames/code";
import { beforeDecode, decodeHolds } from "./frames/decoding";
import { decode, decodeEnds } from "./decode/decode";
import { fuse } from "./decode/fusion";
import { H_NEXT } from "./handlers";
import { codeLinear } from "./mode";
import { MODE_64, MODE_UNLIMITED } from "./mode_bits";
import { OP_COLD, OP_HANDLER, OP_IMM, OP_LENGTH, OP_OFFSET, OP_SIZE } from "./op";
import { CPU_RIP, CPU_SEG, CS, SEG_LIMIT, SEG_SIZE } from "./state";
import { EXTENT_SMALL } from "../layout";
import { REGION_TABLE_BYTES, hasRegion, isAskedFor, regionsInit } from "./regions";
import { askWhatIsKnown, requestRegion } from "./region_requests";
import { TLB_BYTES, TLB_EXECUTE, tlbLookup } from "./tlb";

/**
 * Header before a block's first op, of u32: host address of the first byte, mode, version, next of the set's last place, second page, its version, how often the
 * block was reached by lookup or by a backward branch. It begins a line of the cache, which has the first op too.
 */
const BLOCK_HEADER = 32;
const BLOCK_ALIGNMENT = 64;
const BLOCK_VERSION = 8;
const BLOCK_SECOND = 16;
const BLOCK_SECOND_VERSION = 20;
const BLOCK_HEAT = 24;
/** u32: number of bytes of its instructions. */
const BLOCK_BYTES = 28;
const BLOCK_OPS = 32;
const LONGEST_BLOCK = BLOCK_HEADER + (BLOCK_OPS + 1) * OP_SIZE;

/**
 * After the TLB come the bytes of an instruction across pages, the sets, then the blocks, in parts (op.ts). The first part begins with room for one op and its
 * end, as a block.
 */
const FETCH = TLB_BYTES;
const SETS = TLB_BYTES + 0x1000;
const ARENA = SETS + SET_COUNT * SET_BYTES;
const ARENA_SIZE = 16 << 20;
const PART = 2 * OP_COLD;
const SINGLE = ARENA + BLOCK_HEADER;
const SINGLE_ROOM = 2 * BLOCK_ALIGNMENT;
const REGIONS = ARENA + ARENA_SIZE;
export const REGION_SIZE = REGIONS + REGION_TABLE_BYTES;

let region: usize = 0;
/** Where the next block comes, and the end of the ops of that part. */
let arena: usize = 0;
let partEnd: usize = 0;
/** Incremented when the cache is emptied: addresses of earlier ops are then invalid. */
export let cacheGeneration: u32 = 0;

export function blocksInit(address: usize): void {
  region = address;
  regionsInit(address + REGIONS, address + SETS);
  dropBlocks();
}

export function dropBlocks(): void {
  memory.fill(region + SETS, 0, <usize>SET_COUNT * SET_BYTES);
  arena = region + ARENA + SINGLE_ROOM;
  partEnd = region + ARENA + OP_COLD;
  cacheGeneration++;
}
/** Goes on in the next part; after the last one, begins anew. */
function nextPart(): void {
  if (partEnd + PART > region + ARENA + ARENA_SIZE) dropBlocks();
  else {
    arena = partEnd + OP_COLD;
    partEnd += PART;
  }
}

/** Bytes of code from CPU_RIP up to CS's limit. */
let room: u64 = 0;
/** Sets `room`. Returns false after raising #GP(0) if there is none. */
function hasCodeRoom(mode: u32): bool {
  room = ~(<u64>0);
  if (mode & MODE_UNLIMITED) return true;
  const limit = <u64>load<u32>(cpu, CPU_SEG + CS * SEG_SIZE + SEG_LIMIT);
  // After an IRET from 64-bit mode there may be more bits, which have no effect.
  const rip = load<u64>(cpu, CPU_RIP) & 0xffffffff;
  if (rip <= limit) {
    room = limit - rip + 1;
    return true;
  }
  raise(VECTOR_GP);
  return false;
}

/** Returns the first op of the block at CPU_RIP; 0 with `fault` set if its first byte can't be fetched. */
export function findBlock(mode: u32): usize {
  if (mode & MODE_UNLIMITED) {
    room = ~(<u64>0);
    return findDecoded(mode);
  }
  if (!hasCodeRoom(mode)) return 0;
  const first = findDecoded(mode);
  // What was decoded may continue beyond the limit.
  return first && load<u32>(first - BLOCK_HEADER, BLOCK_BYTES) > room ? prepareSingle(mode) : first;
}

function findDecoded(mode: u32): usize {
  const lin = codeLinear(mode);
  let host = tlbLookup(TLB_EXECUTE, lin);
  if (!host) {
    if (!isCanonical(lin)) {
      raise(VECTOR_GP);
      return 0;
    }
    host = translate(lin, ACCESS_EXECUTE);
    if (!host) return 0;
  }
  const set = setOf(host, mode);
  const block = blockIn(set, <u32>host, mode);
  if (!block || load<u32>(block, BLOCK_VERSION) != codeVersion(<u32>(host >> 12)))
    return buildBlock(lin, host, mode, set);
  if (load<u32>(block, BLOCK_SECOND)) {
    const second = translate(nextPage(lin, mode), ACCESS_EXECUTE);
    if (!second) return 0;
    if (
      second != load<u32>(block, BLOCK_SECOND) ||
      load<u32>(block, BLOCK_SECOND_VERSION) != codeVersion(<u32>(second >> 12))
    )
      return buildBlock(lin, host, mode, set);
  }
  return block + BLOCK_HEADER;
}

// ---- sets ----

// @ts-ignore: decorator
@inline
function setOf(host: usize, mode: u32): usize {
  return region + SETS + ((host ^ (host >> SET_FOLD) ^ (mode << SET_MODE)) & (SET_COUNT - 1)) * SET_BYTES;
}
/** Returns the block, of whatever version; 0 if there is none. */
// @ts-ignore: decorator
@inline
function blockIn(set: usize, host: u32, mode: u32): usize {
  for (let place = set; place < set + SET_BYTES; place += PLACE_BYTES) {
    if (load<u32>(place) != host) continue;
    const block = load<u32>(place, PLACE_BLOCK);
    if (load<u32>(block, BLOCK_MODE) == mode) return block;
  }
  return displaced(set, host, mode);
}
function lastPlace(set: usize): usize {
  return set + SET_BYTES - PLACE_BYTES;
}
/**
 * Returns the block if others have taken its place in the set. It then comes first in the set: code that is used does not stay behind blocks that never
 * run again, such as those of programs that have ended.
 */
function displaced(set: usize, host: u32, mode: u32): usize {
  let before: usize = load<u32>(lastPlace(set), PLACE_BLOCK);
  if (!before) return 0;
  let block: usize = load<u32>(before, BLOCK_NEXT);
  while (block && (load<u32>(block, BLOCK_HOST) != host || load<u32>(block, BLOCK_MODE) != mode)) {
    before = block;
    block = load<u32>(block, BLOCK_NEXT);
  }
  if (!block) return 0;
  store<u32>(before, load<u32>(block, BLOCK_NEXT), BLOCK_NEXT);
  const last: usize = load<u32>(lastPlace(set), PLACE_BLOCK);
  for (let place = lastPlace(set); place > set; place -= PLACE_BYTES) store<u64>(place, load<u64>(place - PLACE_BYTES));
  store<u32>(<usize>load<u32>(lastPlace(set), PLACE_BLOCK), <u32>last, BLOCK_NEXT);
  store<u32>(set, host);
  store<u32>(set, <u32>block, PLACE_BLOCK);
  return block;
}
/** Puts the block into its set, in the place of an older one of the same address and mode, or in a free place, or in the last one. */
function enterBlock(block: usize, set: usize, host: u32, mode: u32): void {
  const last = lastPlace(set);
  let next: usize = 0;
  let place = set;
  for (; place <= last; place += PLACE_BYTES) {
    const other: usize = load<u32>(place, PLACE_BLOCK);
    if (!other) break;
    if (load<u32>(place) == host && load<u32>(other, BLOCK_MODE) == mode) {
      if (place == last) next = load<u32>(other, BLOCK_NEXT);
      break;
    }
  }
  if (place > last) {
    place = last;
    next = load<u32>(last, PLACE_BLOCK);
  }
  store<u32>(block, <u32>next, BLOCK_NEXT);
  store<u32>(place, host);
  store<u32>(place, <u32>block, PLACE_BLOCK);
}

/** Returns whether the block that starts with `op` may be chained to and from: it lies in one page, and stays in the cache. */
export function blockChains(first: usize): bool {
  return !load<u32>(first - BLOCK_HEADER, BLOCK_SECOND);
}
/** In BLOCK_HEAT: the block begins a region of translated code, or did. */
const TRANSLATED_BIT: u32 = 0x80000000;
/** Whether a block has been translated is checked each time it was reached so often; a power of 2. */
const LOOK_EVERY: u32 = 64;

/**
 * Counts that the block was reached by lookup or by a backward branch, and requests its translation when that is due. Returns true if runRegions()
 * may find a region there. `lin` is its linear address.
 */
export function warmBlock(first: usize, lin: u64): bool {
  const block = first - BLOCK_HEADER;
  let heat = load<u32>(block, BLOCK_HEAT);
  if (heat & TRANSLATED_BIT) return true;
  store<u32>(block, ++heat, BLOCK_HEAT);
  if (heat & (LOOK_EVERY - 1) || load<u32>(block, BLOCK_SECOND)) return false;
  const host = load<u32>(block, BLOCK_HOST);
  const mode = load<u32>(block, BLOCK_MODE);
  if (hasRegion(host, mode)) {
    store<u32>(block, heat | TRANSLATED_BIT, BLOCK_HEAT);
    return true;
  }
  if (heat == LOOK_EVERY) askWhatIsKnown(host, mode, lin);
  if (isAskedFor(heat)) requestRegion(host, mode, lin, EXTENT_SMALL);
  return false;
}
/** No region was found, so the block is interpreted, and counted again. */
export function coolBlock(first: usize): void {
  const block = first - BLOCK_HEADER;
  store<u32>(block, load<u32>(block, BLOCK_HEAT) & ~TRANSLATED_BIT, BLOCK_HEAT);
}
export function blockHost(first: usize): u32 {
  return load<u32>(first - BLOCK_HEADER, BLOCK_HOST);
}

function endOp(op: usize, offset: u32): void {
  memory.fill(op, 0, OP_SIZE);
  store<u16>(op, H_NEXT, OP_HANDLER);
  store<u16>(op, <u16>offset, OP_OFFSET);
  store<u64>(op, offset, OP_IMM);
}

/** Returns the page after that of `lin`. */
function nextPage(lin: u64, mode: u32): u64 {
  const next = (lin | 0xfff) + 1;
  return mode & MODE_64 ? next : next & 0xffffffff;
}

/** The second page's code version, and whether what gather() has copied from there may be kept as far as decodeHolds() says so. */
let secondVersion: u32 = 0;
let secondWatched: bool = false;
/**
 * Copies what can be fetched of 15 bytes across the boundary into the fetch buffer. Returns the second page's host address. Nothing is fetched beyond
 * CS's limit.
 */
function gather(lin: u64, host: usize, mode: u32): usize {
  const here: usize = 4096 - (host & 0xfff);
  if (<u64>here >= room) {
    raise(VECTOR_GP);
    return 0;
  }
  const second = translate(nextPage(lin, mode), ACCESS_EXECUTE);
  if (!second) return 0;
  secondWatched = beforeDecode(second);
  secondVersion = codeVersion(<u32>(second >> 12));
  memory.copy(region + FETCH, host, here);
  memory.copy(region + FETCH + here, second, 16 - here);
  return second;
}

function buildBlock(lin: u64, host: usize, mode: u32, set: usize): usize {
  if (arena + LONGEST_BLOCK > partEnd) nextPart();
  const block = arena;
  const first = block + BLOCK_HEADER;
  const watched = beforeDecode(host);
  const version = codeVersion(<u32>(host >> 12));
  let op = first;
  let at = host;
  let offset = (<u32>host) & 0xfff;
  let second: usize = 0;
  let ends = false;
  for (let n = 0; n < BLOCK_OPS && offset < 4096; n++) {
    const length = decode(op, mode, at, 4096 - offset, offset);
    if (length < 0) {
      if (n) break;
      second = gather(lin, host, mode);
      if (!second) return 0;
      store<u32>(block, secondVersion, BLOCK_SECOND_VERSION);
      decode(op, mode, region + FETCH, 16, offset);
      offset += load<u8>(op, OP_LENGTH);
      op += OP_SIZE;
      ends = decodeEnds;
      break;
    }
    at += length;
    offset += <u32>length;
    op += OP_SIZE;
    if (decodeEnds) {
      ends = true;
      break;
    }
  }
  fuse(first, op);
  if (!ends) {
    endOp(op, offset);
    op += OP_SIZE;
  }
  // After an ending op that turns out not to transfer control (a system instruction), execution continues by lookup and does not run off the block.
  store<u32>(block, <u32>host, BLOCK_HOST);
  store<u32>(block, mode, BLOCK_MODE);
  store<u32>(block, version, BLOCK_VERSION);
  store<u32>(block, <u32>second, BLOCK_SECOND);
  store<u32>(block, 0, BLOCK_HEAT);
  store<u32>(block, offset - ((<u32>host) & 0xfff), BLOCK_BYTES);
  const holds = watched && decodeHolds(host) && (!second || (secondWatched && decodeHolds(second)));
  if (holds) {
    enterBlock(block, set, <u32>host, mode);
    arena = (op + (BLOCK_ALIGNMENT - 1)) & ~(BLOCK_ALIGNMENT - 1);
  } else {
    // Another pCPU has counted the frame as written meanwhile. The block is executed this once and its room is used again, so nothing may be chained
    // to it or from it.
    store<u32>(block, 1, BLOCK_SECOND);
  }
  return first;
}

/** Decodes the one instruction at CPU_RIP outside of the cache, followed by an end; 0 with `fault` set if it can't be fetched. */
export function prepareSingle(mode: u32): usize {
  if (!hasCodeRoom(mode)) return 0;
  const lin = codeLinear(mode);
  const host = translate(lin, ACCESS_EXECUTE);
  if (!host) return 0;
  const op = region + SINGLE;
  const offset = (<u32>host) & 0xfff;
  memory.fill(op - BLOCK_HEADER, 0, BLOCK_HEADER);
  store<u32>(op - BLOCK_HEADER, <u32>host, BLOCK_HOST);
  store<u32>(op - BLOCK_HEADER, 1, BLOCK_SECOND);
  let length = decode(op, mode, host, 4096 - offset, offset);
  if (length < 0) {
    if (!gather(lin, host, mode)) return 0;
    length = decode(op, mode, region + FETCH, 16, offset);
  }
  if (<u64>length > room) raise(VECTOR_GP);
  if (fault) return 0;
  endOp(op + OP_SIZE, offset + <u32>length);
  return op;
}
