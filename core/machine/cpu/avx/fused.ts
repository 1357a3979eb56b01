/**
 * FMA: x * y + z with a single rounding. The product is exact in 128 bits (two significands of 53 bits), and so is the sum but for a sticky lowest bit.
 * Source: SDM volume 1, 14.5; IEEE 754.
 */
import { MXCSR_DE, MXCSR_IE, ROUND_DOWN, note, rounding } from "../sse/mxcsr";
import {
  CLASS_INFINITY,
  CLASS_ZERO,
  defaultNan,
  infinity,
  isNan,
  isSignalling,
  multiplyHigh,
  pack,
  partClass,
  partDenormal,
  partExponent,
  partSign,
  partSignificand,
  productLow,
  quiet,
  unpack,
  zero,
} from "../sse/soft";

/** What is done with the signs. */
export const NEGATE_PRODUCT: u32 = 1;
export const NEGATE_ADDEND: u32 = 2;

// The 128-bit number that shiftDown() has shifted.
let shiftedHigh: u64 = 0;
let shiftedLow: u64 = 0;
/** Shifts right, and keeps any lost one in bit 0. */
function shiftDown(high: u64, low: u64, count: u32): void {
  if (count >= 128) {
    shiftedHigh = 0;
    shiftedLow = high | low ? 1 : 0;
    return;
  }
  if (count >= 64) {
    const lost = low;
    low = high;
    high = 0;
    count -= 64;
    if (lost) low |= 1;
    if (!count) {
      shiftedHigh = 0;
      shiftedLow = low;
      return;
    }
  }
  if (!count) {
    shiftedHigh = high;
    shiftedLow = low;
    return;
  }
  const n = <u64>count;
  const lost = low << (64 - n);
  shiftedLow = (low >> n) | (high << (64 - n)) | (lost ? 1 : 0);
  shiftedHigh = high >> n;
}

/** The NaN of the first operand that is one, in the order x, y, z. */
function nanOf(x: u64, y: u64, z: u64, single: bool): u64 {
  if (isSignalling(x, single) || isSignalling(y, single) || isSignalling(z, single)) note(MXCSR_IE);
  return quiet(isNan(x, single) ? x : isNan(y, single) ? y : z, single);
}

export function fusedMultiplyAdd(x: u64, y: u64, z: u64, signs: u32, single: bool): u64 {
  if (isNan(x, single) || isNan(y, single) || isNan(z, single)) return nanOf(x, y, z, single);
  unpack(x, single);
  const signX = partSign;
  const expX = partExponent;
  const sigX = partSignificand;
  const classX = partClass;
  let denormal = partDenormal;
  unpack(y, single);
  const signP = signX ^ partSign ^ (signs & NEGATE_PRODUCT ? 1 : 0);
  let expP = expX + partExponent;
  const sigY = partSignificand;
  const classY = partClass;
  denormal = denormal || partDenormal;
  unpack(z, single);
  const signZ = partSign ^ (signs & NEGATE_ADDEND ? 1 : 0);
  const expZ = partExponent;
  const sigZ = partSignificand;
  const classZ = partClass;
  denormal = denormal || partDenormal;
  const infinite = classX == CLASS_INFINITY || classY == CLASS_INFINITY;
  const isZero = classX == CLASS_ZERO || classY == CLASS_ZERO;
  if (infinite && (isZero || (classZ == CLASS_INFINITY && signP != signZ))) {
    note(MXCSR_IE);
    return defaultNan(single);
  }
  if (denormal) note(MXCSR_DE);
  if (infinite) return infinity(signP, single);
  if (classZ == CLASS_INFINITY) return infinity(signZ, single);
  if (isZero) {
    if (classZ != CLASS_ZERO) return pack(signZ, expZ, sigZ, single);
    return zero(signP == signZ ? signP : rounding == ROUND_DOWN ? 1 : 0, single);
  }
  // The product with its leading one at bit 126. Its lowest bits are zero, so the shift loses nothing.
  let highP = multiplyHigh(sigX << 1, sigY << 1);
  let lowP = productLow;
  if (highP >> 63) {
    lowP = (lowP >> 1) | (highP << 63);
    highP >>= 1;
    expP++;
  }
  if (classZ == CLASS_ZERO) return pack(signP, expP, highP | (lowP ? 1 : 0), single);
  let highZ = sigZ;
  let lowZ: u64 = 0;
  let exponent = expP;
  if (expP >= expZ) {
    shiftDown(highZ, 0, <u32>(expP - expZ));
    highZ = shiftedHigh;
    lowZ = shiftedLow;
  } else {
    exponent = expZ;
    shiftDown(highP, lowP, <u32>(expZ - expP));
    highP = shiftedHigh;
    lowP = shiftedLow;
  }
  let sign = signP;
  let high: u64;
  let low: u64;
  if (signP == signZ) {
    low = lowP + lowZ;
    high = highP + highZ + (low < lowP ? 1 : 0);
    if (high >> 63) {
      shiftDown(high, low, 1);
      high = shiftedHigh;
      low = shiftedLow;
      exponent++;
    }
  } else {
    if (highP < highZ || (highP == highZ && lowP < lowZ)) {
      sign = signZ;
      low = lowZ - lowP;
      high = highZ - highP - (lowZ < lowP ? 1 : 0);
    } else {
      low = lowP - lowZ;
      high = highP - highZ - (lowP < lowZ ? 1 : 0);
    }
    if (!(high | low)) return zero(rounding == ROUND_DOWN ? 1 : 0, single);
    const up = <u64>(high ? clz(high) : 64 + clz(low)) - 1;
    exponent -= <i32>up;
    if (up >= 64) {
      high = low << (up - 64);
      low = 0;
    } else if (up) {
      high = (high << up) | (low >> (64 - up));
      low <<= up;
    }
  }
  return pack(sign, exponent, high | (low ? 1 : 0), single);
}
