/**
 * Conversions between numbers of different formats, one at a time: CVTSI2Sx, CVTTSx2SI, CVTSS2SD, CVTSD2SS. Where the result is exact MXCSR does not count;
 * what is truncated may only raise PE, which is nearly always set and masked.
 */
import * as S from "../cpu/state.ts";
import type { DecodedOp } from "./decoded.ts";
import { DOUBLE, SINGLE, denormal, scalarOperand } from "./float.ts";
import { STATE } from "./imports.ts";
import { V } from "./simd.ts";
import { PAGE_F2, PAGE_F3 } from "./vector-operand.ts";
import { F64, I64, Mem, Op, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const PE_MASKED_AND_SET = 0x1020;

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writeConversion(w: RegionWriter, op: DecodedOp, page: number): boolean {
  if (page !== PAGE_F2 && page !== PAGE_F3) return false;
  const isDouble = page === PAGE_F2;
  if (op.opcode === 0x2a) fromInteger(w, op, isDouble);
  else if (op.opcode === 0x2c) truncate(w, op, isDouble);
  else if (op.opcode === 0x5a && !isDouble) widen(w, op);
  else return false;
  return true;
}

/** Lets the interpreter's function execute the instruction where `bad` (i32) was pushed; otherwise `write` does, and leaves the result in the local. */
function unless(w: RegionWriter, op: DecodedOp, result: number, write: () => void): void {
  const { code } = w;
  const known = w.registers.state;
  code.ifUnlikely();
  w.executeApart(op.family === "avx" ? "region_avx" : "region_sse", op);
  w.vectorRegister(op.reg);
  code.set(result);
  w.registers.state = known;
  code.else();
  write();
  code.set(result).end().get(result);
  w.setVectorRegister(op.reg);
  if (op.family === "avx") w.clearVectorHalf(op.reg, 1);
}
/** Pushes the register that the rest of the result comes from. */
function rest(w: RegionWriter, op: DecodedOp): void {
  w.vectorRegister(op.family === "avx" ? op.vreg : op.reg);
}

/** CVTSI2SS, CVTSI2SD. */
function fromInteger(w: RegionWriter, op: DecodedOp, isDouble: boolean): void {
  const { code } = w;
  const value = w.temporary("value", I64);
  const result = w.temporary("vectorR", V128);
  if (op.isMemory) {
    w.hostOf(op, op.isWide ? 8 : 4, false);
    code.memory(op.isWide ? Mem.i64Load : Mem.i64Load32S);
  } else {
    w.register(op.rm);
    if (!op.isWide) code.op(Op.i64Extend32S);
  }
  code.set(value);
  const write = () => {
    rest(w, op);
    code.get(value);
    if (isDouble) code.op(Op.f64ConvertI64S).vector(V.f64x2Replace, 0);
    else code.op(Op.f32ConvertI64S).vector(V.f32x4Replace, 0);
  };
  if (isDouble && !op.isWide) {
    write();
    w.setVectorRegister(op.reg);
    if (op.family === "avx") w.clearVectorHalf(op.reg, 1);
    return;
  }
  // Beyond this, numbers are not exact.
  const most = 1n << (isDouble ? 53n : 24n);
  code
    .get(value)
    .i64(most)
    .op(Op.i64Add)
    .i64(2n * most)
    .op(Op.i64GtU);
  unless(w, op, result, write);
}

/** CVTSS2SD, which is exact. */
function widen(w: RegionWriter, op: DecodedOp): void {
  const { code } = w;
  const b = w.temporary("vectorB", V128);
  const result = w.temporary("vectorR", V128);
  scalarOperand(w, op, SINGLE);
  code.set(b);
  denormal(w, b, SINGLE);
  code.get(b).get(b).vector(SINGLE.lanes.ne).vector(V.or).vector(V.anyTrue);
  unless(w, op, result, () => {
    rest(w, op);
    code.get(b).vector(V.f32x4Extract, 0).op(Op.f64PromoteF32).vector(V.f64x2Replace, 0);
  });
}

/** CVTTSS2SI, CVTTSD2SI. */
function truncate(w: RegionWriter, op: DecodedOp, isDouble: boolean): void {
  const { code } = w;
  const format = isDouble ? DOUBLE : SINGLE;
  const number = w.temporary("double", F64);
  const value = w.temporary("value", I64);
  scalarOperand(w, op, format);
  code.vector(isDouble ? V.f64x2Extract : V.f32x4Extract, 0);
  if (!isDouble) code.op(Op.f64PromoteF32);
  code.tee(number).truncateF64S().set(value);
  // Too large, or perhaps: WebAssembly's instruction gives the greatest or the smallest number then, and for NaN zero.
  if (op.isWide)
    code
      .get(value)
      .i64(1)
      .op(Op.i64Add)
      .i64(1n << 63n)
      .op(Op.i64Sub)
      .i64(1)
      .op(Op.i64LeU);
  else code.get(value).get(value).op(Op.i64Extend32S, Op.i64Ne);
  // Not exact, and PE would be new. A NaN is unlike everything.
  code.get(value).op(Op.f64ConvertI64S).get(number).op(Op.f64Ne);
  code.get(STATE).memory(Mem.i32Load, S.CPU_MXCSR).i32(PE_MASKED_AND_SET).op(Op.i32And).i32(PE_MASKED_AND_SET);
  code.op(Op.i32Ne).get(number).get(number).op(Op.f64Ne, Op.i32Or, Op.i32And, Op.i32Or);
  code.ifUnlikely();
  const known = w.registers.state;
  w.execute(op.family === "avx" ? "region_avx" : "region_sse", op, [op.reg], { reads: false, writes: false });
  w.register(op.reg);
  code.set(value);
  w.registers.state = known;
  code.else();
  if (!op.isWide) code.get(value).op(Op.i32WrapI64, Op.i64ExtendI32U).set(value);
  code.end().get(value);
  w.setRegister(op.reg);
}
