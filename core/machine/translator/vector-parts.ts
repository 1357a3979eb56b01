/** Moves of parts of XMM registers: 32 and 64 bits, and single elements. */
import type { DecodedOp } from "./decoded.ts";
import { key } from "./lanes.ts";
import { V } from "./simd.ts";
import { PAGE_0F3A_66, PAGE_66, PAGE_F2, PAGE_F3 } from "./vector-operand.ts";
import { Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** What becomes of the low or high quadword of the destination with a register source: MOVHLPS, MOVLHPS. */
const MOVHLPS = [24, 25, 26, 27, 28, 29, 30, 31, 8, 9, 10, 11, 12, 13, 14, 15];
const MOVLHPS = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const LOW_QUADWORD = [16, 17, 18, 19, 20, 21, 22, 23, 8, 9, 10, 11, 12, 13, 14, 15];
const LOW_DOUBLEWORD = [16, 17, 18, 19, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/** Moves of parts of XMM registers, which with VEX take the rest from VEX.vvvv and clear the high half. */
export function writeParts(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { code } = w;
  const { opcode } = op;
  const isVex = op.family === "avx";
  const first = isVex ? op.vreg : op.reg;
  const set = (register = op.reg) => {
    w.setVectorRegister(register);
    if (isVex) w.clearVectorHalf(register, 1);
    return true;
  };
  const shuffle = (lanes: number[]) => {
    w.vectorRegister(first);
    w.vectorRegister(op.rm);
    code.vector(V.shuffle, ...lanes);
    return set();
  };
  /** MOVSS and MOVSD to a register. */
  const moveLow = (lanes: number[]) => {
    w.vectorRegister(isVex ? op.vreg : op.rm);
    w.vectorRegister(op.reg);
    code.vector(V.shuffle, ...lanes);
    return set(op.rm);
  };
  const loadZero = (size: 4 | 8) => {
    w.hostOf(op, size, false);
    code.vectorMemory(size === 4 ? V.load32Zero : V.load64Zero, 0);
    return set();
  };
  const loadLane = (lane: number) => {
    w.hostOf(op, 8, false);
    w.vectorRegister(first);
    code.vectorMemory(V.load64Lane, 0, lane);
    return set();
  };
  const storeLane = (size: 4 | 8, lane: number) => {
    w.hostOf(op, size, true);
    w.vectorRegister(op.reg);
    code.vectorMemory(size === 4 ? V.store32Lane : V.store64Lane, 0, lane);
    return true;
  };
  const lowQuadword = (from: number, to: number) => {
    code.i64(0).vector(V.i64x2Splat);
    w.vectorRegister(from);
    code.vector(V.i64x2Extract, 0).vector(V.i64x2Replace, 0);
    return set(to);
  };
  if (page === PAGE_F2) {
    if (opcode === 0x10) return op.isMemory ? loadZero(8) : shuffle(LOW_QUADWORD);
    if (opcode === 0x11) return op.isMemory ? storeLane(8, 0) : moveLow(LOW_QUADWORD);
    return false;
  }
  if (page === PAGE_F3) {
    if (opcode === 0x10) return op.isMemory ? loadZero(4) : shuffle(LOW_DOUBLEWORD);
    if (opcode === 0x11) return op.isMemory ? storeLane(4, 0) : moveLow(LOW_DOUBLEWORD);
    if (opcode === 0x7e) return op.isMemory ? loadZero(8) : lowQuadword(op.rm, op.reg);
    return false;
  }
  if (page > PAGE_66) return false;
  if (opcode === 0x12) return op.isMemory ? loadLane(0) : shuffle(MOVHLPS);
  if (opcode === 0x16) return op.isMemory ? loadLane(1) : shuffle(MOVLHPS);
  if (opcode === 0x13) return storeLane(8, 0);
  if (opcode === 0x17) return storeLane(8, 1);
  if (page !== PAGE_66) return false;
  if (opcode === 0xd6) return op.isMemory ? storeLane(8, 0) : lowQuadword(op.reg, op.rm);
  if (opcode === 0x6e) {
    if (op.isMemory) return loadZero(op.isWide ? 8 : 4);
    code.i64(0).vector(V.i64x2Splat);
    w.register(op.rm);
    if (!op.isWide) code.op(Op.i32WrapI64, Op.i64ExtendI32U);
    code.vector(V.i64x2Replace, 0);
    return set();
  }
  if (opcode === 0x7e) {
    if (op.isMemory) return storeLane(op.isWide ? 8 : 4, 0);
    w.vectorRegister(op.reg);
    if (op.isWide) code.vector(V.i64x2Extract, 0);
    else code.vector(V.i32x4Extract, 0).op(Op.i64ExtendI32U);
    w.setRegister(op.rm);
    return true;
  }
  return false;
}

/** Instructions of elements, by their size: PINSRx, PEXTRx. */
interface Element {
  size: 1 | 2 | 4 | 8;
  load: number;
  store: number;
  replace: number;
  extract: number;
}
const ELEMENTS: Record<number, Element> = {
  1: { size: 1, load: V.load8Lane, store: V.store8Lane, replace: V.i8x16Replace, extract: V.i8x16ExtractU },
  2: { size: 2, load: V.load16Lane, store: V.store16Lane, replace: V.i16x8Replace, extract: V.i16x8ExtractU },
  4: { size: 4, load: V.load32Lane, store: V.store32Lane, replace: V.i32x4Replace, extract: V.i32x4Extract },
  8: { size: 8, load: V.load64Lane, store: V.store64Lane, replace: V.i64x2Replace, extract: V.i64x2Extract },
};

/** PINSRB, PINSRW, PINSRD, PINSRQ; PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS. */
export function writeElements(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const at = key(page, op.opcode);
  const wide = op.isWide ? 8 : 4;
  const inserted = { [key(PAGE_66, 0xc4)]: 2, [key(PAGE_0F3A_66, 0x20)]: 1, [key(PAGE_0F3A_66, 0x22)]: wide }[at];
  if (inserted) {
    insert(w, op, ELEMENTS[inserted]!);
    return true;
  }
  const extracted = {
    [key(PAGE_66, 0xc5)]: 2,
    [key(PAGE_0F3A_66, 0x14)]: 1,
    [key(PAGE_0F3A_66, 0x15)]: 2,
    [key(PAGE_0F3A_66, 0x16)]: wide,
    [key(PAGE_0F3A_66, 0x17)]: 4,
  }[at];
  if (!extracted) return false;
  // PEXTRW of 66 0F has its operands the other way round.
  if (page === PAGE_66) extract(w, op, ELEMENTS[extracted]!, op.rm, op.reg);
  else extract(w, op, ELEMENTS[extracted]!, op.reg, op.rm);
  return true;
}
function insert(w: RegionWriter, op: DecodedOp, { size, load, replace }: Element): void {
  const { code } = w;
  const isVex = op.family === "avx";
  const lane = Number(op.imm) & (16 / size - 1);
  if (op.isMemory) w.hostOf(op, size, false);
  w.vectorRegister(isVex ? op.vreg : op.reg);
  if (op.isMemory) code.vectorMemory(load, 0, lane);
  else {
    w.register(op.rm);
    if (size < 8) code.op(Op.i32WrapI64);
    code.vector(replace, lane);
  }
  w.setVectorRegister(op.reg);
  if (isVex) w.clearVectorHalf(op.reg, 1);
}
function extract(w: RegionWriter, op: DecodedOp, element: Element, from: number, to: number): void {
  const { code } = w;
  const lane = Number(op.imm) & (16 / element.size - 1);
  if (op.isMemory) w.hostOf(op, element.size, true);
  w.vectorRegister(from);
  if (op.isMemory) return void code.vectorMemory(element.store, 0, lane);
  code.vector(element.extract, lane);
  if (element.size < 8) code.op(Op.i64ExtendI32U);
  w.setRegister(to);
}
