/** Moves, arithmetic, logic, shifts and stack operations on general registers and memory. */
import * as I from "../cpu/ids.ts";
import type { DecodedOp } from "./decoded.ts";
import { writeAtomic } from "./atomic.ts";
import { writeBits } from "./bits.ts";
import { regValue, rmValue } from "./operands.ts";
import { writeShift } from "./shift.ts";
import { writeWide } from "./wide.ts";
import { I32, I64, Op } from "./wasm.ts";
import { type RegionWriter } from "./writer.ts";

const RAX = 0;
const RDX = 2;
const RSP = 4;
const RBP = 5;

/** Writes the instruction. Returns false, with nothing written, if it is left to the interpreter's function. */
export function writeInteger(w: RegionWriter, op: DecodedOp): boolean {
  const exchanges = op.id === I.ID_XCHG || op.id === I.ID_CMPXCHG || op.id === I.ID_XADD;
  if (op.isLocked || exchanges) {
    // The last two may be atomic even without LOCK.
    if (writeAtomic(w, op)) return true;
    if (op.isLocked) return false;
  }
  switch (op.family) {
    case "alu":
      return writeAlu(w, op);
    case "data":
      return writeData(w, op);
    case "shift":
      return writeShift(w, op);
    case "bits":
      return writeBits(w, op);
    case "stack":
      return writeStack(w, op);
    default:
      return false;
  }
}

const BINARY: Record<number, number> = {
  [I.ID_ADD]: Op.i64Add,
  [I.ID_ADC]: Op.i64Add,
  [I.ID_SUB]: Op.i64Sub,
  [I.ID_SBB]: Op.i64Sub,
  [I.ID_CMP]: Op.i64Sub,
  [I.ID_AND]: Op.i64And,
  [I.ID_TEST]: Op.i64And,
  [I.ID_OR]: Op.i64Or,
  [I.ID_XOR]: Op.i64Xor,
};

function writeAlu(w: RegionWriter, op: DecodedOp): boolean {
  const { id } = op;
  if (BINARY[id] !== undefined) writeBinary(w, op);
  else if (id === I.ID_NOT || id === I.ID_NEG || id === I.ID_INC || id === I.ID_DEC) writeUnary(w, op);
  else if ((id === I.ID_IMUL2 || id === I.ID_IMUL3) && op.size >= 4) writeImul(w, op);
  else if (id === I.ID_MUL || id === I.ID_IMUL1 || id === I.ID_DIV || id === I.ID_IDIV) return writeWide(w, op);
  else return false;
  return true;
}

function writeBinary(w: RegionWriter, op: DecodedOp): void {
  const { code, flags } = w;
  const { id, size } = op;
  const compares = id === I.ID_CMP || id === I.ID_TEST;
  const toMemory = op.isMemory && op.form !== I.FORM_REG_RM && !compares;
  const host = w.temporary("operandHost", I32);
  const a = w.temporary("first", I64);
  const b = w.temporary("second", I64);
  const carry = w.temporary("carryIn", I64);
  // Everything that may bail comes before any flag changes.
  if (op.form === I.FORM_REG_RM) {
    rmValue(w, op, size);
    code.set(b);
    regValue(w, op, size);
    code.set(a);
  } else {
    if (toMemory) {
      w.hostOf(op, size, true);
      code.tee(host);
      w.load(size);
    } else rmValue(w, op, size);
    code.set(a);
    if (op.form === I.FORM_RM_IMM) code.i64(op.imm);
    else regValue(w, op, size);
    code.set(b);
  }
  const carries = id === I.ID_ADC || id === I.ID_SBB;
  if (carries) {
    flags.condition(2);
    code.op(Op.i64ExtendI32U).set(carry);
  }
  code.get(a).get(b).op(BINARY[id]!);
  if (carries) code.get(carry).op(BINARY[id]!);
  code.set(flags.result);
  if (id === I.ID_ADD || id === I.ID_SUB || id === I.ID_CMP || carries) {
    code.get(a).set(flags.a).get(b).set(flags.b);
    flags.set(id === I.ID_ADC ? "adc" : id === I.ID_SBB ? "sbb" : id === I.ID_ADD ? "add" : "sub", size);
  } else flags.set("logic", size);
  if (compares) return;
  if (toMemory) {
    code.get(host).get(flags.result);
    w.store(size);
  } else if (op.form === I.FORM_REG_RM) w.writeSized(op.reg, op.reg8, size, flags.result);
  else w.writeSized(op.rm, op.rm8, size, flags.result);
}

function writeUnary(w: RegionWriter, op: DecodedOp): void {
  const { code, flags } = w;
  const { id, size } = op;
  const host = w.temporary("operandHost", I32);
  const a = w.temporary("first", I64);
  const r = w.temporary("unary", I64);
  if (op.isMemory) {
    w.hostOf(op, size, true);
    code.tee(host);
    w.load(size);
  } else rmValue(w, op, size);
  code.set(a);
  if (id === I.ID_NOT) code.get(a).i64(-1).op(Op.i64Xor).set(r);
  else if (id === I.ID_NEG) {
    code.i64(0).get(a).op(Op.i64Sub).set(r);
    code.i64(0).set(flags.a).get(a).set(flags.b).get(r).set(flags.result);
    flags.set("sub", size);
  } else {
    const kind = id === I.ID_INC ? "inc" : "dec";
    const before = flags.keep(kind);
    code
      .get(a)
      .i64(id === I.ID_INC ? 1 : -1)
      .op(Op.i64Add);
    code.tee(r).set(flags.over);
    flags.state = { kind, size, before };
  }
  if (op.isMemory) {
    code.get(host).get(r);
    w.store(size);
  } else w.writeSized(op.rm, op.rm8, size, r);
}

function writeImul(w: RegionWriter, op: DecodedOp): void {
  const { code, flags } = w;
  const { size } = op;
  const b = w.temporary("second", I64);
  rmValue(w, op, size);
  if (size === 4) code.op(Op.i64Extend32S);
  code.set(b);
  if (op.id === I.ID_IMUL3) code.i64(op.imm);
  else regValue(w, op, size);
  if (size === 4) code.op(Op.i64Extend32S);
  code.set(flags.a).get(b).tee(flags.b).get(flags.a).op(Op.i64Mul).set(flags.result);
  flags.set("imul", size);
  w.writeSized(op.reg, op.reg8, size, flags.result);
}

function writeData(w: RegionWriter, op: DecodedOp): boolean {
  const { code, flags } = w;
  const { size } = op;
  const value = w.temporary("value", I64);
  switch (op.id) {
    case I.ID_NOP:
      return true;
    case I.ID_MOV:
      if (op.form === I.FORM_REG_RM) {
        rmValue(w, op, size);
        code.set(value);
        w.writeSized(op.reg, op.reg8, size, value);
      } else if (op.isMemory) {
        w.hostOf(op, size, true);
        if (op.form === I.FORM_RM_IMM) code.i64(op.imm);
        else regValue(w, op, size);
        w.store(size);
      } else {
        if (op.form === I.FORM_RM_IMM) code.i64(op.imm);
        else regValue(w, op, size);
        code.set(value);
        w.writeSized(op.rm, op.rm8, size, value);
      }
      return true;
    case I.ID_MOV_MOFFS: {
      const stores = op.form === I.FORM_RM_REG;
      w.hostAtOffset(op, op.imm, size, stores);
      if (stores) {
        w.register(RAX);
        w.store(size);
      } else {
        w.load(size);
        code.set(value);
        w.writeSized(RAX, 0, size, value);
      }
      return true;
    }
    case I.ID_LEA:
      w.offset(op);
      code.set(value);
      w.writeSized(op.reg, 0, size, value);
      return true;
    case I.ID_MOVZX8:
      return writeExtension(w, op, 1, false);
    case I.ID_MOVZX16:
      return writeExtension(w, op, 2, false);
    case I.ID_MOVSX8:
      return writeExtension(w, op, 1, true);
    case I.ID_MOVSX16:
      return writeExtension(w, op, 2, true);
    case I.ID_MOVSXD:
      if (size === 2) return false;
      return writeExtension(w, op, 4, true);
    case I.ID_CBW:
      w.register(RAX);
      code.op(size === 8 ? Op.i64Extend32S : size === 4 ? Op.i64Extend16S : Op.i64Extend8S).set(value);
      w.writeSized(RAX, 0, size, value);
      return true;
    case I.ID_CWD:
      w.register(RAX);
      if (size < 8) code.op(size === 4 ? Op.i64Extend32S : Op.i64Extend16S);
      code.i64(63).op(Op.i64ShrS).set(value);
      w.writeSized(RDX, 0, size, value);
      return true;
    case I.ID_BSWAP:
      if (size === 2) return false;
      w.register(op.rm);
      writeReversed(w, size, value);
      w.writeSized(op.rm, 0, size, value);
      return true;
    case I.ID_MOVBE_LOAD:
      if (size === 2) return false;
      rmValue(w, op, size);
      writeReversed(w, size, value);
      w.writeSized(op.reg, 0, size, value);
      return true;
    case I.ID_MOVBE_STORE:
      if (size === 2) return false;
      w.hostOf(op, size, true);
      w.register(op.reg);
      writeReversed(w, size, value);
      code.get(value);
      w.store(size);
      return true;
    case I.ID_CMOV: {
      rmValue(w, op, size);
      code.set(value);
      code.get(value);
      regValue(w, op, size);
      flags.condition(op.condition);
      code.op(Op.select).set(value);
      w.writeSized(op.reg, op.reg8, size, value);
      return true;
    }
    case I.ID_SETCC: {
      const host = w.temporary("operandHost", I32);
      if (op.isMemory) {
        w.hostOf(op, 1, true);
        code.set(host);
      }
      flags.condition(op.condition);
      code.op(Op.i64ExtendI32U).set(value);
      if (op.isMemory) {
        code.get(host).get(value);
        w.store(1);
      } else w.writeSized(op.rm, op.rm8, 1, value);
      return true;
    }
    case I.ID_XCHG: {
      if (op.isMemory) return false;
      const other = w.temporary("second", I64);
      regValue(w, op, size);
      code.set(value);
      rmValue(w, op, size);
      code.set(other);
      w.writeSized(op.rm, op.rm8, size, value);
      w.writeSized(op.reg, op.reg8, size, other);
      return true;
    }
    default:
      return false;
  }
}

function writeExtension(w: RegionWriter, op: DecodedOp, from: number, signed: boolean): boolean {
  const { code } = w;
  const value = w.temporary("value", I64);
  rmValue(w, op, from);
  if (signed) code.op({ 1: Op.i64Extend8S, 2: Op.i64Extend16S, 4: Op.i64Extend32S }[from]!);
  else if (!op.isMemory) code.i64(from === 1 ? 0xff : 0xffff).op(Op.i64And);
  code.set(value);
  w.writeSized(op.reg, op.reg8, op.size, value);
  return true;
}

/** Takes a value and leaves its bytes in the opposite order in the local; with 4 bytes the upper half is undefined. */
function writeReversed(w: RegionWriter, size: number, value: number): void {
  const { code } = w;
  const swap = (bits: number, low: bigint): void => {
    code.set(value).get(value).i64(low).op(Op.i64And).i64(bits).op(Op.i64Shl);
    code.get(value).i64(bits).op(Op.i64ShrU).i64(low).op(Op.i64And, Op.i64Or);
  };
  swap(8, 0x00ff00ff00ff00ffn);
  if (size === 8) {
    swap(16, 0x0000ffff0000ffffn);
    code.i64(32).op(Op.i64Rotl);
  } else code.op(Op.i32WrapI64).i32(16).op(Op.i32Rotl, Op.i64ExtendI32U);
  code.set(value);
}

/** Register `to` gets what register `from` points at, and RSP the address after it. */
function popFrom(w: RegionWriter, op: DecodedOp, from: number, to: number): void {
  const { size } = op;
  const value = w.temporary("value", I64);
  w.hostOnStack(op, from, 0, size, false);
  w.load(size);
  w.code.set(value);
  w.moveStack(from, size);
  w.writeSized(to, 0, size, value);
}

/** Pushes and pops, in 64-bit mode of 8 bytes. */
function writeStack(w: RegionWriter, op: DecodedOp): boolean {
  const { code } = w;
  const value = w.temporary("value", I64);
  if (w.mode.isLong && op.size !== 8) return false;
  switch (op.id) {
    case I.ID_PUSH_REG:
      w.register(op.rm);
      code.set(value);
      break;
    case I.ID_PUSH_IMM:
      code.i64(op.imm).set(value);
      break;
    case I.ID_PUSH_RM:
      rmValue(w, op, op.size);
      code.set(value);
      break;
    case I.ID_POP_REG:
      popFrom(w, op, RSP, op.rm);
      return true;
    case I.ID_LEAVE:
      popFrom(w, op, RBP, RBP);
      return true;
    default:
      return false;
  }
  push(w, op, value);
  return true;
}

/** Pushes as many bytes of the local as the operation has. */
export function push(w: RegionWriter, op: DecodedOp, value: number): void {
  w.hostOnStack(op, RSP, -op.size, op.size, true);
  w.code.get(value);
  w.store(op.size);
  w.moveStack(RSP, -op.size);
}

/** Leaves the value on top of the stack, of the operation's size, in the local; RSP stays. */
export function peek(w: RegionWriter, op: DecodedOp, value: number): void {
  w.hostOnStack(op, RSP, 0, op.size, false);
  w.load(op.size);
  w.code.set(value);
}
/** Drops bytes from the stack. */
export function drop(w: RegionWriter, bytes: number): void {
  w.moveStack(RSP, bytes);
}
