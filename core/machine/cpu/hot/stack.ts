/** Stack operations for the dispatch loop's own forms: 8 bytes, 64-bit mode. */
import { read64, setAccessSegment, write64 } from "../access";
import { fault } from "../machine";
import { OP_DST } from "../op";
import { SS } from "../state";
import { TLB_READ, TLB_WRITE, tlbTag, TLB_ADDEND } from "../tlb";
import { PAGE, entryOf } from "./memory";

export const RSP: usize = 32;
export const RBP: usize = 40;

/** Reads 8 bytes at a stack address. */
// @ts-ignore: decorator
@inline
export function hotStack(s: usize, lin: u64): u64 {
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + 7) & PAGE) | tlbTag))
    return load<u64>(<usize>(load<u32>(entry, TLB_READ + TLB_ADDEND) + <u32>lin));
  return missStack(lin);
}
function missStack(lin: u64): u64 {
  setAccessSegment(SS);
  return read64(lin);
}

/** Pushes 8 bytes. */
// @ts-ignore: decorator
@inline
export function hotPush(s: usize, value: u64): void {
  const lin = load<u64>(s, RSP) - 8;
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + 7) & PAGE) | tlbTag)) {
    store<u64>(<usize>(load<u32>(entry, TLB_WRITE + TLB_ADDEND) + <u32>lin), value);
    store<u64>(s, lin, RSP);
  } else missPush(s, lin, value);
}
function missPush(s: usize, lin: u64, value: u64): void {
  setAccessSegment(SS);
  write64(lin, value);
  if (!fault) store<u64>(s, lin, RSP);
}

/** POP of `value`, which was read at RSP. After POP RSP, RSP is the value and not the address after it. */
// @ts-ignore: decorator
@inline
export function pop(s: usize, op: usize, value: u64): void {
  store<u64>(s, load<u64>(s, RSP) + 8, RSP);
  store<u64>(s + load<u8>(op, OP_DST), value);
}
/** LEAVE. `value` was read at `frame`, which is RBP. */
// @ts-ignore: decorator
@inline
export function leave(s: usize, frame: u64, value: u64): void {
  store<u64>(s, frame + 8, RSP);
  store<u64>(s, value, RBP);
}
