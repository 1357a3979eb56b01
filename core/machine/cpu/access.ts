/**
 * Operands: registers, effective addresses, and linear memory through the TLB.
 *
 * Memory functions take linear addresses, work across page boundaries, and on failure raise() the exception, return 0 and
 * have changed nothing. They check `fault` nowhere themselves: an instruction tests it once before it commits.
 */
import {
  FAULT_DEVICE,
  VECTOR_AC,
  VECTOR_GP,
  VECTOR_PF,
  VECTOR_SS,
  clearFault,
  countActivity,
  cpu,
  fault,
  raise,
} from "./machine";
import { ACTIVITY_WALKS } from "../layout";
import {
  CPU_CPL,
  CPU_CR0,
  CPU_DR,
  CPU_GPR,
  CPU_RFLAGS,
  CPU_SECOND_ROOT,
  CPU_SEG,
  DS,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SIZE,
  SS,
} from "./state";
import {
  OPF_SIMPLE,
  OP_ADDRESS_MASK,
  OP_BASE,
  OP_BASE_SLOT,
  OP_DISP,
  OP_FLAGS,
  OP_INDEX_SLOT,
  OP_LENGTH,
  OP_OFFSET,
  OP_SCALE,
  OP_SEG,
  OP_SEG_SLOT,
} from "./op";
import { deviceRead, deviceWrite, outsideSettled } from "./outside";
import { NO_ADDRESS, walkBothStages, walkError, walkLevel, walkOutside, walkTables } from "./paging/walk";
import { ACCESS_EXECUTE, ACCESS_READ, ACCESS_WRITE, isCanonical, SPACE_SMAP, SPACE_USER } from "./paging/format";
import { spaceKey } from "./paging/space";
import { TLB_EXECUTE, TLB_READ, TLB_WRITE, tlbBase, tlbFill, tlbInspect, tlbLookup, tlbTag, TLB_ADDEND } from "./tlb";
import { beforeWrites } from "./code_frames";

const PAGE: u64 = ~(<u64>0xfff);

/** Segment of the access under way: one through SS answers #SS where others answer #GP. */
let accessSegment: i32 = DS;
export function setAccessSegment(segment: i32): void {
  accessSegment = segment;
}

// ---- registers ----

// @ts-ignore: decorator
@inline
export function getReg64(n: u32): u64 {
  return load<u64>(cpu + ((<usize>n) << 3), CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function setReg64(n: u32, value: u64): void {
  store<u64>(cpu + ((<usize>n) << 3), value, CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function getReg32(n: u32): u32 {
  return load<u32>(cpu + ((<usize>n) << 3), CPU_GPR);
}
/** Clears the upper half. */
// @ts-ignore: decorator
@inline
export function setReg32(n: u32, value: u32): void {
  store<u64>(cpu + ((<usize>n) << 3), <u64>value, CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function getReg16(n: u32): u32 {
  return load<u16>(cpu + ((<usize>n) << 3), CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function setReg16(n: u32, value: u32): void {
  store<u16>(cpu + ((<usize>n) << 3), <u16>value, CPU_GPR);
}
/** `offset` as OP_REG8 and OP_RM8 hold it: byte offset in the register file. */
// @ts-ignore: decorator
@inline
export function getReg8(offset: u32): u32 {
  return load<u8>(cpu + <usize>offset, CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function setReg8(offset: u32, value: u32): void {
  store<u8>(cpu + <usize>offset, <u8>value, CPU_GPR);
}
/** Register file offset of byte register n (0..15): without a REX prefix 4..7 are AH, CH, DH, BH. */
// @ts-ignore: decorator
@inline
export function reg8Offset(n: u32, rex: bool): u32 {
  return !rex && n >= 4 && n < 8 ? ((n - 4) << 3) + 1 : n << 3;
}

// ---- addresses ----

/** The memory operand's offset in its segment, cut to the address size: what LEA gives. */
// @ts-ignore: decorator
@inline
export function offsetAddress(op: usize): u64 {
  let sum =
    load<u64>(cpu + <usize>load<u16>(op, OP_BASE_SLOT)) +
    (load<u64>(cpu + <usize>load<u16>(op, OP_INDEX_SLOT)) << load<u8>(op, OP_SCALE)) +
    <u64>(<i64>load<i32>(op, OP_DISP));
  if (load<u8>(op, OP_BASE) == 18) sum += <u64>load<u16>(op, OP_OFFSET) + load<u8>(op, OP_LENGTH);
  return sum & load<u64>(op, OP_ADDRESS_MASK);
}

/** Linear address of the memory operand. Raises what its segment says against it (not in 64-bit mode). */
export function effectiveAddress(op: usize): u64 {
  return addressAt(op, offsetAddress(op));
}
/** The same `distance` bytes further, as far as the address size and the segment reach (not in 64-bit mode). */
export function furtherAddress(op: usize, distance: u64): u64 {
  if (linearMask == ~(<u64>0)) return effectiveAddress(op) + distance;
  return addressAt(op, (offsetAddress(op) + distance) & load<u64>(op, OP_ADDRESS_MASK));
}

// @ts-ignore: decorator
@inline
function addressAt(op: usize, offset: u64): u64 {
  const segment = <i32>load<u8>(op, OP_SEG);
  if (load<u8>(op, OP_FLAGS) & OPF_SIMPLE) {
    accessSegment = segment;
    return offset + load<u64>(cpu + <usize>load<u16>(op, OP_SEG_SLOT));
  }
  return operandAddress(segment, offset);
}

/** No operand has more bytes. */
const LARGEST_OPERAND: u64 = 1024;

/**
 * Linear address of an operand at `offset` in a segment outside 64-bit mode, of which nobody says how large it is and what will be done with
 * it. Where that can matter, every access from now on is compared with its segment (checkAccess).
 */
export function operandAddress(segment: i32, offset: u64): u64 {
  accessSegment = segment;
  const at = cpu + CPU_SEG + <usize>(segment * SEG_SIZE);
  // Data, writable, not expand-down, usable, and room enough.
  const near = (load<u16>(at, SEG_ATTR) & 0x800e) != 2 || offset + LARGEST_OPERAND > <u64>load<u32>(at, SEG_LIMIT);
  if (near != segmentChecked) {
    segmentChecked = near;
    tlbInspect(near || needsInspection());
  }
  return (load<u64>(at, SEG_BASE) + offset) & 0xffffffff;
}

/**
 * Linear address of `offset` in a segment outside 64-bit mode, with the checks of the segment: usable, limit for `size`
 * bytes, writable if `write`. Raises #GP(0), or #SS(0) for SS.
 */
export function segmentAddress(segment: i32, offset: u64, size: u32, write: bool): u64 {
  accessSegment = segment;
  if (!segmentAllows(segment, offset, size, write)) return 0;
  return (load<u64>(cpu + CPU_SEG + <usize>(segment * SEG_SIZE), SEG_BASE) + offset) & 0xffffffff;
}

/** The checks of segmentAddress(); false after raising. */
function segmentAllows(segment: i32, offset: u64, size: u32, write: bool): bool {
  const at = cpu + CPU_SEG + <usize>(segment * SEG_SIZE);
  const attr = load<u16>(at, SEG_ATTR);
  const limit = <u64>load<u32>(at, SEG_LIMIT);
  const last = offset + size - 1;
  let bad = (attr & 0x8000) != 0;
  const type = attr & 15;
  if (!(type & 8) && type & 4) {
    // Expand-down: the valid offsets lie above the limit.
    bad = bad || offset <= limit || last > (attr & 0x400 ? <u64>0xffffffff : <u64>0xffff);
  } else bad = bad || last > limit;
  if (write) bad = bad || (type & 8) != 0 || !(type & 2);
  else bad = bad || (type & 10) == 8;
  if (bad) raise(segment == SS ? VECTOR_SS : VECTOR_GP, 0);
  return !bad;
}

// ---- accesses that need a look: segments, #AC, data breakpoints, the write override ----

/** Outside 64-bit mode: accesses are compared with their segment. Until the next operand that can't offend. */
let segmentChecked: bool = false;
/** Bits that a linear address has: 32 outside 64-bit mode; where descriptor tables and the TSS are, 32 outside long mode. */
let linearMask: u64 = ~(<u64>0);
let systemMask: u64 = ~(<u64>0);
export function setLinearMasks(code: u64, system: u64): void {
  linearMask = code;
  systemMask = system;
}
let alignmentChecked: bool = false;
let watched: bool = false;
let overridePage: u64 = 1;
let overrideHost: usize = 0;
/** DR6 bits of data breakpoints hit since the last clearDebugHits(). */
export let debugHits: u32 = 0;
export function clearDebugHits(): void {
  debugHits = 0;
}

/** Looks at the running vCPU whether accesses must be inspected. */
export function accessNeedsInspection(): bool {
  alignmentChecked =
    load<u32>(cpu, CPU_CPL) == 3 &&
    (load<u64>(cpu, CPU_CR0) & (1 << 18)) != 0 &&
    (load<u64>(cpu, CPU_RFLAGS) & (1 << 18)) != 0;
  watched = false;
  const dr7 = load<u64>(cpu, CPU_DR + 7 * 8);
  if (dr7 & 0xff) {
    for (let i = 0; i < 4; i++) if ((dr7 >> (2 * i)) & 3 && (dr7 >> (16 + 4 * i)) & 3) watched = true;
  }
  segmentChecked = false;
  return needsInspection();
}
// @ts-ignore: decorator
@inline
function needsInspection(): bool {
  return alignmentChecked || watched || overridePage != 1;
}

/**
 * From now on reads and writes of the linear page that `lin` lies in go to the 4 KiB at `scratch` instead, whatever the page tables
 * say. For a hypervisor that emulates a guest's write into a page table: it copies the page, lets one instruction execute
 * and looks at what has changed.
 */
export function overrideWrites(lin: u64, scratch: usize): void {
  overridePage = lin & PAGE;
  overrideHost = scratch;
  tlbInspect(true);
}
export function endOverride(): void {
  overridePage = 1;
  tlbInspect(accessNeedsInspection());
}

/** Checks that go before translation; false if the access must not happen. */
function checkAccess(lin: u64, size: u32, access: i32): bool {
  if (!isCanonical(lin) || !isCanonical(lin + size - 1)) {
    raise(accessSegment == SS ? VECTOR_SS : VECTOR_GP, 0);
    return false;
  }
  if (segmentChecked && linearMask != ~(<u64>0)) {
    const base = load<u64>(cpu + CPU_SEG + <usize>(accessSegment * SEG_SIZE), SEG_BASE);
    if (!segmentAllows(accessSegment, (lin - base) & 0xffffffff, size, access == ACCESS_WRITE)) return false;
  }
  // Nothing aligns 16-byte and 10-byte operands but their own instructions.
  if (alignmentChecked && size <= 8 && lin & (<u64>(size - 1))) {
    raise(VECTOR_AC, 0);
    return false;
  }
  if (watched) watch(lin, size, access);
  return true;
}

function watch(lin: u64, size: u32, access: i32): void {
  const dr7 = load<u64>(cpu, CPU_DR + 7 * 8);
  for (let i = 0; i < 4; i++) {
    if (!((dr7 >> (2 * i)) & 3)) continue;
    const kind = (<u32>(dr7 >> (16 + 4 * i))) & 3;
    if (!(kind == 3 || (kind == 1 && access == ACCESS_WRITE))) continue;
    const code = (<u32>(dr7 >> (18 + 4 * i))) & 3;
    const length: u64 = code == 2 ? 8 : <u64>(code + 1);
    const start = load<u64>(cpu + ((<usize>i) << 3), CPU_DR) & ~(length - 1);
    if (lin < start + length && start < lin + size) debugHits |= 1 << i;
  }
}

// ---- translation ----

/** Host address of linear byte `lin` for ACCESS_*, filling the TLB; 0 after raising #PF. `lin` is canonical. */
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

/** Host page behind `lin` through both stages; 0 after raising. */
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
  // Nothing if the second stage has said why.
  raise(VECTOR_PF, walkError, lin);
  return 0;
}

/** Host address for an implicit supervisor access (descriptor tables, TSS), not cached; 0 after raising #PF. */
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
    if (!at) return 0;
    if (size == 8) return load<u64>(at);
    if (size == 4) return load<u32>(at);
    return size == 2 ? load<u16>(at) : load<u8>(at);
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
  // Translated once: another processor may change the tables between two walks.
  const host = translateSystem(lin, ACCESS_WRITE);
  if (!host) return;
  const room: u32 = 4096 - ((<u32>lin) & 0xfff);
  if (size <= room) {
    if (size == 8) store<u64>(host, value);
    else if (size == 4) store<u32>(host, <u32>value);
    else if (size == 2) store<u16>(host, <u16>value);
    else store<u8>(host, <u8>value);
    return;
  }
  const second = translateSystem((lin + room) & systemMask, ACCESS_WRITE);
  if (!second) return;
  for (let i: u32 = 0; i < size; i++)
    store<u8>(i < room ? host + i : second + (i - room), <u8>(value >> ((<u64>i) << 3)));
}

// ---- reads ----

function readSlow(linear: u64, size: u32): u64 {
  const lin = linear & linearMask;
  if (!checkAccess(lin, size, ACCESS_READ)) return 0;
  const host = translate(lin, ACCESS_READ);
  const room: u32 = 4096 - ((<u32>lin) & 0xfff);
  if (!host) return fault == FAULT_DEVICE && size <= room ? deviceRead(size) : 0;
  if (size <= room) {
    if (size == 8) return load<u64>(host);
    if (size == 4) return load<u32>(host);
    if (size == 2) return load<u16>(host);
    return load<u8>(host);
  }
  const second = translate((lin + room) & linearMask, ACCESS_READ);
  if (!second) return 0;
  let value: u64 = 0;
  for (let i: u32 = 0; i < size; i++)
    value |= (<u64>load<u8>(i < room ? host + i : second + (i - room))) << ((<u64>i) << 3);
  return value;
}

// @ts-ignore: decorator
@inline
function entryOf(lin: u64): usize {
  return tlbBase + ((<usize>(lin >> 8)) & 0xfff0);
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
/** Any alignment; instructions that want 16-byte alignment check it themselves. */
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
  if (!host) {
    if (fault != FAULT_DEVICE || room < 16) return i64x2.splat(0);
    const half = deviceRead(8);
    return i64x2.replace_lane(i64x2.splat(half), 1, deviceRead(8, 8));
  }
  if (room >= 16) return v128.load(host);
  const second = translate((lin + room) & linearMask, ACCESS_READ);
  if (!second) return i64x2.splat(0);
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
  if (!host) {
    if (fault == FAULT_DEVICE && size <= room) deviceWrite(size, value);
    return;
  }
  if (size <= room) {
    if (size == 8) store<u64>(host, value);
    else if (size == 4) store<u32>(host, <u32>value);
    else if (size == 2) store<u16>(host, <u16>value);
    else store<u8>(host, <u8>value);
    return;
  }
  const second = translate((lin + room) & linearMask, ACCESS_WRITE);
  if (!second) return;
  for (let i: u32 = 0; i < size; i++)
    store<u8>(i < room ? host + i : second + (i - room), <u8>(value >> ((<u64>i) << 3)));
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
  if (!host) {
    if (fault != FAULT_DEVICE || room < 16) return;
    deviceWrite(8, <u64>i64x2.extract_lane(value, 0));
    deviceWrite(8, <u64>i64x2.extract_lane(value, 1), 8);
    return;
  }
  if (room >= 16) {
    v128.store(host, value);
    return;
  }
  const second = translate((lin + room) & linearMask, ACCESS_WRITE);
  if (!second) return;
  const low = <u64>i64x2.extract_lane(value, 0);
  const high = <u64>i64x2.extract_lane(value, 1);
  for (let i: u32 = 0; i < 16; i++) {
    const byte = <u8>((i < 8 ? low : high) >> ((<u64>(i & 7)) << 3));
    store<u8>(i < room ? host + i : second + (i - room), byte);
  }
}

/** Raises what a write of `size` bytes at `lin` would raise; does nothing else. */
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
  if (!translate(lin, access)) {
    // A device takes what is written to it.
    if (fault == FAULT_DEVICE && size <= room) clearFault();
    return;
  }
  // `size` is at most a few hundred bytes (XSAVE), so at most one boundary.
  if (size > room) translate((lin + room) & linearMask, access);
}

/** Sized forms for the families that handle all operand sizes in one place. */
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
