/** Packed conversions of AVX. Where the formats differ in width, a narrow operand of half the vector's size is in an XMM register or memory. */
import { fault } from "../machine";
import { doublesToIntegers, integersToSingles, resize, singlesToIntegers } from "../sse/convert";
import { beginFloat, endFloat } from "../sse/mxcsr";
import { high64, low64, vector } from "../sse/operand";
import { is256, readSource, setReg, setReg128, sourceHigh, sourceLow, sourceOfHalf } from "./operand";

/** Two of the operations that lanes.ts numbers. */
export const DWORDS_TO_SINGLES: u32 = 21;
export const SINGLES_TO_DWORDS_TRUNCATED: u32 = 23;

/** 5B: 16 bytes to 16 bytes, between beginFloat() and endFloat(). */
export function convertLanes(what: u32, b: v128): v128 {
  if (what == DWORDS_TO_SINGLES) return vector(integersToSingles(low64(b)), integersToSingles(high64(b)));
  const truncate = what == SINGLES_TO_DWORDS_TRUNCATED;
  return vector(singlesToIntegers(low64(b), truncate), singlesToIntegers(high64(b), truncate));
}

function widenedPair(pair: u64): v128 {
  const low = resize(pair & 0xffffffff, true);
  return vector(low, resize(pair >> 32, true));
}
/** 5A: VCVTPS2PD. */
export function widenSingles(op: usize): void {
  const source = sourceOfHalf(op);
  if (fault) return;
  beginFloat();
  const low = widenedPair(low64(source));
  let high = i64x2.splat(0);
  if (is256(op)) high = widenedPair(high64(source));
  endFloat();
  setReg(op, low, high);
}
/** F3 E6: VCVTDQ2PD, always exact. */
export function dwordsToDoubles(op: usize): void {
  const source = sourceOfHalf(op);
  let high = i64x2.splat(0);
  if (is256(op)) high = f64x2.convert_low_i32x4_s(v128.shuffle<i64>(source, source, 1, 1));
  setReg(op, f64x2.convert_low_i32x4_s(source), high);
}

function narrowedPair(b: v128): u64 {
  return resize(low64(b), false) | (resize(high64(b), false) << 32);
}
/** 66 5A: VCVTPD2PS. */
export function narrowDoubles(op: usize): void {
  readSource(op);
  if (fault) return;
  beginFloat();
  const low = narrowedPair(sourceLow);
  const high = is256(op) ? narrowedPair(sourceHigh) : 0;
  endFloat();
  setReg128(op, vector(low, high));
}
/** F2 E6, 66 E6: VCVTPD2DQ, VCVTTPD2DQ. */
export function doublesToDwords(op: usize, truncate: bool): void {
  readSource(op);
  if (fault) return;
  beginFloat();
  const low = doublesToIntegers(low64(sourceLow), high64(sourceLow), truncate);
  const high = is256(op) ? doublesToIntegers(low64(sourceHigh), high64(sourceHigh), truncate) : 0;
  endFloat();
  setReg128(op, vector(low, high));
}
