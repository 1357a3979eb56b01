/**
 * Two-operand arithmetic for the dispatch loop's own forms. `T` is the operand's type: u32, u64; for CMP and TEST also u8. `b` is the second operand,
 * from a register, the op or memory.
 */
import { OP_DST } from "../op";
import { flagsAdd, flagsLogic, flagsSub } from "./flags";
import { put } from "./operands";

/** Applied to a register, or (`To`) to memory at host address `m`. */
// @ts-ignore: decorator
@inline
export function add<T>(s: usize, op: usize, b: u64): void {
  const d = s + load<u8>(op, OP_DST);
  const a = <u64>load<T>(d);
  const r = a + b;
  put<T>(d, r);
  flagsAdd<T>(s, r, a);
}
// @ts-ignore: decorator
@inline
export function addTo<T>(s: usize, m: usize, b: u64): void {
  const a = <u64>load<T>(m);
  const r = a + b;
  store<T>(m, <T>r);
  flagsAdd<T>(s, r, a);
}

// @ts-ignore: decorator
@inline
export function sub<T>(s: usize, op: usize, b: u64): void {
  const d = s + load<u8>(op, OP_DST);
  const a = <u64>load<T>(d);
  const r = a - b;
  put<T>(d, r);
  flagsSub<T>(s, r, a);
}
// @ts-ignore: decorator
@inline
export function subTo<T>(s: usize, m: usize, b: u64): void {
  const a = <u64>load<T>(m);
  const r = a - b;
  store<T>(m, <T>r);
  flagsSub<T>(s, r, a);
}

// @ts-ignore: decorator
@inline
export function or<T>(s: usize, op: usize, b: u64): void {
  const d = s + load<u8>(op, OP_DST);
  const a = <u64>load<T>(d);
  const r = a | b;
  put<T>(d, r);
  flagsLogic<T>(s, r);
}
// @ts-ignore: decorator
@inline
export function orTo<T>(s: usize, m: usize, b: u64): void {
  const a = <u64>load<T>(m);
  const r = a | b;
  store<T>(m, <T>r);
  flagsLogic<T>(s, r);
}

// @ts-ignore: decorator
@inline
export function and<T>(s: usize, op: usize, b: u64): void {
  const d = s + load<u8>(op, OP_DST);
  const a = <u64>load<T>(d);
  const r = a & b;
  put<T>(d, r);
  flagsLogic<T>(s, r);
}
// @ts-ignore: decorator
@inline
export function andTo<T>(s: usize, m: usize, b: u64): void {
  const a = <u64>load<T>(m);
  const r = a & b;
  store<T>(m, <T>r);
  flagsLogic<T>(s, r);
}

// @ts-ignore: decorator
@inline
export function xor<T>(s: usize, op: usize, b: u64): void {
  const d = s + load<u8>(op, OP_DST);
  const a = <u64>load<T>(d);
  const r = a ^ b;
  put<T>(d, r);
  flagsLogic<T>(s, r);
}
// @ts-ignore: decorator
@inline
export function xorTo<T>(s: usize, m: usize, b: u64): void {
  const a = <u64>load<T>(m);
  const r = a ^ b;
  store<T>(m, <T>r);
  flagsLogic<T>(s, r);
}

// @ts-ignore: decorator
@inline
export function cmp<T>(s: usize, a: u64, b: u64): void {
  flagsSub<T>(s, a - b, a);
}
// @ts-ignore: decorator
@inline
export function test<T>(s: usize, a: u64, b: u64): void {
  flagsLogic<T>(s, a & b);
}
