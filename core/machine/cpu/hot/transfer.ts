/** Near transfers for the dispatch loop's own forms to a target that is not in the op, in 64-bit mode. */
import { clearCodeChanged } from "../frames/code";
import { VECTOR_GP, fault, raise } from "../machine";
import { codeMode } from "../mode";
import { MODE_64 } from "../mode_bits";
import { isCanonical } from "../paging/format";
import { OP_IMM, OP_LENGTH, OP_OFFSET } from "../op";
import { CPU_CODE_BASE, CPU_RIP } from "../state";
import { RSP, hotPush } from "./stack";

/** Linear address of the op's instruction, and of the next one. */
// @ts-ignore: decorator
@inline
export function ripOf(s: usize, op: usize): u64 {
  return load<u64>(s, CPU_CODE_BASE) + load<u16>(op, OP_OFFSET);
}
// @ts-ignore: decorator
@inline
function ripAfter(s: usize, op: usize): u64 {
  return ripOf(s, op) + load<u8>(op, OP_LENGTH);
}
/** RIP = the instruction after `op`. */
export function setNext(s: usize, op: usize): void {
  const next = ripAfter(s, op);
  store<u64>(s, codeMode & MODE_64 ? next : next & 0xffffffff, CPU_RIP);
}

// @ts-ignore: decorator
@inline
export function callTo(s: usize, op: usize, target: u64): void {
  if (!isCanonical(target)) raise(VECTOR_GP);
  else {
    hotPush(s, ripAfter(s, op));
    if (!fault) store<u64>(s, target, CPU_RIP);
  }
  clearCodeChanged();
}
/** Pushes the return address of a direct call, if its target can be fetched. */
// @ts-ignore: decorator
@inline
export function pushReturn(s: usize, op: usize): void {
  if (isCanonical(load<u64>(s, CPU_CODE_BASE) + load<u64>(op, OP_IMM))) hotPush(s, ripAfter(s, op));
  else raise(VECTOR_GP);
}
// @ts-ignore: decorator
@inline
export function jumpTo(s: usize, target: u64): void {
  if (!isCanonical(target)) raise(VECTOR_GP);
  else store<u64>(s, target, CPU_RIP);
}
/** `target` was read at RSP. */
// @ts-ignore: decorator
@inline
export function returnTo(s: usize, target: u64): void {
  if (!isCanonical(target)) raise(VECTOR_GP);
  else {
    store<u64>(s, load<u64>(s, RSP) + 8, RSP);
    store<u64>(s, target, CPU_RIP);
  }
}
