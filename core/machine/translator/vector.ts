/**
 * SSE moves, logic, shuffles and integer arithmetic as v128 instructions. XMM registers are locals like the general ones. What is not here is left to
 * the interpreter's function (which also checks rare cases: CR0.TS, alignment).
 */
import { writeAvx } from "./avx.ts";
import type { DecodedOp } from "./decoded.ts";
import { writeFloat } from "./float.ts";
import { writeFloatComparison } from "./float-compare.ts";
import { writeConversion } from "./float-convert.ts";
import { writePackedConversion } from "./float-convert-packed.ts";
import { writeHorizontal } from "./float-horizontal.ts";
import { writeRounding } from "./float-round.ts";
import { laneForm, shiftByConstant } from "./lanes.ts";
import { V } from "./simd.ts";
import { writeElements, writeParts } from "./vector-parts.ts";
import * as P from "./vector-operand.ts";
import { PAGE_0F, PAGE_66, PAGE_F2, PAGE_F3, vectorOperand } from "./vector-operand.ts";
import { Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const MOVES_UNALIGNED = new Set([PAGE_0F * 256 + 0x10, PAGE_66 * 256 + 0x10, PAGE_F3 * 256 + 0x6f]);
const MOVES_ALIGNED = new Set([PAGE_0F * 256 + 0x28, PAGE_66 * 256 + 0x28, PAGE_66 * 256 + 0x6f]);
const STORES_UNALIGNED = new Set([PAGE_0F * 256 + 0x11, PAGE_66 * 256 + 0x11, PAGE_F3 * 256 + 0x7f]);
const STORES_ALIGNED = new Set([
  PAGE_0F * 256 + 0x29,
  PAGE_66 * 256 + 0x29,
  PAGE_66 * 256 + 0x7f,
  PAGE_66 * 256 + 0xe7,
  PAGE_0F * 256 + 0x2b,
  PAGE_66 * 256 + 0x2b,
]);

function set(w: RegionWriter, op: DecodedOp): void {
  w.setVectorRegister(op.reg);
}

/** Writes an SSE or AVX instruction. Returns false, with nothing written, if it is left to the interpreter's function. */
export function writeVector(w: RegionWriter, op: DecodedOp): boolean {
  if (op.family === "avx") return writeAvx(w, op);
  if (op.family !== "sse") return false;
  // MMX has the same opcodes.
  const page = pageOf(op);
  if (page === null) return false;
  w.needVectors(op);
  return (
    writeMove(w, op, page) ||
    writeParts(w, op, page) ||
    writePacked(w, op, page) ||
    writeFloat(w, op, page) ||
    writeFloatComparison(w, op, page) ||
    writeHorizontal(w, op, page) ||
    writeConversion(w, op, page) ||
    writePackedConversion(w, op, page) ||
    writeRounding(w, op, page)
  );
}

/** The page, with AVX's number for it; null if it has no XMM registers. */
function pageOf({ id, map }: DecodedOp): number | null {
  const page = id >> 8;
  if (map === 1) return page <= PAGE_F2 ? page : null;
  if (page === P.PAGE_0F38_66) return page;
  return page === SSE_PAGE_0F3A_66 ? P.PAGE_0F3A_66 : null;
}
const SSE_PAGE_0F3A_66 = 7;

function writeMove(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { code } = w;
  const key = page * 256 + op.opcode;
  if (MOVES_UNALIGNED.has(key) || MOVES_ALIGNED.has(key)) {
    vectorOperand(w, op, MOVES_ALIGNED.has(key));
    set(w, op);
    return true;
  }
  if (!STORES_UNALIGNED.has(key) && !STORES_ALIGNED.has(key)) return false;
  if (op.isMemory) {
    w.hostOf(op, 16, true);
    if (STORES_ALIGNED.has(key)) w.aligned(op);
    w.vectorRegister(op.reg);
    code.vectorMemory(V.store, 0);
  } else {
    w.vectorRegister(op.reg);
    w.setVectorRegister(op.rm);
  }
  return true;
}

function writePacked(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { code } = w;
  const { opcode } = op;
  const imm = Number(op.imm & 0xffn);
  const form = laneForm(page, opcode, imm);
  if (form) {
    form.lanes(
      w,
      () => w.vectorRegister(op.reg),
      () => vectorOperand(w, op),
    );
    set(w, op);
    return true;
  }
  if (opcode === 0x50 && page <= PAGE_66) {
    w.vectorRegister(op.rm);
    code.vector(page === PAGE_66 ? V.i64x2Bitmask : V.i32x4Bitmask).op(Op.i64ExtendI32U);
    w.setRegister(op.reg);
    return true;
  }
  if (writeElements(w, op, page)) return true;
  if (page !== PAGE_66) return false;
  if (opcode === 0xd7) {
    w.vectorRegister(op.rm);
    code.vector(V.i8x16Bitmask).op(Op.i64ExtendI32U);
    w.setRegister(op.reg);
    return true;
  }
  if (opcode < 0x71 || opcode > 0x73) return false;
  const push = () => w.vectorRegister(op.rm);
  shiftByConstant(opcode, op.reg & 7, imm)(w, push, push);
  w.setVectorRegister(op.rm);
  return true;
}
