/**
 * F16C by integer arithmetic and one exact product. VCVTPH2PS is exact and knows no MXCSR, but for NaN. VCVTPS2PH is computed here where its result is a
 * normal number or zero that is rounded to nearest or to zero, and PE, the only flag that it can set then, is set already. The interpreter's function
 * executes everything else.
 */
import * as S from "../cpu/state.ts";
import { setHalves } from "./avx-operand.ts";
import type { DecodedOp } from "./decoded.ts";
import { isUnusualMode } from "./float.ts";
import { STATE } from "./imports.ts";
import { key } from "./lanes.ts";
import { V } from "./simd.ts";
import { PAGE_0F38_66, PAGE_0F3A_66 } from "./vector-operand.ts";
import { Mem, Op, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const HALF_INFINITY = 0x7c00;
const HALF_SIGN = 0x8000;
/** 2^112 as a single: what the difference of the biases, 127 and 15, makes of a number whose bits were moved only. */
const BIAS = 0x77800000;
/** Singles as bits: infinity; 2^-14, the smallest normal half; and the first that is rounded to infinity. */
const INFINITY = 0x7f800000;
const LEAST = 0x38800000;
const TOO_LARGE = 0x477ff000;
/** The difference of the biases in a half's exponent. */
const REBIAS = 112 << 10;
/** Bits of the immediate: MXCSR's rounding, which is to nearest where this is used; to zero. */
const BY_MXCSR = 4;
const TO_ZERO = 3;

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writeHalf(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const at = key(page, op.opcode);
  if (at === key(PAGE_0F38_66, 0x13)) {
    widen(w, op);
    return true;
  }
  if (at !== key(PAGE_0F3A_66, 0x1d)) return false;
  const imm = Number(op.imm & 0xffn);
  const mode = imm & BY_MXCSR ? 0 : imm & 3;
  if (mode !== 0 && mode !== TO_ZERO) return false;
  narrow(w, op, mode === TO_ZERO);
  return true;
}

function every(w: RegionWriter, value: number): void {
  w.code.i32(value).vector(V.i32x4Splat);
}
function halvesOf(op: DecodedOp): number[] {
  return op.is256 ? [0, 1] : [0];
}

/** VCVTPH2PS. */
function widen(w: RegionWriter, op: DecodedOp): void {
  const { code, registers } = w;
  const source = w.temporary("vectorA", V128);
  const results = [w.temporary("vectorR", V128), w.temporary("vectorRHigh", V128)];
  if (op.isMemory) {
    w.hostOf(op, op.is256 ? 16 : 8, false);
    code.vectorMemory(op.is256 ? V.load : V.load64Zero, 0);
  } else w.vectorRegister(op.rm);
  code.set(source);
  const magnitude = w.temporary("vectorB", V128);
  for (const half of halvesOf(op)) {
    const extended = () => code.get(source).vector(half ? V.i32x4ExtendHighU : V.i32x4ExtendLowU);
    extended();
    every(w, HALF_SIGN - 1);
    code.vector(V.and).tee(magnitude);
    code.i32(13).vector(V.i32x4Shl);
    every(w, BIAS);
    code.vector(V.f32x4Mul);
    // The greatest exponent stays the greatest one.
    every(w, INFINITY);
    code.get(magnitude);
    every(w, HALF_INFINITY - 1);
    code.vector(V.i32x4GtS).vector(V.and).vector(V.or);
    extended();
    every(w, HALF_SIGN);
    code.vector(V.and).i32(16).vector(V.i32x4Shl).vector(V.or).set(results[half]!);
  }
  // A NaN is unlike itself.
  for (const half of halvesOf(op)) {
    code.get(results[half]!).get(results[half]!).vector(V.f32x4Ne);
    if (half) code.vector(V.or);
  }
  code.vector(V.anyTrue).ifUnlikely();
  const known = registers.state;
  w.executeApart("region_avx", op);
  for (const half of halvesOf(op)) {
    w.vectorHalf(op.reg, half);
    code.set(results[half]!);
  }
  registers.state = known;
  code.end();
  setHalves(w, op, op.reg, (half) => void code.get(results[half]!));
}

/** VCVTPS2PH. */
function narrow(w: RegionWriter, op: DecodedOp, toZero: boolean): void {
  const { code, registers } = w;
  const sources = [w.temporary("vectorA", V128), w.temporary("vectorAHigh", V128)];
  const magnitude = w.temporary("vectorB", V128);
  const result = w.temporary("vectorR", V128);
  const bad = w.temporary("vectorBad", V128);
  for (const half of halvesOf(op)) {
    w.vectorHalf(op.reg, half);
    code.tee(sources[half]!);
    every(w, 0x7fffffff);
    code.vector(V.and).tee(magnitude);
    every(w, TOO_LARGE - 1);
    code.vector(V.i32x4GtS);
    every(w, LEAST);
    code.get(magnitude).vector(V.i32x4GtS).get(magnitude);
    every(w, 0);
    code.vector(V.i32x4GtS).vector(V.and).vector(V.or);
    if (half) code.get(bad).vector(V.or);
    code.set(bad);
  }
  code.get(bad).vector(V.anyTrue);
  code.get(STATE).memory(Mem.i32Load, S.CPU_MXCSR);
  isUnusualMode(code);
  code.op(Op.i32Or).ifUnlikely();
  const known = registers.state;
  w.executeApart("region_avx", op);
  if (!op.isMemory) {
    w.vectorRegister(op.rm);
    code.set(result);
  }
  registers.state = known;
  code.else();
  for (const half of halvesOf(op)) {
    code.get(sources[half]!);
    every(w, 0x7fffffff);
    code.vector(V.and).tee(magnitude);
    if (!toZero) {
      // Half of the last place, and a little more where that place is odd.
      code.get(magnitude).i32(13).vector(V.i32x4ShrU);
      every(w, 1);
      code.vector(V.and).vector(V.i32x4Add);
      every(w, 0xfff);
      code.vector(V.i32x4Add);
    }
    code.i32(13).vector(V.i32x4ShrU);
    every(w, REBIAS);
    code.vector(V.i32x4Sub).get(magnitude);
    every(w, 0);
    code.vector(V.i32x4GtS).vector(V.and);
    code.get(sources[half]!).i32(16).vector(V.i32x4ShrU);
    every(w, HALF_SIGN);
    code.vector(V.and).vector(V.or);
  }
  if (!op.is256) every(w, 0);
  code.vector(V.i16x8NarrowU).set(result);
  if (op.isMemory) {
    w.hostOf(op, op.is256 ? 16 : 8, true);
    code.get(result);
    if (op.is256) code.vectorMemory(V.store, 0);
    else code.vectorMemory(V.store64Lane, 0, 0);
  }
  code.end();
  if (op.isMemory) return;
  code.get(result);
  w.setVectorHalf(op.rm, 0);
  w.clearVectorHalf(op.rm, 1);
}
