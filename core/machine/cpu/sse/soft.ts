/**
 * Exact binary32 and binary64 arithmetic in integers, with all rounding modes, DAZ, FTZ and exceptions of SSE, which wasm's native arithmetic does
 * not have. Values are bit patterns in a u64; `single` says which format.
 * Internally a number is a sign, an exponent and a significand with its leading one at bit 62 and a sticky lowest bit: value = significand / 2^62 *
 * 2^exponent. Source: IEEE 754, SDM volume 1 chapter 11 (tininess is detected after rounding).
 */
import {
  MXCSR_DAZ,
  MXCSR_DE,
  MXCSR_FTZ,
  MXCSR_IE,
  MXCSR_OE,
  MXCSR_PE,
  MXCSR_UE,
  MXCSR_ZE,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_UP,
  control,
  masked,
  note,
  rounding,
} from "./mxcsr";

const LEADING: u64 = 1 << 62;

export const CLASS_ZERO: i32 = 0;
const CLASS_FINITE: i32 = 1;
export const CLASS_INFINITY: i32 = 2;
const CLASS_NAN: i32 = 3;

// The results of unpack(), to be copied to locals at once.
export let partSign: u64 = 0;
export let partExponent: i32 = 0;
export let partSignificand: u64 = 0;
export let partClass: i32 = 0;
/** Whether the number was a denormal that counts as one (no DAZ). */
export let partDenormal: bool = false;

// @ts-ignore: decorator
@inline
function signBit(single: bool): u64 {
  return single ? 0x80000000 : 0x8000000000000000;
}
// @ts-ignore: decorator
@inline
export function infinity(sign: u64, single: bool): u64 {
  return single ? (sign << 31) | 0x7f800000 : (sign << 63) | 0x7ff0000000000000;
}
/** Returns the result of an invalid operation: the negative quiet NaN without payload. */
export function defaultNan(single: bool): u64 {
  return single ? 0xffc00000 : 0xfff8000000000000;
}
// @ts-ignore: decorator
@inline
export function isNan(a: u64, single: bool): bool {
  return (a & ~signBit(single)) > infinity(0, single);
}
// @ts-ignore: decorator
@inline
export function isSignalling(a: u64, single: bool): bool {
  return isNan(a, single) && !(a & (single ? 0x400000 : 0x8000000000000));
}
// @ts-ignore: decorator
@inline
export function quiet(a: u64, single: bool): u64 {
  return a | (single ? 0x400000 : 0x8000000000000);
}
/** Returns the first operand that is a NaN, quieted; raises IE if either is signalling. */
export function propagate(a: u64, b: u64, single: bool): u64 {
  if (isSignalling(a, single) || isSignalling(b, single)) note(MXCSR_IE);
  return quiet(isNan(a, single) ? a : b, single);
}
export function isDenormal(a: u64, single: bool): bool {
  const magnitude = a & ~signBit(single);
  const leastNormal: u64 = single ? 0x800000 : 0x10000000000000;
  return magnitude != 0 && magnitude < leastNormal;
}
/** With DAZ, replaces a denormal by a zero of its sign; returns everything else as it is. */
export function flushOperand(a: u64, single: bool): u64 {
  return control & MXCSR_DAZ && isDenormal(a, single) ? a & signBit(single) : a;
}

/** Takes a number apart. A denormal is normalised, or a zero with DAZ. */
export function unpack(a: u64, single: bool): void {
  const fractionBits: u64 = single ? 23 : 52;
  const bias = single ? 127 : 1023;
  const fraction = a & (((<u64>1) << fractionBits) - 1);
  const exponent = (<i32>(a >> fractionBits)) & (single ? 0xff : 0x7ff);
  partSign = a >> (single ? 31 : 63);
  partDenormal = false;
  partExponent = exponent - bias;
  partSignificand = LEADING | (fraction << (62 - fractionBits));
  if (exponent == (single ? 0xff : 0x7ff)) {
    partClass = fraction ? CLASS_NAN : CLASS_INFINITY;
  } else if (exponent) {
    partClass = CLASS_FINITE;
  } else if (!fraction || control & MXCSR_DAZ) {
    partClass = CLASS_ZERO;
  } else {
    partClass = CLASS_FINITE;
    partDenormal = true;
    const zeros = clz(fraction);
    partSignificand = fraction << (zeros - 1);
    partExponent = 1 - bias - <i32>(zeros - (63 - fractionBits));
  }
}

/** Shifts right, and keeps any lost one in bit 0. */
export function shiftSticky(a: u64, count: u32): u64 {
  if (count == 0) return a;
  if (count > 63) return a ? 1 : 0;
  const n = <u64>count;
  return (a >> n) | (a << (64 - n) ? 1 : 0);
}

/** a / 2^shift rounded to an integer in the mode in force. */
export function roundShift(sign: u64, a: u64, shift: u64): u64 {
  const unit = (<u64>1) << shift;
  const rest = a & (unit - 1);
  let result = a >> shift;
  if (rounding == ROUND_NEAREST) {
    const half = unit >> 1;
    if (rest > half || (rest == half && result & 1)) result++;
  } else if (rest && rounding == (sign ? ROUND_DOWN : ROUND_UP)) result++;
  return result;
}

/** Rounds to the format and assembles the number; notes OE, UE, PE. `significand` has its leading one at bit 62. */
export function pack(sign: u64, exponent: i32, significand: u64, single: bool): u64 {
  const fractionBits: u64 = single ? 23 : 52;
  const most = single ? 127 : 1023;
  const drop: u64 = 62 - fractionBits;
  const lost = ((<u64>1) << drop) - 1;
  let rounded = roundShift(sign, significand, drop);
  const carried = rounded >> (fractionBits + 1) != 0;
  const signed = sign << (single ? 31 : 63);
  if (exponent < 1 - most && !(exponent == -most && carried)) {
    // The result is tiny, so it is denormalised and rounded again.
    const inexactUnbounded = (significand & lost) != 0;
    if (!masked(MXCSR_UE)) {
      note(inexactUnbounded ? MXCSR_UE | MXCSR_PE : MXCSR_UE);
      return signed;
    }
    if (control & MXCSR_FTZ) {
      note(MXCSR_UE | MXCSR_PE);
      return signed;
    }
    const denormal = shiftSticky(significand, <u32>(1 - most - exponent));
    if (denormal & lost) note(MXCSR_UE | MXCSR_PE);
    return signed | roundShift(sign, denormal, drop);
  }
  let up = exponent;
  if (carried) {
    rounded >>= 1;
    up++;
  }
  // A number below the smallest normal one that rounds up to it is not tiny, but its bits come from the same rounding.
  if (up > most) {
    note(masked(MXCSR_OE) || significand & lost || carried ? MXCSR_OE | MXCSR_PE : MXCSR_OE);
    const toInfinity = rounding == ROUND_NEAREST || rounding == (sign ? ROUND_DOWN : ROUND_UP);
    return toInfinity ? infinity(sign, single) : infinity(sign, single) - 1;
  }
  if (significand & lost) note(MXCSR_PE);
  return signed | ((<u64>(up + most)) << fractionBits) | (rounded & (((<u64>1) << fractionBits) - 1));
}

export function zero(sign: u64, single: bool): u64 {
  return sign << (single ? 31 : 63);
}

/** a + b, or a - b. */
export function softAdd(a: u64, b: u64, subtract: bool, single: bool): u64 {
  if (isNan(a, single) || isNan(b, single)) return propagate(a, b, single);
  unpack(a, single);
  let signA = partSign;
  let expA = partExponent;
  let sigA = partSignificand;
  const classA = partClass;
  const denormal = partDenormal;
  unpack(b, single);
  let signB = subtract ? partSign ^ 1 : partSign;
  let expB = partExponent;
  let sigB = partSignificand;
  const classB = partClass;
  if (classA == CLASS_INFINITY && classB == CLASS_INFINITY && signA != signB) {
    note(MXCSR_IE);
    return defaultNan(single);
  }
  if (denormal || partDenormal) note(MXCSR_DE);
  if (classA == CLASS_INFINITY) return infinity(signA, single);
  if (classB == CLASS_INFINITY) return infinity(signB, single);
  if (classA == CLASS_ZERO) {
    if (classB == CLASS_ZERO) return zero(signA == signB ? signA : rounding == ROUND_DOWN ? 1 : 0, single);
    return pack(signB, expB, sigB, single);
  }
  if (classB == CLASS_ZERO) return pack(signA, expA, sigA, single);
  if (expA < expB || (expA == expB && sigA < sigB)) {
    const s = signA;
    signA = signB;
    signB = s;
    const e = expA;
    expA = expB;
    expB = e;
    const g = sigA;
    sigA = sigB;
    sigB = g;
  }
  sigB = shiftSticky(sigB, <u32>(expA - expB));
  if (signA == signB) {
    const sum = sigA + sigB;
    return sum >> 63 ? pack(signA, expA + 1, shiftSticky(sum, 1), single) : pack(signA, expA, sum, single);
  }
  const difference = sigA - sigB;
  if (!difference) return zero(rounding == ROUND_DOWN ? 1 : 0, single);
  const up = clz(difference) - 1;
  return pack(signA, expA - <i32>up, difference << up, single);
}

export let productLow: u64 = 0;
/** Returns the high half of a * b; the low half is in productLow. */
export function multiplyHigh(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const low = a0 * b0;
  const middle = a1 * b0 + (low >> 32);
  const other = a0 * b1 + (middle & 0xffffffff);
  productLow = (other << 32) | (low & 0xffffffff);
  return a1 * b1 + (middle >> 32) + (other >> 32);
}

export function softMultiply(a: u64, b: u64, single: bool): u64 {
  if (isNan(a, single) || isNan(b, single)) return propagate(a, b, single);
  unpack(a, single);
  const signA = partSign;
  const expA = partExponent;
  const sigA = partSignificand;
  const classA = partClass;
  const denormal = partDenormal;
  unpack(b, single);
  const sign = signA ^ partSign;
  if ((classA == CLASS_INFINITY && partClass == CLASS_ZERO) || (classA == CLASS_ZERO && partClass == CLASS_INFINITY)) {
    note(MXCSR_IE);
    return defaultNan(single);
  }
  if (denormal || partDenormal) note(MXCSR_DE);
  if (classA == CLASS_INFINITY || partClass == CLASS_INFINITY) return infinity(sign, single);
  if (classA == CLASS_ZERO || partClass == CLASS_ZERO) return zero(sign, single);
  const exponent = expA + partExponent;
  let product = multiplyHigh(sigA << 1, partSignificand << 1);
  if (productLow) product |= 1;
  return product >> 63
    ? pack(sign, exponent + 1, shiftSticky(product, 1), single)
    : pack(sign, exponent, product, single);
}

export function softDivide(a: u64, b: u64, single: bool): u64 {
  if (isNan(a, single) || isNan(b, single)) return propagate(a, b, single);
  unpack(a, single);
  const signA = partSign;
  let exponent = partExponent;
  let rest = partSignificand;
  const classA = partClass;
  const denormal = partDenormal;
  unpack(b, single);
  const sign = signA ^ partSign;
  if (classA == partClass && (classA == CLASS_INFINITY || classA == CLASS_ZERO)) {
    note(MXCSR_IE);
    return defaultNan(single);
  }
  if (partClass == CLASS_ZERO) {
    if (classA != CLASS_INFINITY) note(MXCSR_ZE);
    return infinity(sign, single);
  }
  if (denormal || partDenormal) note(MXCSR_DE);
  if (classA == CLASS_INFINITY) return infinity(sign, single);
  if (classA == CLASS_ZERO || partClass == CLASS_INFINITY) return zero(sign, single);
  const divisor = partSignificand;
  exponent -= partExponent;
  if (rest < divisor) {
    rest <<= 1;
    exponent--;
  }
  let quotient: u64 = 0;
  for (let i = 0; i < 63; i++) {
    quotient <<= 1;
    if (rest >= divisor) {
      rest -= divisor;
      quotient |= 1;
    }
    rest <<= 1;
  }
  if (rest) quotient |= 1;
  return pack(sign, exponent, quotient, single);
}

export function softSqrt(a: u64, single: bool): u64 {
  if (isNan(a, single)) return propagate(a, a, single);
  unpack(a, single);
  if (partClass == CLASS_ZERO) return zero(partSign, single);
  if (partSign) {
    note(MXCSR_IE);
    return defaultNan(single);
  }
  if (partDenormal) note(MXCSR_DE);
  if (partClass == CLASS_INFINITY) return infinity(0, single);
  // y is in [1, 4), fixed point with 60 fraction bits. Digit by digit: rest = 2^(i+1) (y - root^2), twice = 2 root.
  let y = partSignificand >> 2;
  if (partExponent & 1) y <<= 1;
  const one: u64 = (<u64>1) << 60;
  let root = one;
  let twice = one << 1;
  let rest = (y - one) << 1;
  for (let bit = one >> 1; bit; bit >>= 1) {
    const step = twice + bit;
    if (step <= rest) {
      rest -= step;
      twice += bit << 1;
      root += bit;
    }
    rest <<= 1;
  }
  return pack(0, partExponent >> 1, (root << 2) | (rest ? 1 : 0), single);
}

// ---- conversions ----

/** Converts between the two floating-point formats; `single` is the source's. */
export function softResize(a: u64, single: bool): u64 {
  if (isNan(a, single)) {
    if (isSignalling(a, single)) note(MXCSR_IE);
    const q = quiet(a, single);
    if (single) return ((q >> 31) << 63) | 0x7ff0000000000000 | ((q & 0x7fffff) << 29);
    return ((q >> 63) << 31) | 0x7f800000 | ((q >> 29) & 0x7fffff);
  }
  unpack(a, single);
  if (partDenormal) note(MXCSR_DE);
  if (partClass == CLASS_INFINITY) return infinity(partSign, !single);
  if (partClass == CLASS_ZERO) return zero(partSign, !single);
  return pack(partSign, partExponent, partSignificand, !single);
}

/** Converts a signed integer to a floating-point number, rounded. */
export function fromInteger(value: i64, single: bool): u64 {
  if (!value) return 0;
  const sign: u64 = value < 0 ? 1 : 0;
  const magnitude = sign ? 0 - <u64>value : <u64>value;
  const up = clz(magnitude);
  return up == 0
    ? pack(sign, 63, shiftSticky(magnitude, 1), single)
    : pack(sign, 63 - <i32>up, magnitude << (up - 1), single);
}

/** Converts to a signed integer of `bits` bits (32 or 64); IE and the integer indefinite for what does not fit, PE where rounding loses bits. */
export function toInteger(a: u64, single: bool, truncate: bool, bits: i32): u64 {
  const wide = bits == 64;
  const indefinite: u64 = wide ? 0x8000000000000000 : 0x80000000;
  unpack(a, single);
  if (partClass == CLASS_ZERO) return 0;
  const limit = wide ? 63 : 31;
  if (partClass >= CLASS_INFINITY || partExponent > limit) {
    note(MXCSR_IE);
    return indefinite;
  }
  // With at most 53 significant bits, the product below is exact for exponents up to 62.
  let magnitude: u64;
  let lost = false;
  const sign = partSign;
  const up = <u64>(partExponent - 62);
  if (partExponent >= 62) magnitude = partSignificand << up;
  else {
    const drop = 62 - partExponent;
    const shifted = drop > 62 ? shiftSticky(partSignificand, <u32>(drop - 62)) : partSignificand;
    const most: i32 = drop > 62 ? 62 : drop;
    const shift = <u64>most;
    lost = (shifted & (((<u64>1) << shift) - 1)) != 0;
    magnitude = truncate ? shifted >> shift : roundShift(sign, shifted, shift);
  }
  if (magnitude > (wide ? <u64>0x7fffffffffffffff : <u64>0x7fffffff) + sign) {
    note(MXCSR_IE);
    return indefinite;
  }
  if (lost) note(MXCSR_PE);
  const value = sign ? 0 - magnitude : magnitude;
  return wide ? value : value & 0xffffffff;
}

/** Rounds to an integral value in the same format, in the mode in force; PE where that loses bits. No DE. */
export function softRound(a: u64, single: bool): u64 {
  if (isNan(a, single)) return propagate(a, a, single);
  unpack(a, single);
  const fractionBits = single ? 23 : 52;
  if (partClass == CLASS_ZERO) return zero(partSign, single);
  if (partClass == CLASS_INFINITY || partExponent >= fractionBits) return a;
  if (partExponent < 0) {
    note(MXCSR_PE);
    let one: bool;
    if (rounding == ROUND_NEAREST) one = partExponent == -1 && partSignificand > LEADING;
    else one = rounding == (partSign ? ROUND_DOWN : ROUND_UP);
    return zero(partSign, single) | (one ? (single ? <u64>0x3f800000 : <u64>0x3ff0000000000000) : 0);
  }
  const shift = <u64>(fractionBits - partExponent);
  const magnitude = a & ~signBit(single);
  if (!(magnitude & (((<u64>1) << shift) - 1))) return a;
  note(MXCSR_PE);
  // The exponent field is above the fraction, so a carry out of the fraction gives the right exponent.
  return zero(partSign, single) | (roundShift(partSign, magnitude, shift) << shift);
}
