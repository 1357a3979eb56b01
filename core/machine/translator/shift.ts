/** Shifts and rotations by a constant, and of registers of 32 and 64 bits by CL; others are rare. */
import * as I from "../cpu/ids.ts";
import type { DecodedOp } from "./decoded.ts";
import { rmValue } from "./operands.ts";
import { I32, I64, Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const RCX = 1;

export function writeShift(w: RegionWriter, op: DecodedOp): boolean {
  const { id, size } = op;
  if (op.form !== I.FORM_RM_IMM) {
    if (op.isMemory || size < 4 || id < I.ID_SHL || id > I.ID_SAR) return false;
    writeByCount(w, op);
    return true;
  }
  const count = Number(op.imm) & (size === 8 ? 63 : 31);
  // The count for bytes and words may exceed their width.
  if (count === 0 || count >= size * 8) return false;
  if (id === I.ID_ROL || id === I.ID_ROR) writeRotation(w, op, count);
  else if (id >= I.ID_SHL && id <= I.ID_SAR) writeByConstant(w, op, count);
  else if (id >= I.ID_SHLD && size >= 4) writeDouble(w, op, count);
  else return false;
  return true;
}

/** Pushes the operand. For memory, its host address is kept for writeBack(). */
function pushOperand(w: RegionWriter, op: DecodedOp): void {
  if (!op.isMemory) return rmValue(w, op, op.size);
  w.hostOf(op, op.size, true);
  w.code.tee(w.temporary("operandHost", I32));
  w.load(op.size);
}
function writeBack(w: RegionWriter, op: DecodedOp, local: number): void {
  if (!op.isMemory) return w.writeSized(op.rm, op.rm8, op.size, local);
  w.code.get(w.temporary("operandHost", I32)).get(local);
  w.store(op.size);
}
/** Takes a value with any bits above the size, and clears those. */
function clearAbove(w: RegionWriter, size: number): void {
  if (size === 4) w.code.op(Op.i32WrapI64, Op.i64ExtendI32U);
  else if (size < 4) w.code.i64(size === 1 ? 0xff : 0xffff).op(Op.i64And);
}

function writeRotation(w: RegionWriter, op: DecodedOp, count: number): void {
  const { code, flags } = w;
  const { size } = op;
  const left = op.id === I.ID_ROL;
  const kind = left ? "rol" : "ror";
  const a = w.temporary("first", I64);
  pushOperand(w, op);
  code.set(a);
  const before = flags.keep(kind);
  code.get(a);
  if (size === 8) code.i64(count).op(left ? Op.i64Rotl : Op.i64Rotr);
  else if (size === 4)
    code
      .op(Op.i32WrapI64)
      .i32(count)
      .op(left ? Op.i32Rotl : Op.i32Rotr, Op.i64ExtendI32U);
  else {
    const up = left ? count : size * 8 - count;
    clearAbove(w, size);
    code.tee(a).i64(up).op(Op.i64Shl).get(a);
    code.i64(size * 8 - up).op(Op.i64ShrU, Op.i64Or);
  }
  code.set(flags.over);
  flags.state = { kind, size, before };
  writeBack(w, op, flags.over);
}

function writeByConstant(w: RegionWriter, op: DecodedOp, count: number): void {
  const { code, flags } = w;
  const { id, size } = op;
  pushOperand(w, op);
  extend(w, op);
  code.tee(flags.a).i64(count).op(shiftOf(id)).set(flags.result);
  flags.set(id === I.ID_SHR ? "shr" : id === I.ID_SAR ? "sar" : "shl", size, count);
  writeBack(w, op, flags.result);
}

/** SHLD and SHRD. */
function writeDouble(w: RegionWriter, op: DecodedOp, count: number): void {
  const { code, flags } = w;
  const { size } = op;
  const right = op.id === I.ID_SHRD;
  const bits = size * 8;
  const [a, b] = [w.temporary("first", I64), w.temporary("second", I64)];
  pushOperand(w, op);
  clearAbove(w, size);
  code.set(a);
  w.register(op.reg);
  clearAbove(w, size);
  code.set(b);
  code
    .get(a)
    .i64(count)
    .op(right ? Op.i64ShrU : Op.i64Shl);
  code
    .get(b)
    .i64(bits - count)
    .op(right ? Op.i64Shl : Op.i64ShrU, Op.i64Or);
  code.set(flags.result);
  const bit = (n: number) => code.i64(n).op(Op.i64ShrU).i64(1).op(Op.i64And);
  code.get(a);
  bit(right ? count - 1 : bits - count);
  // OF says whether the sign has changed.
  code.get(a).get(flags.result).op(Op.i64Xor);
  bit(bits - 1);
  code.i64(11).op(Op.i64Shl, Op.i64Or).set(flags.a);
  flags.set("result", size);
  writeBack(w, op, flags.result);
}

function shiftOf(id: number): number {
  return id === I.ID_SHR ? Op.i64ShrU : id === I.ID_SAR ? Op.i64ShrS : Op.i64Shl;
}
/** Takes the operand with any bits above the size, and sets those to what the shift will move down. */
function extend(w: RegionWriter, op: DecodedOp): void {
  if (op.id === I.ID_SHR) clearAbove(w, op.size);
  else if (op.id === I.ID_SAR && op.size < 8)
    w.code.op({ 1: Op.i64Extend8S, 2: Op.i64Extend16S, 4: Op.i64Extend32S }[op.size]!);
}

/**
 * By CL. A count of 0 leaves the flags. So the old flags are stored in memory, and the new ones hold only if the count is not 0; which is the case is
 * known at run time.
 */
function writeByCount(w: RegionWriter, op: DecodedOp): void {
  const { code, flags } = w;
  const { id, size } = op;
  const bits = size * 8;
  const a = w.temporary("first", I64);
  const count = w.temporary("second", I64);
  const carry = w.temporary("shiftCarry", I32);
  flags.toMemory();
  w.register(op.rm);
  extend(w, op);
  code.set(a);
  w.register(RCX);
  code
    .i64(bits - 1)
    .op(Op.i64And)
    .set(count);
  code.get(a).get(count).op(shiftOf(id)).set(flags.result);
  const bit = (push: () => void) => {
    push();
    code.op(Op.i32WrapI64).i32(1).op(Op.i32And);
  };
  if (id === I.ID_SHR || id === I.ID_SAR)
    bit(() =>
      code
        .get(a)
        .get(count)
        .i64(1)
        .op(Op.i64Sub, id === I.ID_SHR ? Op.i64ShrU : Op.i64ShrS),
    );
  else bit(() => code.get(a).i64(bits).get(count).op(Op.i64Sub, Op.i64ShrU));
  code.set(carry).get(carry);
  // OF: for SHR by 1 the sign, for SHL whether it has changed.
  if (id === I.ID_SHR) {
    bit(() =>
      code
        .get(a)
        .i64(bits - 1)
        .op(Op.i64ShrU),
    );
    code.get(count).i64(1).op(Op.i64Eq, Op.i32And);
  } else if (id === I.ID_SAR) code.i32(0);
  else {
    bit(() =>
      code
        .get(flags.result)
        .i64(bits - 1)
        .op(Op.i64ShrU),
    );
    code.get(carry).op(Op.i32Xor);
  }
  code.i32(11).op(Op.i32Shl, Op.i32Or, Op.i64ExtendI32U).set(flags.a);
  flags.setUnlessZero(count, size);
  w.writeSized(op.rm, 0, size, flags.result);
}
