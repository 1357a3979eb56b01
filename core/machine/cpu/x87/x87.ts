/** The x87 unit's place in the engine: identifies the instructions D8..DF, and has what MMX shares with the unit. */
import { VECTOR_MF, VECTOR_NM, VECTOR_UD, cpu, raise } from "../machine";
import { OP_MODRM, OP_OPCODE } from "../op";
import { CPU_CR0, CPU_FCW, CPU_FSW, CPU_FTW } from "../state";
import { fldcw, fnclex, fninit, fnstcw, fnstsw, fnstswAx, x87Available } from "./control";
import { fldenv, frstor, fnsave, fnstenv } from "./environment";
import { ROUND_DOWN, ROUND_UP, ROUND_ZERO } from "./status";
import { DECIMAL, DOUBLE, EXTENDED, INT16, INT32, INT64, SINGLE } from "./transfer";
import {
  changeSign,
  conditionalMove,
  exchange,
  freeRegister,
  loadConstant,
  loadMemory,
  loadRegister,
  moveRegister,
  moveTop,
  noOperation,
  storeMemory,
  storeRegister,
} from "./transfer";
import { compareFlags, compareRegister, compareZero, computeMemory, computeRegister, examine } from "./compute";
import { x87Fast } from "./fast";
import { unary } from "./unary";

/** Returns the instruction's id: 0 = #UD, 1 = any other; D8..DF and ModRM identify the rest. */
export function x87Identify(op: usize): u32 {
  const opcode = <u32>load<u8>(op, OP_OPCODE);
  const modrm = <u32>load<u8>(op, OP_MODRM);
  const reg = (modrm >> 3) & 7;
  const rm = modrm & 7;
  if (modrm < 0xc0) {
    if (opcode == 0xd9) return reg != 1 ? 1 : 0;
    if (opcode == 0xdb) return reg != 4 && reg != 6 ? 1 : 0;
    return opcode != 0xdd || reg != 5 ? 1 : 0;
  }
  switch (opcode) {
    case 0xd9:
      if (reg == 2) return rm == 0 ? 1 : 0;
      if (reg == 4) return rm <= 1 || rm == 4 || rm == 5 ? 1 : 0;
      return modrm != 0xef ? 1 : 0;
    case 0xda:
      return reg < 4 || modrm == 0xe9 ? 1 : 0;
    case 0xdb:
      return reg != 7 && (reg != 4 || rm < 5) ? 1 : 0;
    case 0xdd:
      return reg < 6 ? 1 : 0;
    case 0xde:
      return reg != 3 || rm == 1 ? 1 : 0;
    case 0xdf:
      return reg != 7 && (reg != 4 || rm == 0) ? 1 : 0;
    default:
      return 1;
  }
}

export function x87Execute(op: usize): void {
  if (x87Fast(op)) return;
  const opcode = <u32>load<u8>(op, OP_OPCODE);
  const modrm = <u32>load<u8>(op, OP_MODRM);
  const reg = (modrm >> 3) & 7;
  const rm = modrm & 7;
  if (modrm < 0xc0) memoryForm(op, opcode, reg);
  else if (opcode == 0xd9) formD9(op, reg, rm);
  else if (opcode == 0xda || opcode == 0xdb) formDaDb(op, opcode, reg, rm);
  else if (opcode == 0xd8 || opcode == 0xdc) arithmeticForm(op, opcode, reg, rm);
  else popForm(op, opcode, reg, rm);
}

function memoryForm(op: usize, opcode: u32, reg: u32): void {
  if (!(opcode & 1)) {
    if (opcode == 0xd8) return computeMemory(op, reg, SINGLE);
    if (opcode == 0xda) return computeMemory(op, reg, INT32);
    return computeMemory(op, reg, opcode == 0xdc ? DOUBLE : INT16);
  }
  const kind = opcode == 0xd9 ? SINGLE : opcode == 0xdb ? INT32 : opcode == 0xdd ? DOUBLE : INT16;
  switch (reg) {
    case 0:
      return loadMemory(op, kind);
    case 1:
      return storeMemory(op, opcode == 0xdd ? INT64 : kind, true, true);
    case 2:
    case 3:
      return storeMemory(op, kind, reg == 3, false);
    case 4:
      if (opcode == 0xd9) return fldenv(op);
      return opcode == 0xdd ? frstor(op) : loadMemory(op, DECIMAL);
    case 5:
      if (opcode == 0xd9) return fldcw(op);
      return loadMemory(op, opcode == 0xdb ? EXTENDED : INT64);
    case 6:
      if (opcode == 0xd9) return fnstenv(op);
      return opcode == 0xdd ? fnsave(op) : storeMemory(op, DECIMAL, true, false);
    default:
      if (opcode == 0xd9) return fnstcw(op);
      if (opcode == 0xdd) return fnstsw(op);
      return storeMemory(op, opcode == 0xdb ? EXTENDED : INT64, true, false);
  }
}

function formD9(op: usize, reg: u32, rm: u32): void {
  switch (reg) {
    case 0:
      return loadRegister(op, rm);
    case 1:
      return exchange(op, rm);
    case 2:
      return noOperation(op);
    case 3:
      return moveRegister(op, rm);
    case 4:
      if (rm == 0) return changeSign(op, 0xffff, 0x8000);
      if (rm == 1) return changeSign(op, 0x7fff, 0);
      return rm == 4 ? compareZero(op) : examine(op);
    case 5: {
      const mode = ((<u32>load<u16>(cpu, CPU_FCW)) >> 10) & 3;
      return loadConstant(op, rm, mode == ROUND_DOWN || mode == ROUND_ZERO, mode == ROUND_UP);
    }
    default:
      if (reg == 6 && rm >= 6) return moveTop(op, rm == 6 ? 7 : 1);
      return unary(op, ((reg & 1) << 3) | rm);
  }
}

function formDaDb(op: usize, opcode: u32, reg: u32, rm: u32): void {
  // B Z BE P, or their opposites: codes 2 4 6 A, the odd ones for DB.
  if (reg < 4) return conditionalMove(op, rm, (reg == 3 ? 10 : 2 + 2 * reg) | (opcode & 1));
  if (opcode == 0xda) return compareRegister(op, 1, true, 2);
  if (reg >= 5) return compareFlags(op, rm, reg == 5, false);
  if (rm == 2) return fnclex();
  if (rm == 3) return fninit();
  // FNENI, FNDISI, FNSETPM: instructions of the 8087 and the 287 that no longer do anything.
  x87Available(false);
}

/** D8: ST(0) is the destination. DC: ST(i) is, with the reversed operations exchanged. */
function arithmeticForm(op: usize, opcode: u32, reg: u32, rm: u32): void {
  if (reg == 2 || reg == 3) return compareRegister(op, rm, false, reg - 2);
  if (opcode == 0xd8) return computeRegister(op, reg, 0, rm, false);
  computeRegister(op, reg >= 4 ? reg ^ 1 : reg, rm, 0, false);
}

function popForm(op: usize, opcode: u32, reg: u32, rm: u32): void {
  if (opcode == 0xde) {
    if (reg == 2 || reg == 3) return compareRegister(op, rm, false, reg - 1);
    return computeRegister(op, reg >= 4 ? reg ^ 1 : reg, rm, 0, true);
  }
  switch (reg) {
    case 0:
      return freeRegister(op, rm, opcode == 0xdf);
    case 1:
      return exchange(op, rm);
    case 2:
      return storeRegister(op, rm, opcode == 0xdf);
    case 3:
      return storeRegister(op, rm, true);
    case 4:
      return opcode == 0xdf ? fnstswAx() : compareRegister(op, rm, true, 0);
    case 5:
      return opcode == 0xdf ? compareFlags(op, rm, true, true) : compareRegister(op, rm, true, 1);
    case 6:
      if (opcode == 0xdf) return compareFlags(op, rm, false, true);
      raise(VECTOR_UD);
      break;
    default:
      raise(VECTOR_UD);
  }
}

/** FWAIT: raises #NM with CR0.MP and CR0.TS, otherwise what is pending. */
export function x87Wait(): void {
  if ((load<u64>(cpu, CPU_CR0) & 0xa) == 0xa) raise(VECTOR_NM);
  else x87CheckPending();
}
/** An MMX instruction: TOP = 0, all registers valid. */
export function x87EnterMmx(): void {
  store<u16>(cpu, load<u16>(cpu, CPU_FSW) & ~0x3800, CPU_FSW);
  store<u8>(cpu, 0xff, CPU_FTW);
}
/** Raises #MF when an unmasked exception is pending (FSW.ES). */
export function x87CheckPending(): void {
  if (load<u16>(cpu, CPU_FSW) & 0x80) raise(VECTOR_MF);
}
