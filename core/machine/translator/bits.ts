/** Bit tests of registers, and of memory by a constant. */
import * as I from "../cpu/ids.ts";
import type { DecodedOp } from "./decoded.ts";
import { rmValue } from "./operands.ts";
import { I32, I64, Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** BT, BTS, BTR, BTC. */
export function writeBits(w: RegionWriter, op: DecodedOp): boolean {
  const { code, flags } = w;
  const { id, size } = op;
  if (id > I.ID_BTC || size === 2) return false;
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
