/**
 * Memory operands of the dispatch loop's own forms: the address is computed from the op's slots, and the access goes through the TLB. These are
 * inlined into the loop; misses go to access.ts. `T` is the operand's type: u8, u16, u32, u64.
 */
import { read16, read32, read64, read8, setAccessSegment, write16, write32, write64, write8 } from "../access";
import { linearMask } from "../inspection";
import { OP_BASE_SLOT, OP_DISP, OP_INDEX_SLOT, OP_SCALE, OP_SEG, OP_SEG_SLOT } from "../op";
import { TLB_READ, TLB_WRITE, placeOf, tlbBase, tlbTag, TLB_ADDEND } from "../tlb";

/** The bits of a linear address that identify its page. */
export const PAGE: u64 = ~(<u64>0xfff);

// @ts-ignore: decorator
@inline
export function hotOffset(s: usize, op: usize): u64 {
  return (
    (load<u64>(s + <usize>load<u16>(op, OP_BASE_SLOT)) +
      (load<u64>(s + <usize>load<u16>(op, OP_INDEX_SLOT)) << (<u64>load<u8>(op, OP_SCALE))) +
      <u64>(<i64>load<i32>(op, OP_DISP))) &
    linearMask
  );
}
// @ts-ignore: decorator
@inline
function hotAddress(s: usize, op: usize): u64 {
  return hotOffset(s, op) + load<u64>(s + <usize>load<u16>(op, OP_SEG_SLOT));
}
/** Returns the only place in a table where the page of `lin` can be. */
// @ts-ignore: decorator
@inline
export function entryOf(lin: u64): usize {
  return tlbBase + placeOf(lin);
}

// @ts-ignore: decorator
@inline
export function hotRead<T>(s: usize, op: usize): u64 {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_READ) == (((lin + (sizeof<T>() - 1)) & PAGE) | tlbTag))
    return <u64>load<T>(<usize>(load<u32>(entry, TLB_READ + TLB_ADDEND) + <u32>lin));
  return missRead<T>(op, lin);
}
function missRead<T>(op: usize, lin: u64): u64 {
  setAccessSegment(load<u8>(op, OP_SEG));
  if (sizeof<T>() == 1) return read8(lin);
  if (sizeof<T>() == 2) return read16(lin);
  if (sizeof<T>() == 4) return read32(lin);
  return read64(lin);
}

// @ts-ignore: decorator
@inline
export function hotWrite<T>(s: usize, op: usize, value: T): void {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + (sizeof<T>() - 1)) & PAGE) | tlbTag))
    store<T>(<usize>(load<u32>(entry, TLB_WRITE + TLB_ADDEND) + <u32>lin), value);
  else missWrite<T>(op, lin, value);
}
function missWrite<T>(op: usize, lin: u64, value: T): void {
  setAccessSegment(load<u8>(op, OP_SEG));
  if (sizeof<T>() == 1) write8(lin, <u8>value);
  else if (sizeof<T>() == 2) write16(lin, <u16>value);
  else if (sizeof<T>() == 4) write32(lin, <u32>value);
  else write64(lin, <u64>value);
}

/** Returns the host address of the memory operand for reading and writing it; 0 if the TLB does not have it. */
// @ts-ignore: decorator
@inline
export function hotHost<T>(s: usize, op: usize): usize {
  const lin = hotAddress(s, op);
  const entry = entryOf(lin);
  if (load<u64>(entry, TLB_WRITE) == (((lin + (sizeof<T>() - 1)) & PAGE) | tlbTag))
    return <usize>(load<u32>(entry, TLB_WRITE + TLB_ADDEND) + <u32>lin);
  return 0;
}
