/**
 * AVX instructions that do in each half of YMM registers what the SSE instruction does in an XMM register. (A 128-bit instruction writes zero into the
 * high half.)
 */
import { fault } from "../machine";
import { endStep, beginFloat, endFloat } from "../sse/mxcsr";
import { alternate32, alternate64, dotDoubles, dotPairs32, dotProducts32, dotSums32 } from "../sse/float";
import { horizontal32, horizontal64 } from "../sse/float";
import { approximateLanes, compareLanes, packedLanes } from "../sse/forms";
import { interleave, shuffleDwords, shuffleSingles } from "../sse/integer";
import { blendMask, roundLanes } from "../sse/map0f3a";
import { high64, immediate, low64, rm64, vector } from "../sse/operand";
import { DWORDS_TO_SINGLES, SINGLES_TO_DWORDS_TRUNCATED, convertLanes } from "./convert";
import {
  highHalf,
  is256,
  lowHalf,
  readSource,
  registerX,
  setReg,
  setReg128,
  sourceHigh,
  sourceLow,
  vregX,
} from "./operand";

/** What laneArithmetic() can do. */
export const ARITHMETIC: u32 = 0; // + the low nibble of the opcodes 51 58 59 5C 5D 5E 5F
export const COMPARE: u32 = 16;
export const ROUND: u32 = 17;
export const ADDSUB: u32 = 18;
export const HADD: u32 = 19;
export const HSUB: u32 = 20;
export const SINGLES_TO_DWORDS: u32 = 22;

/** ADD and SUBTRACT of float.ts. */
const ADD: u32 = 8;
const SUBTRACT: u32 = 12;

/** 16 bytes of an instruction that looks at MXCSR, between beginFloat() and endFloat(). */
function laneArithmetic(what: u32, a: v128, b: v128, imm: u32, single: bool): v128 {
  switch (what) {
    case COMPARE:
      return compareLanes(a, b, imm & 31, single);
    case ROUND:
      return roundLanes(b, imm, single);
    case ADDSUB:
      return single ? alternate32(a, b) : alternate64(a, b);
    case HADD:
      return single ? horizontal32(ADD, a, b) : horizontal64(ADD, a, b);
    case HSUB:
      return single ? horizontal32(SUBTRACT, a, b) : horizontal64(SUBTRACT, a, b);
    case DWORDS_TO_SINGLES:
    case SINGLES_TO_DWORDS:
    case SINGLES_TO_DWORDS_TRUNCATED:
      return convertLanes(what, b);
    default:
      return packedLanes(what - ARITHMETIC, a, b, single);
  }
}

/** The instructions with arithmetic that have one or two sources. */
export function packedArithmetic(op: usize, what: u32, single: bool): void {
  readSource(op);
  if (fault) return;
  const a = vregX(op);
  const imm = immediate(op);
  beginFloat();
  const low = laneArithmetic(what, lowHalf(a), sourceLow, imm, single);
  let high = i64x2.splat(0);
  if (is256(op)) high = laneArithmetic(what, highHalf(a), sourceHigh, imm, single);
  endFloat();
  setReg(op, low, high);
}

/** 3A 40: VDPPS. Each step takes place in both halves before the next one begins. */
export function dotSinglesBoth(op: usize): void {
  readSource(op);
  if (fault) return;
  const a = vregX(op);
  const imm = immediate(op);
  const both = is256(op);
  beginFloat();
  let low = dotProducts32(lowHalf(a), sourceLow, imm);
  let high = i64x2.splat(0);
  if (both) high = dotProducts32(highHalf(a), sourceHigh, imm);
  if (endStep()) {
    low = dotPairs32(low);
    if (both) high = dotPairs32(high);
    if (endStep()) {
      low = dotSums32(low, imm);
      if (both) high = dotSums32(high, imm);
    }
  }
  endFloat();
  setReg(op, low, high);
}
/** 3A 41: VDPPD, of 128 bits only. */
export function dotDoublesLow(op: usize): void {
  readSource(op);
  if (fault) return;
  beginFloat();
  const r = dotDoubles(lowHalf(vregX(op)), sourceLow, immediate(op));
  endFloat();
  setReg128(op, r);
}

/** 52, 53: VRSQRTPS, VRCPPS. */
export function approximatePacked(op: usize, isReciprocal: bool): void {
  readSource(op);
  if (fault) return;
  let high = i64x2.splat(0);
  if (is256(op)) high = approximateLanes(sourceHigh, isReciprocal);
  setReg(op, approximateLanes(sourceLow, isReciprocal), high);
}

/** What rearranged() can do. */
export const AND: u32 = 0;
const ANDN: u32 = 1;
const OR: u32 = 2;
const XOR: u32 = 3;
export const UNPACK_LOW32: u32 = 4;
export const UNPACK_HIGH32: u32 = 5;
export const UNPACK_LOW64: u32 = 6;
export const UNPACK_HIGH64: u32 = 7;
export const SHUFFLE32: u32 = 8;
export const SHUFFLE64: u32 = 9;
export const BLEND32: u32 = 10;
export const BLEND64: u32 = 11;
export const BLEND_VARIABLE32: u32 = 12;
export const BLEND_VARIABLE64: u32 = 13;
export const PERMUTE32: u32 = 14;
export const PERMUTE64: u32 = 15;
export const PERMUTE_VARIABLE32: u32 = 16;
export const PERMUTE_VARIABLE64: u32 = 17;
export const EVEN_SINGLES: u32 = 18;
export const ODD_SINGLES: u32 = 19;
const LOW_DOUBLES: u32 = 20;

/** 16 bytes of an instruction that only moves bits; `choose` is the fourth operand of a variable blend. */
function rearranged(what: u32, a: v128, b: v128, imm: u32, choose: v128): v128 {
  switch (what) {
    case AND:
      return v128.and(a, b);
    case ANDN:
      return v128.andnot(b, a);
    case OR:
      return v128.or(a, b);
    case XOR:
      return v128.xor(a, b);
    case UNPACK_LOW32:
      return interleave(0x62, a, b);
    case UNPACK_HIGH32:
      return interleave(0x6a, a, b);
    case UNPACK_LOW64:
      return interleave(0x6c, a, b);
    case UNPACK_HIGH64:
      return interleave(0x6d, a, b);
    case SHUFFLE32:
      return shuffleSingles(a, b, imm);
    case SHUFFLE64:
      return vector(imm & 1 ? high64(a) : low64(a), imm & 2 ? high64(b) : low64(b));
    case BLEND32:
      return v128.bitselect(b, a, blendMask(0x0c, imm));
    case BLEND64:
      return v128.bitselect(b, a, blendMask(0x0d, imm));
    case BLEND_VARIABLE32:
      return v128.bitselect(b, a, i32x4.shr_s(choose, 31));
    case BLEND_VARIABLE64:
      return v128.bitselect(b, a, i64x2.shr_s(choose, 63));
    case PERMUTE32:
      return shuffleDwords(b, imm);
    case PERMUTE64:
      return vector(imm & 1 ? high64(b) : low64(b), imm & 2 ? high64(b) : low64(b));
    case PERMUTE_VARIABLE32:
      return permuteSingles(a, b);
    case PERMUTE_VARIABLE64:
      return vector(low64(b) & 2 ? high64(a) : low64(a), high64(b) & 2 ? high64(a) : low64(a));
    case EVEN_SINGLES:
      return v128.shuffle<i32>(b, b, 0, 0, 2, 2);
    case ODD_SINGLES:
      return v128.shuffle<i32>(b, b, 1, 1, 3, 3);
    default:
      return v128.shuffle<i64>(b, b, 0, 0); // LOW_DOUBLES
  }
}

/** Each dword of the result is the one of `a` that the low two bits of `control` choose. */
function permuteSingles(a: v128, control: v128): v128 {
  const first = i32x4.shl(v128.and(control, i32x4.splat(3)), 2);
  // The byte index of each of the four bytes: 4 n, 4 n + 1, 4 n + 2, 4 n + 3.
  const indices = i32x4.add(i32x4.mul(first, i32x4.splat(0x01010101)), i32x4.splat(0x03020100));
  return i8x16.swizzle(a, indices);
}

/** The instructions that only move bits: `immHigh` is what the high half takes for the immediate. */
export function rearrange(op: usize, what: u32, immHigh: u32): void {
  readSource(op);
  if (fault) return;
  const a = vregX(op);
  const choose = registerX(immediate(op) >> 4);
  const low = rearranged(what, lowHalf(a), sourceLow, immediate(op), lowHalf(choose));
  let high = i64x2.splat(0);
  if (is256(op)) high = rearranged(what, highHalf(a), sourceHigh, immHigh, highHalf(choose));
  setReg(op, low, high);
}

/** F2 12: VMOVDDUP, whose 128-bit form reads only 8 bytes of memory. */
export function duplicateDoubles(op: usize): void {
  if (is256(op)) return rearrange(op, LOW_DOUBLES, 0);
  const source = rm64(op);
  setReg128(op, i64x2.splat(source));
}
