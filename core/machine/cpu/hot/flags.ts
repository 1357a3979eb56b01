/**
 * Flags of the dispatch loop's own forms: the flags that an instruction sets (lazily, see ../flags.ts), and the conditions that can be tested without
 * computing flags. `T` is the operand's type: u8, u32, u64. Results and operands are kept in the upper bits, so that signs and carries are always in
 * the same place.
 */
import { FLAGS_ADD, FLAGS_LOGIC, FLAGS_RESULT, FLAGS_STORED, FLAGS_SUB } from "../flags";
import { OF, PF, SF, getCarry, getFlags } from "../flags";
import { CPU_FLAG_A, CPU_FLAG_KIND, CPU_FLAG_RESULT } from "../state";

/** Number of bits above the operand. */
// @ts-ignore: decorator
@inline
function above<T>(): u32 {
  return 64 - 8 * sizeof<T>();
}

// @ts-ignore: decorator
@inline
export function flagsAdd<T>(s: usize, r: u64, a: u64): void {
  store<u32>(s, FLAGS_ADD | (above<T>() << 8), CPU_FLAG_KIND);
  store<u64>(s, r << above<T>(), CPU_FLAG_RESULT);
  store<u64>(s, a << above<T>(), CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsSub<T>(s: usize, r: u64, a: u64): void {
  store<u32>(s, FLAGS_SUB | (above<T>() << 8), CPU_FLAG_KIND);
  store<u64>(s, r << above<T>(), CPU_FLAG_RESULT);
  store<u64>(s, a << above<T>(), CPU_FLAG_A);
}
// @ts-ignore: decorator
@inline
export function flagsLogic<T>(s: usize, r: u64): void {
  store<u32>(s, FLAGS_LOGIC | (above<T>() << 8), CPU_FLAG_KIND);
  store<u64>(s, r << above<T>(), CPU_FLAG_RESULT);
}
/** `bits` has CF and OF at their places. */
// @ts-ignore: decorator
@inline
export function flagsShift<T>(s: usize, r: u64, bits: u64): void {
  store<u32>(s, FLAGS_RESULT | (above<T>() << 8), CPU_FLAG_KIND);
  store<u64>(s, r << above<T>(), CPU_FLAG_RESULT);
  store<u64>(s, bits, CPU_FLAG_A);
}
/** `kind` is FLAGS_INC or FLAGS_DEC. The carry, which they keep, was put into CPU_FLAG_B. */
// @ts-ignore: decorator
@inline
export function flagsCount<T>(s: usize, r: u64, kind: u32): void {
  store<u32>(s, kind | (above<T>() << 8), CPU_FLAG_KIND);
  store<u64>(s, r << above<T>(), CPU_FLAG_RESULT);
}

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
// @ts-ignore: decorator
@inline
export function isZero(s: usize): bool {
  return load<u64>(s, CPU_FLAG_RESULT) == 0;
}
// @ts-ignore: decorator
@inline
export function isOverflow(): bool {
  return (getFlags() & OF) != 0;
}
// @ts-ignore: decorator
@inline
export function isParity(): bool {
  return (getFlags() & PF) != 0;
}
