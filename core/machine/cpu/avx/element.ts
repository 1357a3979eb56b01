/**
 * Elements in memory of gathers and masked moves, one access each. They raise no #AC (seen on silicon), so while it is on, an element that is not
 * aligned is accessed byte by byte.
 */
import { readSized, writeSized } from "../access";
import { alignmentChecked } from "../inspection";
import { fault } from "../machine";
import { HALF_DISTANCE } from "./operand";

/** Returns the address of byte `at` (0 to 31) of the YMM register whose low half is at `register`. */
// @ts-ignore: decorator
@inline
export function byteAddress(register: usize, at: u32): usize {
  return (at & 16 ? register + HALF_DISTANCE : register) + (at & 15);
}

export function readElement(lin: u64, size: u32): u64 {
  if (!alignmentChecked) return readSized(lin, size);
  let value: u64 = 0;
  for (let i: u32 = 0; i < size && !fault; i++) value |= readSized(lin + i, 1) << ((<u64>i) << 3);
  return value;
}

/** The element's first and last byte have been probed. */
export function writeElement(lin: u64, size: u32, value: u64): void {
  if (!alignmentChecked) return writeSized(lin, size, value);
  for (let i: u32 = 0; i < size; i++) writeSized(lin + i, 1, (value >> ((<u64>i) << 3)) & 0xff);
}
