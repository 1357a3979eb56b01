/**
 * Unsigned 128-bit fixed-point arithmetic for the transcendental functions. They need more than the 64 bits of a result, so that rounding is right in
 * all but about one of 2^50 cases. Results are in outHi and outLo.
 */
import { multiplyUnsigned, wideHigh } from "../wide";

export let outHi: u64 = 0;
export let outLo: u64 = 0;
/** By how many places normalise() has shifted left; whether divideWide() has left a remainder. */
export let outShift: i32 = 0;
export let outRest: bool = false;

// @ts-ignore: decorator
@inline
function set(hi: u64, lo: u64): void {
  outHi = hi;
  outLo = lo;
}

/** The upper half of the 256-bit product. */
export function multiplyWide(aHi: u64, aLo: u64, bHi: u64, bLo: u64): void {
  multiplyUnsigned(aLo, bLo);
  let middle = wideHigh;
  let carry: u64 = 0;
  let low = multiplyUnsigned(aHi, bLo);
  let top = wideHigh;
  middle += low;
  if (middle < low) carry++;
  low = multiplyUnsigned(aLo, bHi);
  middle += low;
  if (middle < low) carry++;
  const other = wideHigh;
  low = multiplyUnsigned(aHi, bHi);
  let high = wideHigh;
  top += other;
  if (top < other) high++;
  top += low;
  if (top < low) high++;
  top += carry;
  if (top < carry) high++;
  set(high, top);
}

/** a / n, truncated, for n below 2^32. It uses digits of 32 bits. */
function divideSmall(hi: u64, lo: u64, n: u64): void {
  const q3 = (hi >> 32) / n;
  let rest = (((hi >> 32) % n) << 32) | (hi & 0xffffffff);
  const q2 = rest / n;
  rest = ((rest % n) << 32) | (lo >> 32);
  const q1 = rest / n;
  rest = ((rest % n) << 32) | (lo & 0xffffffff);
  set((q3 << 32) | q2, (q1 << 32) | (rest / n));
}

/** a * 2^128 / d, truncated, for a < d; d has its leading one at bit 127. One bit at a time. */
export function divideWide(hi: u64, lo: u64, dHi: u64, dLo: u64): void {
  let qHi: u64 = 0;
  let qLo: u64 = 0;
  for (let i = 0; i < 128; i++) {
    const over = hi >> 63 != 0;
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    qHi = (qHi << 1) | (qLo >> 63);
    qLo <<= 1;
    if (over || hi > dHi || (hi == dHi && lo >= dLo)) {
      hi -= dHi + (lo < dLo ? 1 : 0);
      lo -= dLo;
      qLo |= 1;
    }
  }
  outRest = (hi | lo) != 0;
  set(qHi, qLo);
}

// @ts-ignore: decorator
@inline
export function addWide(aHi: u64, aLo: u64, bHi: u64, bLo: u64): void {
  const lo = aLo + bLo;
  set(aHi + bHi + (lo < aLo ? 1 : 0), lo);
}
/** a - b. */
// @ts-ignore: decorator
@inline
export function subtractWide(aHi: u64, aLo: u64, bHi: u64, bLo: u64): void {
  set(aHi - bHi - (aLo < bLo ? 1 : 0), aLo - bLo);
}
/** Shifts the leading one to bit 127. a is not 0. */
export function normalise(hi: u64, lo: u64): void {
  outShift = 0;
  if (!hi) {
    outShift = 64;
    hi = lo;
    lo = 0;
  }
  const zeros = clz(hi);
  outShift += <i32>zeros;
  if (zeros) set((hi << zeros) | (lo >> (64 - zeros)), lo << zeros);
  else set(hi, lo);
}
/** a >> count, truncated, for any count. */
export function cut(hi: u64, lo: u64, count: i32): void {
  const n = <u64>(count & 63);
  if (count >= 128) set(0, 0);
  else if (count >= 64) set(0, hi >> n);
  else if (!count) set(hi, lo);
  else set(hi >> n, (lo >> n) | (hi << (64 - n)));
}

/** 1 in the format of the series below: one bit before the point, 127 after it. */
export const ONE: u64 = 0x8000000000000000;

/**
 * 1 -+ z/(p(p+1)) (1 -+ z/((p+2)(p+3)) (1 -+ ...)): sine for p = 2, cosine for p = 1, divided by their first term. z has 128 places after the point
 * and is below 0.62; 17 terms give 127 bits.
 */
export function factorialSeries(zHi: u64, zLo: u64, p: u64): void {
  set(ONE, 0);
  if (!(zHi | zLo)) return;
  for (let k = <i64>p + 34; k >= <i64>p; k -= 2) {
    multiplyWide(zHi, zLo, outHi, outLo);
    divideSmall(outHi, outLo, <u64>(k * (k + 1)));
    subtractWide(ONE, 0, outHi, outLo);
  }
}
/** 1 +- y/2 (1 +- y/3 (1 +- ...)): (e^y - 1) / y, for y below 0.7 with 128 places and its sign in `negative`. */
export function exponentialSeries(yHi: u64, yLo: u64, negative: bool): void {
  set(ONE, 0);
  for (let k: u64 = 35; k >= 2; k--) {
    multiplyWide(yHi, yLo, outHi, outLo);
    divideSmall(outHi, outLo, k);
    if (negative) subtractWide(ONE, 0, outHi, outLo);
    else addWide(ONE, 0, outHi, outLo);
  }
}
/**
 * 1 +- z/3 + z^2/5 +- ...: artanh, or arctan if `alternating`, of the root of z, divided by that root. `last` is the last odd number: 53 is enough
 * for z below 0.03, 83 for 0.12.
 */
export function oddSeries(zHi: u64, zLo: u64, alternating: bool, last: i64): void {
  set(0, 0);
  for (let k = last; k >= 1; k -= 2) {
    multiplyWide(zHi, zLo, outHi, outLo);
    const hi = outHi;
    const lo = outLo;
    divideSmall(ONE, 0, <u64>k);
    if (alternating) subtractWide(outHi, outLo, hi, lo);
    else addWide(outHi, outLo, hi, lo);
  }
}
