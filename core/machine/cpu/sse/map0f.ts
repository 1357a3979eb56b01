/** Dispatch of opcode map 0F by mandatory prefix. sseIdentify refuses ids without an entry here. */
import { fault } from "../machine";
import { OP_REG } from "../op";
import { alternate32, alternate64, horizontal32, horizontal64 } from "./float";
import {
  compareScalar,
  comparePacked,
  logic,
  packedFloat,
  scalarFloat,
  unaryApproximate,
  orderedCompare,
} from "./forms";
import {
  doublesToDwords,
  doublesToMmx,
  dwordsToDoubles,
  dwordsToSingles,
  fromGeneral,
  mmxToDoubles,
  mmxToSingles,
  narrowPacked,
  resizeScalar,
  singlesToDwords,
  singlesToMmx,
  toGeneral,
  widenPacked,
} from "./convert";
import { groupShift, interleave, lanewise, shift, shiftBytesLeft, shiftBytesRight } from "./integer";
import { shuffleDwords, shuffleSingles, shuffleWords } from "./integer";
import { mmxInterleave, mmxLanewise, mmxShiftImmediate, mmxShuffleWords } from "./mmx";
import * as move from "./move";
import { beginFloat, endFloat } from "./mxcsr";
import { high64, immediate, low64, regX, rm128, rm64, rmX, setX, sseAvailable, vector } from "./operand";
import { fxrstor, fxsave, loadMxcsr, storeMxcsr } from "./save";
import { SAVE_ALL, SAVE_COMPACTED, SAVE_OPTIMISED, xrstor, xsave } from "./xsave";

/** Without prefix: packed singles and MMX. */
export function execute0F(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x10:
      return move.loadUnaligned(op);
    case 0x11:
      return move.storeUnaligned(op);
    case 0x12:
      return move.loadLow(op); // MOVLPS, MOVHLPS
    case 0x13:
      return move.storeHalf(op, 0);
    case 0x14:
    case 0x15:
      return unpackSingles(op, opcode);
    case 0x16:
      return move.loadHigh(op); // MOVHPS, MOVLHPS
    case 0x17:
      return move.storeHalf(op, 8);
    case 0x28:
      return move.loadAligned(op);
    case 0x29:
    case 0x2b:
      return move.storeAlignedOrRegister(op);
    case 0x2a:
      return mmxToSingles(op);
    case 0x2c:
      return singlesToMmx(op, true);
    case 0x2d:
      return singlesToMmx(op, false);
    case 0x2e:
    case 0x2f:
      return orderedCompare(op, opcode == 0x2f, true);
    case 0x50:
      return move.signMask(op, opcode, false);
    case 0x52:
    case 0x53:
      return unaryApproximate(op, opcode == 0x53, true);
    case 0x54:
    case 0x55:
    case 0x56:
    case 0x57:
      return logic(op, opcode);
    case 0x5a:
      return widenPacked(op);
    case 0x5b:
      return dwordsToSingles(op);
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
      return packedFloat(op, opcode & 15, true);
    case 0x60:
    case 0x61:
    case 0x62:
    case 0x63:
    case 0x67:
    case 0x68:
    case 0x69:
    case 0x6a:
    case 0x6b:
      return mmxInterleave(op, opcode);
    case 0x6e:
      return move.generalToMmx(op);
    case 0x6f:
      return move.loadMmx(op);
    case 0x70:
      return mmxShuffleWords(op);
    case 0x71:
    case 0x72:
    case 0x73:
      return mmxShiftImmediate(op, opcode);
    case 0x77:
      return move.emptyMmx();
    case 0x7e:
      return move.mmxToGeneral(op);
    case 0x7f:
    case 0xe7:
      return move.storeMmx(op);
    case 0xae:
      return groupAE(op);
    case 0xc2:
      return comparePacked(op, true);
    case 0xc4:
      return move.insertWordMmx(op);
    case 0xc5:
      return move.extractWordMmx(op);
    case 0xc6:
      return shuffleFloats(op, true);
    case 0xc7:
      return xsave(op, SAVE_COMPACTED);
    case 0xd7:
      return move.byteMaskMmx(op);
    case 0xf7:
      return move.maskedStore(op, true);
    default:
      return mmxLanewise(op, opcode);
  }
}

/** With 66: packed doubles and packed integers in XMM. */
export function execute0F66(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x10:
      return move.loadUnaligned(op);
    case 0x11:
      return move.storeUnaligned(op);
    case 0x12:
      return move.loadLow(op);
    case 0x13:
      return move.storeHalf(op, 0);
    case 0x14:
      return interleaved(op, 0x6c); // UNPCKLPD
    case 0x15:
      return interleaved(op, 0x6d);
    case 0x16:
      return move.loadHigh(op);
    case 0x17:
      return move.storeHalf(op, 8);
    case 0x28:
    case 0x6f:
      return move.loadAligned(op);
    case 0x29:
    case 0x2b:
    case 0x7f:
    case 0xe7:
      return move.storeAlignedOrRegister(op);
    case 0x2a:
      return mmxToDoubles(op);
    case 0x2c:
      return doublesToMmx(op, true);
    case 0x2d:
      return doublesToMmx(op, false);
    case 0x2e:
    case 0x2f:
      return orderedCompare(op, opcode == 0x2f, false);
    case 0x50:
      return move.signMask(op, opcode, true);
    case 0x54:
    case 0x55:
    case 0x56:
    case 0x57:
      return logic(op, opcode);
    case 0x5a:
      return narrowPacked(op);
    case 0x5b:
      return singlesToDwords(op, false);
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
      return packedFloat(op, opcode & 15, false);
    case 0x60:
    case 0x61:
    case 0x62:
    case 0x63:
    case 0x67:
    case 0x68:
    case 0x69:
    case 0x6a:
    case 0x6b:
    case 0x6c:
    case 0x6d:
      return interleaved(op, opcode);
    case 0x6e:
      return move.generalToXmm(op);
    case 0x70:
      return shuffled(op, 0);
    case 0x71:
    case 0x72:
    case 0x73:
      return shiftImmediate(op, opcode);
    case 0x7c:
    case 0x7d:
    case 0xd0:
      return pairwise(op, opcode, false);
    case 0x7e:
      return move.xmmToGeneral(op);
    case 0xc2:
      return comparePacked(op, false);
    case 0xc4:
      return move.insertWord(op);
    case 0xc5:
      return move.extractWord(op);
    case 0xc6:
      return shuffleFloats(op, false);
    case 0xd6:
      return move.storeLow(op);
    case 0xd7:
      return move.signMask(op, opcode, true);
    case 0xe6:
      return doublesToDwords(op, true);
    case 0xf7:
      return move.maskedStore(op, false);
    default: {
      if (!sseAvailable()) return;
      const source = rm128(op);
      if (fault) return;
      const register = regX(op);
      v128.store(register, lanewise(opcode, v128.load(register), source));
    }
  }
}

/** With F3: scalar singles and some moves. */
export function execute0FF3(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x10:
      return move.loadScalar32(op);
    case 0x11:
      return move.storeScalar32(op);
    case 0x12:
    case 0x16:
      return duplicateSingles(op, opcode);
    case 0x2a:
      return fromGeneral(op, true);
    case 0x2c:
      return toGeneral(op, true, true);
    case 0x2d:
      return toGeneral(op, true, false);
    case 0x52:
    case 0x53:
      return unaryApproximate(op, opcode == 0x53, false);
    case 0x5a:
      return resizeScalar(op, true);
    case 0x5b:
      return singlesToDwords(op, true);
    case 0x6f:
      return move.loadUnaligned(op);
    case 0x70:
      return shuffled(op, 2);
    case 0x7e:
      return move.loadLowZeroing(op);
    case 0x7f:
      return move.storeUnaligned(op);
    case 0xc2:
      return compareScalar(op, true);
    case 0xd6:
      return move.mmxToXmm(op);
    case 0xe6:
      return dwordsToDoubles(op);
    default:
      return scalarFloat(op, opcode & 15, true);
  }
}

/** With F2: scalar doubles and some moves. */
export function execute0FF2(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x10:
      return move.loadScalar64(op);
    case 0x11:
      return move.storeScalar64(op);
    case 0x12: {
      if (!sseAvailable()) return;
      const source = rm64(op); // MOVDDUP
      return setX(regX(op), i64x2.splat(source));
    }
    case 0x2a:
      return fromGeneral(op, false);
    case 0x2c:
      return toGeneral(op, false, true);
    case 0x2d:
      return toGeneral(op, false, false);
    case 0x5a:
      return resizeScalar(op, false);
    case 0x70:
      return shuffled(op, 1);
    case 0x7c:
    case 0x7d:
    case 0xd0:
      return pairwise(op, opcode, true);
    case 0xc2:
      return compareScalar(op, false);
    case 0xd6:
      return move.xmmToMmx(op);
    case 0xe6:
      return doublesToDwords(op, false);
    case 0xf0:
      return move.loadUnaligned(op); // LDDQU
    default:
      return scalarFloat(op, opcode & 15, false);
  }
}

/** 0F AE without prefix. */
function groupAE(op: usize): void {
  switch (load<u8>(op, OP_REG) & 7) {
    case 0:
      return fxsave(op);
    case 1:
      return fxrstor(op);
    case 2:
      return loadMxcsr(op);
    case 3:
      return storeMxcsr(op);
    case 4:
      return xsave(op, SAVE_ALL);
    case 5:
      return xrstor(op);
    default:
      return xsave(op, SAVE_OPTIMISED);
  }
}

function interleaved(op: usize, opcode: u32): void {
  if (!sseAvailable()) return;
  const source = rm128(op);
  if (fault) return;
  const register = regX(op);
  v128.store(register, interleave(opcode, v128.load(register), source));
}

/** 0F 14, 15: UNPCKLPS, UNPCKHPS. */
function unpackSingles(op: usize, opcode: u32): void {
  interleaved(op, opcode == 0x14 ? 0x62 : 0x6a);
}

/** C6: SHUFPS, SHUFPD. */
function shuffleFloats(op: usize, single: bool): void {
  if (!sseAvailable()) return;
  const b = rm128(op);
  if (fault) return;
  const register = regX(op);
  const a = v128.load(register);
  const imm = immediate(op);
  if (single) v128.store(register, shuffleSingles(a, b, imm));
  else v128.store(register, vector(imm & 1 ? high64(a) : low64(a), imm & 2 ? high64(b) : low64(b)));
}

/** 70 with a prefix: PSHUFD (`form` 0), PSHUFLW (1), PSHUFHW (2). */
function shuffled(op: usize, form: u32): void {
  if (!sseAvailable()) return;
  const source = rm128(op);
  const imm = immediate(op);
  if (form == 0) setX(regX(op), shuffleDwords(source, imm));
  else if (form == 1) setX(regX(op), vector(shuffleWords(low64(source), imm), high64(source)));
  else setX(regX(op), vector(low64(source), shuffleWords(high64(source), imm)));
}

/** 66 71-73 with an immediate count. */
function shiftImmediate(op: usize, opcode: u32): void {
  if (!sseAvailable()) return;
  const register = rmX(op);
  const value = v128.load(register);
  const reg = (<u32>load<u8>(op, OP_REG)) & 7;
  const count = immediate(op);
  if (reg == 3) v128.store(register, shiftBytesRight(value, count));
  else if (reg == 7) v128.store(register, shiftBytesLeft(value, count));
  else v128.store(register, shift(groupShift(opcode, reg), value, count));
}

/** F3 12, F3 16: MOVSLDUP, MOVSHDUP. */
function duplicateSingles(op: usize, opcode: u32): void {
  if (!sseAvailable()) return;
  const source = rm128(op);
  setX(
    regX(op),
    opcode == 0x12 ? v128.shuffle<i32>(source, source, 0, 0, 2, 2) : v128.shuffle<i32>(source, source, 1, 1, 3, 3),
  );
}

/** 7C 7D D0: HADD, HSUB, ADDSUB. */
function pairwise(op: usize, opcode: u32, single: bool): void {
  if (!sseAvailable()) return;
  const b = rm128(op);
  if (fault) return;
  const register = regX(op);
  const a = v128.load(register);
  beginFloat();
  let r: v128;
  if (opcode == 0xd0) r = single ? alternate32(a, b) : alternate64(a, b);
  else {
    const kind: u32 = opcode == 0x7c ? 8 : 12;
    r = single ? horizontal32(kind, a, b) : horizontal64(kind, a, b);
  }
  endFloat();
  setX(register, r);
}
