/** Numbers in memory: converts binary32, binary64, integers and packed decimals to the 80-bit format and back. SDM volume 1, 4.2, 4.7, 8.1. */
import { DE, IE, PE, C1, INDEFINITE_SE, INDEFINITE_SIG, ROUND_ZERO } from "./status";
import { note, setResult80, setRounding } from "./status";
import { BIAS, DENORMAL, INFINITY, QNAN, SNAN, UNSUPPORTED, ZERO } from "./number";
import {
  allowStore,
  classify,
  inexact,
  packedExponent,
  packedSig,
  partExponent,
  partSig,
  roundBits,
  roundTo,
  roundedCarry,
  roundedSig,
  roundedUp,
  shiftRight,
  shiftedHi,
  shiftedLo,
  unpack,
} from "./number";

const INTEGER_BIT: u64 = 0x8000000000000000;
const QUIET_BIT: u64 = 0x4000000000000000;

/** An operand from memory, as setOperand has left it. */
export let operandSe: u32 = 0;
export let operandSig: u64 = 0;
/** DE if it was a denormal of its format. */
export let operandDenormal: u32 = 0;

/** Converts exactly a number with `fractionBits` of fraction and the exponent range of `bias`; NaNs keep their kind. */
function widen(sign: u32, exponent: u32, fraction: u64, fractionBits: u64, most: u32, bias: i32): void {
  operandDenormal = 0;
  const aligned = fraction << (63 - fractionBits);
  if (exponent == most) {
    operandSe = (sign << 15) | 0x7fff;
    operandSig = INTEGER_BIT | aligned;
  } else if (exponent) {
    operandSe = (sign << 15) | (<u32>(<i32>exponent - bias + BIAS));
    operandSig = INTEGER_BIT | aligned;
  } else if (!fraction) {
    operandSe = sign << 15;
    operandSig = 0;
  } else {
    operandDenormal = DE;
    const zeros = clz(aligned);
    operandSe = (sign << 15) | (<u32>(1 - bias + BIAS - <i32>zeros));
    operandSig = aligned << zeros;
  }
}
export function fromSingle(a: u32): void {
  widen(a >> 31, (a >> 23) & 0xff, <u64>(a & 0x7fffff), 23, 0xff, 127);
}
export function fromDouble(a: u64): void {
  widen(<u32>(a >> 63), (<u32>(a >> 52)) & 0x7ff, a & 0xfffffffffffff, 52, 0x7ff, 1023);
}
export function fromInteger(value: i64): void {
  operandDenormal = 0;
  if (!value) {
    operandSe = 0;
    operandSig = 0;
    return;
  }
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  const zeros = clz(magnitude);
  operandSe = (value < 0 ? <u32>0x8000 : 0) | (<u32>(BIAS + 63 - <i32>zeros));
  operandSig = magnitude << zeros;
}
/** 18 decimal digits, two in each byte. The digits are not checked: A..F count as 10..15 (undefined in the manual). */
export function fromDecimal(low: u64, high: u32): void {
  let value: u64 = 0;
  for (let i = 1; i >= 0; i--) value = value * 10 + (((<u64>high) >> (4 * <u64>i)) & 15);
  for (let i = 15; i >= 0; i--) value = value * 10 + ((low >> (4 * <u64>i)) & 15);
  fromInteger(<i64>value);
  operandSe |= high & 0x8000;
}
/** FLD m32, m64: makes the operand the result; a signalling NaN is quieted. */
export function loadOperand(): void {
  let sig = operandSig;
  if (classify(operandSe, sig) == SNAN) {
    note(IE);
    sig |= QUIET_BIT;
  }
  note(operandDenormal);
  setResult80(operandSe, sig);
}

// ---- to memory ----

/** Returns a number as binary32 or binary64; storePrevented (number.ts) says that it must not be stored. */
export function toFloat(se: u32, sig: u64, single: bool): u64 {
  const drop: u64 = single ? 40 : 11;
  const fractionBits: u64 = single ? 23 : 52;
  const bias = single ? 127 : 1023;
  const most: u64 = single ? 0xff : 0x7ff;
  const kind = classify(se, sig);
  const sign = (<u64>(se >> 15)) << (single ? 31 : 63);
  allowStore();
  if (kind == ZERO) return sign;
  if (kind == INFINITY) return sign | (most << fractionBits);
  if (kind == UNSUPPORTED) {
    note(IE);
    return single ? 0xffc00000 : 0xfff8000000000000;
  }
  if (kind == QNAN || kind == SNAN) {
    if (kind == SNAN) note(IE);
    return sign | (most << fractionBits) | (((sig | QUIET_BIT) & ~INTEGER_BIT) >> drop);
  }
  unpack(se, sig);
  roundTo(se >> 15, partExponent, partSig, 0, drop, BIAS + 1 - bias, BIAS + bias, true);
  const field = packedSig & INTEGER_BIT ? <u64>(packedExponent - BIAS + bias) : 0;
  return sign | (field << fractionBits) | ((packedSig & ~INTEGER_BIT) >> drop);
}

/** Set by toInteger and toDecimal. */
let integral: u64 = 0;
/** Puts the number's magnitude, rounded to an integer, into `integral`. Returns false if it is 2^64 or more. */
function roundToInteger(se: u32, sig: u64): bool {
  if (!sig) {
    integral = 0;
    roundBits(0, 0, 0, 0);
    return true;
  }
  unpack(se, sig);
  const right = BIAS + 63 - partExponent;
  if (right < 0) return false;
  shiftRight(partSig, 0, <u32>right);
  roundBits(se >> 15, shiftedHi, shiftedLo, 0);
  integral = roundedSig;
  return !roundedCarry;
}

/** Returns it as a signed integer of `size` bytes; IE and the integer indefinite for what does not fit. */
export function toInteger(se: u32, sig: u64, size: u32, truncate: bool): u64 {
  const bits = <u64>(size << 3);
  const indefinite: u64 = (<u64>1) << (bits - 1);
  const kind = classify(se, sig);
  if (truncate) setRounding(ROUND_ZERO);
  if (kind >= INFINITY || !roundToInteger(se, sig) || integral > indefinite - 1 + <u64>(se >> 15)) {
    note(IE);
    return indefinite;
  }
  if (inexact) note(roundedUp ? PE | C1 : PE);
  return se >> 15 ? 0 - integral : integral;
}

/** The high 16 bits of the result of toDecimal. */
export let decimalHigh: u32 = 0;
export function toDecimal(se: u32, sig: u64): u64 {
  const kind = classify(se, sig);
  if (kind >= INFINITY || !roundToInteger(se, sig) || integral >= 1000000000000000000) {
    note(IE);
    decimalHigh = INDEFINITE_SE;
    return 0xc000000000000000;
  }
  if (inexact) note(roundedUp ? PE | C1 : PE);
  let low: u64 = 0;
  for (let i: u64 = 0; i < 64; i += 4) {
    low |= (integral % 10) << i;
    integral /= 10;
  }
  decimalHigh = (se & 0x8000) | ((<u32>(integral / 10)) << 4) | (<u32>(integral % 10));
  return low;
}

/** FRNDINT: rounds the number to an integral value in its format. */
export function roundIntegral(se: u32, sig: u64): void {
  const kind = classify(se, sig);
  if (kind == UNSUPPORTED) {
    note(IE);
    return setResult80(INDEFINITE_SE, INDEFINITE_SIG);
  }
  if (kind == SNAN) note(IE);
  if (kind >= QNAN) return setResult80(se, sig | QUIET_BIT);
  if (kind == DENORMAL) note(DE);
  if (kind == ZERO || kind == INFINITY || <i32>(se & 0x7fff) >= BIAS + 63) return setResult80(se, sig);
  roundToInteger(se, sig);
  if (inexact) note(roundedUp ? PE | C1 : PE);
  const sign = se & 0x8000;
  if (!integral) return setResult80(sign, 0);
  const zeros = clz(integral);
  setResult80(sign | (<u32>(BIAS + 63 - <i32>zeros)), integral << zeros);
}
