/** MIN, MAX, CMP, COMI, the approximations RCP and RSQRT, and ROUND: functions on bit patterns. */
import { MXCSR_DE, MXCSR_IE, MXCSR_PE, forget, note, raised, rounding, setRounding } from "./mxcsr";
import { flushOperand, isDenormal, isNan, isSignalling, propagate, softRound } from "./soft";
import { CF, PF, ZF } from "../flags";

const LESS: u32 = 1;
const EQUAL: u32 = 2;
const GREATER: u32 = 4;
const UNORDERED: u32 = 8;
/** For each of the predicates 0..15, four bits: the relations of which it holds. 16..31 are the same with the other answer to a quiet NaN. */
const HOLDS: u64 = 0xf4650b9a7ced8312;

/** Returns the relation of two patterns that are not NaNs. */
function relation(a: u64, b: u64, single: bool): u32 {
  const x = single ? <f64>reinterpret<f32>(<u32>a) : reinterpret<f64>(a);
  const y = single ? <f64>reinterpret<f32>(<u32>b) : reinterpret<f64>(b);
  return x < y ? LESS : x > y ? GREATER : EQUAL;
}

/** Returns the relation, and raises the exceptions of a comparison: IE for SNaN, also for QNaN if `signalsQuiet`; DE. */
function compare(a: u64, b: u64, single: bool, signalsQuiet: bool): u32 {
  if (isNan(a, single) || isNan(b, single)) {
    if (signalsQuiet || isSignalling(a, single) || isSignalling(b, single)) note(MXCSR_IE);
    return UNORDERED;
  }
  const x = flushOperand(a, single);
  const y = flushOperand(b, single);
  if (isDenormal(x, single) || isDenormal(y, single)) note(MXCSR_DE);
  return relation(x, y, single);
}

/** CMPxx with imm 0..7: EQ LT LE UNORD NEQ NLT NLE ORD; AVX has 32 predicates. LT, LE and those made of them raise IE for a quiet NaN. */
export function comparePredicate(a: u64, b: u64, predicate: u32, single: bool): bool {
  const signalsQuiet = ((((predicate + 1) >> 1) ^ (predicate >> 4)) & 1) != 0;
  const how = compare(a, b, single, signalsQuiet);
  return ((<u32>(HOLDS >> (<u64>((predicate & 15) << 2)))) & how) != 0;
}

/** ZF PF CF of COMIS (`ordered`: QNaN raises IE) and UCOMIS. */
export function compareFlags(a: u64, b: u64, single: bool, ordered: bool): u32 {
  const how = compare(a, b, single, ordered);
  if (how == UNORDERED) return ZF | PF | CF;
  return how == EQUAL ? ZF : how == LESS ? CF : 0;
}

/** MIN or MAX: the second operand is returned if either is a NaN or both are zeros. */
export function minimum(a: u64, b: u64, single: bool, greatest: bool): u64 {
  if (isNan(a, single) || isNan(b, single)) {
    note(MXCSR_IE);
    return flushOperand(b, single);
  }
  const x = flushOperand(a, single);
  const y = flushOperand(b, single);
  if (isDenormal(x, single) || isDenormal(y, single)) note(MXCSR_DE);
  return relation(x, y, single) == (greatest ? GREATER : LESS) ? x : y;
}

/**
 * RCPSS with 12 bits. Intel's value depends only on the first 11 fraction bits: it is the reciprocal of the middle of that interval, rounded to 12
 * fraction bits (measured over all 2^23 fractions, without exception). Tiny results are 0.
 */
export function reciprocal(a: u32): u32 {
  const sign = a & 0x80000000;
  const magnitude = a & 0x7fffffff;
  if (magnitude > 0x7f800000) return a | 0x400000;
  if (magnitude < 0x800000) return sign | 0x7f800000;
  if (magnitude >= 0x7e800000) return sign;
  const middle = 1.0 + (<f64>((magnitude >> 12) & 2047) + 0.5) / 2048.0;
  const fraction = <u32>((2.0 / middle - 1.0) * 4096.0 + 0.5);
  return sign | (((253 - (magnitude >> 23)) << 23) + (fraction << 11));
}

/** RSQRTSS, in the same way from the first 10 fraction bits and the exponent's parity. */
export function reciprocalSqrt(a: u32): u32 {
  const sign = a & 0x80000000;
  const magnitude = a & 0x7fffffff;
  if (magnitude > 0x7f800000) return a | 0x400000;
  if (magnitude < 0x800000) return sign | 0x7f800000;
  if (sign) return 0xffc00000;
  if (magnitude == 0x7f800000) return 0;
  const exponent = magnitude >> 23;
  let middle = 1.0 + (<f64>((magnitude >> 13) & 1023) + 0.5) / 1024.0;
  if (!(exponent & 1)) middle *= 2;
  const fraction = <u32>((2.0 / sqrt<f64>(middle) - 1.0) * 4096.0 + 0.5);
  return (((<u32>380 - exponent) >> 1) << 23) + (fraction << 11);
}

/** ROUNDxx: imm bits 0..1 the mode unless bit 2 takes MXCSR's; bit 3 keeps PE from being set. */
export function roundTo(a: u64, imm: u32, single: bool): u64 {
  if (isNan(a, single)) return propagate(a, a, single);
  const before = raised;
  const mode = rounding;
  if (!(imm & 4)) setRounding(imm & 3);
  const result = softRound(a, single);
  setRounding(mode);
  if (imm & 8 && !(before & MXCSR_PE)) forget(MXCSR_PE);
  return result;
}
