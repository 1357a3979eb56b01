/**
 * Registers and immediates for the dispatch loop's own forms. `T` is the operand's type. Values have 64 bits and are zero-extended unless stated
 * otherwise.
 */
import { OP_DST, OP_IMM, OP_SRC } from "../op";

// @ts-ignore: decorator
@inline
export function source<T>(s: usize, op: usize): u64 {
  return <u64>load<T>(s + load<u8>(op, OP_SRC));
}
/** Sign-extended; `T` is i8, i16 or i32. */
// @ts-ignore: decorator
@inline
export function source32<T>(s: usize, op: usize): u64 {
  return <u64>(<u32>(<i32>load<T>(s + load<u8>(op, OP_SRC))));
}
// @ts-ignore: decorator
@inline
export function source64<T>(s: usize, op: usize): u64 {
  return <u64>(<i64>load<T>(s + load<u8>(op, OP_SRC)));
}
// @ts-ignore: decorator
@inline
export function destination<T>(s: usize, op: usize): u64 {
  return <u64>load<T>(s + load<u8>(op, OP_DST));
}
/** `immediate<u64>` is sign-extended, as the decoder has stored it. */
// @ts-ignore: decorator
@inline
export function immediate<T>(op: usize): u64 {
  return <u64>load<T>(op, OP_IMM);
}

/** Writes all 64 bits of the destination register. */
// @ts-ignore: decorator
@inline
export function assign(s: usize, op: usize, value: u64): void {
  store<u64>(s + load<u8>(op, OP_DST), value);
}
/** Writes one byte of it; the others stay. */
// @ts-ignore: decorator
@inline
export function assign8(s: usize, op: usize, value: u64): void {
  store<u8>(s + load<u8>(op, OP_DST), <u8>value);
}
/** Writes the register at `d`; a result of 32 bits clears the upper half. */
// @ts-ignore: decorator
@inline
export function put<T>(d: usize, r: u64): void {
  store<u64>(d, sizeof<T>() == 8 ? r : r & 0xffffffff);
}
