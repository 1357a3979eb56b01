/**
 * What computes 16 bytes of a vector instruction's result from 16 bytes of each operand, where all lanes are independent of the other half: the same
 * for SSE, for VEX.128, and for each half of a YMM register.
 */
import { PAGE_0F, PAGE_0F38_66, PAGE_0F3A_66, PAGE_66, PAGE_F2, PAGE_F3 } from "./vector-operand.ts";
import { V } from "./simd.ts";
import { Op, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** Pushes 16 bytes of an operand. */
export type Push = () => void;
/** Pushes the result. An instruction with one operand has only the second one. */
export type Lanes = (w: RegionWriter, a: Push, b: Push) => void;

export function key(page: number, opcode: number): number {
  return page * 256 + opcode;
}

// ---- one instruction of WebAssembly ----

const BINARY = new Map<number, number>();
const UNARY = new Map<number, number>();
const binary = (page: number, opcodes: Record<number, number>) =>
  Object.entries(opcodes).forEach(([opcode, instruction]) => BINARY.set(key(page, Number(opcode)), instruction));
const unary = (page: number, opcodes: Record<number, number>) =>
  Object.entries(opcodes).forEach(([opcode, instruction]) => UNARY.set(key(page, Number(opcode)), instruction));

binary(PAGE_0F, { 0x54: V.and, 0x56: V.or, 0x57: V.xor });
binary(PAGE_66, {
  0x54: V.and,
  0x56: V.or,
  0x57: V.xor,
  0x63: V.i8x16NarrowS,
  0x64: V.i8x16GtS,
  0x65: V.i16x8GtS,
  0x66: V.i32x4GtS,
  0x67: V.i8x16NarrowU,
  0x6b: V.i16x8NarrowS,
  0x74: V.i8x16Eq,
  0x75: V.i16x8Eq,
  0x76: V.i32x4Eq,
  0xd4: V.i64x2Add,
  0xd5: V.i16x8Mul,
  0xd8: V.i8x16SubSatU,
  0xd9: V.i16x8SubSatU,
  0xda: V.i8x16MinU,
  0xdb: V.and,
  0xdc: V.i8x16AddSatU,
  0xdd: V.i16x8AddSatU,
  0xde: V.i8x16MaxU,
  0xe0: V.i8x16AverageU,
  0xe3: V.i16x8AverageU,
  0xe8: V.i8x16SubSatS,
  0xe9: V.i16x8SubSatS,
  0xea: V.i16x8MinS,
  0xeb: V.or,
  0xec: V.i8x16AddSatS,
  0xed: V.i16x8AddSatS,
  0xee: V.i16x8MaxS,
  0xef: V.xor,
  0xf5: V.i32x4DotS,
  0xf8: V.i8x16Sub,
  0xf9: V.i16x8Sub,
  0xfa: V.i32x4Sub,
  0xfb: V.i64x2Sub,
  0xfc: V.i8x16Add,
  0xfd: V.i16x8Add,
  0xfe: V.i32x4Add,
});
binary(PAGE_0F38_66, {
  0x29: V.i64x2Eq,
  0x2b: V.i16x8NarrowU,
  0x37: V.i64x2GtS,
  0x38: V.i8x16MinS,
  0x39: V.i32x4MinS,
  0x3a: V.i16x8MinU,
  0x3b: V.i32x4MinU,
  0x3c: V.i8x16MaxS,
  0x3d: V.i32x4MaxS,
  0x3e: V.i16x8MaxU,
  0x3f: V.i32x4MaxU,
  0x40: V.i32x4Mul,
});
unary(PAGE_0F38_66, { 0x1c: V.i8x16Abs, 0x1d: V.i16x8Abs, 0x1e: V.i32x4Abs });

// ---- shuffles: indices of bytes from the first operand (0..15) and the second (16..31) ----

function interleave(width: number, high: boolean): number[] {
  const out: number[] = [];
  for (let lane = high ? 8 : 0; out.length < 16; lane += width)
    for (const from of [0, 16]) for (let i = 0; i < width; i++) out.push(from + lane + i);
  return out;
}
/** The bytes of these lanes, each `width` wide. */
export function lanesOf(width: number, ...lanes: number[]): number[] {
  return lanes.flatMap((lane) => Array.from({ length: width }, (_, i) => lane * width + i));
}
const SHUFFLES = new Map<number, number[]>([
  [key(PAGE_0F, 0x14), interleave(4, false)],
  [key(PAGE_0F, 0x15), interleave(4, true)],
  [key(PAGE_66, 0x14), interleave(8, false)],
  [key(PAGE_66, 0x15), interleave(8, true)],
  [key(PAGE_66, 0x60), interleave(1, false)],
  [key(PAGE_66, 0x61), interleave(2, false)],
  [key(PAGE_66, 0x62), interleave(4, false)],
  [key(PAGE_66, 0x68), interleave(1, true)],
  [key(PAGE_66, 0x69), interleave(2, true)],
  [key(PAGE_66, 0x6a), interleave(4, true)],
  [key(PAGE_66, 0x6c), interleave(8, false)],
  [key(PAGE_66, 0x6d), interleave(8, true)],
]);
/** The same of the only operand. */
const SHUFFLES_UNARY = new Map<number, number[]>([
  [key(PAGE_F3, 0x12), lanesOf(4, 0, 0, 2, 2)],
  [key(PAGE_F3, 0x16), lanesOf(4, 1, 1, 3, 3)],
]);

const pair = (imm: number, lane: number) => (imm >> (2 * lane)) & 3;
/** Shuffles of two operands that the immediate chooses. */
function chosen(page: number, opcode: number, imm: number): number[] | null {
  switch (key(page, opcode)) {
    case key(PAGE_0F, 0xc6):
      return lanesOf(4, pair(imm, 0), pair(imm, 1), 4 + pair(imm, 2), 4 + pair(imm, 3));
    case key(PAGE_66, 0xc6):
      return lanesOf(8, imm & 1, 2 + ((imm >> 1) & 1));
    case key(PAGE_0F3A_66, 0x02):
    case key(PAGE_0F3A_66, 0x0c):
      return lanesOf(4, ...[0, 1, 2, 3].map((n) => n + (((imm >> n) & 1) << 2)));
    case key(PAGE_0F3A_66, 0x0d):
      return lanesOf(8, ...[0, 1].map((n) => n + (((imm >> n) & 1) << 1)));
    case key(PAGE_0F3A_66, 0x0e):
      return lanesOf(2, ...Array.from({ length: 8 }, (_, n) => n + (((imm >> n) & 1) << 3)));
    default:
      return null;
  }
}
/** Shuffles of one operand that the immediate chooses. */
function chosenUnary(page: number, opcode: number, imm: number): number[] | null {
  const four = [0, 1, 2, 3].map((lane) => pair(imm, lane));
  switch (key(page, opcode)) {
    case key(PAGE_66, 0x70):
    case key(PAGE_0F3A_66, 0x04):
      return lanesOf(4, ...four);
    case key(PAGE_F2, 0x70):
      return lanesOf(2, ...four, 4, 5, 6, 7);
    case key(PAGE_F3, 0x70):
      return lanesOf(2, 0, 1, 2, 3, ...four.map((lane) => 4 + lane));
    case key(PAGE_0F3A_66, 0x05):
      return lanesOf(8, imm & 1, (imm >> 1) & 1);
    default:
      return null;
  }
}

// ---- several instructions ----

const same = (...bytes: number[]): number[] => bytes;
const splat8 = (byte: number) => new Array<number>(16).fill(byte);

/** Runs `then` with a way to push what `push` pushes as often as it likes. */
export function repeated(w: RegionWriter, name: string, push: Push): Push {
  const local = w.temporary(name, V128);
  push();
  w.code.set(local);
  return () => void w.code.get(local);
}

/** PALIGNR: 32 bytes, the second operand being the lower ones, are moved down. */
function alignRight(count: number): Lanes {
  return (w, a, b) => {
    if (count <= 16) {
      b();
      a();
      w.code.vector(V.shuffle, ...same(...Array.from({ length: 16 }, (_, i) => i + count)));
      return;
    }
    // The second operand does not count, but its memory has to be there.
    b();
    w.code.op(Op.drop);
    if (count >= 32) return void w.code.vector(V.const, ...splat8(0));
    a();
    w.code.vector(V.const, ...splat8(0));
    w.code.vector(V.shuffle, ...Array.from({ length: 16 }, (_, i) => i + count - 16));
  };
}

const ADDS: Record<number, { width: 2 | 4; instruction: number }> = {
  0x01: { width: 2, instruction: V.i16x8Add },
  0x02: { width: 4, instruction: V.i32x4Add },
  0x03: { width: 2, instruction: V.i16x8AddSatS },
  0x05: { width: 2, instruction: V.i16x8Sub },
  0x06: { width: 4, instruction: V.i32x4Sub },
  0x07: { width: 2, instruction: V.i16x8SubSatS },
};
/** PHADDW and its kind. */
function horizontal(opcode: number): Lanes {
  const { width, instruction } = ADDS[opcode]!;
  const lanes = Array.from({ length: 16 / width }, (_, n) => 2 * n);
  return (w, a, b) => {
    const x = repeated(w, "laneA", a);
    const y = repeated(w, "laneB", b);
    for (const odd of [0, 1]) {
      x();
      y();
      w.code.vector(V.shuffle, ...lanesOf(width, ...lanes.map((lane) => lane + odd)));
    }
    w.code.vector(instruction);
  };
}

/** The even doublewords as the two lower ones. */
const EVEN = lanesOf(4, 0, 2, 0, 2);
/** The upper words of eight doublewords. */
const UPPER_WORDS = lanesOf(2, ...Array.from({ length: 8 }, (_, n) => 2 * n + 1));

function evenProducts(instruction: number): Lanes {
  return (w, a, b) => {
    for (const [name, push] of [["laneA", a] as const, ["laneB", b] as const]) {
      const x = repeated(w, name, push);
      x();
      x();
      w.code.vector(V.shuffle, ...EVEN);
    }
    w.code.vector(instruction);
  };
}
function upperProducts(low: number, high: number): Lanes {
  return (w, a, b) => {
    const x = repeated(w, "laneA", a);
    const y = repeated(w, "laneB", b);
    for (const instruction of [low, high]) {
      x();
      y();
      w.code.vector(instruction);
    }
    w.code.vector(V.shuffle, ...UPPER_WORDS);
  };
}
/** PSADBW. */
const sumOfDifferences: Lanes = (w, a, b) => {
  const x = repeated(w, "laneA", a);
  const y = repeated(w, "laneB", b);
  for (const instruction of [V.i8x16MaxU, V.i8x16MinU]) {
    x();
    y();
    w.code.vector(instruction);
  }
  w.code.vector(V.i8x16Sub).vector(V.i16x8PairsU8).vector(V.i32x4PairsU16);
  const sums = repeated(w, "laneA", () => {});
  sums();
  w.code.i32(32).vector(V.i64x2ShrU);
  sums();
  w.code.vector(V.i32x4Add).vector(V.const, ...lanesOf(8, 0, 1).map((byte) => (byte & 4 ? 0 : 0xff)));
  w.code.vector(V.and);
};
/** PMADDUBSW: unsigned bytes times signed ones. */
const bytesDot: Lanes = (w, a, b) => {
  const { code } = w;
  const x = repeated(w, "laneA", a);
  const y = repeated(w, "laneB", b);
  x();
  code.vector(V.const, ...Array.from({ length: 16 }, (_, i) => (i & 1 ? 0 : 0xff))).vector(V.and);
  y();
  code.i32(8).vector(V.i16x8Shl).i32(8).vector(V.i16x8ShrS).vector(V.i16x8Mul);
  x();
  code.i32(8).vector(V.i16x8ShrU);
  y();
  code.i32(8).vector(V.i16x8ShrS).vector(V.i16x8Mul).vector(V.i16x8AddSatS);
};

/** PMULHRSW. Only the product of -1 by itself does not fit, of which WebAssembly's instruction makes the greatest number. */
const roundedProducts: Lanes = (w, a, b) => {
  const { code } = w;
  const x = repeated(w, "laneA", a);
  const y = repeated(w, "laneB", b);
  x();
  y();
  code.vector(V.i16x8MulRoundedS);
  for (const each of [x, y]) {
    each();
    code.i32(-0x8000).vector(V.i16x8Splat).vector(V.i16x8Eq);
  }
  code.vector(V.and).vector(V.xor);
};
/** PSIGNB, PSIGNW and PSIGND. */
function signs(greater: number, subtract: number, equal: number): Lanes {
  return (w, a, b) => {
    const { code } = w;
    const zero = () => code.vector(V.const, ...splat8(0));
    a();
    const y = repeated(w, "laneB", b);
    zero();
    y();
    // With all ones in a lane, XOR and subtraction make its negative.
    code.vector(greater).tee(w.temporary("laneA", V128)).vector(V.xor);
    code.get(w.temporary("laneA", V128)).vector(subtract);
    y();
    zero();
    code.vector(equal).vector(V.andNot);
  };
}

const SPECIAL = new Map<number, Lanes>([
  [key(PAGE_0F38_66, 0x08), signs(V.i8x16GtS, V.i8x16Sub, V.i8x16Eq)],
  [key(PAGE_0F38_66, 0x09), signs(V.i16x8GtS, V.i16x8Sub, V.i16x8Eq)],
  [key(PAGE_0F38_66, 0x0a), signs(V.i32x4GtS, V.i32x4Sub, V.i32x4Eq)],
  [key(PAGE_0F38_66, 0x0b), roundedProducts],
  [key(PAGE_66, 0xe4), upperProducts(V.i32x4ExtMulLowU, V.i32x4ExtMulHighU)],
  [key(PAGE_66, 0xe5), upperProducts(V.i32x4ExtMulLowS, V.i32x4ExtMulHighS)],
  [key(PAGE_66, 0xf4), evenProducts(V.i64x2ExtMulLowU)],
  [key(PAGE_66, 0xf6), sumOfDifferences],
  [key(PAGE_0F38_66, 0x28), evenProducts(V.i64x2ExtMulLowS)],
  [key(PAGE_0F38_66, 0x04), bytesDot],
  ...Object.keys(ADDS).map((opcode) => [key(PAGE_0F38_66, Number(opcode)), horizontal(Number(opcode))] as const),
  [
    key(PAGE_0F38_66, 0x00),
    // PSHUFB looks at the highest bit and the low four of an index.
    (w, a, b) => {
      a();
      b();
      w.code
        .vector(V.const, ...splat8(0x8f))
        .vector(V.and)
        .vector(V.swizzle);
    },
  ],
]);

/** The complement is of the first operand, which is the second one of WebAssembly's instruction. */
const andNot: Lanes = (w, a, b) => {
  b();
  a();
  w.code.vector(V.andNot);
};
SPECIAL.set(key(PAGE_0F, 0x55), andNot);
SPECIAL.set(key(PAGE_66, 0x55), andNot);
SPECIAL.set(key(PAGE_66, 0xdf), andNot);

export interface LaneForm {
  lanes: Lanes;
  /** Only the second operand counts. */
  isUnary: boolean;
}

/** Returns how the instruction computes; null if that is not known here. */
export function laneForm(page: number, opcode: number, imm: number): LaneForm | null {
  const at = key(page, opcode);
  const two = BINARY.get(at);
  if (two !== undefined) return { lanes: plain(two), isUnary: false };
  const one = UNARY.get(at);
  if (one !== undefined)
    return {
      lanes: (w, _, b) => {
        b();
        w.code.vector(one);
      },
      isUnary: true,
    };
  const bytes = SHUFFLES.get(at) ?? chosen(page, opcode, imm);
  if (bytes) return { lanes: plain(V.shuffle, bytes), isUnary: false };
  const bytesOfOne = SHUFFLES_UNARY.get(at) ?? chosenUnary(page, opcode, imm);
  if (bytesOfOne)
    return {
      lanes: (w, _, b) => {
        const x = repeated(w, "laneB", b);
        x();
        x();
        w.code.vector(V.shuffle, ...bytesOfOne);
      },
      isUnary: true,
    };
  if (at === key(PAGE_0F3A_66, 0x0f)) return { lanes: alignRight(imm), isUnary: false };
  const special = SPECIAL.get(at);
  return special ? { lanes: special, isUnary: false } : null;
}
function plain(instruction: number, bytes: number[] = []): Lanes {
  return (w, a, b) => {
    a();
    b();
    w.code.vector(instruction, ...bytes);
  };
}

/** Shifts by a constant (groups 71, 72, 73) of 16 bytes; the first operand is not used. */
export function shiftByConstant(opcode: number, digit: number, count: number): Lanes {
  const width = { 0x71: 16, 0x72: 32, 0x73: 64 }[opcode]!;
  if (opcode === 0x73 && (digit === 3 || digit === 7)) {
    const lanes = Array.from({ length: 16 }, (_, i) => {
      const from = digit === 3 ? i + count : i - count;
      return from >= 0 && from < 16 ? from : 16;
    });
    return (w, _, b) => {
      b();
      w.code.vector(V.const, ...splat8(0)).vector(V.shuffle, ...lanes);
    };
  }
  if (count >= width && digit !== 4) return (w) => void w.code.vector(V.const, ...splat8(0));
  return (w, _, b) => {
    b();
    w.code.i32(Math.min(count, width - 1)).vector(SHIFTS[digit]![width]!);
  };
}
/** By ModRM.reg and width: to the right, arithmetic to the right, to the left. */
const SHIFTS: Record<number, Record<number, number>> = {
  2: { 16: V.i16x8ShrU, 32: V.i32x4ShrU, 64: V.i64x2ShrU },
  4: { 16: V.i16x8ShrS, 32: V.i32x4ShrS },
  6: { 16: V.i16x8Shl, 32: V.i32x4Shl, 64: V.i64x2Shl },
};

/** Shifts of 66 0F by a count in a register or memory. */
export const SHIFTS_BY_REGISTER: Record<number, { digit: number; width: number }> = {
  0xd1: { digit: 2, width: 16 },
  0xd2: { digit: 2, width: 32 },
  0xd3: { digit: 2, width: 64 },
  0xe1: { digit: 4, width: 16 },
  0xe2: { digit: 4, width: 32 },
  0xf1: { digit: 6, width: 16 },
  0xf2: { digit: 6, width: 32 },
  0xf3: { digit: 6, width: 64 },
};
/** The instruction of such a shift, by a count that is less than the width. */
export function shiftInstruction({ digit, width }: { digit: number; width: number }): number {
  return SHIFTS[digit]![width]!;
}
