/**
 * Instructions with one register operand: INC DEC NOT NEG, shifts by an immediate count (from 1 to the operand's bits - 1), and the product of IMUL.
 * `T` is the operand's type: u32, u64.
 */
import { FLAGS_DEC, FLAGS_INC, getCarry } from "../flags";
import { OP_DST, OP_IMM, OP_SRC } from "../op";
import { CPU_FLAG_B } from "../state";
import { flagsCount, flagsShift, flagsSub } from "./flags";
import { put } from "./operands";

// @ts-ignore: decorator
@inline
export function inc<T>(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  const r = <u64>load<T>(d) + 1;
  store<u64>(s, getCarry(), CPU_FLAG_B);
  put<T>(d, r);
  flagsCount<T>(s, r, FLAGS_INC);
}
// @ts-ignore: decorator
@inline
export function dec<T>(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  const r = <u64>load<T>(d) - 1;
  store<u64>(s, getCarry(), CPU_FLAG_B);
  put<T>(d, r);
  flagsCount<T>(s, r, FLAGS_DEC);
}
// @ts-ignore: decorator
@inline
export function not<T>(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  put<T>(d, ~(<u64>load<T>(d)));
}
// @ts-ignore: decorator
@inline
export function neg<T>(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  const a: u64 = 0;
  const r = a - <u64>load<T>(d);
  put<T>(d, r);
  flagsSub<T>(s, r, a);
}

// @ts-ignore: decorator
@inline
export function shl<T>(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  const a = <u64>load<T>(d);
  const n = load<u64>(op, OP_IMM);
  const r = a << n;
  const c = (a >> (8 * sizeof<T>() - n)) & 1;
  put<T>(d, r);
  flagsShift<T>(s, r, c | ((((r >> (8 * sizeof<T>() - 1)) & 1) ^ c) << 11));
}
// @ts-ignore: decorator
@inline
export function shr<T>(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  const a = <u64>load<T>(d);
  const n = load<u64>(op, OP_IMM);
  const r = a >> n;
  put<T>(d, r);
  flagsShift<T>(s, r, ((a >> (n - 1)) & 1) | (n == 1 ? (a >> (8 * sizeof<T>() - 1)) << 11 : 0));
}
// @ts-ignore: decorator
@inline
export function sar<T>(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  const a = sizeof<T>() == 8 ? load<i64>(d) : <i64>load<i32>(d);
  const n = load<i64>(op, OP_IMM);
  const r = <u64>(a >> n);
  put<T>(d, r);
  flagsShift<T>(s, r, (<u64>(a >> (n - 1))) & 1);
}

/** Multiplies two registers of 32 bits. */
// @ts-ignore: decorator
@inline
export function imul32(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  const r = <u64>(<i64>load<i32>(d) * <i64>load<i32>(s + load<u8>(op, OP_SRC)));
  put<u32>(d, r);
  flagsShift<u32>(s, r, <i64>r == <i64>(<i32>r) ? 0 : 0x801);
}
