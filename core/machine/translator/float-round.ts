/**
 * ROUNDPS, ROUNDPD, ROUNDSS and ROUNDSD, with and without VEX, by wasm's instructions, which give the same except for NaN. PE is the only flag that a
 * number can set, and bit 3 of the immediate says that it must not.
 */
import * as S from "../cpu/state.ts";
import type { DecodedOp } from "./decoded.ts";
import { constant, DOUBLE, floatOperands, isDefaultMode, isUnusualMode, settleResult } from "./float.ts";
import { STATE } from "./imports.ts";
import { V } from "./simd.ts";
import { PAGE_0F, PAGE_0F3A_66, PAGE_66, PAGE_F2, PAGE_F3 } from "./vector-operand.ts";
import { I32, Mem, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** The page on which arithmetic of the same operands is. */
const SHAPES: Record<number, number> = { 0x08: PAGE_0F, 0x09: PAGE_66, 0x0a: PAGE_F3, 0x0b: PAGE_F2 };
/** By the lowest two bits of the immediate: to nearest, down, up, to zero. */
const DOUBLES = [V.f64x2Nearest, V.f64x2Floor, V.f64x2Ceil, V.f64x2Trunc];
const SINGLES = [V.f32x4Nearest, V.f32x4Floor, V.f32x4Ceil, V.f32x4Trunc];
/** Bits of the immediate: MXCSR's rounding, which is to nearest where this is used; PE stays as it is. */
const BY_MXCSR = 4;
const WITHOUT_PE = 8;

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writeRounding(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const shape = page === PAGE_0F3A_66 ? SHAPES[op.opcode] : undefined;
  if (shape === undefined) return false;
  const { code } = w;
  const imm = Number(op.imm & 0xffn);
  const operands = floatOperands(w, op, shape, true);
  const { format, halves } = operands;
  const mode = imm & BY_MXCSR ? 0 : imm & 3;
  const round = (format === DOUBLE ? DOUBLES : SINGLES)[mode]!;
  const mxcsr = w.temporary("mxcsr", I32);
  const bad = w.temporary("vectorBad", V128);
  halves.forEach(({ b, r }, half) => {
    code.get(b).vector(round).set(r);
    code.get(b).get(b).vector(format.lanes.ne);
    if (half) code.get(bad).vector(V.or);
    code.set(bad);
  });
  code.get(STATE).memory(Mem.i32Load, S.CPU_MXCSR).tee(mxcsr);
  isUnusualMode(code);
  code.ifUnlikely();
  code.get(mxcsr);
  isDefaultMode(code);
  code.if();
  if (!(imm & WITHOUT_PE)) {
    code.get(bad);
    for (const { b, r } of halves) code.get(b).get(r).vector(format.lanes.ne).vector(V.or);
    code.set(bad);
  }
  code.else();
  constant(w, (1n << BigInt(format.width)) - 1n, format.width);
  code.set(bad).end().end();
  code.get(bad);
  settleResult(w, op, operands);
  return true;
}
