/**
 * Sum, product, quotient and square root of 80-bit numbers, exact and rounded once. Each sets the result and notes its exceptions. `extra` is DE if a
 * memory operand was a denormal of its own format. SDM volume 1, 8.3.5 and 8.5.
 */
import { multiplyUnsigned, divideUnsigned, wideHigh } from "../wide";
import { DE, ROUND_DOWN, ZE, invalid, note, rounding, setResult80 } from "./status";
import {
  BIAS,
  DENORMAL,
  INFINITY,
  ZERO,
  classify,
  finish,
  isSpecial,
  partExponent,
  partSig,
  shiftRight,
  shiftedHi,
  shiftedLo,
  unpack,
} from "./number";

const INTEGER_BIT: u64 = 0x8000000000000000;

// @ts-ignore: decorator
@inline
function setZero(sign: u32): void {
  setResult80(sign << 15, 0);
}
// @ts-ignore: decorator
@inline
function setInfinity(sign: u32): void {
  setResult80((sign << 15) | 0x7fff, INTEGER_BIT);
}
// @ts-ignore: decorator
@inline
function noteDenormals(classA: u32, classB: u32, extra: u32): void {
  if (classA == DENORMAL || classB == DENORMAL || extra) note(DE);
}

/** Returns a finite operand as it is, rounded to the precision in force. */
function finishOperand(sign: u32, se: u32, sig: u64): void {
  unpack(se, sig);
  finish(sign, partExponent, partSig, 0);
}

/** Computes a + b; with `flip` 0x8000, a - b. */
export function add(seA: u32, sigA: u64, seB: u32, sigB: u64, flip: u32, extra: u32): void {
  const classA = classify(seA, sigA);
  const classB = classify(seB, sigB);
  if (isSpecial(classA, classB, seA, sigA, seB, sigB)) return;
  let signA = seA >> 15;
  let signB = (seB ^ flip) >> 15;
  if (classA == INFINITY && classB == INFINITY && signA != signB) return invalid();
  noteDenormals(classA, classB, extra);
  if (classA == INFINITY) return setInfinity(signA);
  if (classB == INFINITY) return setInfinity(signB);
  if (classA == ZERO) {
    if (classB == ZERO) return setZero(signA == signB ? signA : rounding == ROUND_DOWN ? 1 : 0);
    return finishOperand(signB, seB, sigB);
  }
  if (classB == ZERO) return finishOperand(signA, seA, sigA);
  unpack(seA, sigA);
  let expA = partExponent;
  let a = partSig;
  unpack(seB, sigB);
  let expB = partExponent;
  let b = partSig;
  if (expA < expB || (expA == expB && a < b)) {
    const s = signA;
    signA = signB;
    signB = s;
    const e = expA;
    expA = expB;
    expB = e;
    const g = a;
    a = b;
    b = g;
  }
  shiftRight(b, 0, <u32>(expA - expB));
  if (signA == signB) {
    const sum = a + shiftedHi;
    if (sum >= a) return finish(signA, expA, sum, shiftedLo);
    return finish(signA, expA + 1, (sum >> 1) | INTEGER_BIT, (sum << 63) | (shiftedLo >> 1) | (shiftedLo & 1));
  }
  const lo: u64 = 0 - shiftedLo;
  const hi = a - shiftedHi - (shiftedLo ? 1 : 0);
  if (!(hi | lo)) return setZero(rounding == ROUND_DOWN ? 1 : 0);
  finishNormalised(signA, expA, hi, lo);
}

/** hi:lo with its leading one anywhere. */
function finishNormalised(sign: u32, exponent: i32, hi: u64, lo: u64): void {
  if (!hi) {
    const zeros = clz(lo);
    return finish(sign, exponent - 64 - <i32>zeros, lo << zeros, 0);
  }
  const zeros = clz(hi);
  if (!zeros) return finish(sign, exponent, hi, lo);
  finish(sign, exponent - <i32>zeros, (hi << zeros) | (lo >> (64 - zeros)), lo << zeros);
}

export function multiply(seA: u32, sigA: u64, seB: u32, sigB: u64, extra: u32): void {
  const classA = classify(seA, sigA);
  const classB = classify(seB, sigB);
  if (isSpecial(classA, classB, seA, sigA, seB, sigB)) return;
  const sign = (seA ^ seB) >> 15;
  if ((classA == INFINITY && classB == ZERO) || (classA == ZERO && classB == INFINITY)) return invalid();
  noteDenormals(classA, classB, extra);
  if (classA == INFINITY || classB == INFINITY) return setInfinity(sign);
  if (classA == ZERO || classB == ZERO) return setZero(sign);
  unpack(seA, sigA);
  const expA = partExponent;
  const a = partSig;
  unpack(seB, sigB);
  const low = multiplyUnsigned(a, partSig);
  finishNormalised(sign, expA + partExponent - BIAS + 1, wideHigh, low);
}

/** a / b. */
export function divide(seA: u32, sigA: u64, seB: u32, sigB: u64, extra: u32): void {
  const classA = classify(seA, sigA);
  const classB = classify(seB, sigB);
  if (isSpecial(classA, classB, seA, sigA, seB, sigB)) return;
  const sign = (seA ^ seB) >> 15;
  if (classA == classB && (classA == INFINITY || classA == ZERO)) return invalid();
  if (classB == ZERO) {
    // A denormal dividend is not reported in this case.
    if (classA != INFINITY) note(ZE);
    return setInfinity(sign);
  }
  noteDenormals(classA, classB, extra);
  if (classA == INFINITY) return setInfinity(sign);
  if (classA == ZERO || classB == INFINITY) return setZero(sign);
  unpack(seA, sigA);
  let exponent = partExponent;
  const a = partSig;
  unpack(seB, sigB);
  const b = partSig;
  exponent += BIAS - partExponent;
  let hi: u64;
  if (a < b) {
    hi = divideUnsigned(a, 0, b);
    exponent--;
  } else hi = divideUnsigned(a >> 1, a << 63, b);
  const lo = divideUnsigned(wideHigh, 0, b);
  finish(sign, exponent, hi, lo | (wideHigh ? 1 : 0));
}

export function squareRoot(se: u32, sig: u64): void {
  const kind = classify(se, sig);
  if (isSpecial(kind, ZERO, se, sig, 0, 0)) return;
  if (kind == ZERO) return setResult80(se, sig);
  if (se >> 15) return invalid();
  noteDenormals(kind, ZERO, 0);
  if (kind == INFINITY) return setInfinity(0);
  unpack(se, sig);
  const power = partExponent - BIAS;
  // The radicand is sig * 2^63 or sig * 2^64, which has 127 or 128 bits, so that its root has 64. It is computed digit by digit, two bits at a time.
  const even = (power & 1) == 0;
  let hi = even ? partSig >> 1 : partSig;
  let lo = even ? partSig << 63 : 0;
  let root: u64 = 0;
  let restHi: u64 = 0;
  let rest: u64 = 0;
  for (let i = 0; i < 64; i++) {
    restHi = (restHi << 2) | (rest >> 62);
    rest = (rest << 2) | (hi >> 62);
    hi = (hi << 2) | (lo >> 62);
    lo <<= 2;
    const tryHi = root >> 62;
    const tryLo = (root << 2) | 1;
    root <<= 1;
    if (restHi > tryHi || (restHi == tryHi && rest >= tryLo)) {
      restHi -= tryHi + (rest < tryLo ? 1 : 0);
      rest -= tryLo;
      root |= 1;
    }
  }
  // The root is never half way between two numbers; the rest says on which side of the half it lies.
  const above = restHi != 0 || rest > root;
  finish(0, (power >> 1) + BIAS, root, above ? INTEGER_BIT | 1 : restHi | rest ? 1 : 0);
}
