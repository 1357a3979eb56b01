/** F2XM1, FYL2X, FYL2XP1, computed to about 110 bits and rounded once. SDM volume 2, at each of them. */
import { DE, PE, UE, ZE, invalid, note, resultSig, setResult80 } from "./status";
import { BIAS, DENORMAL, INFINITY, ZERO, classify, finishTo, isSpecial, partExponent, partSig, unpack } from "./number";
import {
  ONE,
  addWide,
  cut,
  divideWide,
  exponentialSeries,
  multiplyWide,
  normalise,
  oddSeries,
  outHi,
  outLo,
  outShift,
  subtractWide,
} from "./fixed128";

/** ln 2, and 2 / ln 2 (the latter divided by 4). */
const LN2_HI: u64 = 0xb17217f7d1cf79ab;
const LN2_LO: u64 = 0xc9e3b39803f2f6af;
const TWO_BY_LN2_HI: u64 = 0xb8aa3b295c17f0bb;
const TWO_BY_LN2_LO: u64 = 0xbe87fed0691d3e89;
/** The root of 2, over 2, as a significand. */
const ROOT2: u64 = 0xb504f333f9de6484;

function setInfinity(sign: u32): void {
  setResult80((sign << 15) | 0x7fff, ONE);
}

/** 2^x - 1 for -1 <= x <= 1. Outside, where the manual leaves it undefined, ST(0) stays as it is, with PE. */
export function exp2Minus1(se: u32, sig: u64): void {
  const kind = classify(se, sig);
  if (isSpecial(kind, ZERO, se, sig, 0, 0)) return;
  const sign = se >> 15;
  if (kind == ZERO) return setResult80(se, sig);
  if (kind == INFINITY) return sign ? setResult80(0x8000 | BIAS, ONE) : setResult80(se, sig);
  if (kind == DENORMAL) note(DE);
  unpack(se, sig);
  if (partExponent >= BIAS) {
    note(PE);
    if (partExponent == BIAS && partSig == ONE) return setResult80(sign ? 0xbffe : BIAS, ONE);
    return setResult80(se, sig);
  }
  let exponent = partExponent - BIAS + 1;
  multiplyWide(partSig, 0, LN2_HI, LN2_LO);
  normalise(outHi, outLo);
  exponent -= outShift;
  const hi = outHi;
  const lo = outLo;
  cut(hi, lo, -exponent);
  exponentialSeries(outHi, outLo, sign != 0);
  multiplyWide(hi, lo, outHi, outLo);
  normalise(outHi, outLo);
  finishTo(sign, exponent + 1 - outShift - 1 + BIAS, outHi, outLo | 1, 0);
}

/** A logarithm: its magnitude is logHi:logLo * 2^(logExponent - 128), and 0 if logHi is 0. */
let logHi: u64 = 0;
let logLo: u64 = 0;
let logExponent: i32 = 0;
let logNegative: bool = false;
/** Whether it is a whole number and was not rounded. */
let logExact: bool = false;

/** log2 of (1 + s) / (1 - s), s = n / d * 2^exponent, n and d with their leading ones at bit 127. */
function logOfRatio(nHi: u64, nLo: u64, dHi: u64, dLo: u64, exponent: i32): void {
  if (nHi > dHi || (nHi == dHi && nLo >= dLo)) {
    divideWide(nHi >> 1, (nHi << 63) | (nLo >> 1), dHi, dLo);
    exponent++;
  } else divideWide(nHi, nLo, dHi, dLo);
  const hi = outHi;
  const lo = outLo;
  multiplyWide(hi, lo, hi, lo);
  cut(outHi, outLo, -2 * exponent);
  oddSeries(outHi, outLo, false, exponent >= -2 ? 83 : 53);
  multiplyWide(hi, lo, outHi, outLo);
  normalise(outHi, outLo);
  exponent += 1 - outShift;
  multiplyWide(outHi, outLo, TWO_BY_LN2_HI, TWO_BY_LN2_LO);
  normalise(outHi, outLo);
  logHi = outHi;
  logLo = outLo;
  logExponent = exponent + 2 - outShift;
}

/** log2 of sig / 2^63 * 2^power, sig normalised. */
function logOf(sig: u64, power: i32): void {
  const halved = sig > ROOT2;
  if (halved) power++;
  const near = halved ? 0 - sig : sig - ONE;
  logExact = near == 0;
  logNegative = halved;
  if (near) {
    const zeros = clz(near);
    const dHi = (sig >> 1) + (halved ? ONE : ONE >> 1);
    logOfRatio(near << zeros, 0, dHi, sig << 63, -1 - <i32>zeros);
  } else {
    logHi = 0;
    logLo = 0;
    logExponent = 0;
  }
  if (!power) return;
  // Adds the exponent, with 16 places before the point.
  cut(logHi, logLo, 16 - logExponent);
  const whole = (<u64>abs<i32>(power)) << 48;
  if (logNegative == power < 0) addWide(whole, 0, outHi, outLo);
  else subtractWide(whole, 0, outHi, outLo);
  normalise(outHi, outLo);
  logHi = outHi;
  logLo = outLo;
  logExponent = 16 - outShift;
  logNegative = power < 0;
}

/** Makes the result y times the logarithm. */
function timesLog(seY: u32, y: u64): void {
  const sign = (seY >> 15) ^ (logNegative ? 1 : 0);
  if (!logHi) return setResult80(seY & 0x8000, 0);
  unpack(seY, y);
  multiplyWide(partSig, 0, logHi, logLo);
  normalise(outHi, outLo);
  let exponent = logExponent + partExponent - outShift;
  // For a power of 2, silicon gives the exact product if it is above 1, a little less if it is below, and always PE.
  if (logExact && logNegative) {
    subtractWide(outHi, outLo, 0, 1);
    normalise(outHi, outLo);
    exponent -= outShift;
  }
  finishTo(sign, exponent, outHi, logExact ? outLo : outLo | 1, 0);
  note(resultSig & ONE ? PE : PE | UE);
}

/** y * log2(x). */
export function log2Times(seX: u32, x: u64, seY: u32, y: u64): void {
  const classX = classify(seX, x);
  const classY = classify(seY, y);
  if (isSpecial(classX, classY, seX, x, seY, y)) return;
  const signY = seY >> 15;
  if (classX == ZERO) {
    if (classY == ZERO) return invalid();
    if (classY != INFINITY) note(ZE);
    return setInfinity(signY ^ 1);
  }
  if (seX >> 15) return invalid();
  const isOne = seX == <u32>BIAS && x == ONE;
  if ((classX == INFINITY && classY == ZERO) || (classY == INFINITY && isOne)) return invalid();
  if (classX == DENORMAL || classY == DENORMAL) note(DE);
  const below = (seX & 0x7fff) < <u32>BIAS;
  if (classX == INFINITY || classY == INFINITY) return setInfinity(signY ^ (below ? 1 : 0));
  if (classY == ZERO) return setResult80((seY & 0x8000) ^ (below ? 0x8000 : 0), 0);
  unpack(seX, x);
  logOf(partSig, partExponent - BIAS);
  timesLog(seY, y);
}

/** y * log2(x + 1). The manual leaves this undefined for x outside -(1 - sqrt(1/2)) .. sqrt(2) - 1. */
export function log2Plus1(seX: u32, x: u64, seY: u32, y: u64): void {
  const classX = classify(seX, x);
  const classY = classify(seY, y);
  if (isSpecial(classX, classY, seX, x, seY, y)) return;
  const signX = seX >> 15;
  const signY = seY >> 15;
  if (classX == INFINITY && (signX || classY == ZERO)) return invalid();
  if (classY == INFINITY && classX == ZERO) return invalid();
  if (classX == DENORMAL || classY == DENORMAL) note(DE);
  const sign = signX ^ signY;
  if (classX == INFINITY || classY == INFINITY) return setInfinity(sign);
  if (classX == ZERO || classY == ZERO) return setResult80(sign << 15, 0);
  unpack(seX, x);
  const power = partExponent - BIAS;
  if (power >= 0) return largePlus1(signX, power, partSig, seY, y);
  if (signX && power == -1) {
    const sum: u64 = 0 - partSig;
    const zeros = clz(sum);
    logOf(sum << zeros, -1 - <i32>zeros);
    return timesLog(seY, y);
  }
  // s = x / (2 + x), with a denominator of 126 places.
  const hi = partSig;
  cut(hi, 0, 1 - power);
  logExact = false;
  logNegative = signX != 0;
  if (!signX) {
    addWide(ONE, 0, outHi, outLo);
    logOfRatio(hi, 0, outHi, outLo, power - 1);
  } else {
    subtractWide(ONE, 0, outHi, outLo);
    normalise(outHi, outLo);
    logOfRatio(hi, 0, outHi, outLo, power - 1 + outShift);
  }
  timesLog(seY, y);
}
/** For |x| >= 1: the logarithm of x + 1 or, at -1 and below, x, as on silicon. */
function largePlus1(sign: u32, power: i32, sig: u64, seY: u32, y: u64): void {
  if (sign) {
    note(PE);
    return setResult80(0x8000 | (<u32>(power + BIAS)), sig);
  }
  if (power > 63) logOf(sig, power);
  else {
    const sum = sig + (ONE >> (<u64>power));
    if (sum < sig) logOf((sum >> 1) | ONE, power + 1);
    else logOf(sum, power);
  }
  timesLog(seY, y);
}
