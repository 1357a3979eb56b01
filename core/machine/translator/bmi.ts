/** BMI1 and BMI2, except PDEP and PEXT, whose loops are the interpreter's. */
import * as I from "../cpu/ids.ts";
import type { DecodedOp } from "./decoded.ts";
import { rmValue } from "./operands.ts";
import { I64, Op } from "./wasm.ts";
import { highProduct } from "./wide.ts";
import type { RegionWriter } from "./writer.ts";

const RDX = 2;
/** CF at its place in EFLAGS. */
const CF = 1;

/** Takes 64 bits of which those above the size do not count, and clears these. */
function narrow(w: RegionWriter, size: number): void {
  if (size === 4) w.code.op(Op.i32WrapI64, Op.i64ExtendI32U);
}

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writeBmi(w: RegionWriter, op: DecodedOp): boolean {
  const { id } = op;
  if (id >= I.ID_SHLX && id <= I.ID_RORX) shift(w, op);
  else if (id === I.ID_MULX) multiply(w, op);
  else if (id >= I.ID_BLSR && id <= I.ID_BLSI) lowestBit(w, op);
  else if (id === I.ID_ANDN || id === I.ID_BZHI || id === I.ID_BEXTR) select(w, op);
  else return false;
  return true;
}

/** SHLX, SARX, SHRX and RORX, which leave the flags alone. */
function shift(w: RegionWriter, op: DecodedOp): void {
  const { code } = w;
  const { id, size } = op;
  const value = w.temporary("value", I64);
  rmValue(w, op, size);
  if (id === I.ID_RORX) {
    const count = Number(op.imm) & (size * 8 - 1);
    if (size === 8) code.i64(count).op(Op.i64Rotr);
    else code.op(Op.i32WrapI64).i32(count).op(Op.i32Rotr, Op.i64ExtendI32U);
  } else {
    if (id === I.ID_SARX && size === 4) code.op(Op.i64Extend32S);
    else if (id === I.ID_SHRX) narrow(w, size);
    w.register(op.vreg);
    code.i64(size * 8 - 1).op(Op.i64And);
    code.op(id === I.ID_SHLX ? Op.i64Shl : id === I.ID_SARX ? Op.i64ShrS : Op.i64ShrU);
  }
  code.set(value);
  w.writeSized(op.reg, 0, size, value);
}

/** MULX: the product with RDX; if both halves go to one register, it gets the upper one. */
function multiply(w: RegionWriter, op: DecodedOp): void {
  const { code } = w;
  const { size } = op;
  const a = w.temporary("first", I64);
  const b = w.temporary("second", I64);
  const low = w.temporary("cross", I64);
  rmValue(w, op, size);
  narrow(w, size);
  code.set(b);
  w.register(RDX);
  narrow(w, size);
  code.set(a);
  const high = w.temporary("value", I64);
  if (size === 8) highProduct(w, a, b, high);
  code.get(a).get(b).op(Op.i64Mul).set(low);
  if (size === 4) code.get(low).i64(32).op(Op.i64ShrU).set(high);
  w.writeSized(op.vreg, 0, size, low);
  w.writeSized(op.reg, 0, size, high);
}

/** BLSR, BLSMSK and BLSI; the destination is VEX.vvvv. */
function lowestBit(w: RegionWriter, op: DecodedOp): void {
  const { code, flags } = w;
  const { id, size } = op;
  const a = w.temporary("first", I64);
  rmValue(w, op, size);
  narrow(w, size);
  code.set(a);
  code.get(a);
  if (id === I.ID_BLSI) code.i64(0).get(a).op(Op.i64Sub, Op.i64And);
  else
    code
      .get(a)
      .i64(1)
      .op(Op.i64Sub, id === I.ID_BLSR ? Op.i64And : Op.i64Xor);
  code.set(flags.result);
  code.get(a).op(Op.i64Eqz);
  if (id === I.ID_BLSI) code.op(Op.i32Eqz);
  code.op(Op.i64ExtendI32U).set(flags.a);
  flags.set("result", size);
  w.writeSized(op.vreg, 0, size, flags.result);
}

/** ANDN, BZHI and BEXTR. */
function select(w: RegionWriter, op: DecodedOp): void {
  const { code, flags } = w;
  const { id, size } = op;
  const bits = size * 8;
  const a = w.temporary("first", I64);
  const v = w.temporary("second", I64);
  rmValue(w, op, size);
  narrow(w, size);
  code.set(a);
  w.register(op.vreg);
  code.set(v);
  const byte = (from: number) => code.get(v).i64(from).op(Op.i64ShrU).i64(0xff).op(Op.i64And);
  /** Pushes as many ones as the local says if that is less than 64. */
  const ones = (count: number) => code.i64(1).get(count).op(Op.i64Shl).i64(1).op(Op.i64Sub);
  const count = w.temporary("cross", I64);
  if (id === I.ID_ANDN) {
    code.get(a).get(v).i64(-1).op(Op.i64Xor, Op.i64And).set(flags.result).i64(0).set(flags.a);
  } else if (id === I.ID_BZHI) {
    byte(0).set(count);
    code.get(a).get(a);
    ones(count).op(Op.i64And);
    code.get(count).i64(bits).op(Op.i64GeU, Op.select).set(flags.result);
    code.i64(CF).i64(0).get(count).i64(bits).op(Op.i64GeU, Op.select).set(flags.a);
  } else {
    byte(0).set(count);
    code.get(a).get(count).op(Op.i64ShrU).i64(0).get(count).i64(bits).op(Op.i64LtU, Op.select).set(flags.result);
    byte(8).set(count);
    code.get(flags.result).get(flags.result);
    ones(count).op(Op.i64And);
    code.get(count).i64(64).op(Op.i64GeU, Op.select).set(flags.result);
    code.i64(0).set(flags.a);
  }
  flags.set("result", size);
  w.writeSized(op.reg, 0, size, flags.result);
}
