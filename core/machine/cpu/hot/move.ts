/** MOV, MOVSX, CMOVcc and SETcc for the dispatch loop's own forms, where they are more than `assign` (operands.ts). */
import { condition } from "../flags";
import { OP_CONDITION, OP_DST, OP_IMM, OP_SRC } from "../op";
import { hotWrite } from "./memory";

// @ts-ignore: decorator
@inline
export function storeSource<T>(s: usize, op: usize): void {
  hotWrite<T>(s, op, load<T>(s + load<u8>(op, OP_SRC)));
}
// @ts-ignore: decorator
@inline
export function storeImmediate<T>(s: usize, op: usize): void {
  hotWrite<T>(s, op, load<T>(op, OP_IMM));
}

/** Extends `value`, a signed `T`, to 32 and to 64 bits. */
// @ts-ignore: decorator
@inline
export function extend32<T>(value: u64): u64 {
  return <u64>(<u32>(<i32>(<T>value)));
}
// @ts-ignore: decorator
@inline
export function extend64<T>(value: u64): u64 {
  return <u64>(<i64>(<T>value));
}

/** The destination is always written, because a 32-bit write clears its upper half. */
// @ts-ignore: decorator
@inline
export function cmov<T>(s: usize, op: usize): void {
  const d = s + load<u8>(op, OP_DST);
  store<u64>(d, condition(load<u8>(op, OP_CONDITION)) ? <u64>load<T>(s + load<u8>(op, OP_SRC)) : <u64>load<T>(d));
}
/** With a memory source, which is always read. */
// @ts-ignore: decorator
@inline
export function cmovRead<T>(s: usize, op: usize, b: u64): void {
  const d = s + load<u8>(op, OP_DST);
  store<u64>(d, condition(load<u8>(op, OP_CONDITION)) ? b : <u64>load<T>(d));
}

// @ts-ignore: decorator
@inline
export function setcc(s: usize, op: usize): void {
  store<u8>(s + load<u8>(op, OP_DST), condition(load<u8>(op, OP_CONDITION)) ? 1 : 0);
}
