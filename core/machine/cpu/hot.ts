/**
 * What the dispatch loop's own forms share: addresses, memory through the TLB, flags. Everything here is inlined into the
 * loop; misses go to access.ts.
 */
import { read16, read32, read64, read8, setAccessSegment, write16, write32, write64, write8 } from "./access";
import { fault } from "./machine";
import { OP_ADDRESS_MASK, OP_BASE_SLOT, OP_DISP, OP_INDEX_SLOT, OP_SCALE, OP_SEG, OP_SEG_SLOT } from "./op";
import { CPU_FLAG_A, CPU_FLAG_KIND, CPU_FLAG_RESULT, SS } from "./state";
import { FLAGS_ADD, FLAGS_LOGIC, FLAGS_RESULT, FLAGS_STORED, FLAGS_SUB, SF, getCarry, getFlags } from "./flags";
import { TLB_READ, TLB_WRITE, tlbBase, tlbTag } from "./tlb";

export const RSP: usize = 32;
export const RBP: usize = 40;
/** Operand size as the flag kind has it. */
export const SIZE_64: u32 = 0;
export const SIZE_32: u32 = 32 << 8;
const SIZE_8: u32 = 56 << 8;
const PAGE: u64 = ~(<u64>0xfff);

// @ts-ignore: decorator
@inline
export function hotOffset(s: usize, op: usize): u64 {
  return (
    (load<u64>(s + <usize>load<u16>(op, OP_BASE_SLOT)) +
      (load<u64>(s + <usize>load<u16>(op, OP_INDEX_SLOT)) << (<u64>load<u8>(op, OP_SCALE))) +
      <u64>(<i64>load<i32>(op, OP_DISP))) &
    load<u64>(op, OP_ADDRESS_MASK)
  );
}
// @ts-ignore: decorator
@inline
function hotAddress(s: usize, op: usize): u64 {
  return hotOffset(s, op) + load<u64>(s + <usize>load<u16>(op, OP_SEG_SLOT));
}
// @ts-ignore: decorator
@inline
function entryOf(lin: u64): usize {
  return tlbBase + ((<usize>(lin >> 8)) & 0xfff0);
}

// @ts-ignore: decorator
@inline
export function hotRead8(s: usize, op: usize): u64 {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == ((lin & PAGE) | tlbTag))
    return load<u8>(<usize>(load<u32>(entry, TLB_READ + 8) + <u32>lin));
  return missRead8(op, lin);
}
function missRead8(op: usize, lin: u64): u64 {
  setAccessSegment(load<u8>(op, OP_SEG));
  return read8(lin);
}
// @ts-ignore: decorator
@inline
export function hotWrite8(s: usize, op: usize, value: u8): void {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == ((lin & PAGE) | tlbTag))
    store<u8>(<usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>lin), value);
  else missWrite8(op, lin, value);
}
function missWrite8(op: usize, lin: u64, value: u8): void {
  setAccessSegment(load<u8>(op, OP_SEG));
  write8(lin, value);
}

// @ts-ignore: decorator
@inline
export function hotRead16(s: usize, op: usize): u64 {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 1) & PAGE) | tlbTag))
    return load<u16>(<usize>(load<u32>(entry, TLB_READ + 8) + <u32>lin));
  return missRead16(op, lin);
}
function missRead16(op: usize, lin: u64): u64 {
  setAccessSegment(load<u8>(op, OP_SEG));
  return read16(lin);
}
// @ts-ignore: decorator
@inline
export function hotWrite16(s: usize, op: usize, value: u16): void {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 1) & PAGE) | tlbTag))
    store<u16>(<usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>lin), value);
  else missWrite16(op, lin, value);
}
function missWrite16(op: usize, lin: u64, value: u16): void {
  setAccessSegment(load<u8>(op, OP_SEG));
  write16(lin, value);
}

// @ts-ignore: decorator
@inline
export function hotRead32(s: usize, op: usize): u64 {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 3) & PAGE) | tlbTag))
    return load<u32>(<usize>(load<u32>(entry, TLB_READ + 8) + <u32>lin));
  return missRead32(op, lin);
}
function missRead32(op: usize, lin: u64): u64 {
  setAccessSegment(load<u8>(op, OP_SEG));
  return read32(lin);
}
// @ts-ignore: decorator
@inline
export function hotWrite32(s: usize, op: usize, value: u32): void {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 3) & PAGE) | tlbTag))
    store<u32>(<usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>lin), value);
  else missWrite32(op, lin, value);
}
function missWrite32(op: usize, lin: u64, value: u32): void {
  setAccessSegment(load<u8>(op, OP_SEG));
  write32(lin, value);
}

// @ts-ignore: decorator
@inline
export function hotRead64(s: usize, op: usize): u64 {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 7) & PAGE) | tlbTag))
    return load<u64>(<usize>(load<u32>(entry, TLB_READ + 8) + <u32>lin));
  return missRead64(op, lin);
}
function missRead64(op: usize, lin: u64): u64 {
  setAccessSegment(load<u8>(op, OP_SEG));
  return read64(lin);
}
// @ts-ignore: decorator
@inline
export function hotWrite64(s: usize, op: usize, value: u64): void {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 7) & PAGE) | tlbTag))
    store<u64>(<usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>lin), value);
  else missWrite64(op, lin, value);
}
function missWrite64(op: usize, lin: u64, value: u64): void {
  setAccessSegment(load<u8>(op, OP_SEG));
  write64(lin, value);
}

/** Host address of the memory operand for reading and writing `last` + 1 bytes, 0 if the TLB does not have it. */
// @ts-ignore: decorator
@inline
export function hotHost(s: usize, op: usize, last: u64): usize {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + last) & PAGE) | tlbTag))
    return <usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>lin);
  return 0;
}

/** Reads 8 bytes at a stack address, 64-bit mode. */
// @ts-ignore: decorator
@inline
export function hotStack(s: usize, lin: u64): u64 {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 7) & PAGE) | tlbTag))
    return load<u64>(<usize>(load<u32>(entry, TLB_READ + 8) + <u32>lin));
  return missStack(lin);
}
function missStack(lin: u64): u64 {
  setAccessSegment(SS);
  return read64(lin);
}

/** Pushes 8 bytes, 64-bit mode. */
// @ts-ignore: decorator
@inline
export function hotPush(s: usize, value: u64): void {
  const lin = load<u64>(s, RSP) - 8;
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 7) & PAGE) | tlbTag)) {
    store<u64>(<usize>(load<u32>(entry, TLB_WRITE + 8) + <u32>lin), value);
    store<u64>(s, lin, RSP);
  } else missPush(s, lin, value);
}
function missPush(s: usize, lin: u64, value: u64): void {
  setAccessSegment(SS);
  write64(lin, value);
  if (!fault) store<u64>(s, lin, RSP);
}

// ---- flags ----

// @ts-ignore: decorator
@inline
export function flagsAdd64(s: usize, r: u64, a: u64): void {
  store<u32>(s, FLAGS_ADD | SIZE_64, CPU_FLAG_KIND);
  store<u64>(s, r, CPU_FLAG_RESULT);
  store<u64>(s, a, CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsSub64(s: usize, r: u64, a: u64): void {
  store<u32>(s, FLAGS_SUB | SIZE_64, CPU_FLAG_KIND);
  store<u64>(s, r, CPU_FLAG_RESULT);
  store<u64>(s, a, CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsLogic64(s: usize, r: u64): void {
  store<u32>(s, FLAGS_LOGIC | SIZE_64, CPU_FLAG_KIND);
  store<u64>(s, r, CPU_FLAG_RESULT);
}
/** `bits`: CF and OF at their places. */
// @ts-ignore: decorator
@inline
export function flagsShift64(s: usize, r: u64, bits: u64): void {
  store<u32>(s, FLAGS_RESULT | SIZE_64, CPU_FLAG_KIND);
  store<u64>(s, r, CPU_FLAG_RESULT);
  store<u64>(s, bits, CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsAdd32(s: usize, r: u64, a: u64): void {
  store<u32>(s, FLAGS_ADD | SIZE_32, CPU_FLAG_KIND);
  store<u64>(s, r << 32, CPU_FLAG_RESULT);
  store<u64>(s, a << 32, CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsSub32(s: usize, r: u64, a: u64): void {
  store<u32>(s, FLAGS_SUB | SIZE_32, CPU_FLAG_KIND);
  store<u64>(s, r << 32, CPU_FLAG_RESULT);
  store<u64>(s, a << 32, CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsLogic32(s: usize, r: u64): void {
  store<u32>(s, FLAGS_LOGIC | SIZE_32, CPU_FLAG_KIND);
  store<u64>(s, r << 32, CPU_FLAG_RESULT);
}
/** `bits`: CF and OF at their places. */
// @ts-ignore: decorator
@inline
export function flagsShift32(s: usize, r: u64, bits: u64): void {
  store<u32>(s, FLAGS_RESULT | SIZE_32, CPU_FLAG_KIND);
  store<u64>(s, r << 32, CPU_FLAG_RESULT);
  store<u64>(s, bits, CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsSub8(s: usize, r: u64, a: u64): void {
  store<u32>(s, FLAGS_SUB | SIZE_8, CPU_FLAG_KIND);
  store<u64>(s, r << 56, CPU_FLAG_RESULT);
  store<u64>(s, a << 56, CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsLogic8(s: usize, r: u64): void {
  store<u32>(s, FLAGS_LOGIC | SIZE_8, CPU_FLAG_KIND);
  store<u64>(s, r << 56, CPU_FLAG_RESULT);
}

// ---- conditions ----

// @ts-ignore: decorator
@inline
export function isBelow(s: usize): bool {
  if (load<u8>(s, CPU_FLAG_KIND) == FLAGS_SUB) {
    const a = load<u64>(s, CPU_FLAG_A);
    return a < a - load<u64>(s, CPU_FLAG_RESULT);
  }
  return getCarry() != 0;
}
// @ts-ignore: decorator
@inline
export function isNegative(s: usize): bool {
  if (load<u8>(s, CPU_FLAG_KIND) != FLAGS_STORED) return <i64>load<u64>(s, CPU_FLAG_RESULT) < 0;
  return (load<u64>(s, CPU_FLAG_A) & SF) != 0;
}
// @ts-ignore: decorator
@inline
export function isLess(s: usize): bool {
  const kind = load<u8>(s, CPU_FLAG_KIND);
  if (kind == FLAGS_SUB) {
    const a = <i64>load<u64>(s, CPU_FLAG_A);
    return a < a - <i64>load<u64>(s, CPU_FLAG_RESULT);
  }
  if (kind == FLAGS_LOGIC) return <i64>load<u64>(s, CPU_FLAG_RESULT) < 0;
  return signDiffers();
}
function signDiffers(): bool {
  const flags = getFlags();
  return ((flags >> 7) & 1) != ((flags >> 11) & 1);
}
