/** AVX instructions whose lanes are each moved by a number of their own: VPSLLV, VPSRLV and VPSRAV, and VPERMILPS and VPERMILPD by a register. */
import { halves, setHalves } from "./avx-operand.ts";
import type { DecodedOp } from "./decoded.ts";
import { lanesOf, repeated, type Lanes } from "./lanes.ts";
import { V } from "./simd.ts";
import { PAGE_0F38_66 } from "./vector-operand.ts";
import { Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** Opcodes of 0F38. */
const PERMUTE_SINGLES = 0x0c;
const PERMUTE_DOUBLES = 0x0d;
const RIGHT = 0x45;
const ARITHMETIC = 0x46;
const LEFT = 0x47;

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writeVariable(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const lanes = page === PAGE_0F38_66 ? lanesFor(op) : null;
  if (!lanes) return false;
  const source = halves(w, op);
  setHalves(w, op, op.reg, (half) =>
    lanes(
      w,
      () => w.vectorHalf(op.vreg, half),
      () => source(half),
    ),
  );
  return true;
}
function lanesFor({ opcode, isVexW }: DecodedOp): Lanes | null {
  switch (opcode) {
    case PERMUTE_SINGLES:
      return permuteSingles;
    case PERMUTE_DOUBLES:
      return permuteDoubles;
    case RIGHT:
    case LEFT:
      return isVexW ? shiftQuadwords(opcode) : shiftDoublewords(opcode);
    case ARITHMETIC:
      return shiftDoublewords(opcode);
    default:
      return null;
  }
}

const everyDoubleword = (w: RegionWriter, value: number) => w.code.i32(value).vector(V.i32x4Splat);

/** WebAssembly shifts all lanes of a vector alike, so each lane is shifted by itself. A count of 32 or more gives zero, or copies of the sign. */
function shiftDoublewords(opcode: number): Lanes {
  const shift = { [RIGHT]: Op.i32ShrU, [ARITHMETIC]: Op.i32ShrS, [LEFT]: Op.i32Shl }[opcode]!;
  return (w, a, b) => {
    const { code } = w;
    const counts = repeated(w, "laneB", () => {
      b();
      if (opcode === ARITHMETIC) everyDoubleword(w, 31).vector(V.i32x4MinU);
    });
    const values = repeated(w, "laneA", a);
    values();
    for (let lane = 0; lane < 4; lane++) {
      values();
      code.vector(V.i32x4Extract, lane);
      counts();
      code.vector(V.i32x4Extract, lane).op(shift).vector(V.i32x4Replace, lane);
    }
    if (opcode === ARITHMETIC) return;
    counts();
    everyDoubleword(w, 32).vector(V.i32x4LtU).vector(V.and);
  };
}
/** The same for quadwords, by counts of 64 bits. */
function shiftQuadwords(opcode: number): Lanes {
  const shift = opcode === RIGHT ? Op.i64ShrU : Op.i64Shl;
  return (w, a, b) => {
    const { code } = w;
    const counts = repeated(w, "laneB", b);
    const values = repeated(w, "laneA", a);
    values();
    for (const lane of [0, 1]) {
      values();
      code.vector(V.i64x2Extract, lane);
      counts();
      code.vector(V.i64x2Extract, lane).op(shift).vector(V.i64x2Replace, lane);
    }
    counts();
    code.i32(6).vector(V.i64x2ShrU).i64(0).vector(V.i64x2Splat).vector(V.i64x2Eq).vector(V.and);
  };
}

/** The low two bits of each doubleword of the second operand choose one of the first operand's. */
const permuteSingles: Lanes = (w, a, b) => {
  a();
  b();
  // The number of a doubleword, multiplied into the numbers of its four bytes.
  everyDoubleword(w, 3).vector(V.and);
  everyDoubleword(w, 0x04040404).vector(V.i32x4Mul);
  everyDoubleword(w, 0x03020100).vector(V.i32x4Add).vector(V.swizzle);
};
/** Bit 1 of each quadword chooses one of two. */
const permuteDoubles: Lanes = (w, a, b) => {
  const { code } = w;
  const chosen = repeated(w, "laneB", () => {
    b();
    code.i64(2).vector(V.i64x2Splat).vector(V.and).i64(2).vector(V.i64x2Splat).vector(V.i64x2Eq);
  });
  const values = repeated(w, "laneA", a);
  for (const lane of [1, 0]) {
    values();
    values();
    code.vector(V.shuffle, ...lanesOf(8, lane, lane));
  }
  chosen();
  code.vector(V.bitSelect);
};
