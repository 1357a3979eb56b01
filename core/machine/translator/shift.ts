/** Shifts and rotations of registers of 32 and 64 bits; the rest is rare. */
import * as I from "../cpu/ids.ts";
import type { DecodedOp } from "./decoded.ts";
import { I32, I64, Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const RCX = 1;

export function writeShift(w: RegionWriter, op: DecodedOp): boolean {
  if (op.isMemory || op.size < 4) return false;
  if (op.form !== I.FORM_RM_IMM) return op.id >= I.ID_SHL && op.id <= I.ID_SAR && writeByCount(w, op);
  return op.imm !== 0n && writeByConstant(w, op);
}

function writeByConstant(w: RegionWriter, op: DecodedOp): boolean {
  const { code, flags } = w;
  const { id, size } = op;
  const count = Number(op.imm);
  if (id === I.ID_ROL || id === I.ID_ROR) {
    const kind = id === I.ID_ROL ? "rol" : "ror";
    const before = flags.keep(kind);
    w.register(op.rm);
    if (size === 8) code.i64(count).op(id === I.ID_ROL ? Op.i64Rotl : Op.i64Rotr);
    else
      code
        .op(Op.i32WrapI64)
        .i32(count)
        .op(id === I.ID_ROL ? Op.i32Rotl : Op.i32Rotr, Op.i64ExtendI32U);
    code.set(flags.over);
    flags.state = { kind, size, before };
    w.writeSized(op.rm, 0, size, flags.over);
    return true;
  }
  if (id < I.ID_SHL || id > I.ID_SAR) return false;
  pushExtended(w, op);
  code.tee(flags.a).i64(count).op(shiftOf(id)).set(flags.result);
  flags.set(id === I.ID_SHR ? "shr" : id === I.ID_SAR ? "sar" : "shl", size, count);
  w.writeSized(op.rm, 0, size, flags.result);
  return true;
}

function shiftOf(id: number): number {
  return id === I.ID_SHR ? Op.i64ShrU : id === I.ID_SAR ? Op.i64ShrS : Op.i64Shl;
}
/** Pushes the operand, its upper half as the shift will move it down. */
function pushExtended(w: RegionWriter, op: DecodedOp): void {
  w.register(op.rm);
  if (op.size === 8) return;
  if (op.id === I.ID_SHR) w.code.op(Op.i32WrapI64, Op.i64ExtendI32U);
  if (op.id === I.ID_SAR) w.code.op(Op.i64Extend32S);
}

/**
 * By CL. A count of 0 leaves the flags, so the old ones are brought to memory and the new ones hold only if it is not: which of the two
 * it is, is known at run time.
 */
function writeByCount(w: RegionWriter, op: DecodedOp): boolean {
  const { code, flags } = w;
  const { id, size } = op;
  const bits = size * 8;
  const a = w.temporary("first", I64);
  const count = w.temporary("second", I64);
  const carry = w.temporary("shiftCarry", I32);
  flags.toMemory();
  pushExtended(w, op);
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
  // OF: of SHR by 1 the sign, of SHL whether it has changed.
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
  return true;
}
