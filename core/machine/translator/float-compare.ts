/**
 * Comparisons of floating-point numbers: COMISx, CMPxx, MINxx, MAXxx. They depend on MXCSR and change it only if an operand is NaN or denormal, and then
 * the interpreter's function executes them.
 */
import * as S from "../cpu/state.ts";
import type { DecodedOp } from "./decoded.ts";
import {
  DOUBLE,
  SINGLE,
  denormal,
  floatOperands,
  lowestOnly,
  scalarOperand,
  settleResult,
  type Format,
} from "./float.ts";
import { STATE } from "./imports.ts";
import { V } from "./simd.ts";
import { PAGE_66, PAGE_F2 } from "./vector-operand.ts";
import { Mem, Op, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const MIN = 0x5d;
const MAX = 0x5f;
const COMPARE = 0xc2;

/** Pushes lanes that are not zero where an operand in the locals is NaN or denormal. */
function unusual(w: RegionWriter, a: number, b: number, format: Format): void {
  const { code } = w;
  denormal(w, a, format);
  denormal(w, b, format);
  code.vector(V.or);
  for (const local of [a, b]) code.get(local).get(local).vector(format.lanes.ne).vector(V.or);
}

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writeFloatComparison(w: RegionWriter, op: DecodedOp, page: number): boolean {
  if (page > PAGE_F2) return false;
  const { opcode } = op;
  if (page <= PAGE_66 && (opcode === 0x2e || opcode === 0x2f)) {
    writeOrder(w, op, page === PAGE_66 ? DOUBLE : SINGLE);
    return true;
  }
  if (opcode !== MIN && opcode !== MAX && opcode !== COMPARE) return false;
  const { code } = w;
  const operands = floatOperands(w, op, page);
  const { format, halves } = operands;
  const isDouble = format.width === 64;
  halves.forEach(({ a, b, r }) => {
    if (opcode === COMPARE) compare(w, a, b, Number(op.imm) & 7, isDouble);
    else {
      // Of equal numbers it is the second operand, as of WebAssembly's instruction the first.
      code.get(b).get(a);
      if (opcode === MIN) code.vector(isDouble ? V.f64x2PMin : V.f32x4PMin);
      else code.vector(isDouble ? V.f64x2PMax : V.f32x4PMax);
    }
    code.set(r);
  });
  halves.forEach(({ a, b }, half) => {
    unusual(w, a, b, format);
    if (half) code.vector(V.or);
  });
  settleResult(w, op, operands);
  return true;
}

/** Pushes ones where the predicate holds. Those of AVX from 8 on differ from these eight only in what they do with NaN. */
function compare(w: RegionWriter, a: number, b: number, predicate: number, isDouble: boolean): void {
  const { code } = w;
  // "Unordered" and "ordered": none and all.
  if (predicate === 3 || predicate === 7)
    return void code.vector(V.const, ...new Array<number>(16).fill(predicate === 7 ? 0xff : 0));
  const doubles: Record<number, number> = {
    0: V.f64x2Eq,
    1: V.f64x2Lt,
    2: V.f64x2Le,
    4: V.f64x2Ne,
    5: V.f64x2Ge,
    6: V.f64x2Gt,
  };
  const singles: Record<number, number> = {
    0: V.f32x4Eq,
    1: V.f32x4Lt,
    2: V.f32x4Le,
    4: V.f32x4Ne,
    5: V.f32x4Ge,
    6: V.f32x4Gt,
  };
  code
    .get(a)
    .get(b)
    .vector((isDouble ? doubles : singles)[predicate]!);
}

/** COMISS, COMISD, UCOMISS, UCOMISD, which differ only in what they do with NaN. */
function writeOrder(w: RegionWriter, op: DecodedOp, format: Format): void {
  const { code, flags } = w;
  const isDouble = format.width === 64;
  const a = w.temporary("vectorA", V128);
  const b = w.temporary("vectorB", V128);
  scalarOperand(w, op, format);
  code.set(b);
  w.vectorRegister(op.reg);
  lowestOnly(w, format);
  code.set(a);
  unusual(w, a, b, format);
  code.vector(V.anyTrue);
  const known = w.registers.state;
  code.ifUnlikely();
  w.execute(op.family === "avx" ? "region_avx" : "region_sse", op, [], { reads: false, writes: true });
  // The function has left them in the form in which they are in the locals.
  code.get(STATE).memory(Mem.i64Load, S.CPU_FLAG_RESULT).set(flags.result);
  code.get(STATE).memory(Mem.i64Load, S.CPU_FLAG_A).set(flags.a);
  w.registers.state = known;
  code.else();
  const numbers = () => {
    for (const local of [a, b]) code.get(local).vector(isDouble ? V.f64x2Extract : V.f32x4Extract, 0);
  };
  numbers();
  code.op(isDouble ? Op.f64Ne : Op.f32Ne, Op.i64ExtendI32U).set(flags.result);
  numbers();
  code.op(isDouble ? Op.f64Lt : Op.f32Lt, Op.i64ExtendI32U).set(flags.a);
  code.end();
  flags.set("compared", 8);
}
