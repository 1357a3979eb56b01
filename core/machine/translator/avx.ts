/**
 * AVX and AVX2 as v128 instructions, on both halves of YMM registers: moves, and what does in each half what SSE does (lanes.ts). What crosses the halves is in
 * avx-across.ts, what has a count or a choice for each lane in avx-variable.ts and avx-masked.ts, floating point in float.ts and the files after it. What is in none of
 * them is left to the interpreter's function: gathers, approximations, AES and the like.
 */
import { writeAcross } from "./avx-across.ts";
import { writeMasked } from "./avx-masked.ts";
import { writeVariable } from "./avx-variable.ts";
import { writeFma } from "./fma.ts";
import { halves, setHalves } from "./avx-operand.ts";
import type { DecodedOp } from "./decoded.ts";
import { writeFloat } from "./float.ts";
import { writeFloatComparison } from "./float-compare.ts";
import { writeConversion } from "./float-convert.ts";
import { writePackedConversion } from "./float-convert-packed.ts";
import { writeHalf } from "./float-half.ts";
import { writeHorizontal } from "./float-horizontal.ts";
import { writeRounding } from "./float-round.ts";
import { SHIFTS_BY_REGISTER, key, laneForm, shiftByConstant, shiftInstruction } from "./lanes.ts";
import { V } from "./simd.ts";
import { writeElements, writeParts } from "./vector-parts.ts";
import { PAGE_0F, PAGE_0F38_66, PAGE_0F3A_66, PAGE_66, PAGE_F2, PAGE_F3, vectorOperand } from "./vector-operand.ts";
import { I32, I64, Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const CF = 1n;

/** Returns whether the AVX instruction writes flags. */
export function writesFlags({ map, opcode }: DecodedOp): boolean {
  if (map === 1) return opcode === 0x2e || opcode === 0x2f;
  if (map === 2) return opcode === 0x0e || opcode === 0x0f || opcode === 0x17;
  return opcode >= 0x60 && opcode <= 0x63;
}

/** Writes an AVX instruction. Returns false, with nothing but the check written, if it is left to the interpreter's function. */
export function writeAvx(w: RegionWriter, op: DecodedOp): boolean {
  w.needVectors(op);
  const page = (op.id >> 8) & 15;
  return (
    writeMove(w, op, page) ||
    writeParts(w, op, page) ||
    writeElements(w, op, page) ||
    writeLanes(w, op, page) ||
    writeSigns(w, op, page) ||
    writeAcross(w, op, page) ||
    writeVariable(w, op, page) ||
    writeMasked(w, op, page) ||
    writeFloat(w, op, page) ||
    writeFloatComparison(w, op, page) ||
    writeHorizontal(w, op, page) ||
    writeConversion(w, op, page) ||
    writePackedConversion(w, op, page) ||
    writeHalf(w, op, page) ||
    writeRounding(w, op, page) ||
    writeFma(w, op, page)
  );
}

const LOADS_UNALIGNED = new Set([key(PAGE_0F, 0x10), key(PAGE_66, 0x10), key(PAGE_F3, 0x6f), key(PAGE_F2, 0xf0)]);
const LOADS_ALIGNED = new Set([
  key(PAGE_0F, 0x28),
  key(PAGE_66, 0x28),
  key(PAGE_66, 0x6f),
  // VMOVNTDQA
  key(PAGE_0F38_66, 0x2a),
]);
const STORES_UNALIGNED = new Set([key(PAGE_0F, 0x11), key(PAGE_66, 0x11), key(PAGE_F3, 0x7f)]);
const STORES_ALIGNED = new Set([
  key(PAGE_0F, 0x29),
  key(PAGE_66, 0x29),
  key(PAGE_66, 0x7f),
  key(PAGE_66, 0xe7),
  key(PAGE_0F, 0x2b),
  key(PAGE_66, 0x2b),
]);

function writeMove(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const at = key(page, op.opcode);
  if (at === key(PAGE_0F, 0x77)) {
    zero(w, op);
    return true;
  }
  if (LOADS_UNALIGNED.has(at) || LOADS_ALIGNED.has(at)) {
    setHalves(w, op, op.reg, halves(w, op, LOADS_ALIGNED.has(at)));
    return true;
  }
  if (!STORES_UNALIGNED.has(at) && !STORES_ALIGNED.has(at)) return false;
  if (!op.isMemory) {
    setHalves(w, op, op.rm, (half) => w.vectorHalf(op.reg, half));
    return true;
  }
  const size = op.is256 ? 32 : 16;
  const host = w.temporary("vectorHost", I32);
  w.hostOf(op, size, true);
  if (STORES_ALIGNED.has(at)) w.aligned(op, size);
  w.code.set(host);
  for (const half of op.is256 ? [0, 1] : [0]) {
    w.code.get(host);
    w.vectorHalf(op.reg, half);
    w.code.vectorMemory(V.store, 16 * half);
  }
  return true;
}

/** VZEROUPPER and VZEROALL. Outside 64-bit mode they touch only the first 8 registers. */
function zero(w: RegionWriter, op: DecodedOp): void {
  for (let n = 0; n < (w.mode.isLong ? 16 : 8); n++)
    for (const half of op.is256 ? [0, 1] : [1]) w.clearVectorHalf(n, half);
}

/** The bits of the immediate that the high half's lanes use, if they are not those of the low half's: their distance. */
const IMMEDIATE_OF_HIGH = new Map([
  [key(PAGE_66, 0xc6), 2],
  [key(PAGE_0F3A_66, 0x02), 4],
  [key(PAGE_0F3A_66, 0x05), 2],
  [key(PAGE_0F3A_66, 0x0c), 4],
  [key(PAGE_0F3A_66, 0x0d), 2],
]);
/** A register XORed with itself. */
const XORS = new Set([key(PAGE_66, 0xef), key(PAGE_66, 0x57), key(PAGE_0F, 0x57)]);
/** The lanes whose signs choose in VBLENDVPS, VBLENDVPD, VPBLENDVB: what makes masks of them. */
const BLENDS: Record<number, { shift: number; by: number }> = {
  0x4a: { shift: V.i32x4ShrS, by: 31 },
  0x4b: { shift: V.i64x2ShrS, by: 63 },
  0x4c: { shift: V.i8x16ShrS, by: 7 },
};

function writeLanes(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { code } = w;
  const { opcode } = op;
  const at = key(page, opcode);
  const imm = Number(op.imm & 0xffn);
  if (XORS.has(at) && !op.isMemory && op.vreg === op.rm) {
    for (const half of [0, 1]) w.clearVectorHalf(op.reg, half);
    return true;
  }
  const low = laneForm(page, opcode, imm);
  if (low) {
    const high = laneForm(page, opcode, imm >> (IMMEDIATE_OF_HIGH.get(at) ?? 0))!;
    const source = halves(w, op);
    setHalves(w, op, op.reg, (half) =>
      (half ? high : low).lanes(
        w,
        () => w.vectorHalf(op.vreg, half),
        () => source(half),
      ),
    );
    return true;
  }
  if (page === PAGE_66 && opcode >= 0x71 && opcode <= 0x73) {
    const shift = shiftByConstant(opcode, op.reg & 7, imm);
    setHalves(w, op, op.vreg, (half) => {
      const push = () => w.vectorHalf(op.rm, half);
      shift(w, push, push);
    });
    return true;
  }
  const byRegister = page === PAGE_66 ? SHIFTS_BY_REGISTER[opcode] : undefined;
  if (byRegister) {
    const count = w.temporary("vectorCount", I64);
    vectorOperand(w, op, false);
    code.vector(V.i64x2Extract, 0).set(count);
    const { width, digit } = byRegister;
    const most = BigInt(width - 1);
    setHalves(w, op, op.reg, (half) => {
      // Counts that are too large give copies of the sign, or zero.
      const isArithmetic = digit === 4;
      w.vectorHalf(op.vreg, half);
      code.get(count).op(Op.i32WrapI64);
      if (isArithmetic)
        code
          .i32(width - 1)
          .get(count)
          .i64(most)
          .op(Op.i64LeU, Op.select);
      code.vector(shiftInstruction(byRegister));
      if (isArithmetic) return;
      code.vector(V.const, ...new Array<number>(16).fill(0));
      code.get(count).i64(most).op(Op.i64LeU, Op.select);
    });
    return true;
  }
  const blend = page === PAGE_0F3A_66 ? BLENDS[opcode] : undefined;
  if (!blend) return false;
  const source = halves(w, op);
  setHalves(w, op, op.reg, (half) => {
    source(half);
    w.vectorHalf(op.vreg, half);
    w.vectorHalf(imm >> 4, half);
    code.i32(blend.by).vector(blend.shift).vector(V.bitSelect);
  });
  return true;
}

const signsOf = (width: number) => Array.from({ length: 16 }, (_, i) => (i % width === width - 1 ? 0x80 : 0));
/** The bits that VTESTPS, VTESTPD and VPTEST look at. */
const TESTED: Record<number, number[] | "all"> = { 0x0e: signsOf(4), 0x0f: signsOf(8), 0x17: "all" };

/** What makes general registers or flags of a vector: VPMOVMSKB, VMOVMSKPS, VMOVMSKPD, VPTEST, VTESTPS, VTESTPD. */
function writeSigns(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const { code, flags } = w;
  const masks: Record<number, { bits: number; instruction: number }> = {
    [key(PAGE_66, 0xd7)]: { bits: 16, instruction: V.i8x16Bitmask },
    [key(PAGE_0F, 0x50)]: { bits: 4, instruction: V.i32x4Bitmask },
    [key(PAGE_66, 0x50)]: { bits: 2, instruction: V.i64x2Bitmask },
  };
  const mask = masks[key(page, op.opcode)];
  if (mask) {
    w.vectorHalf(op.rm, 0);
    code.vector(mask.instruction);
    if (op.is256) {
      w.vectorHalf(op.rm, 1);
      code.vector(mask.instruction).i32(mask.bits).op(Op.i32Shl, Op.i32Or);
    }
    code.op(Op.i64ExtendI32U);
    w.setRegister(op.reg);
    return true;
  }
  const tested = page === PAGE_0F38_66 ? TESTED[op.opcode] : undefined;
  if (!tested) return false;
  const source = halves(w, op);
  const anyTested = () => {
    if (tested !== "all") code.vector(V.const, ...tested).vector(V.and);
    code.vector(V.anyTrue);
  };
  const each = op.is256 ? [0, 1] : [0];
  for (const half of each) {
    w.vectorHalf(op.reg, half);
    source(half);
    code.vector(V.and);
    if (half) code.vector(V.or);
  }
  anyTested();
  code.op(Op.i64ExtendI32U).set(w.temporary("second", I64));
  code.i64(0).i64(CF);
  for (const half of each) {
    source(half);
    w.vectorHalf(op.reg, half);
    code.vector(V.andNot);
    if (half) code.vector(V.or);
  }
  anyTested();
  code.op(Op.select).set(flags.a);
  code.get(w.temporary("second", I64)).set(flags.result);
  flags.set("compared", 8);
  return true;
}
