/** Addresses of operands: computes them from an instruction's bytes, registers and segments. */
import { checkSegment, linearMask, segmentAllows, segmentChecked, setAccessSegment } from "./inspection";
import { cpu } from "./machine";
import {
  OPF_SIMPLE,
  OP_ADDRESS_MASK,
  OP_BASE,
  OP_BASE_SLOT,
  OP_DISP,
  OP_FLAGS,
  OP_INDEX_SLOT,
  OP_LENGTH,
  OP_OFFSET,
  OP_SCALE,
  OP_SEG,
  OP_SEG_SLOT,
} from "./op";
import { CPU_SEG, SEG_ATTR, SEG_BASE, SEG_LIMIT, SEG_SIZE } from "./state";

/** Returns the memory operand's offset in its segment, cut to the address size, which is what LEA computes. */
// @ts-ignore: decorator
@inline
export function offsetAddress(op: usize): u64 {
  let sum =
    load<u64>(cpu + <usize>load<u16>(op, OP_BASE_SLOT)) +
    (load<u64>(cpu + <usize>load<u16>(op, OP_INDEX_SLOT)) << load<u8>(op, OP_SCALE)) +
    <u64>(<i64>load<i32>(op, OP_DISP));
  if (load<u8>(op, OP_BASE) == 18) sum += <u64>load<u16>(op, OP_OFFSET) + load<u8>(op, OP_LENGTH);
  return sum & load<u64>(op, OP_ADDRESS_MASK);
}

/** Returns the linear address of the memory operand. Outside 64-bit mode, raises what its segment demands. */
export function effectiveAddress(op: usize): u64 {
  return addressAt(op, offsetAddress(op));
}
/** Returns the address `distance` bytes further, as far as the address size and, outside 64-bit mode, the segment reach. */
export function furtherAddress(op: usize, distance: u64): u64 {
  if (linearMask == ~(<u64>0)) return effectiveAddress(op) + distance;
  return addressAt(op, (offsetAddress(op) + distance) & load<u64>(op, OP_ADDRESS_MASK));
}

/** Returns the address of byte `distance` of an operand that is accessed in parts. It does not wrap at the address size, so it may leave the segment. */
export function partAddress(op: usize, distance: u64): u64 {
  return addressAt(op, offsetAddress(op) + distance);
}
/** Returns the address of a gather's element, which lies `distance` (of either sign) from the operand that its base and displacement give. */
export function indexedAddress(op: usize, distance: u64): u64 {
  return addressAt(op, (offsetAddress(op) + distance) & load<u64>(op, OP_ADDRESS_MASK));
}

// @ts-ignore: decorator
@inline
function addressAt(op: usize, offset: u64): u64 {
  const segment = <i32>load<u8>(op, OP_SEG);
  if (load<u8>(op, OP_FLAGS) & OPF_SIMPLE) {
    setAccessSegment(segment);
    return offset + load<u64>(cpu + <usize>load<u16>(op, OP_SEG_SLOT));
  }
  return operandAddress(segment, offset);
}

/** No operand has more bytes than this. */
const LARGEST_OPERAND: u64 = 1024;

/**
 * Returns the linear address of an operand at `offset` in a segment outside 64-bit mode, when neither its size nor the kind of access is known. Where
 * that can matter, every access from now on is compared with its segment (checkAccess).
 */
export function operandAddress(segment: i32, offset: u64): u64 {
  setAccessSegment(segment);
  const at = cpu + CPU_SEG + <usize>(segment * SEG_SIZE);
  // The segment is harmless if it is data, writable, not expand-down, usable, and long enough.
  const near = (load<u16>(at, SEG_ATTR) & 0x800e) != 2 || offset + LARGEST_OPERAND > <u64>load<u32>(at, SEG_LIMIT);
  if (near != segmentChecked) checkSegment(near);
  return (load<u64>(at, SEG_BASE) + offset) & 0xffffffff;
}

/**
 * Returns the linear address of `offset` in a segment outside 64-bit mode after checking the segment: usable, limit for `size` bytes, writable if
 * `write`. Raises #GP(0), or #SS(0) for SS.
 */
export function segmentAddress(segment: i32, offset: u64, size: u32, write: bool): u64 {
  setAccessSegment(segment);
  if (!segmentAllows(segment, offset, size, write)) return 0;
  return (load<u64>(cpu + CPU_SEG + <usize>(segment * SEG_SIZE), SEG_BASE) + offset) & 0xffffffff;
}
