/**
 * SSE floating-point arithmetic by wasm's, where that gives the same result and the same MXCSR.
 * wasm rounds to nearest and has no flags. So MXCSR must mask all exceptions and round to nearest, without DAZ and FTZ; no operand may be denormal;
 * the result must be finite and, for products and quotients, not so small that it may have underflowed. Then PE is the only possible flag. If it is
 * set already, nothing more is needed; if not, the result must be shown to be exact (a sum by its rounding error, Knuth's TwoSum; a product by its
 * operands' low bits being zero). Otherwise the interpreter's function executes the instruction.
 */
import * as S from "../cpu/state.ts";
import type { DecodedOp } from "./decoded.ts";
import { STATE } from "./imports.ts";
import { V } from "./simd.ts";
import { PAGE_66, PAGE_F2, PAGE_F3, vectorOperand } from "./vector-operand.ts";
import { I32, Mem, Op, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** The value that MXCSR must have, apart from its flags. */
const MODE = 0xffc0;
const MODE_DEFAULT = 0x1f80;
const INEXACT = 0x20;

interface Format {
  lanes: { ne: number; lt: number; le: number; abs: number; neg: number };
  operations: Record<number, number>;
  /** Smallest normal and greatest number, as bits. */
  least: bigint;
  greatest: bigint;
  /** A product is exact if these bits of the two operands are zero. */
  low: [bigint, bigint];
  width: 32 | 64;
}
const DOUBLE: Format = {
  lanes: { ne: V.f64x2Ne, lt: V.f64x2Lt, le: V.f64x2Le, abs: V.f64x2Abs, neg: V.f64x2Neg },
  operations: { 0x58: V.f64x2Add, 0x59: V.f64x2Mul, 0x5c: V.f64x2Sub, 0x5e: V.f64x2Div },
  least: 0x0010000000000000n,
  greatest: 0x7fefffffffffffffn,
  low: [0x7ffffffn, 0x3ffffffn],
  width: 64,
};
const SINGLE: Format = {
  lanes: { ne: V.f32x4Ne, lt: V.f32x4Lt, le: V.f32x4Le, abs: V.f32x4Abs, neg: V.f32x4Neg },
  operations: { 0x58: V.f32x4Add, 0x59: V.f32x4Mul, 0x5c: V.f32x4Sub, 0x5e: V.f32x4Div },
  least: 0x00800000n,
  greatest: 0x7f7fffffn,
  low: [0xfffn, 0xfffn],
  width: 32,
};

/** Pushes a constant, in every lane or only in the lowest. */
function constant(w: RegionWriter, value: bigint, width: 32 | 64, everywhere = true): void {
  const immediates: number[] = [];
  for (let byte = 0; byte < 16; byte++) {
    const lane = Math.floor((byte * 8) / width);
    const within = everywhere || lane === 0;
    immediates.push(within ? Number((value >> BigInt((byte * 8) % width)) & 0xffn) : 0);
  }
  w.code.vector(V.const, ...immediates);
}

/** Writes ADD, SUB, MUL or DIV of any format. Returns false, with nothing written, for anything else. */
export function writeFloat(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const format = page === PAGE_66 || page === PAGE_F2 ? DOUBLE : SINGLE;
  const operation = format.operations[op.opcode];
  if (operation === undefined) return false;
  const scalar = page === PAGE_F2 || page === PAGE_F3;
  const { code } = w;
  const { lanes, width } = format;
  const [a, b, r, bad] = ["vectorA", "vectorB", "vectorR", "vectorBad"].map((name) => w.temporary(name, V128)) as [
    number,
    number,
    number,
    number,
  ];
  const mxcsr = w.temporary("mxcsr", I32);
  const all = (1n << BigInt(width)) - 1n;

  // Lanes that are not used are zero, which is never bad and never slow.
  if (op.isMemory && scalar) {
    w.hostOf(op, width / 8, false);
    code.vectorMemory(width === 64 ? V.load64Zero : V.load32Zero, 0);
  } else {
    vectorOperand(w, op);
    if (scalar) {
      constant(w, all, width, false);
      code.vector(V.and);
    }
  }
  code.set(b);
  w.vectorRegister(op.reg);
  if (scalar) {
    constant(w, all, width, false);
    code.vector(V.and);
  }
  code.tee(a).get(b).vector(operation).set(r);

  // Denormal operands.
  for (const operand of [a, b]) {
    code.get(operand).vector(lanes.abs);
    constant(w, format.least, width);
    code.vector(lanes.lt).get(operand);
    constant(w, 0n, width);
    code.vector(lanes.ne).vector(V.and);
  }
  code.vector(V.or);
  // Results that are NaN, infinite, or perhaps too small.
  code.get(r).vector(lanes.abs);
  constant(w, format.greatest, width);
  code.vector(lanes.le).vector(V.not).vector(V.or);
  const multiplies = op.opcode === 0x59 || op.opcode === 0x5e;
  if (multiplies) {
    code.get(r).vector(lanes.abs);
    constant(w, format.least, width);
    code.vector(lanes.le).vector(V.or);
  }
  code.set(bad);

  // Nearly always the mode is the default one and PE is set.
  code.get(STATE).memory(Mem.i32Load, S.CPU_MXCSR).tee(mxcsr);
  code
    .i32(MODE | INEXACT)
    .op(Op.i32And)
    .i32(MODE_DEFAULT | INEXACT)
    .op(Op.i32Ne);
  code.ifUnlikely();
  code.get(mxcsr).i32(MODE).op(Op.i32And).i32(MODE_DEFAULT).op(Op.i32Ne).if();
  constant(w, all, width);
  code.set(bad).else().get(bad);
  inexact(w, op.opcode, format, a, b, r);
  code.vector(V.or).set(bad).end().end();

  code.get(bad);
  if (scalar) {
    constant(w, all, width, false);
    code.vector(V.and);
  }
  code.vector(V.anyTrue);
  code.ifUnlikely();
  w.executeApart("region_sse", op);
  w.vectorRegister(op.reg);
  code.set(r).else().get(r);
  if (scalar) {
    w.vectorRegister(op.reg);
    constant(w, all, width, false);
    code.vector(V.bitSelect);
  }
  code.set(r).end().get(r);
  w.setVectorRegister(op.reg);
  return true;
}

/** Pushes lanes that are not zero where the result may be inexact. */
function inexact(w: RegionWriter, opcode: number, format: Format, a: number, b: number, r: number): void {
  const { code } = w;
  const { lanes, operations, width } = format;
  if (opcode === 0x5e) {
    constant(w, -1n & ((1n << BigInt(width)) - 1n), width);
    return;
  }
  if (opcode === 0x59) {
    const [first, second] = format.low;
    code.get(a);
    constant(w, first, width);
    code.vector(V.and).get(b);
    constant(w, second, width);
    code.vector(V.and).vector(V.or);
    return;
  }
  const addend = w.temporary("vectorAddend", V128);
  const part = w.temporary("vectorPart", V128);
  const add = operations[0x58]!;
  const sub = operations[0x5c]!;
  code.get(b);
  if (opcode === 0x5c) code.vector(lanes.neg);
  code.set(addend);
  // error = (a - (r - part)) + (addend - part), where part = r - a
  code.get(r).get(a).vector(sub).set(part);
  code.get(a).get(r).get(part).vector(sub).vector(sub);
  code.get(addend).get(part).vector(sub).vector(add);
  constant(w, 0n, width);
  code.vector(lanes.ne);
}
