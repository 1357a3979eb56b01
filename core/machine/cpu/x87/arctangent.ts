/** FPATAN: the angle of the point (ST(0), ST(1)), to 120 bits and rounded once. SDM volume 2, FPATAN. */
import { DE, PE, UE, note, resultSig, setResult80 } from "./status";
import { BIAS, DENORMAL, INFINITY, ZERO, classify, finishTo, isSpecial, partExponent, partSig, unpack } from "./number";
import {
  addWide,
  cut,
  divideWide,
  multiplyWide,
  normalise,
  oddSeries,
  outHi,
  outLo,
  outRest,
  outShift,
  subtractWide,
} from "./fixed128";

/** pi as a significand; its multiples by powers of 2 differ only in the exponent. */
const PI_HI: u64 = 0xc90fdaa22168c234;
const PI_LO: u64 = 0xc4c6628b80dc1cd1;
const THREE_QUARTERS_HI: u64 = 0x96cbe3f9990e91a7;
const THREE_QUARTERS_LO: u64 = 0x9394c9e8a0a5159d;

/** arctan(i / 16), 128 places, i from 0. */
// prettier-ignore
const TABLE: StaticArray<u64> = [
  0, 0,
  0x0ffaaddb967ef4e3, 0x6cb2792dc0e2e0d5, 0x1fd5ba9aac2f6dc6, 0x5912f313e7d111df,
  0x2f72f6979cb6044d, 0x1ec2d3e207271d22, 0x3eb6ebf25901bac5, 0x5b71e7bd7de885f9,
  0x4d89dcdc1faf2f34, 0xe2d5da4c693d7994, 0x5bd86507937bc239, 0xc55190916e7f2242,
  0x6993bb0f308ff2db, 0x213e4af4800f389b, 0x76b19c1586ed3da2, 0xb7f222f65e1d4682,
  0x832bf4a6d9867e2a, 0x4b6a09cb61a515c1, 0x8f005d5ef7f59f9b, 0x5c835e1665c43748,
  0x9a2f80e671bdda20, 0x4226f8e2204ff3bd, 0xa4bc7d1934f70924, 0x19a87f2a457dac9f,
  0xaeac4c38b4d8c080, 0x14725e2f3e52070a, 0xb8053e2bc2319e73, 0xcb2da55210a4443d,
  0xc0ce85b8ac526640, 0x89dd62c46e92fa25, 0xc90fdaa22168c234, 0xc4c6628b80dc1cd1,
];

/** A quotient below 2^-40 is its own arctangent, as on silicon. */
const SMALL: i32 = -39;

/** The angle is hi:lo * 2^(exponent - 128). */
let angleHi: u64 = 0;
let angleLo: u64 = 0;
let angleExponent: i32 = 0;
function setAngle(hi: u64, lo: u64, exponent: i32): void {
  normalise(hi, lo);
  angleHi = outHi;
  angleLo = outLo;
  angleExponent = exponent - outShift;
}
/** Replaces the angle by pi * 2^(exponent - 2) minus the angle. */
function subtractFromPi(exponent: i32): void {
  cut(angleHi, angleLo, exponent - angleExponent);
  subtractWide(PI_HI, PI_LO, outHi, outLo);
  setAngle(outHi, outLo, exponent);
}
/** A whole multiple of pi / 4. */
function multipleOfPi(sign: u32, quarters: u32): void {
  if (quarters == 3) finishTo(sign, BIAS + 1, THREE_QUARTERS_HI, THREE_QUARTERS_LO, 0);
  else finishTo(sign, BIAS + (quarters == 4 ? 1 : quarters == 2 ? 0 : -1), PI_HI, PI_LO, 0);
}

/** Puts the arctan of s = n / d * 2^exponent into the angle; n and d have their leading ones at bit 127. */
function series(nHi: u64, nLo: u64, dHi: u64, dLo: u64, exponent: i32): void {
  if (nHi > dHi || (nHi == dHi && nLo >= dLo)) {
    divideWide(nHi >> 1, (nHi << 63) | (nLo >> 1), dHi, dLo);
    exponent++;
  } else divideWide(nHi, nLo, dHi, dLo);
  const hi = outHi;
  const lo = outLo;
  if (exponent < SMALL) {
    setAngle(hi, outRest ? lo | 1 : lo, exponent);
    return;
  }
  multiplyWide(hi, lo, hi, lo);
  cut(outHi, outLo, -2 * exponent);
  oddSeries(outHi, outLo, true, 27);
  multiplyWide(hi, lo, outHi, outLo);
  if (!(outLo << 2)) subtractWide(outHi, outLo, 0, 1);
  setAngle(outHi, outLo, exponent + 1);
}

/** arctan(a / b / 2^down) for a quotient of at most 1; a and b normalised. */
function ratio(a: u64, b: u64, down: i32): void {
  const steps = down > 6 ? 0 : <i32>nearest<f64>((<f64>a / <f64>b) * (<f64>16 / <f64>((<i64>1) << down)));
  if (!steps) return series(a, 0, b, 0, -down);
  // With c = steps / 16: arctan c + arctan of (a - c b) / (b + c a), both multiplied by 16, in units of a's last place.
  const n = <u64>steps;
  const shift = <u64>down;
  const bHi = shift ? b >> (64 - shift) : 0;
  const bLo = b << shift;
  multiplySmall(bHi, bLo, n);
  const partHi = outHi;
  const partLo = outLo;
  subtractWide(a >> 60, a << 4, partHi, partLo);
  const negative = outHi >> 63 != 0;
  if (negative) subtractWide(partHi, partLo, a >> 60, a << 4);
  const nHi = outHi;
  const nLo = outLo;
  const at = (<usize>steps) << 1;
  const tableHi = TABLE[<i32>at];
  const tableLo = TABLE[<i32>at + 1];
  if (!(nHi | nLo)) return setAngle(tableHi, tableLo, 0);
  multiplySmall(0, a, n);
  addWide(outHi, outLo, (bHi << 4) | (bLo >> 60), bLo << 4);
  normalise(outHi, outLo);
  const dHi = outHi;
  const dLo = outLo;
  const dShift = outShift;
  normalise(nHi, nLo);
  series(outHi, outLo, dHi, dLo, dShift - outShift);
  cut(angleHi, angleLo, -angleExponent);
  if (negative) subtractWide(tableHi, tableLo, outHi, outLo);
  else addWide(tableHi, tableLo, outHi, outLo);
  setAngle(outHi, outLo, 0);
}
function multiplySmall(hi: u64, lo: u64, n: u64): void {
  const low = (lo & 0xffffffff) * n;
  const middle = (lo >> 32) * n + (low >> 32);
  addWide(hi * n + (middle >> 32), (middle << 32) | (low & 0xffffffff), 0, 0);
}

/** y is ST(1), x ST(0). */
export function arctangent(seX: u32, x: u64, seY: u32, y: u64): void {
  const classX = classify(seX, x);
  const classY = classify(seY, y);
  if (isSpecial(classX, classY, seX, x, seY, y)) return;
  if (classX == DENORMAL || classY == DENORMAL) note(DE);
  const sign = seY >> 15;
  const left = seX >> 15 != 0;
  if (classY == INFINITY) return multipleOfPi(sign, classX == INFINITY ? (left ? 3 : 1) : 2);
  if (classY == ZERO || classX == INFINITY) return left ? multipleOfPi(sign, 4) : setResult80(seY & 0x8000, 0);
  if (classX == ZERO) return multipleOfPi(sign, 2);
  unpack(seX, x);
  const expX = partExponent;
  const a = partSig;
  unpack(seY, y);
  const steep = partExponent > expX || (partExponent == expX && partSig > a);
  if (steep) ratio(a, partSig, partExponent - expX);
  else ratio(partSig, a, expX - partExponent);
  if (steep) subtractFromPi(1);
  if (left) subtractFromPi(2);
  finishTo(sign, angleExponent - 1 + BIAS, angleHi, angleLo, 0);
  note(resultSig >> 63 ? PE : PE | UE);
}
