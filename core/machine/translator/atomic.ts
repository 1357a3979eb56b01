/**
 * LOCKed instructions, and XCHG with memory, of 32 and 64 bits, as wasm's atomics, which are sequentially consistent as x86's are. A misaligned
 * operand bails out, and the interpreter takes the lock for it (../cpu/frames/tables.ts).
 */
import * as I from "../cpu/ids.ts";
import type { DecodedOp } from "./decoded.ts";
import { regValue } from "./operands.ts";
import { I32, I64, Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const RAX = 0;
/** Opcodes of the threads extension for i64. Those for i32 are one less, and those for i64 on 32 bits (zero-extended) have a place of their own. */
const ADD = { 8: 0x1f, 4: 0x24 };
const SUB = { 8: 0x26, 4: 0x2b };
const AND = { 8: 0x2d, 4: 0x32 };
const OR = { 8: 0x34, 4: 0x39 };
const XOR = { 8: 0x3b, 4: 0x40 };
const EXCHANGE = { 8: 0x42, 4: 0x47 };
const COMPARE_EXCHANGE = { 8: 0x49, 4: 0x4e };

const BINARY: Record<number, { atomic: { 8: number; 4: number }; op: number; kind: "add" | "sub" | "logic" }> = {
  [I.ID_ADD]: { atomic: ADD, op: Op.i64Add, kind: "add" },
  [I.ID_SUB]: { atomic: SUB, op: Op.i64Sub, kind: "sub" },
  [I.ID_AND]: { atomic: AND, op: Op.i64And, kind: "logic" },
  [I.ID_OR]: { atomic: OR, op: Op.i64Or, kind: "logic" },
  [I.ID_XOR]: { atomic: XOR, op: Op.i64Xor, kind: "logic" },
};

/** Writes the instruction. Returns false, with nothing written, if it is left to the interpreter's function. */
export function writeAtomic(w: RegionWriter, op: DecodedOp): boolean {
  if (!op.isMemory || (op.size !== 4 && op.size !== 8)) return false;
  if (op.family === "data") return op.id === I.ID_XCHG && exchange(w, op, op.size);
  if (op.family !== "alu") return false;
  const binary = BINARY[op.id];
  if (binary) {
    atomic(w, op, op.size, binary.atomic, () => second(w, op), binary);
    return true;
  }
  if (op.id === I.ID_INC || op.id === I.ID_DEC) return step(w, op, op.size);
  if (op.id === I.ID_XADD) {
    atomic(w, op, op.size, ADD, () => regValue(w, op, op.size), BINARY[I.ID_ADD]!);
    w.writeSized(op.reg, op.reg8, op.size, w.temporary("first", I64));
    return true;
  }
  return op.id === I.ID_CMPXCHG && compareExchange(w, op, op.size);
}

function second(w: RegionWriter, op: DecodedOp): void {
  if (op.form === I.FORM_RM_IMM) w.code.i64(op.imm);
  else regValue(w, op, op.size);
}

/** Pushes the operand's host address; bails out unless it is aligned. */
function alignedHost(w: RegionWriter, op: DecodedOp, size: 4 | 8): void {
  const { code } = w;
  const host = w.temporary("operandHost", I32);
  w.hostOf(op, size, true);
  code
    .tee(host)
    .i32(size - 1)
    .op(Op.i32And);
  code.ifUnlikely();
  w.bail(op);
  code.end().get(host);
}

/** Puts the old value into the local "first" and the operand into "second"; sets the flags as the plain instruction does. */
function atomic(
  w: RegionWriter,
  op: DecodedOp,
  size: 4 | 8,
  opcodes: { 8: number; 4: number },
  pushOperand: () => void,
  { op: plain, kind }: { op: number; kind: "add" | "sub" | "logic" },
): void {
  const { code, flags } = w;
  const a = w.temporary("first", I64);
  const b = w.temporary("second", I64);
  pushOperand();
  code.set(b);
  alignedHost(w, op, size);
  code.get(b).atomic(opcodes[size], size === 8 ? 3 : 2);
  code.set(a).get(a).get(b).op(plain).set(flags.result);
  if (kind !== "logic") code.get(a).set(flags.a).get(b).set(flags.b);
  flags.set(kind, size);
}

function step(w: RegionWriter, op: DecodedOp, size: 4 | 8): boolean {
  const { code, flags } = w;
  const kind = op.id === I.ID_INC ? "inc" : "dec";
  const by = op.id === I.ID_INC ? 1 : -1;
  const a = w.temporary("first", I64);
  alignedHost(w, op, size);
  code
    .i64(by)
    .atomic(ADD[size], size === 8 ? 3 : 2)
    .set(a);
  const before = flags.keep(kind);
  code.get(a).i64(by).op(Op.i64Add).set(flags.over);
  flags.state = { kind, size, before };
  return true;
}

function exchange(w: RegionWriter, op: DecodedOp, size: 4 | 8): boolean {
  const value = w.temporary("value", I64);
  alignedHost(w, op, size);
  regValue(w, op, size);
  w.code.atomic(EXCHANGE[size], size === 8 ? 3 : 2).set(value);
  w.writeSized(op.reg, op.reg8, size, value);
  return true;
}

function compareExchange(w: RegionWriter, op: DecodedOp, size: 4 | 8): boolean {
  const { code, flags } = w;
  const expected = w.temporary("first", I64);
  const old = w.temporary("second", I64);
  const narrow = () => size === 4 && code.op(Op.i32WrapI64, Op.i64ExtendI32U);
  w.register(RAX);
  narrow();
  code.set(expected);
  alignedHost(w, op, size);
  code.get(expected);
  regValue(w, op, size);
  narrow();
  code.atomic(COMPARE_EXCHANGE[size], size === 8 ? 3 : 2).set(old);
  // If they are equal, RAX keeps what it had, with 32 bits also its upper half.
  code.get(old);
  w.register(RAX);
  code.get(old).get(expected).op(Op.i64Ne, Op.select);
  w.setRegister(RAX);
  code.get(expected).tee(flags.a).get(old).tee(flags.b).op(Op.i64Sub).set(flags.result);
  flags.set("sub", size);
  return true;
}
