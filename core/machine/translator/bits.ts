/** Bit tests of registers, and of memory by a constant; and finding the first and the last set bit. */
import * as I from "../cpu/ids.ts";
import { writeBmi } from "./bmi.ts";
import type { DecodedOp } from "./decoded.ts";
import { rmValue } from "./operands.ts";
import { I32, I64, Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** BT, BTS, BTR, BTC. */
export function writeBits(w: RegionWriter, op: DecodedOp): boolean {
  const { code, flags } = w;
  const { id, size } = op;
  if (size === 2) return false;
  if (id >= I.ID_BSF && id <= I.ID_LZCNT) {
    writeScan(w, op);
    return true;
  }
  if (id > I.ID_BTC) return writeBmi(w, op);
  const constant = op.form === I.FORM_RM_IMM;
  if (op.isMemory && !constant) return false;
  const host = w.temporary("operandHost", I32);
  const a = w.temporary("first", I64);
  const bit = w.temporary("second", I64);
  if (op.isMemory && id !== I.ID_BT) {
    w.hostOf(op, size, true);
    code.tee(host);
    w.load(size);
  } else rmValue(w, op, size);
  code.set(a);
  const before = flags.keep("bt");
  if (constant) code.i64(op.imm & BigInt(size * 8 - 1));
  else {
    w.register(op.reg);
    code.i64(size * 8 - 1).op(Op.i64And);
  }
  code.set(bit);
  code.get(a).get(bit).op(Op.i64ShrU, Op.i32WrapI64).i32(1).op(Op.i32And).set(flags.bit);
  flags.state = { kind: "bt", before };
  if (id === I.ID_BT) return true;
  code.get(a).i64(1).get(bit).op(Op.i64Shl);
  if (id === I.ID_BTS) code.op(Op.i64Or);
  else if (id === I.ID_BTR) code.i64(-1).op(Op.i64Xor, Op.i64And);
  else code.op(Op.i64Xor);
  code.set(a);
  if (op.isMemory) {
    code.get(host).get(a);
    w.store(size);
  } else w.writeSized(op.rm, 0, size, a);
  return true;
}

/** BSF, BSR, TZCNT, LZCNT. */
function writeScan(w: RegionWriter, op: DecodedOp): void {
  const { code, flags } = w;
  const { id, size } = op;
  const a = w.temporary("first", I64);
  rmValue(w, op, size);
  if (size === 4 && !op.isMemory) code.op(Op.i32WrapI64, Op.i64ExtendI32U);
  code.set(a);
  if (id === I.ID_TZCNT || id === I.ID_LZCNT) {
    code.get(a);
    if (id === I.ID_LZCNT) code.op(Op.i64Clz);
    // With 32 bits, a 33rd bit ends the search.
    else if (size === 4) code.i64(0x100000000n).op(Op.i64Or, Op.i64Ctz);
    else code.op(Op.i64Ctz);
    if (id === I.ID_LZCNT && size === 4) code.i64(32).op(Op.i64Sub);
    code.set(flags.result).get(a).op(Op.i64Eqz, Op.i64ExtendI32U).set(flags.a);
    flags.set("result", size);
    w.writeSized(op.reg, 0, size, flags.result);
    return;
  }
  const before = flags.keep("scan");
  code.get(a).op(Op.i64Eqz).set(flags.bit);
  flags.state = { kind: "scan", before };
  // If the operand is zero, the whole register stays as it is.
  w.register(op.reg);
  if (id === I.ID_BSF) code.get(a).op(Op.i64Ctz);
  else code.i64(63).get(a).op(Op.i64Clz, Op.i64Sub);
  code.get(flags.bit).op(Op.select);
  w.setRegister(op.reg);
}
