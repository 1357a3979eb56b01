/**
 * A comparison and the Jcc after it, for the dispatch loop's own forms. Which way it goes is computed without a branch, because the processor could
 * only guess it. The flags are set as by the comparison alone.
 */
import { OP_CONDITION, OP_SIZE, OP_TARGET, OP_TARGET2 } from "../op";
import { cmp } from "./arithmetic";
import { flagsLogic } from "./flags";

/** In OP_CONDITION of the comparison: the branch is taken if one of these holds; with NOT, if none does. */
export const BELOW: u32 = 1;
export const ZERO: u32 = 2;
export const LESS: u32 = 4;
export const NEGATIVE: u32 = 8;
export const NOT: u32 = 128;

/** Returns the place of OP_TARGET or OP_TARGET2 of the Jcc, counted from the comparison. */
// @ts-ignore: decorator
@inline
function chosen(op: usize, holds: u32): usize {
  const condition = <u32>load<u8>(op, OP_CONDITION);
  return ((holds & condition) != 0) != condition >= NOT ? OP_SIZE + OP_TARGET : OP_SIZE + OP_TARGET2;
}

// @ts-ignore: decorator
@inline
export function cmpBranch<T>(s: usize, op: usize, first: u64, second: u64): usize {
  cmp<T>(s, first, second);
  const above: u64 = 64 - 8 * sizeof<T>();
  const a = first << above;
  const b = second << above;
  return chosen(
    op,
    (<u32>(a < b)) | ((<u32>(a == b)) << 1) | ((<u32>(<i64>a < <i64>b)) << 2) | ((<u32>((a - b) >> 63)) << 3),
  );
}

/** `r` is the first operand AND the second. */
// @ts-ignore: decorator
@inline
export function testBranch<T>(s: usize, op: usize, r: u64): usize {
  flagsLogic<T>(s, r);
  const above: u64 = 64 - 8 * sizeof<T>();
  const shifted = r << above;
  return chosen(op, ((<u32>(shifted == 0)) << 1) | (<u32>(shifted >> 63) * (LESS | NEGATIVE)));
}
