/**
 * SSE moves, logic, shuffles and integer arithmetic as v128 instructions. XMM registers are locals like the general ones. What is not here is left to
 * the interpreter's function (which also checks rare cases: CR0.TS, alignment).
 */
import type { DecodedOp } from "./decoded.ts";
import { writeFloat } from "./float.ts";
import { V } from "./simd.ts";
import { PAGE_0F, PAGE_66, PAGE_F2, PAGE_F3, vectorOperand } from "./vector-operand.ts";
import { Op, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** 66 0F with two operands, of which the first is the destination. */
const PACKED: Record<number, number> = {
  0x64: V.i8x16GtS,
  0x65: V.i16x8GtS,
  0x66: V.i32x4GtS,
  0x74: V.i8x16Eq,
  0x75: V.i16x8Eq,
  0x76: V.i32x4Eq,
  0xd4: V.i64x2Add,
  0xd5: V.i16x8Mul,
  0xd8: V.i8x16SubSatU,
  0xd9: V.i16x8SubSatU,
  0xda: V.i8x16MinU,
  0xdc: V.i8x16AddSatU,
  0xdd: V.i16x8AddSatU,
  0xde: V.i8x16MaxU,
  0xe0: V.i8x16AverageU,
  0xe3: V.i16x8AverageU,
  0xe8: V.i8x16SubSatS,
  0xe9: V.i16x8SubSatS,
  0xea: V.i16x8MinS,
  0xec: V.i8x16AddSatS,
  0xed: V.i16x8AddSatS,
  0xee: V.i16x8MaxS,
  0xf5: V.i32x4DotS,
  0xf8: V.i8x16Sub,
  0xf9: V.i16x8Sub,
  0xfa: V.i32x4Sub,
  0xfb: V.i64x2Sub,
  0xfc: V.i8x16Add,
  0xfd: V.i16x8Add,
  0xfe: V.i32x4Add,
  0x63: V.i8x16NarrowS,
  0x67: V.i8x16NarrowU,
  0x6b: V.i16x8NarrowS,
};
/** Likewise for 66 0F and 0F. */
const LOGIC: Record<number, number> = { 0x54: V.and, 0x55: V.andNot, 0x56: V.or, 0x57: V.xor };
const LOGIC_66: Record<number, number> = { 0xdb: V.and, 0xdf: V.andNot, 0xeb: V.or, 0xef: V.xor };

/** Indices of bytes from the destination (0..15) and the source (16..31). */
const bytes = (...lanes: number[]) => lanes;
const interleave = (width: number, high: boolean): number[] => {
  const out: number[] = [];
  for (let lane = high ? 8 : 0; out.length < 16; lane += width)
    for (const from of [0, 16]) for (let i = 0; i < width; i++) out.push(from + lane + i);
  return out;
};
const SHUFFLES_66: Record<number, number[]> = {
  0x60: interleave(1, false),
  0x61: interleave(2, false),
  0x62: interleave(4, false),
  0x6c: interleave(8, false),
  0x14: interleave(8, false),
  0x68: interleave(1, true),
  0x69: interleave(2, true),
  0x6a: interleave(4, true),
  0x6d: interleave(8, true),
  0x15: interleave(8, true),
};
const SHUFFLES: Record<number, number[]> = { 0x14: interleave(4, false), 0x15: interleave(4, true) };
/** What becomes of the low or high quadword of the destination with a register source: MOVHLPS, MOVLHPS. */
const MOVHLPS = bytes(24, 25, 26, 27, 28, 29, 30, 31, 8, 9, 10, 11, 12, 13, 14, 15);
const MOVLHPS = bytes(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
const LOW_QUADWORD = bytes(16, 17, 18, 19, 20, 21, 22, 23, 8, 9, 10, 11, 12, 13, 14, 15);
const LOW_DOUBLEWORD = bytes(16, 17, 18, 19, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

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

/** Writes an SSE instruction. Returns false, with nothing written, if it is left to the interpreter's function. */
export function writeVector(w: RegionWriter, op: DecodedOp): boolean {
  if (op.map !== 1) return false;
  // MMX has the same opcodes.
  const page = op.id >> 8;
  if (page > PAGE_F2) return false;
  w.needVectors(op);
  return writeMove(w, op, page) || writeLanes(w, op, page) || writePacked(w, op, page) || writeFloat(w, op, page);
}

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

/** Moves of 32 and 64 bits. */
function writeLanes(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { code } = w;
  const { opcode } = op;
  const shuffle = (lanes: number[]) => {
    w.vectorRegister(op.reg);
    w.vectorRegister(op.rm);
    code.vector(V.shuffle, ...lanes);
    set(w, op);
    return true;
  };
  const loadZero = (size: 4 | 8) => {
    w.hostOf(op, size, false);
    code.vectorMemory(size === 4 ? V.load32Zero : V.load64Zero, 0);
    set(w, op);
    return true;
  };
  const loadLane = (lane: number) => {
    w.hostOf(op, 8, false);
    w.vectorRegister(op.reg);
    code.vectorMemory(V.load64Lane, 0, lane);
    set(w, op);
    return true;
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
    w.setVectorRegister(to);
    return true;
  };
  if (page === PAGE_F2) {
    if (opcode === 0x10) return op.isMemory ? loadZero(8) : shuffle(LOW_QUADWORD);
    if (opcode === 0x11) return op.isMemory ? storeLane(8, 0) : moveLow(w, op, LOW_QUADWORD);
    return false;
  }
  if (page === PAGE_F3) {
    if (opcode === 0x10) return op.isMemory ? loadZero(4) : shuffle(LOW_DOUBLEWORD);
    if (opcode === 0x11) return op.isMemory ? storeLane(4, 0) : moveLow(w, op, LOW_DOUBLEWORD);
    if (opcode === 0x7e) return op.isMemory ? loadZero(8) : lowQuadword(op.rm, op.reg);
    return false;
  }
  if (opcode === 0x12) return op.isMemory ? loadLane(0) : shuffle(MOVHLPS);
  if (opcode === 0x16) return op.isMemory ? loadLane(1) : shuffle(MOVLHPS);
  if (opcode === 0x13) return storeLane(8, 0);
  if (opcode === 0x17) return storeLane(8, 1);
  if (page !== PAGE_66) return false;
  if (opcode === 0xd6) return op.isMemory ? storeLane(8, 0) : lowQuadword(op.reg, op.rm);
  if (opcode === 0x6e) {
    if (op.isMemory) return loadZero(op.size === 8 ? 8 : 4);
    code.i64(0).vector(V.i64x2Splat);
    w.register(op.rm);
    if (op.size !== 8) code.op(Op.i32WrapI64, Op.i64ExtendI32U);
    code.vector(V.i64x2Replace, 0);
    set(w, op);
    return true;
  }
  if (opcode === 0x7e) {
    if (op.isMemory) return storeLane(op.size === 8 ? 8 : 4, 0);
    w.vectorRegister(op.reg);
    if (op.size === 8) code.vector(V.i64x2Extract, 0);
    else code.vector(V.i32x4Extract, 0).op(Op.i64ExtendI32U);
    w.setRegister(op.rm);
    return true;
  }
  return false;
}

/** MOVSS and MOVSD to a register: the other lanes of the destination stay. */
function moveLow(w: RegionWriter, op: DecodedOp, lanes: number[]): boolean {
  w.vectorRegister(op.rm);
  w.vectorRegister(op.reg);
  w.code.vector(V.shuffle, ...lanes);
  w.setVectorRegister(op.rm);
  return true;
}

function writePacked(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { code } = w;
  const { opcode } = op;
  if (page > PAGE_66) return false;
  const logic = LOGIC[opcode] ?? (page === PAGE_66 ? LOGIC_66[opcode] : undefined);
  if (logic !== undefined) {
    // ANDN complements the register, which is the second operand of wasm's instruction.
    if (logic !== V.andNot) w.vectorRegister(op.reg);
    vectorOperand(w, op);
    if (logic === V.andNot) w.vectorRegister(op.reg);
    code.vector(logic);
    set(w, op);
    return true;
  }
  const lanes = page === PAGE_66 ? SHUFFLES_66[opcode] : SHUFFLES[opcode];
  if (lanes) {
    w.vectorRegister(op.reg);
    vectorOperand(w, op);
    code.vector(V.shuffle, ...lanes);
    set(w, op);
    return true;
  }
  if (opcode === 0x50) {
    w.vectorRegister(op.rm);
    code.vector(page === PAGE_66 ? V.i64x2Bitmask : V.i32x4Bitmask).op(Op.i64ExtendI32U);
    w.setRegister(op.reg);
    return true;
  }
  if (opcode === 0xc6) {
    const imm = Number(op.imm & 0xffn);
    w.vectorRegister(op.reg);
    vectorOperand(w, op);
    code.vector(V.shuffle, ...(page === PAGE_66 ? shufpd(imm) : shufps(imm)));
    set(w, op);
    return true;
  }
  if (page !== PAGE_66) return false;
  const packed = PACKED[opcode];
  if (packed !== undefined) {
    w.vectorRegister(op.reg);
    vectorOperand(w, op);
    code.vector(packed);
    set(w, op);
    return true;
  }
  switch (opcode) {
    case 0x70:
      // PSHUFD.
      vectorOperand(w, op);
      code.set(w.temporary("vectorB", V128));
      code.get(w.temporary("vectorB", V128)).get(w.temporary("vectorB", V128));
      code.vector(V.shuffle, ...doublewords(Number(op.imm & 0xffn), [0, 0, 0, 0]));
      set(w, op);
      return true;
    case 0xd7:
      w.vectorRegister(op.rm);
      code.vector(V.i8x16Bitmask).op(Op.i64ExtendI32U);
      w.setRegister(op.reg);
      return true;
    case 0xf4: {
      // PMULUDQ: the even doublewords.
      const even = bytes(0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11);
      const b = w.temporary("vectorB", V128);
      vectorOperand(w, op);
      code.set(b);
      w.vectorRegister(op.reg);
      w.vectorRegister(op.reg);
      code
        .vector(V.shuffle, ...even)
        .get(b)
        .get(b)
        .vector(V.shuffle, ...even)
        .vector(V.i64x2ExtMulLowU);
      set(w, op);
      return true;
    }
    case 0x71:
    case 0x72:
    case 0x73:
      return writeShiftGroup(w, op);
    default:
      return false;
  }
}

function doublewords(imm: number, from: number[]): number[] {
  return [0, 1, 2, 3].flatMap((lane) => {
    const at = from[lane]! + 4 * ((imm >> (2 * lane)) & 3);
    return [at, at + 1, at + 2, at + 3];
  });
}
function shufps(imm: number): number[] {
  return doublewords(imm, [0, 0, 16, 16]);
}
function shufpd(imm: number): number[] {
  return [0, 1].flatMap((lane) => Array.from({ length: 8 }, (_, i) => 16 * lane + 8 * ((imm >> lane) & 1) + i));
}

/** Shifts by a constant. */
function writeShiftGroup(w: RegionWriter, op: DecodedOp): boolean {
  const { code } = w;
  const count = Number(op.imm & 0xffn);
  const digit = op.reg & 7;
  const width = { 0x71: 16, 0x72: 32, 0x73: 64 }[op.opcode]!;
  if (op.opcode === 0x73 && (digit === 3 || digit === 7)) {
    const lanes = Array.from({ length: 16 }, (_, i) => {
      const from = digit === 3 ? i + count : i - count;
      return from >= 0 && from < 16 ? from : 16;
    });
    w.vectorRegister(op.rm);
    code
      .i64(0)
      .vector(V.i64x2Splat)
      .vector(V.shuffle, ...lanes);
    w.setVectorRegister(op.rm);
    return true;
  }
  if (count >= width && digit !== 4) {
    code.i64(0).vector(V.i64x2Splat);
    w.setVectorRegister(op.rm);
    return true;
  }
  const shifts: Record<number, Record<number, number>> = {
    2: { 16: V.i16x8ShrU, 32: V.i32x4ShrU, 64: V.i64x2ShrU },
    4: { 16: V.i16x8ShrS, 32: V.i32x4ShrS },
    6: { 16: V.i16x8Shl, 32: V.i32x4Shl, 64: V.i64x2Shl },
  };
  w.vectorRegister(op.rm);
  code.i32(Math.min(count, width - 1)).vector(shifts[digit]![width]!);
  w.setVectorRegister(op.rm);
  return true;
}
