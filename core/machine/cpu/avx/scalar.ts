/** Scalar AVX instructions: the lowest number is computed, the rest of the low half comes from VEX.vvvv's register, and the high half becomes zero. */
import { fault } from "../machine";
import { setFlags } from "../flags";
import { comparePredicate, compareFlags, roundTo } from "../sse/compare";
import { resize } from "../sse/convert";
import { beginFloat, endFloat } from "../sse/mxcsr";
import { approximate, scalar32, scalar64 } from "../sse/forms";
import { fromInteger, toInteger } from "../sse/soft";
import { immediate, isWide, regX, rm32, rm64, rmGeneral, setRegGeneral } from "../sse/operand";
import { lowHalf, setReg128, vregX } from "./operand";

function setLowest32(op: usize, value: u32): void {
  setReg128(op, i32x4.replace_lane(lowHalf(vregX(op)), 0, <i32>value));
}
function setLowest64(op: usize, value: u64): void {
  setReg128(op, i64x2.replace_lane(lowHalf(vregX(op)), 0, <i64>value));
}
function setLowest(op: usize, value: u64, single: bool): void {
  if (single) setLowest32(op, <u32>value);
  else setLowest64(op, value);
}
/** xmm/m32 or xmm/m64. */
function source(op: usize, single: bool): u64 {
  return single ? <u64>rm32(op) : rm64(op);
}
function first(op: usize, single: bool): u64 {
  return single ? <u64>load<u32>(vregX(op)) : load<u64>(vregX(op));
}

/** F3/F2 51 58 59 5C 5D 5E 5F; `kind` is the opcode's low nibble. */
export function scalarArithmetic(op: usize, kind: u32, single: bool): void {
  const b = source(op, single);
  if (fault) return;
  const a = first(op, single);
  beginFloat();
  const r = single ? <u64>scalar32(kind, <u32>a, <u32>b) : scalar64(kind, a, b);
  endFloat();
  setLowest(op, r, single);
}

/** F3 52, 53. */
export function scalarApproximate(op: usize, isReciprocal: bool): void {
  const b = rm32(op);
  setLowest32(op, approximate(b, isReciprocal));
}

/** F3/F2 C2. */
export function scalarCompare(op: usize, single: bool): void {
  const b = source(op, single);
  if (fault) return;
  beginFloat();
  const holds = comparePredicate(first(op, single), b, immediate(op) & 31, single);
  endFloat();
  setLowest(op, holds ? ~(<u64>0) : 0, single);
}

/** 2E VUCOMIS, 2F VCOMIS (`ordered`). */
export function orderedCompare(op: usize, ordered: bool, single: bool): void {
  const b = source(op, single);
  if (fault) return;
  const a = single ? <u64>load<u32>(regX(op)) : load<u64>(regX(op));
  beginFloat();
  const flags = compareFlags(a, b, single, ordered);
  endFloat();
  if (!fault) setFlags(flags);
}

/** 3A 0A, 0B: VROUNDSS, VROUNDSD. */
export function scalarRound(op: usize, single: bool): void {
  const b = source(op, single);
  if (fault) return;
  beginFloat();
  const r = roundTo(b, immediate(op), single);
  endFloat();
  setLowest(op, r, single);
}

/** F3/F2 5A: VCVTSS2SD, VCVTSD2SS; `single` is the source's format. */
export function scalarResize(op: usize, single: bool): void {
  const b = source(op, single);
  if (fault) return;
  beginFloat();
  const r = resize(b, single);
  endFloat();
  setLowest(op, r, !single);
}

/** F3/F2 2A: VCVTSI2SS, VCVTSI2SD. */
export function fromGeneral(op: usize, single: bool): void {
  const b = rmGeneral(op);
  if (fault) return;
  beginFloat();
  const r = fromInteger(isWide(op) ? <i64>b : <i64>(<i32>b), single);
  endFloat();
  setLowest(op, r, single);
}

/** F3/F2 2C 2D: VCVT(T)SS2SI, VCVT(T)SD2SI. */
export function toGeneral(op: usize, single: bool, truncate: bool): void {
  const b = source(op, single);
  if (fault) return;
  beginFloat();
  const r = toInteger(b, single, truncate, isWide(op) ? 64 : 32);
  endFloat();
  setRegGeneral(op, r);
}
