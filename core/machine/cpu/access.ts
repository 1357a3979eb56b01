/**
 * Linear memory through the TLB; also exports what instructions need for operands: addresses (address.ts) and registers (registers.ts).
 * Memory functions take linear addresses and work across page boundaries. On failure they raise() the exception, return 0, and have changed nothing.
 * They never check `fault` themselves: an instruction tests it once before it commits.
 */
import { FAULT_DEVICE, VECTOR_GP, VECTOR_PF, clearFault, countActivity, cpu, fault, raise } from "./machine";
import { ACTIVITY_WALKS } from "../layout";
import { CPU_SECOND_ROOT } from "./state";
import { checkAccess, linearMask, overrideHost, overridePage, systemMask } from "./inspection";
import { deviceRead, deviceWrite, outsideSettled } from "./outside";
import { NO_ADDRESS, walkBothStages, walkError, walkLevel, walkOutside, walkTables } from "./paging/walk";
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE, isCanonical, SPACE_SMAP, SPACE_USER } from "./paging/format";
import { spaceKey } from "./paging/space";
import { TLB_ADDEND, TLB_EXECUTE, TLB_READ, TLB_WRITE, placeOf, tlbBase, tlbFill, tlbLookup, tlbTag } from "./tlb";
import { beforeWrites } from "./frames/written";

export {
  effectiveAddress,
  furtherAddress,
  indexedAddress,
  offsetAddress,
  operandAddress,
  partAddress,
  segmentAddress,
} from "./address";
export {
  accessNeedsInspection,
  clearDebugHits,
  debugHits,
  endOverride,
  overrideWrites,
  setAccessSegment,
  setLinearMasks,
} from "./inspection";
export { getReg16, getReg32, getReg64, getReg8, reg8Offset, setReg16, setReg32, setReg64, setReg8 } from "./registers";

const PAGE: u64 = ~(<u64>0xfff);

// ---- translation ----

/** Returns the host address of linear byte `lin` for ACCESS_*, and fills the TLB; 0 after raising #PF. `lin` is canonical. */
export function translate(lin: u64, access: i32): usize {
  if ((lin & PAGE) == overridePage && access != ACCESS_EXECUTE) return overrideHost + ((<usize>lin) & 0xfff);
  const table: usize = access == ACCESS_READ ? TLB_READ : access == ACCESS_WRITE ? TLB_WRITE : TLB_EXECUTE;
  const hit = tlbLookup(table, lin);
  if (hit) return hit;
  const host = walk(spaceKey(), lin, access);
  if (!host) return 0;
  if (access == ACCESS_WRITE) beforeWrites(host);
  tlbFill(table, lin, host, walkLevel);
  return host + ((<usize>lin) & 0xfff);
}

/** Returns the host page behind `lin` through both stages; 0 after raising. */
function walk(key: u64, lin: u64, access: i32): usize {
  countActivity(ACTIVITY_WALKS);
  const second = load<u64>(cpu, CPU_SECOND_ROOT);
  if (!second) {
    const page = walkTables(key, lin, access, true);
    if (page != NO_ADDRESS) return <usize>page;
  } else {
    do {
      const page = walkBothStages(key, second, lin, access, true);
      if (page != NO_ADDRESS) return <usize>page;
    } while (walkOutside != NO_ADDRESS && outsideSettled());
  }
  // This raises nothing if the second stage has already set `fault`.
  raise(VECTOR_PF, walkError, lin);
  return 0;
}

/** Returns the host address for an implicit supervisor access (descriptor tables, TSS), which is not cached; 0 after raising #PF. */
function translateSystem(lin: u64, access: i32): usize {
  if (!isCanonical(lin)) {
    raise(VECTOR_GP, 0);
    return 0;
  }
  const host = walk(spaceKey() & ~(SPACE_USER | SPACE_SMAP), lin, access);
  if (!host) return 0;
  if (access == ACCESS_WRITE) beforeWrites(host);
  return host + ((<usize>lin) & 0xfff);
}

/** Reads `size` (1, 2, 4, 8) bytes as the processor itself does, with supervisor rights. */
export function readSystem(linear: u64, size: u32): u64 {
  const lin = linear & systemMask;
  if (((<u32>lin) & 0xfff) + size <= 4096) {
    const at = translateSystem(lin, ACCESS_READ);
    return at ? loadSized(at, size) : 0;
  }
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const host = translateSystem((lin + i) & systemMask, ACCESS_READ);
    if (!host) return 0;
    value |= (<u64>load<u8>(host)) << ((<u64>i) << 3);
  }
  return value;
}
export function writeSystem(linear: u64, size: u32, value: u64): void {
  const lin = linear & systemMask;
  // The address is translated only once, because another processor may change the tables between two walks.
  const host = translateSystem(lin, ACCESS_WRITE);
  if (!host) return;
  const room: u32 = 4096 - ((<u32>lin) & 0xfff);
  if (size <= room) {
    storeSized(host, size, value);
    return;
  }
  const second = translateSystem((lin + room) & systemMask, ACCESS_WRITE);
  if (!second) return;
  storeAcross(host, second, room, size, value);
}

// ---- bytes ----

/** Accesses `size` (1, 2, 4, 8) bytes at a host address, all in one page. */
// @ts-ignore: decorator
@inline
function loadSized(host: usize, size: u32): u64 {
  if (size == 8) return load<u64>(host);
  if (size == 4) return load<u32>(host);
  return size == 2 ? load<u16>(host) : load<u8>(host);
}
// @ts-ignore: decorator
@inline
function storeSized(host: usize, size: u32, value: u64): void {
  if (size == 8) store<u64>(host, value);
  else if (size == 4) store<u32>(host, <u32>value);
  else if (size == 2) store<u16>(host, <u16>value);
  else store<u8>(host, <u8>value);
}
/** Stores up to 8 bytes, of which `room` are at `host` and the others at `second`. */
function storeAcross(host: usize, second: usize, room: u32, size: u32, value: u64): void {
  for (let i: u32 = 0; i < size; i++)
    store<u8>(i < room ? host + i : second + (i - room), <u8>(value >> ((<u64>i) << 3)));
}

// ---- reads ----

function readSlow(linear: u64, size: u32): u64 {
  const lin = linear & linearMask;
  if (!checkAccess(lin, size, ACCESS_READ)) return 0;
  const host = translate(lin, ACCESS_READ);
  const room: u32 = 4096 - ((<u32>lin) & 0xfff);
  if (size <= room) {
    if (host) return loadSized(host, size);
    return fault == FAULT_DEVICE ? deviceRead(size) : 0;
  }
  const second = host ? translate((lin + room) & linearMask, ACCESS_READ) : 0;
  if (!second) {
    if (fault != FAULT_DEVICE) return 0;
    // A read may change a device, so nothing is read before it is certain that the other page is there.
    clearFault();
    probe(lin, size, ACCESS_READ);
    return fault ? 0 : readBytes(lin, size);
  }
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++)
    value |= (<u64>load<u8>(i < room ? host + i : second + (i - room))) << ((<u64>i) << 3);
  return value;
}

/**
 * Reads `size` bytes across a page boundary with a device on one side or both: byte by byte, as a bus of 8 bits does. Both pages have been probed.
 */
function readBytes(lin: u64, size: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < size && !fault; i++) value |= readSlow(lin + i, 1) << ((<u64>i) << 3);
  return fault ? 0 : value;
}

// @ts-ignore: decorator
@inline
function entryOf(lin: u64): usize {
  return tlbBase + placeOf(lin);
}

export function read8(lin: u64): u32 {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == ((lin & PAGE) | tlbTag))
    return load<u8>(<usize>(load<u32>(entry, TLB_READ + TLB_ADDEND) + <u32>lin));
  return <u32>readSlow(lin, 1);
}
export function read16(lin: u64): u32 {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 1) & PAGE) | tlbTag))
    return load<u16>(<usize>(load<u32>(entry, TLB_READ + TLB_ADDEND) + <u32>lin));
  return <u32>readSlow(lin, 2);
}
export function read32(lin: u64): u32 {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 3) & PAGE) | tlbTag))
    return load<u32>(<usize>(load<u32>(entry, TLB_READ + TLB_ADDEND) + <u32>lin));
  return <u32>readSlow(lin, 4);
}
export function read64(lin: u64): u64 {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 7) & PAGE) | tlbTag))
    return load<u64>(<usize>(load<u32>(entry, TLB_READ + TLB_ADDEND) + <u32>lin));
  return readSlow(lin, 8);
}
/** Any alignment is accepted; instructions that need 16-byte alignment check it themselves. */
export function readV128(lin: u64): v128 {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 15) & PAGE) | tlbTag))
    return v128.load(<usize>(load<u32>(entry, TLB_READ + TLB_ADDEND) + <u32>lin));
  return readV128Slow(lin);
}
function readV128Slow(linear: u64): v128 {
  const lin = linear & linearMask;
  if (!checkAccess(lin, 16, ACCESS_READ)) return i64x2.splat(0);
  const host = translate(lin, ACCESS_READ);
  const room: u32 = 4096 - ((<u32>lin) & 0xfff);
  if (room >= 16) {
    if (host) return v128.load(host);
    if (fault != FAULT_DEVICE) return i64x2.splat(0);
    const half = deviceRead(8);
    return i64x2.replace_lane(i64x2.splat(half), 1, deviceRead(8, 8));
  }
  const second = host ? translate((lin + room) & linearMask, ACCESS_READ) : 0;
  if (!second) {
    if (fault != FAULT_DEVICE) return i64x2.splat(0);
    clearFault();
    probe(lin, 16, ACCESS_READ);
    const half = fault ? 0 : readBytes(lin, 8);
    return fault ? i64x2.splat(0) : i64x2.replace_lane(i64x2.splat(half), 1, readBytes(lin + 8, 8));
  }
  let low: u64 = 0;
  let high: u64 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    low |= (<u64>load<u8>(i < room ? host + i : second + (i - room))) << ((<u64>i) << 3);
    high |= (<u64>load<u8>(i + 8 < room ? host + i + 8 : second + (i + 8 - room))) << ((<u64>i) << 3);
  }
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

// ---- writes ----

function writeSlow(linear: u64, size: u32, value: u64): void {
  const lin = linear & linearMask;
  if (!checkAccess(lin, size, ACCESS_WRITE)) return;
  const host = translate(lin, ACCESS_WRITE);
  const room: u32 = 4096 - ((<u32>lin) & 0xfff);
  if (size <= room) {
    if (host) storeSized(host, size, value);
    else if (fault == FAULT_DEVICE) deviceWrite(size, value);
    return;
  }
  const second = host ? translate((lin + room) & linearMask, ACCESS_WRITE) : 0;
  if (second) storeAcross(host, second, room, size, value);
  else if (fault == FAULT_DEVICE) {
    clearFault();
    probe(lin, size, ACCESS_WRITE);
    writeBytes(lin, size, value);
  }
}

/** As readBytes(). The part after the boundary has been probed. */
function writeBytes(lin: u64, size: u32, value: u64): void {
  for (let i: u32 = 0; i < size && !fault; i++) writeSlow(lin + i, 1, (value >> ((<u64>i) << 3)) & 0xff);
}

export function write8(lin: u64, value: u32): void {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == ((lin & PAGE) | tlbTag))
    store<u8>(<usize>(load<u32>(entry, TLB_WRITE + TLB_ADDEND) + <u32>lin), <u8>value);
  else writeSlow(lin, 1, value);
}
export function write16(lin: u64, value: u32): void {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 1) & PAGE) | tlbTag))
    store<u16>(<usize>(load<u32>(entry, TLB_WRITE + TLB_ADDEND) + <u32>lin), <u16>value);
  else writeSlow(lin, 2, value);
}
export function write32(lin: u64, value: u32): void {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 3) & PAGE) | tlbTag))
    store<u32>(<usize>(load<u32>(entry, TLB_WRITE + TLB_ADDEND) + <u32>lin), value);
  else writeSlow(lin, 4, value);
}
export function write64(lin: u64, value: u64): void {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 7) & PAGE) | tlbTag))
    store<u64>(<usize>(load<u32>(entry, TLB_WRITE + TLB_ADDEND) + <u32>lin), value);
  else writeSlow(lin, 8, value);
}
export function writeV128(lin: u64, value: v128): void {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 15) & PAGE) | tlbTag)) {
    v128.store(<usize>(load<u32>(entry, TLB_WRITE + TLB_ADDEND) + <u32>lin), value);
    return;
  }
  if (!checkAccess(lin, 16, ACCESS_WRITE)) return;
  const host = translate(lin, ACCESS_WRITE);
  const room: u32 = 4096 - ((<u32>lin) & 0xfff);
  const low = <u64>i64x2.extract_lane(value, 0);
  const high = <u64>i64x2.extract_lane(value, 1);
  if (room >= 16) {
    if (host) v128.store(host, value);
    else if (fault == FAULT_DEVICE) {
      deviceWrite(8, low);
      deviceWrite(8, high, 8);
    }
    return;
  }
  const second = host ? translate((lin + room) & linearMask, ACCESS_WRITE) : 0;
  if (!second) {
    if (fault != FAULT_DEVICE) return;
    clearFault();
    probe(lin, 16, ACCESS_WRITE);
    writeBytes(lin, 8, low);
    writeBytes(lin + 8, 8, high);
    return;
  }
  for (let i: u32 = 0; i < 16; i++) {
    const byte = <u8>((i < 8 ? low : high) >> ((<u64>(i & 7)) << 3));
    store<u8>(i < room ? host + i : second + (i - room), byte);
  }
}

/** Raises what a write of `size` bytes at `lin` would raise, and does nothing else. */
export function probeWrite(lin: u64, size: u32): void {
  probe(lin, size, ACCESS_WRITE);
}
export function probeRead(lin: u64, size: u32): void {
  probe(lin, size, ACCESS_READ);
}
function probe(linear: u64, size: u32, access: i32): void {
  const lin = linear & linearMask;
  const entry = entryOf(lin) + (access == ACCESS_WRITE ? TLB_WRITE : TLB_READ);
  if (load<u64>(entry) == (((lin + size - 1) & PAGE) | tlbTag)) return;
  if (!checkAccess(lin, size, access)) return;
  const room: u32 = 4096 - ((<u32>lin) & 0xfff);
  probePage(lin, access);
  // `size` is at most a few hundred bytes (XSAVE), so there is at most one boundary.
  if (size > room && !fault) probePage((lin + room) & linearMask, access);
}
function probePage(lin: u64, access: i32): void {
  // A device accepts every write.
  if (!translate(lin, access) && fault == FAULT_DEVICE) clearFault();
}

/** Accesses of a given size, for families that handle all operand sizes in one place. */
export function readSized(lin: u64, size: u32): u64 {
  if (size == 4) return read32(lin);
  if (size == 8) return read64(lin);
  if (size == 1) return read8(lin);
  return read16(lin);
}
export function writeSized(lin: u64, size: u32, value: u64): void {
  if (size == 4) write32(lin, <u32>value);
  else if (size == 8) write64(lin, value);
  else if (size == 1) write8(lin, <u32>value);
  else write16(lin, <u32>value);
}
