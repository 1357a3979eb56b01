/** Operand forms of the floating-point instructions: they fetch the operands, compute in float.ts and compare.ts, and commit the result. */
import { fault } from "../machine";
import { setFlags } from "../flags";
import { compareFlags, comparePredicate, minimum, reciprocal, reciprocalSqrt } from "./compare";
import { arithmetic32, arithmetic64, packed32, packed64 } from "./float";
import { beginFloat, endFloat } from "./mxcsr";
import {
  high64,
  immediate,
  low64,
  regX,
  rm128,
  rm32,
  rm64,
  setLow32,
  setLow64,
  setX,
  sseAvailable,
  vector,
} from "./operand";

/** Low nibble of the opcodes of MIN and MAX; the others are those of float.ts. */
const MIN: u32 = 13;
const MAX: u32 = 15;

/** F3/F2 51 58 59 5C 5D 5E 5F: scalar; `kind` is the opcode's low nibble. */
export function scalarFloat(op: usize, kind: u32, single: bool): void {
  if (!sseAvailable()) return;
  const register = regX(op);
  if (single) {
    const b = rm32(op);
    if (fault) return;
    beginFloat();
    const r = scalar32(kind, load<u32>(register), b);
    endFloat();
    setLow32(register, r);
  } else {
    const b = rm64(op);
    if (fault) return;
    beginFloat();
    const r = scalar64(kind, load<u64>(register), b);
    endFloat();
    setLow64(register, r);
  }
}
/** One number, between beginFloat() and endFloat(). */
// @ts-ignore: decorator
@inline
export function scalar32(kind: u32, a: u32, b: u32): u32 {
  return kind == MIN || kind == MAX ? <u32>minimum(a, b, true, kind == MAX) : arithmetic32(kind, a, b);
}
// @ts-ignore: decorator
@inline
export function scalar64(kind: u32, a: u64, b: u64): u64 {
  return kind == MIN || kind == MAX ? minimum(a, b, false, kind == MAX) : arithmetic64(kind, a, b);
}

function minimumPair(a: u64, b: u64, greatest: bool): u64 {
  const low = minimum(a & 0xffffffff, b & 0xffffffff, true, greatest);
  return low | (minimum(a >> 32, b >> 32, true, greatest) << 32);
}

/** The same opcodes packed: 16 bytes of them, between beginFloat() and endFloat(). */
// @ts-ignore: decorator
@inline
export function packedLanes(kind: u32, a: v128, b: v128, single: bool): v128 {
  if (kind != MIN && kind != MAX) return single ? packed32(kind, a, b) : packed64(kind, a, b);
  const greatest = kind == MAX;
  if (single) return vector(minimumPair(low64(a), low64(b), greatest), minimumPair(high64(a), high64(b), greatest));
  const low = minimum(low64(a), low64(b), false, greatest);
  return vector(low, minimum(high64(a), high64(b), false, greatest));
}
export function packedFloat(op: usize, kind: u32, single: bool): void {
  if (!sseAvailable()) return;
  const b = rm128(op);
  if (fault) return;
  const register = regX(op);
  beginFloat();
  const r = packedLanes(kind, v128.load(register), b, single);
  endFloat();
  setX(register, r);
}

/** 52, 53: RSQRT, RCP. They raise nothing and ignore MXCSR. */
export function approximate(b: u32, isReciprocal: bool): u32 {
  return isReciprocal ? reciprocal(b) : reciprocalSqrt(b);
}
export function approximateLanes(b: v128, isReciprocal: bool): v128 {
  return vector(approximatePair(low64(b), isReciprocal), approximatePair(high64(b), isReciprocal));
}
export function unaryApproximate(op: usize, isReciprocal: bool, packed: bool): void {
  if (!sseAvailable()) return;
  const register = regX(op);
  if (!packed) {
    const b = rm32(op);
    return setLow32(register, approximate(b, isReciprocal));
  }
  const b = rm128(op);
  setX(register, approximateLanes(b, isReciprocal));
}
function approximatePair(b: u64, isReciprocal: bool): u64 {
  return (<u64>approximate(<u32>b, isReciprocal)) | ((<u64>approximate(<u32>(b >> 32), isReciprocal)) << 32);
}

/** 54-57: AND, ANDN, OR, XOR. */
export function logic(op: usize, opcode: u32): void {
  if (!sseAvailable()) return;
  const b = rm128(op);
  if (fault) return;
  const register = regX(op);
  const a = v128.load(register);
  if (opcode == 0x54) v128.store(register, v128.and(a, b));
  else if (opcode == 0x55) v128.store(register, v128.andnot(b, a));
  else if (opcode == 0x56) v128.store(register, v128.or(a, b));
  else v128.store(register, v128.xor(a, b));
}

function all(condition: bool): u64 {
  return condition ? ~(<u64>0) : 0;
}
function comparePair(a: u64, b: u64, predicate: u32): u64 {
  const low = all(comparePredicate(a & 0xffffffff, b & 0xffffffff, predicate, true)) & 0xffffffff;
  return low | (all(comparePredicate(a >> 32, b >> 32, predicate, true)) << 32);
}

/** 16 bytes of masks, between beginFloat() and endFloat(). */
export function compareLanes(a: v128, b: v128, predicate: u32, single: bool): v128 {
  if (single) return vector(comparePair(low64(a), low64(b), predicate), comparePair(high64(a), high64(b), predicate));
  const low = all(comparePredicate(low64(a), low64(b), predicate, false));
  return vector(low, all(comparePredicate(high64(a), high64(b), predicate, false)));
}

/** C2: CMPPS, CMPPD. Bits 3..7 of the immediate are ignored. */
export function comparePacked(op: usize, single: bool): void {
  if (!sseAvailable()) return;
  const b = rm128(op);
  if (fault) return;
  const register = regX(op);
  beginFloat();
  const r = compareLanes(v128.load(register), b, immediate(op) & 7, single);
  endFloat();
  setX(register, r);
}
/** F3/F2 C2: CMPSS, CMPSD. */
export function compareScalar(op: usize, single: bool): void {
  if (!sseAvailable()) return;
  const b = single ? <u64>rm32(op) : rm64(op);
  if (fault) return;
  const register = regX(op);
  beginFloat();
  const a = single ? <u64>load<u32>(register) : load<u64>(register);
  const r = all(comparePredicate(a, b, immediate(op) & 7, single));
  endFloat();
  if (single) setLow32(register, <u32>r);
  else setLow64(register, r);
}

/** 2E UCOMIS, 2F COMIS (`ordered`). */
export function orderedCompare(op: usize, ordered: bool, single: bool): void {
  if (!sseAvailable()) return;
  const b = single ? <u64>rm32(op) : rm64(op);
  if (fault) return;
  const register = regX(op);
  beginFloat();
  const a = single ? <u64>load<u32>(register) : load<u64>(register);
  const flags = compareFlags(a, b, single, ordered);
  endFloat();
  if (!fault) setFlags(flags);
}
