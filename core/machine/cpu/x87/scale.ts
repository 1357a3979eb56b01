/** FSCALE, FXTRACT, FPREM, FPREM1, which are exact whatever precision control says. SDM volume 2, at each of them. */
import { divideUnsigned, wideHigh } from "../wide";
import { C0, C1, C2, C3, DE, OE, PE, UE, ZE, invalid, masked, note, resultSe, resultSig, setResult80 } from "./status";
import { BIAS, DENORMAL, INFINITY, ZERO } from "./number";
import { classify, finishTo, isSpecial, partExponent, partSig, unpack } from "./number";

const INTEGER_BIT: u64 = 0x8000000000000000;
/** Always beyond the range of exponents, even after the bias adjustment of an unmasked exception. */
const FAR: i32 = 0x20000;

/** Makes the operand the result, without underflow; a pseudo-denormal then has the exponent 1. */
function unchanged(se: u32, sig: u64): void {
  setResult80(!(se & 0x7fff) && sig & INTEGER_BIT ? se | 1 : se, sig);
}

/** a * 2^trunc(b). */
export function scale(seA: u32, a: u64, seB: u32, b: u64): void {
  const classA = classify(seA, a);
  const classB = classify(seB, b);
  if (isSpecial(classA, classB, seA, a, seB, b)) return;
  const down = seB >> 15 != 0;
  if (classB == INFINITY && classA == (down ? INFINITY : ZERO)) return invalid();
  if (classA == DENORMAL || classB == DENORMAL) note(DE);
  if (classB == INFINITY && classA != ZERO && classA != INFINITY)
    return setResult80(down ? seA & 0x8000 : seA | 0x7fff, down ? 0 : INTEGER_BIT);
  if (classA == ZERO || classA == INFINITY || classB == ZERO) {
    return unchanged(seA, a);
  }
  unpack(seB, b);
  const power = partExponent - BIAS;
  let by: i32 = 0;
  if (power > 16) by = FAR;
  else if (power >= 0) by = <i32>(partSig >> (63 - <u64>power));
  byPower(seA, a, down ? -by : by);
}
function byPower(se: u32, sig: u64, by: i32): void {
  unpack(se, sig);
  const exponent = partExponent + by;
  // Beyond what the bias adjustment of an unmasked exception brings back (seen on silicon, in all rounding modes).
  if (exponent > 0x7ffe + ADJUSTMENT && !masked(OE)) {
    note(OE | PE | C1);
    return setResult80((se & 0x8000) | 0x7fff, INTEGER_BIT);
  }
  if (exponent < 1 - ADJUSTMENT && !masked(UE)) {
    note(UE | PE);
    return setResult80(se & 0x8000, 0);
  }
  finishTo(se >> 15, exponent, partSig, 0, 0);
}

/** Bias adjustment of results whose overflow or underflow is not masked. */
const ADJUSTMENT: i32 = 0x6000;

/** What extract() returns besides the result, which is the significand. */
export let extractedSe: u32 = 0;
export let extractedSig: u64 = 0;
export function extract(se: u32, sig: u64): void {
  const kind = classify(se, sig);
  const sign = se & 0x8000;
  if (isSpecial(kind, ZERO, se, sig, 0, 0)) {
    extractedSe = resultSe;
    extractedSig = resultSig;
    return;
  }
  if (kind == ZERO || kind == INFINITY) {
    if (kind == ZERO) note(ZE);
    extractedSe = kind == ZERO ? 0xffff : 0x7fff;
    extractedSig = INTEGER_BIT;
    return setResult80(se, sig);
  }
  if (kind == DENORMAL) note(DE);
  unpack(se, sig);
  const power = partExponent - BIAS;
  setResult80(sign | BIAS, partSig);
  const magnitude = <u64>abs<i32>(power);
  const zeros = clz(magnitude);
  extractedSe = magnitude ? (power < 0 ? <u32>0x8000 : 0) | (<u32>(BIAS + 63 - <i32>zeros)) : 0;
  extractedSig = magnitude ? magnitude << zeros : 0;
}

/** Whether C0 and C3 change too. */
export let quotientKnown: bool = false;
export function forgetQuotient(): void {
  quotientKnown = false;
}
/**
 * FPREM (truncated quotient) and FPREM1 (`nearest`): C2 is clear, and C0 C3 C1 are the quotient's bits 2 1 0. If the exponents differ by 64 or more,
 * C2 is set and the exponent reduced by 32..63.
 */
export function remainder(seA: u32, sigA: u64, seB: u32, sigB: u64, nearest: bool): void {
  const classA = classify(seA, sigA);
  const classB = classify(seB, sigB);
  quotientKnown = false;
  if (isSpecial(classA, classB, seA, sigA, seB, sigB)) return;
  if (classA == INFINITY || classB == ZERO) return invalid();
  quotientKnown = true;
  if (classA == DENORMAL || classB == DENORMAL) note(DE);
  if (classA == ZERO) return setResult80(seA, sigA);
  unpack(seA, sigA);
  let exponent = partExponent;
  let rest = partSig;
  let sign = seA >> 15;
  if (classB == INFINITY) return unchanged(seA, sigA);
  unpack(seB, sigB);
  const b = partSig;
  const difference = exponent - partExponent;
  let quotient: u64 = 0;
  if (difference >= 0) {
    if (rest >= b) {
      rest -= b;
      quotient = 1;
    }
    const bits: i32 = difference < 64 ? difference : 32 + (difference & 31);
    const by = <u64>bits;
    if (by) {
      quotient = (quotient << by) | divideUnsigned(rest >> (64 - by), rest << by, b);
      rest = wideHigh;
    }
    exponent -= <i32>by;
    if (difference >= 64) {
      note(C2);
      quotient = 0;
      nearest = false;
    }
  }
  if (nearest && difference >= -1) {
    // Returns whether the rest is more than half the divisor, or half with an odd quotient.
    const twice = rest << 1;
    const more = difference >= 0 ? rest >> 63 != 0 || twice > b || (twice == b && (quotient & 1) != 0) : rest > b;
    if (more) {
      // One below the divisor's exponent, so the rest is in units of half the divisor's.
      rest = difference >= 0 ? b - rest : (b << 1) - rest;
      sign ^= 1;
      quotient++;
    }
  }
  note((quotient & 4 ? C0 : 0) | (quotient & 2 ? C3 : 0) | (quotient & 1 ? C1 : 0));
  if (!rest) return setResult80(sign << 15, 0);
  const zeros = clz(rest);
  finishTo(sign, exponent - <i32>zeros, rest << zeros, 0, 0);
}
