/**
 * Accesses that have to be checked before they are made: against their segment outside 64-bit mode, for #AC, for data breakpoints, and for writes
 * that are redirected. While any of these is in force, the TLB serves no data access, and all of them go through the slow paths of access.ts.
 */
import { VECTOR_AC, VECTOR_GP, VECTOR_SS, cpu, raise } from "./machine";
import { ACCESS_WRITE, isCanonical } from "./paging/format";
import {
  CPU_CPL,
  CPU_CR0,
  CPU_DR,
  CPU_RFLAGS,
  CPU_SEG,
  DS,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SIZE,
  SS,
} from "./state";
import { tlbInspect } from "./tlb";

const PAGE: u64 = ~(<u64>0xfff);

/** Segment of the present access: an access through SS raises #SS where others raise #GP. */
let accessSegment: i32 = DS;
// @ts-ignore: decorator
@inline
export function setAccessSegment(segment: i32): void {
  accessSegment = segment;
}

/**
 * Whether a segment begins at 0 and has all of 4 GiB. Nothing lies beyond its limit for Intel's processors: an operand that crosses 4 GiB goes on at 0. In a segment
 * with another base and the same limit it does not (SDM volume 3, 5.3, leaves both open).
 */
function isFlat(segment: usize): bool {
  return load<u32>(segment, SEG_LIMIT) == 0xffffffff && load<u64>(segment, SEG_BASE) == 0;
}

/**
 * Checks a segment outside 64-bit mode: usable, limit for `size` bytes, writable if `write`. Returns false after raising #GP(0), or #SS(0) for SS.
 */
export function segmentAllows(segment: i32, offset: u64, size: u32, write: bool): bool {
  const at = cpu + CPU_SEG + <usize>(segment * SEG_SIZE);
  const attr = load<u16>(at, SEG_ATTR);
  const limit = <u64>load<u32>(at, SEG_LIMIT);
  const last = offset + size - 1;
  let bad = (attr & 0x8000) != 0;
  const type = attr & 15;
  if (!(type & 8) && type & 4) {
    // In an expand-down segment the valid offsets lie above the limit.
    bad = bad || offset <= limit || last > (attr & 0x400 ? <u64>0xffffffff : <u64>0xffff);
  } else bad = bad || (last > limit && !isFlat(at));
  if (write) bad = bad || (type & 8) != 0 || !(type & 2);
  else bad = bad || (type & 10) == 8;
  if (bad) raise(segment == SS ? VECTOR_SS : VECTOR_GP, 0);
  return !bad;
}

/** Outside 64-bit mode: whether accesses are compared with their segment. Holds until the next operand that needs no check. */
export let segmentChecked: bool = false;
/** The valid bits of a linear address: 32 outside 64-bit mode; for descriptor tables and the TSS, 32 outside long mode. */
export let linearMask: u64 = ~(<u64>0);
export let systemMask: u64 = ~(<u64>0);
export function setLinearMasks(code: u64, system: u64): void {
  linearMask = code;
  systemMask = system;
}
/** Sets whether accesses up to the next operand are compared with their segment. */
// @ts-ignore: decorator
@inline
export function checkSegment(checked: bool): void {
  segmentChecked = checked;
  tlbInspect(checked || needsInspection());
}
/** Whether a misaligned access raises #AC. */
export let alignmentChecked: bool = false;
let watched: bool = false;
export let overridePage: u64 = 1;
export let overrideHost: usize = 0;
/** DR6 bits of the data breakpoints hit since the last clearDebugHits(). */
export let debugHits: u32 = 0;
export function clearDebugHits(): void {
  debugHits = 0;
}

/** Returns whether the state of the running vCPU requires accesses to be inspected. */
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
 * From now on, reads and writes of the linear page of `lin` go to the 4 KiB at `scratch` instead, whatever the page tables say. This is for a
 * hypervisor that emulates a guest's write into a page table: it copies the page, has one instruction executed, and looks at what has changed.
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

/** Makes the checks that come before translation. Returns false if the access must not happen. */
export function checkAccess(lin: u64, size: u32, access: i32): bool {
  if (!isCanonical(lin) || !isCanonical(lin + size - 1)) {
    raise(accessSegment == SS ? VECTOR_SS : VECTOR_GP, 0);
    return false;
  }
  if (segmentChecked && linearMask != ~(<u64>0)) {
    const base = load<u64>(cpu + CPU_SEG + <usize>(accessSegment * SEG_SIZE), SEG_BASE);
    if (!segmentAllows(accessSegment, (lin - base) & 0xffffffff, size, access == ACCESS_WRITE)) return false;
  }
  // The alignment of 16-byte and 10-byte operands is only checked by their own instructions.
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
