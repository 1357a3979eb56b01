/**
 * FSIN, FCOS, FSINCOS, FPTAN. As on silicon, the argument is reduced by a pi of 66 bits (SDM volume 1, 8.3.8). The rest is exact to 120 bits and
 * rounded once.
 */
import { C1, C2, DE, PE, UE, forget, invalid, note, resultSe, resultSig, setResult80 } from "./status";
import { BIAS, DENORMAL, INFINITY, ZERO, classify, finishTo, isSpecial, partExponent, partSig, unpack } from "./number";
import {
  ONE,
  cut,
  divideWide,
  factorialSeries,
  multiplyWide,
  normalise,
  outHi,
  outLo,
  outShift,
  subtractWide,
} from "./fixed128";

/** pi / 2 in units of 2^-67. */
const HALF_PI_HI: u64 = 0xc;
const HALF_PI_LO: u64 = 0x90fdaa22168c234c;

/** Exponents of arguments below which silicon takes a shortcut: 2^-68 and, for the tangent, 2^-33. */
const TINY: u32 = 0x3fbb;
const SMALL_TANGENT: u32 = 0x3fde;

/** The argument minus a multiple of pi / 2: its magnitude is reduced * 2^(reducedExponent - 128), at most pi / 4. */
let reducedHi: u64 = 0;
let reducedLo: u64 = 0;
let reducedExponent: i32 = 0;
let reducedNegative: bool = false;
/** How often pi/2 was subtracted from the argument; the last two bits say in which quadrant the angle lies. */
let quadrant: u32 = 0;

/** For a magnitude below 2^63; the sign is separate. */
function reduce(exponent: i32, sig: u64): void {
  quadrant = 0;
  reducedNegative = false;
  const power = exponent - BIAS;
  if (power < -1) {
    reducedHi = sig;
    reducedLo = 0;
    reducedExponent = power + 1;
    return;
  }
  let hi: u64 = 0;
  let lo = sig;
  for (let i = power + 4; i > 0; i--) {
    hi = (hi << 1) | (lo >> 63);
    lo <<= 1;
    quadrant <<= 1;
    if (hi > HALF_PI_HI || (hi == HALF_PI_HI && lo >= HALF_PI_LO)) {
      hi -= HALF_PI_HI + (lo < HALF_PI_LO ? 1 : 0);
      lo -= HALF_PI_LO;
      quadrant |= 1;
    }
  }
  subtractWide(HALF_PI_HI, HALF_PI_LO, hi, lo);
  if (hi > outHi || (hi == outHi && lo > outLo)) {
    hi = outHi;
    lo = outLo;
    reducedNegative = true;
    quadrant++;
  }
  if (!(hi | lo)) {
    reducedHi = 0;
    reducedLo = 0;
    return;
  }
  normalise(hi, lo);
  reducedHi = outHi;
  reducedLo = outLo;
  reducedExponent = 61 - outShift;
}

/** The value of a function: its magnitude is value * 2^(valueExponent - 128). */
let valueHi: u64 = 0;
let valueLo: u64 = 0;
let valueExponent: i32 = 0;

/** Square of the reduced argument, 128 places. */
/** For small arguments the series differ from 1 by less than can be represented; then the value is one unit less than 1. */
function square(): void {
  multiplyWide(reducedHi, reducedLo, reducedHi, reducedLo);
  cut(outHi, outLo, -2 * reducedExponent);
}
function keepValue(exponent: i32): void {
  if (!(outLo << 1)) subtractWide(outHi, outLo, 0, 1);
  normalise(outHi, outLo);
  valueHi = outHi;
  valueLo = outLo;
  valueExponent = exponent - outShift;
}
function sine(): void {
  square();
  factorialSeries(outHi, outLo, 2);
  multiplyWide(reducedHi, reducedLo, outHi, outLo);
  keepValue(reducedExponent + 1);
}
function cosine(): void {
  square();
  factorialSeries(outHi, outLo, 1);
  keepValue(1);
}

/** Rounds the value into the result. */
function finishValue(sign: u32): void {
  finishTo(sign, valueExponent - 1 + BIAS, valueHi, valueLo, 0);
  note(PE);
}

// @ts-ignore: decorator
@inline
function isZero(se: u32, sig: u64): bool {
  return !((se & 0x7fff) | (sig != 0 ? 1 : 0));
}
/** For a finite argument below 2^63 other than 0, sets reduced* and returns true. Otherwise sets the sine, or C2. */
function prepare(se: u32, sig: u64): bool {
  const kind = classify(se, sig);
  if (isSpecial(kind, ZERO, se, sig, 0, 0)) return false;
  if (kind == INFINITY) {
    invalid();
    return false;
  }
  if (kind == DENORMAL) note(DE);
  if (kind == ZERO) {
    setResult80(se, sig);
    return false;
  }
  unpack(se, sig);
  if (partExponent >= BIAS + 63) {
    note(C2);
    setResult80(se, sig);
    return false;
  }
  reduce(partExponent, partSig);
  return true;
}

/** Returns whether the argument is so small that silicon gives it as its own sine and tangent, and 1 as its cosine, in all rounding modes. */
// @ts-ignore: decorator
@inline
function isTiny(se: u32): bool {
  return (se & 0x7fff) < TINY;
}
function tinyResult(se: u32, sig: u64): void {
  unpack(se, sig);
  finishTo(se >> 15, partExponent, partSig, 0, 0);
  note(sig & ONE ? PE : PE | UE);
}
function tinyCosine(): void {
  note(PE);
  setResult80(BIAS, ONE);
}

export function sin(se: u32, sig: u64): void {
  if (prepare(se, sig)) sineOf(se, sig);
}
function sineOf(se: u32, sig: u64): void {
  if (isTiny(se)) return tinyResult(se, sig);
  const sign = se >> 15;
  if (quadrant & 1) cosine();
  else sine();
  finishValue(sign ^ ((quadrant >> 1) & 1) ^ (reducedNegative && !(quadrant & 1) ? 1 : 0));
}
export function cos(se: u32, sig: u64): void {
  if (prepare(se, sig)) cosineOf(se);
  else if (isZero(se, sig)) setResult80(BIAS, ONE);
}
function cosineOf(se: u32): void {
  if (isTiny(se)) return tinyCosine();
  if (quadrant & 1) sine();
  else cosine();
  const negative = ((quadrant + 1) >> 1) & 1;
  finishValue(negative ^ (reducedNegative && quadrant & 1 ? 1 : 0));
}

/** The second result of FSINCOS and FPTAN, which is pushed. */
export let secondSe: u32 = 0;
export let secondSig: u64 = 0;
function setSecond(se: u32, sig: u64): void {
  secondSe = se;
  secondSig = sig;
}
/** The sine is the result, the cosine the second. */
export function sinCos(se: u32, sig: u64): void {
  if (!prepare(se, sig)) {
    if (isZero(se, sig)) setSecond(BIAS, ONE);
    else setSecond(resultSe, resultSig);
    return;
  }
  sineOf(se, sig);
  const sineSe = resultSe;
  const sineSig = resultSig;
  forget(C1);
  cosineOf(se);
  setSecond(resultSe, resultSig);
  setResult80(sineSe, sineSig);
}
/** The tangent is the result; the second is 1, or the same NaN. */
export function tan(se: u32, sig: u64): void {
  setSecond(BIAS, ONE);
  if (!prepare(se, sig)) {
    if (!isZero(se, sig)) setSecond(resultSe, resultSig);
    return;
  }
  if (isTiny(se)) return tinyResult(se, sig);
  // As silicon, which gives less than the argument in this range, although the tangent is more.
  if ((se & 0x7fff) < SMALL_TANGENT) {
    unpack(se, sig);
    if (partSig == ONE) return finishTo(se >> 15, partExponent - 1, ~(<u64>0), ~(<u64>0), 0);
    return finishTo(se >> 15, partExponent, partSig - 1, ~(<u64>0), 0);
  }
  if (quadrant & 1) cosine();
  else sine();
  const hi = valueHi;
  const lo = valueLo;
  let exponent = valueExponent;
  if (quadrant & 1) sine();
  else cosine();
  exponent -= valueExponent;
  if (hi > valueHi || (hi == valueHi && lo >= valueLo)) {
    divideWide(hi >> 1, (hi << 63) | (lo >> 1), valueHi, valueLo);
    exponent++;
  } else divideWide(hi, lo, valueHi, valueLo);
  // Numerator and denominator are both normalised, so the quotient is at least a half.
  finishTo((se >> 15) ^ (quadrant & 1) ^ (reducedNegative ? 1 : 0), exponent - 1 + BIAS, outHi, outLo, 0);
  note(PE);
}
