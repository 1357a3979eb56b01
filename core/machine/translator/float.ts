/**
 * SSE floating-point arithmetic by wasm's, where that gives the same result and the same MXCSR.
 * wasm rounds to nearest and has no flags. So MXCSR must mask all exceptions and round to nearest, without DAZ and FTZ; no operand may be denormal;
 * the result must be finite and, for products and quotients, not so small that it may have underflowed. Then PE is the only possible flag. If it is
 * set already, nothing more is needed; if not, the result must be shown to be exact (a sum by its rounding error, Knuth's TwoSum; a product by its
 * operands' low bits being zero). Otherwise the interpreter's function executes the instruction.
 */
import * as S from "../cpu/state.ts";
import { halves } from "./avx-operand.ts";
import type { DecodedOp } from "./decoded.ts";
import { STATE } from "./imports.ts";
import { V } from "./simd.ts";
import { PAGE_66, PAGE_F2, PAGE_F3, vectorOperand } from "./vector-operand.ts";
import { I32, Mem, Op, V128, type Code } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** The value that MXCSR must have, apart from its flags. */
const MODE = 0xffc0;
const MODE_DEFAULT = 0x1f80;
const INEXACT = 0x20;
const SQRT = 0x51;
export const ADD = 0x58;
const MULTIPLY = 0x59;
export const SUBTRACT = 0x5c;
const DIVIDE = 0x5e;

export interface Format {
  lanes: { ne: number; lt: number; le: number; abs: number; neg: number };
  operations: Record<number, number>;
  /** Smallest normal and greatest number, as bits. */
  least: bigint;
  greatest: bigint;
  /** A product is exact if these bits of the two operands are zero. */
  low: [bigint, bigint];
  width: 32 | 64;
}
export const DOUBLE: Format = {
  lanes: { ne: V.f64x2Ne, lt: V.f64x2Lt, le: V.f64x2Le, abs: V.f64x2Abs, neg: V.f64x2Neg },
  operations: { 0x58: V.f64x2Add, 0x59: V.f64x2Mul, 0x5c: V.f64x2Sub, 0x5e: V.f64x2Div, 0x51: V.f64x2Sqrt },
  least: 0x0010000000000000n,
  greatest: 0x7fefffffffffffffn,
  low: [0x7ffffffn, 0x3ffffffn],
  width: 64,
};
export const SINGLE: Format = {
  lanes: { ne: V.f32x4Ne, lt: V.f32x4Lt, le: V.f32x4Le, abs: V.f32x4Abs, neg: V.f32x4Neg },
  operations: { 0x58: V.f32x4Add, 0x59: V.f32x4Mul, 0x5c: V.f32x4Sub, 0x5e: V.f32x4Div, 0x51: V.f32x4Sqrt },
  least: 0x00800000n,
  greatest: 0x7f7fffffn,
  low: [0xfffn, 0xfffn],
  width: 32,
};

/** Pushes a constant, in every lane or only in the lowest. */
export function constant(w: RegionWriter, value: bigint, width: 32 | 64, everywhere = true): void {
  const immediates: number[] = [];
  for (let byte = 0; byte < 16; byte++) {
    const lane = Math.floor((byte * 8) / width);
    const within = everywhere || lane === 0;
    immediates.push(within ? Number((value >> BigInt((byte * 8) % width)) & 0xffn) : 0);
  }
  w.code.vector(V.const, ...immediates);
}

/** The operands of an instruction in locals: one number, or 16 bytes, or both halves of 32 bytes. Lanes that are not used are zero. */
export interface FloatOperands {
  format: Format;
  scalar: boolean;
  /** What is 16 bytes of the first operand, the second operand and the result; the first has no value if there is only one operand. */
  halves: { a: number; b: number; r: number }[];
}

/** Brings the operands into locals. */
export function floatOperands(w: RegionWriter, op: DecodedOp, page: number, isUnary = false): FloatOperands {
  const { code } = w;
  const scalar = page === PAGE_F2 || page === PAGE_F3;
  const format = page === PAGE_66 || page === PAGE_F2 ? DOUBLE : SINGLE;
  const isVex = op.family === "avx";
  const isBoth = isVex && op.is256 && !scalar;
  const found = (isBoth ? ["", "High"] : [""]).map((half) => ({
    a: w.temporary(`vectorA${half}`, V128),
    b: w.temporary(`vectorB${half}`, V128),
    r: w.temporary(`vectorR${half}`, V128),
  }));
  if (scalar) scalarOperand(w, op, format);
  else if (!isVex) vectorOperand(w, op);
  else {
    const source = halves(w, op);
    found.forEach(({ b }, half) => {
      source(half);
      code.set(b);
    });
  }
  if (scalar || !isVex) code.set(found[0]!.b);
  if (isUnary) return { format, scalar, halves: found };
  found.forEach(({ a }, half) => {
    w.vectorHalf(isVex ? op.vreg : op.reg, half);
    if (scalar) lowestOnly(w, format);
    code.set(a);
  });
  return { format, scalar, halves: found };
}
/** Pushes the number that is the r/m operand, and zero above. */
export function scalarOperand(w: RegionWriter, op: DecodedOp, format: Format): void {
  const { width } = format;
  if (op.isMemory) {
    w.hostOf(op, width / 8, false);
    w.code.vectorMemory(width === 64 ? V.load64Zero : V.load32Zero, 0);
  } else {
    w.vectorRegister(op.rm);
    lowestOnly(w, format);
  }
}
/** Takes a vector and clears all but the lowest number. */
export function lowestOnly(w: RegionWriter, { width }: Format): void {
  constant(w, (1n << BigInt(width)) - 1n, width, false);
  w.code.vector(V.and);
}
/** Pushes lanes that are not zero where the local has a denormal number. */
export function denormal(w: RegionWriter, local: number, { lanes, least, width }: Format): void {
  const { code } = w;
  code.get(local).vector(lanes.abs);
  constant(w, least, width);
  code.vector(lanes.lt).get(local);
  constant(w, 0n, width);
  code.vector(lanes.ne).vector(V.and);
}

/**
 * Takes a vector that is not zero where WebAssembly's result may not be right, and lets the interpreter's function execute the instruction then. The
 * result, in the locals, goes to the destination; what it does not have comes from the register `rest`.
 */
export function settleResult(
  w: RegionWriter,
  op: DecodedOp,
  { format, scalar, halves: all }: FloatOperands,
  rest = op.family === "avx" ? op.vreg : op.reg,
): void {
  const { code, registers } = w;
  const isVex = op.family === "avx";
  if (scalar) lowestOnly(w, format);
  code.vector(V.anyTrue);
  const known = registers.state;
  code.ifUnlikely();
  w.executeApart(isVex ? "region_avx" : "region_sse", op);
  all.forEach(({ r }, half) => {
    w.vectorHalf(op.reg, half);
    code.set(r);
  });
  registers.state = known;
  if (scalar) {
    code.else();
    code.get(all[0]!.r);
    w.vectorRegister(rest);
    constant(w, (1n << BigInt(format.width)) - 1n, format.width, false);
    code.vector(V.bitSelect).set(all[0]!.r);
  }
  code.end();
  all.forEach(({ r }, half) => {
    code.get(r);
    w.setVectorHalf(op.reg, half);
  });
  if (isVex && all.length === 1) w.clearVectorHalf(op.reg, 1);
}

/** Takes MXCSR, and pushes whether it is anything but what it nearly always is: the default mode, with PE set already. */
export function isUnusualMode(code: Code): void {
  code
    .i32(MODE | INEXACT)
    .op(Op.i32And)
    .i32(MODE_DEFAULT | INEXACT)
    .op(Op.i32Ne);
}

/** Takes MXCSR, and pushes whether it is the default mode, whatever its flags are. */
export function isDefaultMode(code: Code): void {
  code.i32(MODE).op(Op.i32And).i32(MODE_DEFAULT).op(Op.i32Eq);
}

/** Writes ADD, SUB, MUL, DIV or SQRT of any format. Returns false, with nothing written, for anything else. */
export function writeFloat(w: RegionWriter, op: DecodedOp, page: number): boolean {
  if (page > PAGE_F2 || !isArithmetic(op.opcode)) return false;
  writeArithmetic(w, op, op.opcode, floatOperands(w, op, page, op.opcode === SQRT));
  return true;
}
/** Writes what an arithmetic instruction's opcode stands for, of operands that may have been made of the instruction's own ones. */
export function writeArithmetic(w: RegionWriter, op: DecodedOp, opcode: number, operands: FloatOperands): void {
  const { code } = w;
  const isUnary = opcode === SQRT;
  const { format, halves: all } = operands;
  const { lanes, width } = format;
  const mxcsr = w.temporary("mxcsr", I32);
  const bad = w.temporary("vectorBad", V128);
  all.forEach(({ a, b, r }, half) => {
    if (!isUnary) code.get(a);
    code.get(b).vector(format.operations[opcode]!).set(r);
    // Denormal operands.
    denormal(w, b, format);
    if (!isUnary) {
      denormal(w, a, format);
      code.vector(V.or);
    }
    // Results that are NaN, infinite, or perhaps too small.
    code.get(r).vector(lanes.abs);
    constant(w, format.greatest, width);
    code.vector(lanes.le).vector(V.not).vector(V.or);
    if (opcode === MULTIPLY || opcode === DIVIDE) {
      code.get(r).vector(lanes.abs);
      constant(w, format.least, width);
      code.vector(lanes.le).vector(V.or);
    }
    if (half) code.get(bad).vector(V.or);
    code.set(bad);
  });

  code.get(STATE).memory(Mem.i32Load, S.CPU_MXCSR).tee(mxcsr);
  isUnusualMode(code);
  code.ifUnlikely();
  code.get(mxcsr).i32(MODE).op(Op.i32And).i32(MODE_DEFAULT).op(Op.i32Ne).if();
  constant(w, (1n << BigInt(width)) - 1n, width);
  code.set(bad).else().get(bad);
  for (const { a, b, r } of all) {
    inexact(w, opcode, format, a, b, r);
    code.vector(V.or);
  }
  code.set(bad).end().end();
  code.get(bad);
  settleResult(w, op, operands);
}
function isArithmetic(opcode: number): boolean {
  return opcode === SQRT || opcode === MULTIPLY || opcode === DIVIDE || opcode === ADD || opcode === SUBTRACT;
}

/** Pushes lanes that are not zero where the result may be inexact. */
function inexact(w: RegionWriter, opcode: number, format: Format, a: number, b: number, r: number): void {
  const { code } = w;
  const { lanes, operations, width } = format;
  if (opcode === DIVIDE || opcode === SQRT) {
    constant(w, -1n & ((1n << BigInt(width)) - 1n), width);
    return;
  }
  if (opcode === MULTIPLY) {
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
  const add = operations[ADD]!;
  const sub = operations[SUBTRACT]!;
  code.get(b);
  if (opcode === SUBTRACT) code.vector(lanes.neg);
  code.set(addend);
  // error = (a - (r - part)) + (addend - part), where part = r - a
  code.get(r).get(a).vector(sub).set(part);
  code.get(a).get(r).get(part).vector(sub).vector(sub);
  code.get(addend).get(part).vector(sub).vector(add);
  constant(w, 0n, width);
  code.vector(lanes.ne);
}
