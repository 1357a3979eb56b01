/**
 * The 80-bit format: classes, unpacking, rounding and packing. A number is its sign-and-exponent word `se` and its significand `sig` with the
 * explicit integer bit. SDM volume 1, 4.8 and 8.2; tininess is detected after rounding (4.9.1.5).
 */
import { C1, IE, OE, PE, ROUND_DOWN, ROUND_NEAREST, ROUND_UP, UE } from "./status";
import { control, invalid, masked, note, rounding, setResult80 } from "./status";

export const ZERO: u32 = 0;
export const NORMAL: u32 = 1;
/** Denormal or pseudo-denormal: exponent 0, significand not 0. */
export const DENORMAL: u32 = 2;
export const INFINITY: u32 = 3;
export const QNAN: u32 = 4;
export const SNAN: u32 = 5;
/** Integer bit clear with exponent not 0: unnormal, pseudo-infinity, pseudo-NaN. */
export const UNSUPPORTED: u32 = 6;

const INTEGER_BIT: u64 = 0x8000000000000000;
const QUIET_BIT: u64 = 0x4000000000000000;
export const BIAS: i32 = 16383;

export function classify(se: u32, sig: u64): u32 {
  const exponent = se & 0x7fff;
  if (!exponent) return sig ? DENORMAL : ZERO;
  if (!(sig & INTEGER_BIT)) return UNSUPPORTED;
  if (exponent != 0x7fff) return NORMAL;
  if (!(sig << 1)) return INFINITY;
  return sig & QUIET_BIT ? QNAN : SNAN;
}

/** The results of unpack(): the exponent, with bias 16383, of a significand with its leading one at bit 63. */
export let partExponent: i32 = 0;
export let partSig: u64 = 0;
/** Takes apart a normal or denormal number. */
// @ts-ignore: decorator
@inline
export function unpack(se: u32, sig: u64): void {
  partExponent = <i32>(se & 0x7fff);
  partSig = sig;
  if (!partExponent) {
    const zeros = clz(sig);
    partSig = sig << zeros;
    partExponent = 1 - <i32>zeros;
  }
}

/** Makes one operand's NaN, quieted, the result; IE if one is signalling. SDM volume 1, table 4-7. */
function propagate(seA: u32, sigA: u64, seB: u32, sigB: u64): void {
  const classA = classify(seA, sigA);
  const classB = classify(seB, sigB);
  if (classA == SNAN || classB == SNAN) note(IE);
  let first = classA >= QNAN;
  if (first && classB >= QNAN) {
    if (classA != classB) first = classA == QNAN;
    else if (sigA != sigB) first = sigA > sigB;
    else first = !(seA & 0x8000);
  }
  setResult80(first ? seA : seB, (first ? sigA : sigB) | QUIET_BIT);
}
/** For unsupported operands and NaNs: sets the result and returns true; otherwise returns false. */
export function isSpecial(classA: u32, classB: u32, seA: u32, sigA: u64, seB: u32, sigB: u64): bool {
  if (classA < QNAN && classB < QNAN) return false;
  if (classA == UNSUPPORTED || classB == UNSUPPORTED) invalid();
  else propagate(seA, sigA, seB, sigB);
  return true;
}

// ---- rounding ----

/** The results of rounding: the significand, and whether anything was lost. */
export let roundedSig: u64 = 0;
export let roundedCarry: bool = false;
export let inexact: bool = false;
export let roundedUp: bool = false;

/** Rounds hi:lo to its upper 64 - drop bits. After a carry out of bit 63 it is 1 << 63, with roundedCarry. */
export function roundBits(sign: u32, hi: u64, lo: u64, drop: u64): void {
  const unit = (<u64>1) << drop;
  const tail = hi & (unit - 1);
  inexact = (tail | lo) != 0;
  roundedUp = false;
  roundedCarry = false;
  roundedSig = hi - tail;
  if (!inexact) return;
  if (rounding == ROUND_NEAREST) {
    if (drop == 0) roundedUp = lo > INTEGER_BIT || (lo == INTEGER_BIT && (hi & 1) != 0);
    else {
      const half = unit >> 1;
      roundedUp = tail > half || (tail == half && (lo != 0 || (hi & unit) != 0));
    }
  } else roundedUp = rounding == (sign ? ROUND_DOWN : ROUND_UP);
  if (!roundedUp) return;
  roundedSig += unit;
  if (!roundedSig) {
    roundedSig = INTEGER_BIT;
    roundedCarry = true;
  }
}

/** The results of shiftRight(), which keeps any lost one in bit 0 of the low half. */
export let shiftedHi: u64 = 0;
export let shiftedLo: u64 = 0;
export function shiftRight(hi: u64, lo: u64, count: u32): void {
  if (!count) {
    shiftedHi = hi;
    shiftedLo = lo;
    return;
  }
  const n = <u64>(count & 63);
  if (count < 64) {
    shiftedHi = hi >> n;
    shiftedLo = (lo >> n) | (hi << (64 - n)) | (lo << (64 - n) ? 1 : 0);
  } else if (count < 128) {
    shiftedHi = 0;
    shiftedLo = (hi >> n) | (lo | (n ? hi << (64 - n) : 0) ? 1 : 0);
  } else {
    shiftedHi = 0;
    shiftedLo = hi | lo ? 1 : 0;
  }
}

/** Set when an overflow or underflow of a memory destination is not masked, so that nothing may be stored. */
export let storePrevented: bool = false;
export function allowStore(): void {
  storePrevented = false;
}
export let packedExponent: i32 = 0;
export let packedSig: u64 = 0;

/**
 * Rounds to a format and notes OE, UE, PE and C1. `exponent` has the bias 16383, and hi its leading one at bit 63; the format drops `drop` bits and
 * has exponents least..most. The outcome is in packedSig and packedExponent; bit 63 clear means denormal or zero, and most + 1 stands for infinity.
 */
export function roundTo(
  sign: u32,
  exponent: i32,
  hi: u64,
  lo: u64,
  drop: u64,
  least: i32,
  most: i32,
  toMemory: bool,
): void {
  storePrevented = false;
  roundBits(sign, hi, lo, drop);
  let e = roundedCarry ? exponent + 1 : exponent;
  if (e < least) {
    if (!masked(UE)) {
      note(UE);
      if (toMemory) {
        storePrevented = true;
        return;
      }
      e += 0x6000;
    } else {
      shiftRight(hi, lo, <u32>(least - exponent));
      roundBits(sign, shiftedHi, shiftedLo, drop);
      if (inexact) note(UE);
      e = least;
    }
  } else if (e > most) {
    note(OE);
    if (!masked(OE)) {
      if (toMemory) {
        storePrevented = true;
        return;
      }
      e -= 0x6000;
    } else {
      const toInfinity = rounding == ROUND_NEAREST || rounding == (sign ? ROUND_DOWN : ROUND_UP);
      note(toInfinity ? PE | C1 : PE);
      packedExponent = toInfinity ? most + 1 : most;
      packedSig = toInfinity ? INTEGER_BIT : ~(((<u64>1) << drop) - 1);
      return;
    }
  }
  if (inexact) note(roundedUp ? PE | C1 : PE);
  packedExponent = e;
  packedSig = roundedSig;
}

/** Sets the result, rounded to 64, 53 or 24 bits according to precision control. */
export function finish(sign: u32, exponent: i32, hi: u64, lo: u64): void {
  const precision = (control >> 8) & 3;
  finishTo(sign, exponent, hi, lo, precision == 3 ? 0 : precision == 2 ? 11 : precision == 0 ? 40 : 0);
}
export function finishTo(sign: u32, exponent: i32, hi: u64, lo: u64, drop: u64): void {
  roundTo(sign, exponent, hi, lo, drop, 1, 0x7ffe, false);
  const field: u32 = packedSig & INTEGER_BIT ? <u32>packedExponent : 0;
  setResult80((sign << 15) | field, packedSig);
}
