/** Dispatch of opcode map 0F3A: SSSE3 PALIGNR, SSE4.1, SSE4.2 strings, AES key generation, PCLMULQDQ. */
import { fault } from "../machine";
import { roundTo } from "./compare";
import { aesKeygen, carrylessMultiply } from "./crypto";
import { dotDoubles, dotSingles } from "./float";
import { alignRight, multiSum } from "./integer";
import { mmxAlignRight } from "./mmx";
import { extract, insert, insertSingle } from "./move";
import { beginFloat, endFloat } from "./mxcsr";
import {
  high64,
  immediate,
  low64,
  regX,
  rm128,
  rm32,
  rm64,
  setLow32,
  setLow64,
  setX,
  sseAvailable,
  vector,
} from "./operand";
import { compareStrings } from "./string";

/** Without prefix: PALIGNR mm. */
export function execute0F3A(op: usize, opcode: u32): void {
  mmxAlignRight(op);
}

export function execute0F3A66(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x08:
    case 0x09:
      return roundPacked(op, opcode == 0x08);
    case 0x0a:
    case 0x0b:
      return roundScalar(op, opcode == 0x0a);
    case 0x14:
    case 0x15:
    case 0x16:
    case 0x17:
      if (sseAvailable()) extract(op, opcode);
      return;
    case 0x20:
    case 0x22:
      return insert(op, opcode);
    case 0x21:
      return insertSingle(op);
    case 0x60:
    case 0x61:
    case 0x62:
    case 0x63:
      if (sseAvailable()) compareStrings(op, opcode);
      return;
    default:
      return combine(op, opcode);
  }
}

/** 0C BLENDPS, 0D BLENDPD, 0E PBLENDW, 0F PALIGNR, 40 DPPS, 41 DPPD, 42 MPSADBW, 44 PCLMULQDQ, DF AESKEYGENASSIST. */
function combine(op: usize, opcode: u32): void {
  if (!sseAvailable()) return;
  const b = rm128(op);
  if (fault) return;
  const register = regX(op);
  const a = v128.load(register);
  const imm = immediate(op);
  if (opcode == 0x40 || opcode == 0x41) {
    beginFloat();
    const r = opcode == 0x40 ? dotSingles(a, b, imm) : dotDoubles(a, b, imm);
    endFloat();
    return setX(register, r);
  }
  if (opcode == 0x0f) v128.store(register, alignRight(a, b, imm));
  else if (opcode == 0x42) v128.store(register, multiSum(a, b, imm));
  else if (opcode == 0x44) v128.store(register, carrylessMultiply(a, b, imm));
  else if (opcode == 0xdf) v128.store(register, aesKeygen(b, imm));
  else v128.store(register, v128.bitselect(b, a, blendMask(opcode, imm)));
}

/** Returns a mask of the lanes of 4 (0C), 8 (0D) or 2 (0E) bytes whose bit of imm is set. */
export function blendMask(opcode: u32, imm: u32): v128 {
  if (opcode == 0x0c) {
    const bits = i32x4(1, 2, 4, 8);
    return i32x4.eq(v128.and(i32x4.splat(<i32>imm), bits), bits);
  }
  if (opcode == 0x0d) {
    const bits = i64x2(1, 2);
    return i64x2.eq(v128.and(i64x2.splat(<i64>imm), bits), bits);
  }
  const bits = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
  return i16x8.eq(v128.and(i16x8.splat(<i16>imm), bits), bits);
}

function roundPair(pair: u64, imm: u32): u64 {
  return roundTo(pair & 0xffffffff, imm, true) | (roundTo(pair >> 32, imm, true) << 32);
}
/** 16 bytes, between beginFloat() and endFloat(). */
export function roundLanes(b: v128, imm: u32, single: bool): v128 {
  if (single) return vector(roundPair(low64(b), imm), roundPair(high64(b), imm));
  return vector(roundTo(low64(b), imm, false), roundTo(high64(b), imm, false));
}
function roundPacked(op: usize, single: bool): void {
  if (!sseAvailable()) return;
  const b = rm128(op);
  if (fault) return;
  beginFloat();
  const r = roundLanes(b, immediate(op), single);
  endFloat();
  setX(regX(op), r);
}
function roundScalar(op: usize, single: bool): void {
  if (!sseAvailable()) return;
  const b = single ? <u64>rm32(op) : rm64(op);
  if (fault) return;
  beginFloat();
  const r = roundTo(b, immediate(op), single);
  endFloat();
  if (single) setLow32(regX(op), <u32>r);
  else setLow64(regX(op), r);
}
