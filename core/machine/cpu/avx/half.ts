/** F16C: conversions between half precision (5 bits of exponent, 10 of fraction) and singles. Source: SDM volume 2, VCVTPH2PS and VCVTPS2PH. */
import { effectiveAddress, probeWrite, write64, writeV128 } from "../access";
import { alignmentChecked } from "../inspection";
import { fault } from "../machine";
import {
  MXCSR_DE,
  MXCSR_IE,
  MXCSR_OE,
  MXCSR_PE,
  MXCSR_UE,
  ROUND_DOWN,
  ROUND_NEAREST,
  ROUND_UP,
  beginFloat,
  endFloat,
  masked,
  note,
  rounding,
  setRounding,
} from "../sse/mxcsr";
import { immediate, isMemory, low64, high64, regX, rmX, vector } from "../sse/operand";
import {
  CLASS_INFINITY,
  CLASS_ZERO,
  isNan,
  isSignalling,
  partClass,
  partDenormal,
  partExponent,
  partSign,
  partSignificand,
  roundShift,
  shiftSticky,
  unpack,
} from "../sse/soft";
import { readElement, writeElement } from "./element";
import { highHalf, is256, setHalves, setReg, sourceOfHalf } from "./operand";

const HALF_INFINITY: u64 = 0x7c00;
const HALF_BIAS: i32 = 15;
/** The bits of a significand (leading one at bit 62) below half precision's fraction. */
const DROP: u64 = 52;

/** Always exact. Neither DAZ nor DE matters to a half-precision denormal. */
function widened(a: u32): u64 {
  const sign = (<u64>(a & 0x8000)) << 16;
  const exponent = (a >> 10) & 31;
  const fraction = a & 0x3ff;
  if (exponent == 31) {
    if (!fraction) return sign | 0x7f800000;
    if (!(fraction & 0x200)) note(MXCSR_IE);
    return sign | 0x7fc00000 | ((<u64>fraction) << 13);
  }
  if (exponent) return sign | (<u64>((exponent + 112) << 23)) | ((<u64>fraction) << 13);
  // fraction / 2^24
  return sign | (<u64>reinterpret<u32>(<f32>fraction * 5.9604644775390625e-8));
}
function widenedQuad(halves: u64): v128 {
  const low = widened((<u32>halves) & 0xffff) | (widened((<u32>(halves >> 16)) & 0xffff) << 32);
  return vector(low, widened((<u32>(halves >> 32)) & 0xffff) | (widened(<u32>(halves >> 48)) << 32));
}

/** 38 13: VCVTPH2PS. */
export function widenHalves(op: usize): void {
  const isNarrow = !is256(op) && isMemory(op);
  const source = isNarrow ? vector(readElement(effectiveAddress(op), 8), 0) : sourceOfHalf(op);
  if (fault) return;
  beginFloat();
  const low = widenedQuad(low64(source));
  let high = i64x2.splat(0);
  if (is256(op)) high = widenedQuad(high64(source));
  endFloat();
  setReg(op, low, high);
}

/** Rounds a single to half precision; FTZ does not matter. */
function narrowed(a: u64): u64 {
  const sign = (a >> 31) << 15;
  if (isNan(a, true)) {
    if (isSignalling(a, true)) note(MXCSR_IE);
    return sign | HALF_INFINITY | 0x200 | ((a >> 13) & 0x3ff);
  }
  unpack(a, true);
  if (partDenormal) note(MXCSR_DE);
  if (partClass == CLASS_ZERO) return sign;
  if (partClass == CLASS_INFINITY) return sign | HALF_INFINITY;
  const lost = ((<u64>1) << DROP) - 1;
  let rounded = roundShift(partSign, partSignificand, DROP);
  const carried = rounded >> 11 != 0;
  let exponent = partExponent;
  if (exponent < 1 - HALF_BIAS && !(exponent == -HALF_BIAS && carried)) {
    const denormal = shiftSticky(partSignificand, <u32>(1 - HALF_BIAS - exponent));
    // For a handler, a result is as exact as if its exponent had more bits; so it is when it is too large.
    if (!masked(MXCSR_UE)) note(partDenormal || partSignificand & lost ? MXCSR_UE | MXCSR_PE : MXCSR_UE);
    else if (denormal & lost) note(MXCSR_UE | MXCSR_PE);
    return sign | roundShift(partSign, denormal, DROP);
  }
  if (carried) {
    rounded >>= 1;
    exponent++;
  }
  if (exponent > HALF_BIAS) {
    note(masked(MXCSR_OE) || partSignificand & lost ? MXCSR_OE | MXCSR_PE : MXCSR_OE);
    const toInfinity = rounding == ROUND_NEAREST || rounding == (partSign ? ROUND_DOWN : ROUND_UP);
    return sign | (toInfinity ? HALF_INFINITY : HALF_INFINITY - 1);
  }
  if (partSignificand & lost) note(MXCSR_PE);
  return sign | ((<u64>(exponent + HALF_BIAS)) << 10) | (rounded & 0x3ff);
}
function narrowedQuad(b: v128): u64 {
  const low = narrowed(low64(b) & 0xffffffff) | (narrowed(low64(b) >> 32) << 16);
  return low | (narrowed(high64(b) & 0xffffffff) << 32) | (narrowed(high64(b) >> 32) << 48);
}

/** 3A 1D: VCVTPS2PH: from ModRM.reg to r/m. Bit 2 of the immediate takes MXCSR's rounding, otherwise bits 0 and 1 say how. */
export function narrowToHalves(op: usize): void {
  const from = regX(op);
  const imm = immediate(op);
  beginFloat();
  if (!(imm & 4)) setRounding(imm & 3);
  const low = narrowedQuad(v128.load(from));
  const high = is256(op) ? narrowedQuad(highHalf(from)) : 0;
  endFloat();
  if (fault) return;
  if (!isMemory(op)) return setHalves(rmX(op), vector(low, high), i64x2.splat(0));
  const lin = effectiveAddress(op);
  if (fault) return;
  if (is256(op)) writeV128(lin, vector(low, high));
  else storeQuad(lin, low);
}

/** Silicon raises no #AC for the 8 bytes, neither here nor when it loads them. */
function storeQuad(lin: u64, value: u64): void {
  if (!alignmentChecked) return write64(lin, value);
  for (let i: u64 = 0; i < 8 && !fault; i++) probeWrite(lin + i, 1);
  if (!fault) writeElement(lin, 8, value);
}
