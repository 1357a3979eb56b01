/** Products and quotients of twice the operand's size, in RDX:RAX. */
import * as I from "../cpu/ids.ts";
import type { DecodedOp } from "./decoded.ts";
import { CF_OF } from "./flags.ts";
import { rmValue } from "./operands.ts";
import { I64, Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const RAX = 0;
const RDX = 2;
const LOW_HALF = 0xffffffffn;

/** MUL, IMUL, DIV and IDIV with one operand. Returns false, with nothing written, if it is left to the interpreter's function. */
export function writeWide(w: RegionWriter, op: DecodedOp): boolean {
  const { id, size } = op;
  if (size < 4) return false;
  if (id === I.ID_DIV || id === I.ID_IDIV) divide(w, op, size, id === I.ID_IDIV);
  else if (size === 4) multiply(w, op, id === I.ID_IMUL1);
  else if (id === I.ID_MUL) multiplyLong(w, op);
  else return false;
  return true;
}

/** Takes 64 bits of which the lower half counts. */
function extend(w: RegionWriter, signed: boolean): void {
  if (signed) w.code.op(Op.i64Extend32S);
  else w.code.op(Op.i32WrapI64, Op.i64ExtendI32U);
}

function multiply(w: RegionWriter, op: DecodedOp, signed: boolean): void {
  const { code, flags } = w;
  const high = w.temporary("value", I64);
  rmValue(w, op, 4);
  extend(w, signed);
  w.register(RAX);
  extend(w, signed);
  code.op(Op.i64Mul).set(flags.result);
  code.i64(CF_OF).i64(0);
  if (signed) code.get(flags.result).get(flags.result).op(Op.i64Extend32S, Op.i64Ne);
  else code.get(flags.result).i64(32).op(Op.i64ShrU, Op.i64Eqz, Op.i32Eqz);
  code.op(Op.select).set(flags.a);
  flags.set("result", 4);
  w.writeSized(RAX, 0, 4, flags.result);
  code.get(flags.result).i64(32).op(Op.i64ShrU).set(high);
  w.writeSized(RDX, 0, 4, high);
}

/** MUL of 64 bits. */
function multiplyLong(w: RegionWriter, op: DecodedOp): void {
  const { code, flags } = w;
  const [a, b, high] = ["first", "second", "value"].map((name) => w.temporary(name, I64)) as [number, number, number];
  rmValue(w, op, 8);
  code.set(b);
  w.register(RAX);
  code.set(a);
  highProduct(w, a, b, high);
  code.get(a).get(b).op(Op.i64Mul).set(flags.result);
  code.i64(0).i64(CF_OF).get(high).op(Op.i64Eqz, Op.select).set(flags.a);
  flags.set("result", 8);
  code.get(flags.result);
  w.setRegister(RAX);
  code.get(high);
  w.setRegister(RDX);
}
/** Sets `high` to the upper 64 bits of the product of two locals, from halves. */
export function highProduct(w: RegionWriter, a: number, b: number, high: number): void {
  const { code } = w;
  const cross = w.temporary("cross", I64);
  const middle = w.temporary("middle", I64);
  const low = (local: number) => code.get(local).i64(LOW_HALF).op(Op.i64And);
  const upper = (local: number) => code.get(local).i64(32).op(Op.i64ShrU);
  // high(a) low(b), plus what low(a) low(b) carries into it; no sum here can exceed 64 bits.
  upper(a);
  low(b);
  code.op(Op.i64Mul);
  low(a);
  low(b);
  code.op(Op.i64Mul).i64(32).op(Op.i64ShrU, Op.i64Add).set(cross);
  low(a);
  upper(b);
  code.op(Op.i64Mul);
  low(cross);
  code.op(Op.i64Add).set(middle);
  upper(a);
  upper(b);
  code.op(Op.i64Mul);
  upper(cross);
  code.op(Op.i64Add);
  upper(middle);
  code.op(Op.i64Add).set(high);
}

/**
 * Divides if the upper half of the dividend only extends the lower one (for unsigned 32 bits: if it is less than the divisor), so that the quotient
 * certainly fits. The interpreter's function does everything else, and reports faults. The flags stay as they are.
 */
function divide(w: RegionWriter, op: DecodedOp, size: number, signed: boolean): void {
  const { code } = w;
  const [n, d, high, result] = ["first", "second", "cross", "value"].map((name) => w.temporary(name, I64)) as [
    number,
    number,
    number,
    number,
  ];
  rmValue(w, op, size);
  if (size === 4) extend(w, signed);
  code.set(d);
  w.register(RAX);
  if (size === 4) extend(w, signed);
  code.set(n);
  w.register(RDX);
  if (size === 4) extend(w, signed);
  code.set(high);
  w.registers.save();
  if (signed) {
    // Only the divisors 0 and -1 may fault.
    code.get(high).get(n).i64(63).op(Op.i64ShrS, Op.i64Ne);
    code.get(d).i64(1).op(Op.i64Add).i64(1).op(Op.i64LeU, Op.i32Or);
  } else if (size === 4) code.get(high).get(d).op(Op.i64GeU);
  else code.get(high).get(d).op(Op.i64Eqz, Op.i64ExtendI32U, Op.i64Or, Op.i64Eqz, Op.i32Eqz);
  code.ifUnlikely();
  w.execute("region_alu", op, [RAX, RDX], { reads: false, writes: false });
  code.else();
  if (size === 4 && !signed) code.get(high).i64(32).op(Op.i64Shl).get(n).op(Op.i64Or).set(n);
  code
    .get(n)
    .get(d)
    .op(signed ? Op.i64RemS : Op.i64RemU)
    .set(result);
  code
    .get(n)
    .get(d)
    .op(signed ? Op.i64DivS : Op.i64DivU)
    .set(n);
  w.writeSized(RAX, 0, size, n);
  w.writeSized(RDX, 0, size, result);
  code.end();
}
