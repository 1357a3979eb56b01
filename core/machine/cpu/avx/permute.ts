/** What moves lanes between the halves of a YMM register: AVX2's permutes and broadcasts, and moves of halves. */
import { effectiveAddress, read8, writeV128 } from "../access";
import { fault } from "../machine";
import { high64, immediate, isMemory, low64, rm16, rm32, rm64, rmX, regX, vector } from "../sse/operand";
import {
  highHalf,
  is256,
  lowHalf,
  readSource,
  setHalves,
  setReg,
  source128,
  sourceHigh,
  sourceLow,
  vregX,
} from "./operand";

/** 0F38 16, 36: VPERMPS, VPERMD: each doubleword of r/m is the one that the low three bits of its index in VEX.vvvv choose. */
export function doublewords(op: usize): void {
  readSource(op);
  if (fault) return;
  const indices = vregX(op);
  const low = chosenDoublewords(lowHalf(indices));
  setReg(op, low, chosenDoublewords(highHalf(indices)));
}
function chosenDoublewords(indices: v128): v128 {
  // The index of a doubleword in its half, multiplied into the indices of its four bytes.
  const scaled = i32x4.mul(v128.and(indices, i32x4.splat(3)), i32x4.splat(0x04040404));
  const bytes = i32x4.add(scaled, i32x4.splat(0x03020100));
  const inHigh = i32x4.shr_s(i32x4.shl(indices, 29), 31);
  return v128.bitselect(i8x16.swizzle(sourceHigh, bytes), i8x16.swizzle(sourceLow, bytes), inHigh);
}

/** 0F3A 00, 01: VPERMQ, VPERMPD: two bits of the immediate choose each quadword. */
export function quadwords(op: usize): void {
  readSource(op);
  if (fault) return;
  const imm = immediate(op);
  setReg(
    op,
    vector(chosenQuadword(imm & 3), chosenQuadword((imm >> 2) & 3)),
    vector(chosenQuadword((imm >> 4) & 3), chosenQuadword(imm >> 6)),
  );
}
function chosenQuadword(n: u32): u64 {
  const half = n & 2 ? sourceHigh : sourceLow;
  return n & 1 ? high64(half) : low64(half);
}

/** 0F3A 06, 46: VPERM2F128, VPERM2I128: a nibble of the immediate chooses each half from VEX.vvvv (0, 1) and r/m (2, 3), or zero (8 and more). */
export function chooseHalves(op: usize): void {
  readSource(op);
  if (fault) return;
  const imm = immediate(op);
  const low = chosenHalf(op, imm);
  setReg(op, low, chosenHalf(op, imm >> 4));
}
function chosenHalf(op: usize, choice: u32): v128 {
  if (choice & 8) return i64x2.splat(0);
  if (choice & 2) return choice & 1 ? sourceHigh : sourceLow;
  return choice & 1 ? highHalf(vregX(op)) : lowHalf(vregX(op));
}

/** 0F3A 18, 38: VINSERTF128, VINSERTI128. */
export function insertHalf(op: usize): void {
  const half = source128(op);
  if (fault) return;
  const a = vregX(op);
  if (immediate(op) & 1) setReg(op, lowHalf(a), half);
  else setReg(op, half, highHalf(a));
}
/** 0F3A 19, 39: VEXTRACTF128, VEXTRACTI128. */
export function extractHalf(op: usize): void {
  const half = immediate(op) & 1 ? highHalf(regX(op)) : lowHalf(regX(op));
  if (!isMemory(op)) return setHalves(rmX(op), half, i64x2.splat(0));
  const lin = effectiveAddress(op);
  if (!fault) writeV128(lin, half);
}

/** 0F38 18 VBROADCASTSS, 19 SD, 1A F128; 58 VPBROADCASTD, 59 Q, 5A VBROADCASTI128, 78 B, 79 W. */
export function broadcast(op: usize, opcode: u32): void {
  let half: v128;
  if (opcode == 0x18 || opcode == 0x58) half = i32x4.splat(<i32>rm32(op));
  else if (opcode == 0x19 || opcode == 0x59) half = i64x2.splat(<i64>rm64(op));
  else if (opcode == 0x1a || opcode == 0x5a) half = source128(op);
  else if (opcode == 0x78) half = i8x16.splat(<i8>lowestByte(op));
  else half = i16x8.splat(<i16>rm16(op));
  setReg(op, half, is256(op) ? half : i64x2.splat(0));
}
function lowestByte(op: usize): u32 {
  return isMemory(op) ? read8(effectiveAddress(op)) : <u32>load<u8>(rmX(op));
}
