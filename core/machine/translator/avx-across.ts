/** AVX instructions whose results come from the other half of a YMM register, or from less than a half: permutes, broadcasts, widening, moves of halves. */
import { halves, setHalves } from "./avx-operand.ts";
import type { DecodedOp } from "./decoded.ts";
import { key } from "./lanes.ts";
import { V } from "./simd.ts";
import { PAGE_0F38_66, PAGE_0F3A_66, PAGE_F2, vectorOperand } from "./vector-operand.ts";
import { I32, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

export function writeAcross(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const at = key(page, op.opcode);
  if (at === key(PAGE_F2, 0x12)) duplicate(w, op);
  else if (page === PAGE_0F38_66) return writeWidening(w, op) || writeBroadcast(w, op) || writePermute(w, op);
  else if (page === PAGE_0F3A_66) return writeByImmediate(w, op);
  else return false;
  return true;
}

/** Pushes a vector with a shuffle of itself alone. */
function shuffled(w: RegionWriter, push: () => void, bytes: number[]): void {
  const local = w.temporary("laneB", V128);
  push();
  w.code
    .tee(local)
    .get(local)
    .vector(V.shuffle, ...bytes);
}
/** The bytes of the lowest lane, everywhere. */
function lowest(width: number): number[] {
  return Array.from({ length: 16 }, (_, i) => i % width);
}

/** VMOVDDUP, whose form of 128 bits reads 8 bytes. */
function duplicate(w: RegionWriter, op: DecodedOp): void {
  if (!op.is256 && op.isMemory) {
    w.hostOf(op, 8, false);
    w.code.vectorMemory(V.load64Splat, 0);
    w.setVectorRegister(op.reg);
    w.clearVectorHalf(op.reg, 1);
    return;
  }
  const source = halves(w, op);
  setHalves(w, op, op.reg, (half) => shuffled(w, () => source(half), lowest(8)));
}

const BROADCASTS: Record<number, { width: 1 | 2 | 4 | 8; load: number }> = {
  0x18: { width: 4, load: V.load32Splat },
  0x19: { width: 8, load: V.load64Splat },
  0x58: { width: 4, load: V.load32Splat },
  0x59: { width: 8, load: V.load64Splat },
  0x78: { width: 1, load: V.load8Splat },
  0x79: { width: 2, load: V.load16Splat },
};

function writeBroadcast(w: RegionWriter, op: DecodedOp): boolean {
  const { code } = w;
  const value = w.temporary("laneA", V128);
  const broadcast = BROADCASTS[op.opcode];
  if (op.opcode === 0x1a || op.opcode === 0x5a) vectorOperand(w, op, false);
  else if (!broadcast) return false;
  else if (op.isMemory) {
    w.hostOf(op, broadcast.width, false);
    code.vectorMemory(broadcast.load, 0);
  } else shuffled(w, () => w.vectorRegister(op.rm), lowest(broadcast.width));
  code.set(value);
  setHalves(w, op, op.reg, () => void code.get(value));
  return true;
}

/** Steps from one width of lanes to the next: the instruction for the lower half of its operand, and for the upper one. */
const WIDEN = {
  signed: [
    [V.i16x8ExtendLowS, V.i16x8ExtendHighS],
    [V.i32x4ExtendLowS, V.i32x4ExtendHighS],
    [V.i64x2ExtendLowS, V.i64x2ExtendHighS],
  ],
  unsigned: [
    [V.i16x8ExtendLowU, V.i16x8ExtendHighU],
    [V.i32x4ExtendLowU, V.i32x4ExtendHighU],
    [V.i64x2ExtendLowU, V.i64x2ExtendHighU],
  ],
} as const;
/** By the low three bits of the opcode: from the log2 of the source's width in bytes to the destination's. */
const WIDTHS = [
  [0, 1],
  [0, 2],
  [0, 3],
  [1, 2],
  [1, 3],
  [2, 3],
] as const;

/** VPMOVSX, VPMOVZX. */
function writeWidening(w: RegionWriter, op: DecodedOp): boolean {
  const { code } = w;
  const widths = WIDTHS[op.opcode & 7];
  const kind = op.opcode >> 3 === 4 ? WIDEN.signed : op.opcode >> 3 === 6 ? WIDEN.unsigned : null;
  if (!widths || !kind) return false;
  const [from, to] = widths;
  const steps = kind.slice(from, to);
  const value = w.temporary("laneA", V128);
  if (op.isMemory) {
    const bytes = (op.is256 ? 32 : 16) >> (to - from);
    w.hostOf(op, bytes, false);
    if (bytes === 16) code.vectorMemory(V.load, 0);
    else if (bytes === 2) code.vectorMemory(V.load16Splat, 0);
    else code.vectorMemory(bytes === 8 ? V.load64Zero : V.load32Zero, 0);
  } else w.vectorRegister(op.rm);
  code.set(value);
  setHalves(w, op, op.reg, (half) => {
    code.get(value);
    // The last step takes what the high half is made of.
    steps.forEach((step, n) => code.vector(step[half && n === steps.length - 1 ? 1 : 0]!));
  });
  return true;
}

/** VPERMD, VPERMPS: each doubleword is the one that the low three bits of its index choose. */
function writePermute(w: RegionWriter, op: DecodedOp): boolean {
  if (op.opcode !== 0x16 && op.opcode !== 0x36) return false;
  const { code } = w;
  const source = halves(w, op);
  const bytes = w.temporary("laneA", V128);
  const low = w.temporary("laneB", V128);
  const every = (value: number) => code.i32(value).vector(V.i32x4Splat);
  const half = (n: number) => {
    // The index of a doubleword in its half, multiplied into the indices of its four bytes.
    w.vectorHalf(op.vreg, n);
    every(3).vector(V.and);
    every(0x04040404).vector(V.i32x4Mul);
    every(0x03020100).vector(V.i32x4Add).set(bytes);
    source(1);
    code.get(bytes).vector(V.swizzle);
    source(0);
    code.get(bytes).vector(V.swizzle);
    w.vectorHalf(op.vreg, n);
    code.i32(29).vector(V.i32x4Shl).i32(31).vector(V.i32x4ShrS).vector(V.bitSelect);
  };
  half(0);
  code.set(low);
  half(1);
  w.setVectorHalf(op.reg, 1);
  code.get(low);
  w.setVectorHalf(op.reg, 0);
  return true;
}

function writeByImmediate(w: RegionWriter, op: DecodedOp): boolean {
  const imm = Number(op.imm & 0xffn);
  switch (op.opcode) {
    case 0x00:
    case 0x01:
      quadwords(w, op, imm);
      return true;
    case 0x06:
    case 0x46:
      chooseHalves(w, op, imm);
      return true;
    case 0x18:
    case 0x38:
      insertHalf(w, op, imm & 1);
      return true;
    case 0x19:
    case 0x39:
      extractHalf(w, op, imm & 1);
      return true;
    default:
      return false;
  }
}

/** VPERMQ, VPERMPD: two bits choose each quadword. */
function quadwords(w: RegionWriter, op: DecodedOp, imm: number): void {
  const { code } = w;
  const halvesOf = halves(w, op);
  const low = w.temporary("laneA", V128);
  const high = w.temporary("laneB", V128);
  halvesOf(0);
  code.set(low);
  halvesOf(1);
  code.set(high);
  setHalves(w, op, op.reg, (half) => {
    const [first, second] = [(imm >> (4 * half)) & 3, (imm >> (4 * half + 2)) & 3];
    const lanes = [first, second].flatMap((n) => Array.from({ length: 8 }, (_, i) => 8 * n + i));
    code
      .get(low)
      .get(high)
      .vector(V.shuffle, ...lanes);
  });
}

/** VPERM2F128, VPERM2I128: a nibble chooses each half from VEX.vvvv (0, 1) and r/m (2, 3), or zero. */
function chooseHalves(w: RegionWriter, op: DecodedOp, imm: number): void {
  const { code } = w;
  const source = halves(w, op);
  const choices = [imm & 15, imm >> 4];
  const locals = [w.temporary("laneA", V128), w.temporary("laneB", V128)];
  choices.forEach((choice, half) => {
    if (choice & 8) return;
    if (choice & 2) source(choice & 1);
    else w.vectorHalf(op.vreg, choice & 1);
    code.set(locals[half]!);
  });
  choices.forEach((choice, half) => {
    if (choice & 8) return w.clearVectorHalf(op.reg, half);
    code.get(locals[half]!);
    w.setVectorHalf(op.reg, half);
  });
}

/** VINSERTF128, VINSERTI128. */
function insertHalf(w: RegionWriter, op: DecodedOp, into: number): void {
  const { code } = w;
  const inserted = w.temporary("laneA", V128);
  vectorOperand(w, op, false);
  code.set(inserted);
  const other = 1 - into;
  w.vectorHalf(op.vreg, other);
  w.setVectorHalf(op.reg, other);
  code.get(inserted);
  w.setVectorHalf(op.reg, into);
}

/** VEXTRACTF128, VEXTRACTI128. */
function extractHalf(w: RegionWriter, op: DecodedOp, from: number): void {
  const { code } = w;
  if (!op.isMemory) {
    w.vectorHalf(op.reg, from);
    w.setVectorHalf(op.rm, 0);
    w.clearVectorHalf(op.rm, 1);
    return;
  }
  const host = w.temporary("vectorHost", I32);
  w.hostOf(op, 16, true);
  code.set(host).get(host);
  w.vectorHalf(op.reg, from);
  code.vectorMemory(V.store, 0);
}
