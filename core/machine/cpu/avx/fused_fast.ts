/**
 * x * y + z with one rounding to the nearest, by floating-point arithmetic, for translated code: a lane whose result is NaN is to be computed by fused.ts. The
 * others are right, and may be inexact. Doubles: S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using
 * rounding to odd", IEEE Transactions on Computers 57 (2008); the product's error is Dekker's.
 */

/** Within these no part of the computation can overflow or become denormal. */
const LEAST_FACTOR: f64 = 3.872591914849318e-121; // 2^-400
const GREATEST_FACTOR: f64 = 2.582249878086909e120; // 2^400
const LEAST_ADDEND: f64 = 1.499696813895631e-241; // 2^-800
const GREATEST_ADDEND: f64 = 6.668014432879854e240; // 2^800
/** 2^27 + 1 divides a number's 53 bits in two parts. */
const DIVIDER: f64 = 134217729;
/** The smallest normal single and the greatest one. */
const LEAST_SINGLE: f32 = 1.1754943508222875e-38;
const GREATEST_SINGLE: f32 = 3.4028234663852886e38;

/** Lanes of ones where the number is zero, or its magnitude is between the two. */
// @ts-ignore: decorator
@inline
function within(x: v128, least: f64, greatest: f64): v128 {
  const size = f64x2.abs(x);
  const inside = v128.and(f64x2.ge(size, f64x2.splat(least)), f64x2.le(size, f64x2.splat(greatest)));
  return v128.or(inside, f64x2.eq(x, f64x2.splat(0)));
}
/** What a + b, rounded to s, has lost. */
// @ts-ignore: decorator
@inline
function lost(a: v128, b: v128, s: v128): v128 {
  const part = f64x2.sub(s, a);
  return f64x2.add(f64x2.sub(a, f64x2.sub(s, part)), f64x2.sub(b, part));
}
/** a + b, rounded to the neighbour whose last bit is 1 unless it is exact. */
// @ts-ignore: decorator
@inline
function sumToOdd(a: v128, b: v128): v128 {
  const s = f64x2.add(a, b);
  const error = lost(a, b, s);
  // The other neighbour is further from zero if the error has the sum's sign.
  const step = v128.or(i64x2.shr_s(v128.xor(error, s), 63), i64x2.splat(1));
  const isEven = i64x2.eq(v128.and(s, i64x2.splat(1)), i64x2.splat(0));
  const moves = v128.and(isEven, f64x2.ne(error, f64x2.splat(0)));
  return i64x2.add(s, v128.and(step, moves));
}
// @ts-ignore: decorator
@inline
function upperPart(x: v128): v128 {
  const scaled = f64x2.mul(x, f64x2.splat(DIVIDER));
  return f64x2.sub(scaled, f64x2.sub(scaled, x));
}

export function fusedDoubles(x: v128, y: v128, z: v128): v128 {
  const product = f64x2.mul(x, y);
  const xUpper = upperPart(x);
  const yUpper = upperPart(y);
  const xLower = f64x2.sub(x, xUpper);
  const yLower = f64x2.sub(y, yUpper);
  let error = f64x2.sub(f64x2.mul(xUpper, yUpper), product);
  error = f64x2.add(f64x2.add(error, f64x2.mul(xUpper, yLower)), f64x2.mul(xLower, yUpper));
  error = f64x2.add(error, f64x2.mul(xLower, yLower));
  const small = f64x2.add(z, error);
  const large = f64x2.add(product, small);
  const rest = sumToOdd(lost(z, error, small), lost(product, small, large));
  // With a product of zero it is an ordinary sum, which has the right sign if it is zero, too.
  const isSum = f64x2.eq(product, f64x2.splat(0));
  const result = v128.bitselect(f64x2.add(product, z), f64x2.add(large, rest), isSum);
  const factors = v128.and(within(x, LEAST_FACTOR, GREATEST_FACTOR), within(y, LEAST_FACTOR, GREATEST_FACTOR));
  const isSafe = v128.and(factors, within(z, LEAST_ADDEND, GREATEST_ADDEND));
  return v128.or(result, v128.not(isSafe));
}

/** The products of singles are exact as doubles, so their sum, rounded to odd, is rounded to a single as if it had all its bits. */
export function fusedSingles(x: v128, y: v128, z: v128): v128 {
  const low = sumToOdd(f64x2.mul(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(y)), f64x2.promote_low_f32x4(z));
  const high = sumToOdd(f64x2.mul(promoteHigh(x), promoteHigh(y)), promoteHigh(z));
  const result = v128.shuffle<i64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
  const size = f32x4.abs(result);
  const isNormal = v128.and(f32x4.gt(size, f32x4.splat(LEAST_SINGLE)), f32x4.le(size, f32x4.splat(GREATEST_SINGLE)));
  const isZero = v128.shuffle<i32>(f64x2.eq(low, f64x2.splat(0)), f64x2.eq(high, f64x2.splat(0)), 0, 2, 4, 6);
  const denormal = v128.or(v128.or(isDenormal(x), isDenormal(y)), isDenormal(z));
  return v128.or(result, v128.or(denormal, v128.not(v128.or(isNormal, isZero))));
}
// @ts-ignore: decorator
@inline
function promoteHigh(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 1));
}
// @ts-ignore: decorator
@inline
function isDenormal(x: v128): v128 {
  return v128.and(f32x4.lt(f32x4.abs(x), f32x4.splat(LEAST_SINGLE)), f32x4.ne(x, f32x4.splat(0)));
}
