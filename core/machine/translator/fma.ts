/**
 * FMA. WebAssembly has no instruction for it, so two functions of core.wasm compute the lanes by ordinary arithmetic where that gives exactly the same
 * (../cpu/avx/fused_fast.ts). They say with NaN where it does not; MXCSR has to be in its default mode with PE set, as they may be inexact. Otherwise the
 * interpreter's function executes the instruction.
 */
import * as S from "../cpu/state.ts";
import { halves } from "./avx-operand.ts";
import type { DecodedOp } from "./decoded.ts";
import { DOUBLE, SINGLE, constant, isUnusualMode, lowestOnly, scalarOperand, settleResult } from "./float.ts";
import { STATE } from "./imports.ts";
import { V } from "./simd.ts";
import { PAGE_0F38_66 } from "./vector-operand.ts";
import { Mem, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** Low nibbles of the opcodes: ADDSUB subtracts in even lanes, SUBADD in odd ones; then come MADD, MSUB, NMADD and NMSUB, each packed and scalar. */
const ADDSUB = 6;
const SUBADD = 7;
const FIRST_SINGLE_SIGN = 8;

/** Writes it. Returns false, with nothing written, for all other instructions. */
export function writeFma(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { opcode } = op;
  const kind = opcode & 15;
  if (page !== PAGE_0F38_66 || opcode < 0x96 || opcode >= 0xc0 || kind < ADDSUB) return false;
  const { code } = w;
  const scalar = kind > FIRST_SINGLE_SIGN && (kind & 1) !== 0;
  const format = op.isVexW ? DOUBLE : SINGLE;
  const found = (op.is256 && !scalar ? ["", "High"] : [""]).map((half) => ({
    a: w.temporary(`vectorA${half}`, V128),
    b: w.temporary(`vectorB${half}`, V128),
    r: w.temporary(`vectorR${half}`, V128),
  }));
  const source = scalar ? () => scalarOperand(w, op, format) : halves(w, op);
  const register = (n: number, half: number) => {
    w.vectorHalf(n, half);
    if (scalar) lowestOnly(w, format);
  };
  const isProductNegative = kind > FIRST_SINGLE_SIGN && (kind & 4) !== 0;
  found.forEach(({ r }, half) => {
    const third = w.temporary("vectorB", V128);
    source(half);
    code.set(third);
    const pushes = [() => register(op.reg, half), () => register(op.vreg, half), () => void code.get(third)];
    // The digits of the instruction's name: which operands are multiplied, and which is added.
    const order = { 9: [0, 2, 1], 0xa: [1, 0, 2], 0xb: [1, 2, 0] }[opcode >> 4]!;
    order.forEach((operand, place) => {
      pushes[operand]!();
      if (place === 0 && isProductNegative) flip(w, format.width, 3);
      if (place === 2) flip(w, format.width, negativeLanes(kind));
    });
    w.call(op.isVexW ? "region_fused_doubles" : "region_fused_singles").set(r);
  });
  found.forEach(({ r }, half) => {
    code.get(r).get(r).vector(format.lanes.ne);
    if (half) code.vector(V.or);
  });
  const bad = w.temporary("vectorBad", V128);
  code.set(bad);
  code.get(STATE).memory(Mem.i32Load, S.CPU_MXCSR);
  isUnusualMode(code);
  code.ifUnlikely();
  constant(w, (1n << BigInt(format.width)) - 1n, format.width);
  code.set(bad).end().get(bad);
  settleResult(w, op, { format, scalar, halves: found }, op.reg);
  return true;
}

/** The lanes in which the addend is negated: bit 0 the even ones, bit 1 the odd ones. */
function negativeLanes(kind: number): number {
  if (kind === ADDSUB) return 1;
  if (kind === SUBADD) return 2;
  return kind & 2 ? 3 : 0;
}
/** Takes a vector and changes the signs of its even lanes (bit 0), its odd lanes (bit 1), or both. */
function flip(w: RegionWriter, width: 32 | 64, which: number): void {
  if (!which) return;
  const bytes = Array.from({ length: 16 }, (_, i) => {
    const lane = Math.floor((8 * i) / width) & 1;
    const isTop = (8 * (i + 1)) % width === 0;
    return isTop && (which >> lane) & 1 ? 0x80 : 0;
  });
  w.code.vector(V.const, ...bytes).vector(V.xor);
}
