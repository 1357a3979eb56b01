/** Integer instructions that compute: each half of the result comes from the same half of the sources. */
import { read16, read32, read64, effectiveAddress } from "../access";
import { CF, ZF, setFlags } from "../flags";
import { cpu, fault } from "../machine";
import { OP_REG } from "../op";
import { aesKeygen, aesRound, carrylessMultiply } from "../sse/crypto";
import {
  alignRight,
  extend,
  groupShift,
  horizontal,
  interleave,
  lanewise,
  lanewise38,
  minimumWord,
  multiSum,
  shift,
  shiftBytesLeft,
  shiftBytesRight,
  shuffleBytes,
  shuffleDwords,
  shuffleWords,
} from "../sse/integer";
import { blendMask } from "../sse/map0f3a";
import { high64, immediate, isMemory, low64, regX, rmX, vector } from "../sse/operand";
import { CPU_XMM } from "../state";
import {
  highHalf,
  is256,
  isW,
  lowHalf,
  readSource,
  setHalves,
  setReg,
  source128,
  sourceHigh,
  sourceLow,
  vregX,
} from "./operand";
import { PAGE_0F3A_66, PAGE_0F_66, PAGE_0F_F3 } from "./pages";
import { variableShift } from "./variable_shift";

/** VEX.vvvv and r/m. */
export function twoSources(op: usize, page: u32, opcode: u32): void {
  readSource(op);
  if (fault) return;
  const a = vregX(op);
  const imm = immediate(op);
  const low = combine(op, page, opcode, lowHalf(a), sourceLow, imm);
  let high = i64x2.splat(0);
  if (is256(op)) high = combine(op, page, opcode, highHalf(a), sourceHigh, immediateOfHigh(page, opcode, imm));
  setReg(op, low, high);
}

/** The immediates of VPBLENDD and VMPSADBW have bits of their own for the high half. */
function immediateOfHigh(page: u32, opcode: u32, imm: u32): u32 {
  if (page != PAGE_0F3A_66) return imm;
  return opcode == 0x02 ? imm >> 4 : opcode == 0x42 ? imm >> 3 : imm;
}

function combine(op: usize, page: u32, opcode: u32, a: v128, b: v128, imm: u32): v128 {
  if (page == PAGE_0F_66)
    return opcode <= 0x6d && opcode - 0x64 > 2 ? interleave(opcode, a, b) : lanewise(opcode, a, b);
  if (page == PAGE_0F3A_66) return combineByImmediate(opcode, a, b, imm);
  switch (opcode) {
    case 0x00:
      return shuffleBytes(a, b);
    case 0x01:
    case 0x02:
    case 0x03:
    case 0x05:
    case 0x06:
    case 0x07:
      return horizontal(opcode, a, b);
    case 0x2b:
      return interleave(0x12b, a, b);
    case 0x45:
    case 0x46:
    case 0x47:
      return variableShift(opcode, isW(op), a, b);
    case 0xdc:
    case 0xdd:
    case 0xde:
    case 0xdf:
      return aesRound(opcode, a, b);
    default:
      return lanewise38(opcode, a, b);
  }
}

/** 0F3A 02 VPBLENDD, 0E VPBLENDW, 0F VPALIGNR, 42 VMPSADBW, 44 VPCLMULQDQ. */
function combineByImmediate(opcode: u32, a: v128, b: v128, imm: u32): v128 {
  if (opcode == 0x0f) return alignRight(a, b, imm);
  if (opcode == 0x42) return multiSum(a, b, imm);
  if (opcode == 0x44) return carrylessMultiply(a, b, imm);
  return v128.bitselect(b, a, blendMask(opcode == 0x02 ? 0x0c : opcode, imm));
}

/** 0F3A 4C: VPBLENDVB. The register with the signs is in the immediate's high nibble. */
export function blendBytes(op: usize): void {
  readSource(op);
  if (fault) return;
  const a = vregX(op);
  const select = cpu + CPU_XMM + ((<usize>(immediate(op) >> 4)) << 4);
  const low = v128.bitselect(sourceLow, lowHalf(a), i8x16.shr_s(lowHalf(select), 7));
  let high = i64x2.splat(0);
  if (is256(op)) high = v128.bitselect(sourceHigh, highHalf(a), i8x16.shr_s(highHalf(select), 7));
  setReg(op, low, high);
}

/** r/m alone: shuffles by an immediate, VPABS, VPHMINPOSUW, VAESIMC, VAESKEYGENASSIST. */
export function oneSource(op: usize, page: u32, opcode: u32): void {
  readSource(op);
  if (fault) return;
  const imm = immediate(op);
  const low = change(page, opcode, sourceLow, imm);
  let high = i64x2.splat(0);
  if (is256(op)) high = change(page, opcode, sourceHigh, imm);
  setReg(op, low, high);
}
function change(page: u32, opcode: u32, source: v128, imm: u32): v128 {
  if (opcode == 0x70) {
    if (page == PAGE_0F_66) return shuffleDwords(source, imm);
    if (page == PAGE_0F_F3) return vector(low64(source), shuffleWords(high64(source), imm));
    return vector(shuffleWords(low64(source), imm), high64(source));
  }
  if (opcode == 0x41) return minimumWord(source);
  if (opcode == 0xdb) return aesRound(opcode, source, source);
  if (opcode == 0xdf) return aesKeygen(source, imm);
  return lanewise38(opcode, source, source); // VPABS
}

/** Shifts by the low quadword of xmm/m128, which is one count for all lanes of both halves. */
export function shiftByRegister(op: usize, opcode: u32): void {
  const count = low64(source128(op));
  if (fault) return;
  const a = vregX(op);
  let high = i64x2.splat(0);
  if (is256(op)) high = shift(opcode, highHalf(a), count);
  setReg(op, shift(opcode, lowHalf(a), count), high);
}

/** 71-73 with an immediate count; VEX.vvvv is the destination. */
export function shiftByImmediate(op: usize, opcode: u32): void {
  const digit = (<u32>load<u8>(op, OP_REG)) & 7;
  const from = rmX(op);
  const low = shiftHalf(opcode, digit, lowHalf(from), immediate(op));
  let high = i64x2.splat(0);
  if (is256(op)) high = shiftHalf(opcode, digit, highHalf(from), immediate(op));
  setHalves(vregX(op), low, high);
}
function shiftHalf(opcode: u32, digit: u32, value: v128, count: u32): v128 {
  if (digit == 3) return shiftBytesRight(value, count);
  if (digit == 7) return shiftBytesLeft(value, count);
  return shift(groupShift(opcode, digit), value, count);
}

/** 0F38 17: VPTEST. */
export function testBits(op: usize): void {
  readSource(op);
  if (fault) return;
  const a = regX(op);
  let common = v128.and(lowHalf(a), sourceLow);
  let missing = v128.andnot(sourceLow, lowHalf(a));
  if (is256(op)) {
    common = v128.or(common, v128.and(highHalf(a), sourceHigh));
    missing = v128.or(missing, v128.andnot(sourceHigh, highHalf(a)));
  }
  setFlags((v128.any_true(common) ? 0 : ZF) | (v128.any_true(missing) ? 0 : CF));
}

/** VPMOVSX, VPMOVZX: the source is half, a quarter or an eighth as wide as the destination. */
export function extended(op: usize, opcode: u32): void {
  const form = opcode & 7;
  /** Bytes of the source that a half of the result is made of. */
  const half: u32 = form == 2 ? 2 : form == 1 || form == 4 ? 4 : 8;
  const source = isMemory(op) ? readNarrow(op, is256(op) ? half * 2 : half) : lowHalf(rmX(op));
  if (fault) return;
  let high = i64x2.splat(0);
  if (is256(op)) high = extend(opcode, shiftBytesRight(source, half));
  setReg(op, extend(opcode, source), high);
}
/** Reads 2, 4, 8 or 16 bytes. */
function readNarrow(op: usize, bytes: u32): v128 {
  if (bytes == 16) return source128(op);
  const lin = effectiveAddress(op);
  return vector(bytes == 8 ? read64(lin) : bytes == 4 ? <u64>read32(lin) : <u64>read16(lin), 0);
}
