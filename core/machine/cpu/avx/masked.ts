/** VPMASKMOV, VMASKMOVPS, VMASKMOVPD: moves of the elements that a mask chooses. Memory of the others is not touched. */
import { partAddress, probeRead, probeWrite } from "../access";
import { fault } from "../machine";
import { isCanonical } from "../paging/format";
import { regX, vector } from "../sse/operand";
import { byteAddress, readElement, writeElement } from "./element";
import { highHalf, is256, lowHalf, setReg, vregX } from "./operand";

/** Returns a bit for each of the 4 or 8 elements: the sign bits of the mask register. */
function chosenElements(op: usize, wide: bool): u32 {
  const low = lowHalf(vregX(op));
  const high = is256(op) ? highHalf(vregX(op)) : i64x2.splat(0);
  if (wide) return (<u32>i64x2.bitmask(low)) | ((<u32>i64x2.bitmask(high)) << 2);
  return (<u32>i32x4.bitmask(low)) | ((<u32>i32x4.bitmask(high)) << 4);
}

/** The addresses of the first and the last byte that are chosen. */
let firstByte: u64 = 0;
let lastByte: u64 = 0;

/** Finds them. If one is not canonical, that counts before any page (seen on silicon). `chosen` is not zero. */
function findSpan(op: usize, chosen: u32, wide: bool): void {
  const log: u32 = wide ? 3 : 2;
  firstByte = partAddress(op, <u64>((<u32>ctz(chosen)) << log));
  const end: u32 = 32 - clz(chosen);
  const distance: u32 = (end << log) - 1;
  lastByte = partAddress(op, <u64>distance);
  if (!isCanonical(firstByte) || !isCanonical(lastByte)) probeRead(isCanonical(firstByte) ? lastByte : firstByte, 1);
}

/** Reads the quadword at `distance`; elements whose bit of `chosen` is clear become zero. Bits 0 and 1 are its doublewords, or bit 0 all of it. */
function readQuadword(op: usize, distance: u64, chosen: u32, wide: bool): u64 {
  if (wide) return chosen & 1 && !fault ? readElement(partAddress(op, distance), 8) : 0;
  const low = chosen & 1 && !fault ? readElement(partAddress(op, distance), 4) : 0;
  return chosen & 2 && !fault ? low | (readElement(partAddress(op, distance + 4), 4) << 32) : low;
}

/** The load: elements that are not chosen become zero. */
export function maskedLoad(op: usize, wide: bool): void {
  const chosen = chosenElements(op, wide);
  if (chosen) findSpan(op, chosen, wide);
  const each: u32 = wide ? 1 : 2;
  const q0 = readQuadword(op, 0, chosen, wide);
  const q1 = readQuadword(op, 8, chosen >> each, wide);
  const q2 = readQuadword(op, 16, chosen >> (2 * each), wide);
  const q3 = readQuadword(op, 24, chosen >> (3 * each), wide);
  setReg(op, vector(q0, q1), vector(q2, q3));
}

/**
 * The store. Where the chosen elements are in two pages and the second one faults, the address is that of the last byte (seen on silicon; any address
 * in it would do).
 */
export function maskedStore(op: usize, wide: bool): void {
  const chosen = chosenElements(op, wide);
  if (!chosen) return;
  findSpan(op, chosen, wide);
  if (!fault) probeWrite(firstByte, 1);
  if (!fault) probeWrite(lastByte, 1);
  const log: u32 = wide ? 3 : 2;
  for (let i: u32 = 0; chosen >> i && !fault; i++) {
    if (!((chosen >> i) & 1)) continue;
    const at = i << log;
    const from = byteAddress(regX(op), at);
    writeElement(partAddress(op, <u64>at), 1 << log, wide ? load<u64>(from) : <u64>load<u32>(from));
  }
}
