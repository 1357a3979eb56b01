/** VMASKMOVPS, VMASKMOVPD: elements whose mask has its highest bit set are moved; memory of the others is not touched. */
import { effectiveAddress, probeWrite, read32, read64, write32, write64 } from "../access";
import { checkAccess, linearMask } from "../inspection";
import { fault } from "../machine";
import { ACCESS_WRITE } from "../paging/format";
import { regX } from "../sse/operand";
import { HALF_DISTANCE, avxAvailable, is256, setReg, vregX } from "./operand";

/** Address of element n of a register, `size` bytes (4 or 8) each. */
function element(register: usize, n: u32, size: u32): usize {
  const offset = <usize>(n * size);
  return offset < 16 ? register + offset : register + HALF_DISTANCE + offset - 16;
}
function isChosen(mask: usize, n: u32, size: u32): bool {
  return (load<u8>(element(mask, n, size) + size - 1) & 128) != 0;
}

/** 38 2C, 2D. */
export function maskedLoad(op: usize, size: u32): void {
  if (!avxAvailable()) return;
  const mask = vregX(op);
  const count: u32 = (is256(op) ? 32 : 16) / size;
  const lin = effectiveAddress(op);
  let low = i64x2.splat(0);
  let high = i64x2.splat(0);
  for (let n: u32 = 0; n < count && !fault; n++) {
    if (!isChosen(mask, n, size)) continue;
    const at = (lin + n * size) & linearMask;
    const value = size == 4 ? <u64>read32(at) : read64(at);
    const quad = (n * size) >> 3;
    const up = (<u64>((n * size) & 4)) << 3;
    if (quad == 0) low = i64x2.replace_lane(low, 0, i64x2.extract_lane(low, 0) | (<i64>(value << up)));
    else if (quad == 1) low = i64x2.replace_lane(low, 1, i64x2.extract_lane(low, 1) | (<i64>(value << up)));
    else if (quad == 2) high = i64x2.replace_lane(high, 0, i64x2.extract_lane(high, 0) | (<i64>(value << up)));
    else high = i64x2.replace_lane(high, 1, i64x2.extract_lane(high, 1) | (<i64>(value << up)));
  }
  setReg(op, low, high);
}

/** 38 2E, 2F. */
export function maskedStore(op: usize, size: u32): void {
  if (!avxAvailable()) return;
  const mask = vregX(op);
  const from = regX(op);
  const count: u32 = (is256(op) ? 32 : 16) / size;
  const lin = effectiveAddress(op);
  let first: u32 = 0;
  while (first < count && !isChosen(mask, first, size)) first++;
  if (first == count) return;
  let last = count - 1;
  while (!isChosen(mask, last, size)) last--;
  // It is one access from the first byte to be written to the last one. Silicon checks both addresses before it translates the first, and reports
  // either, not the beginning of a page.
  const begin = (lin + first * size) & linearMask;
  const end = (lin + last * size + size - 1) & linearMask;
  if (!checkAccess(begin, 1, ACCESS_WRITE) || !checkAccess(end, 1, ACCESS_WRITE)) return;
  probeWrite(begin, 1);
  probeWrite(end, 1);
  for (let n: u32 = 0; n < count && !fault; n++) {
    if (!isChosen(mask, n, size)) continue;
    const at = (lin + n * size) & linearMask;
    if (size == 4) write32(at, load<u32>(element(from, n, size)));
    else write64(at, load<u64>(element(from, n, size)));
  }
}
