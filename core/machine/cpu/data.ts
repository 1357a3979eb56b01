/** Moves, conversions, conditional moves and sets, flag instructions, decimal adjustments. */
import {
  OP_ADDRESS_MASK,
  OP_CONDITION,
  OP_FLAGS,
  OPF_SIMPLE,
  OP_FORM,
  OP_ID,
  OP_IMM,
  OP_OPSIZE,
  OP_RM,
  OP_RM8,
  OP_SEG,
  OP_SEG_SLOT,
} from "./op";
import * as I from "./ids";
import {
  effectiveAddress,
  getReg16,
  getReg32,
  getReg64,
  getReg8,
  offsetAddress,
  operandAddress,
  probeWrite,
  read8,
  readSized,
  setAccessSegment,
  setReg16,
  setReg32,
  setReg64,
  setReg8,
  translate,
  writeSized,
} from "./access";
import { exchange as lockedExchange } from "./locked";
import { ACCESS_WRITE } from "./paging/format";
import { VECTOR_DE, clearFault, cpu, fault, raise } from "./machine";
import { AF, CF, DF, PF, SF, ZF, changeFlags, condition, getCarry, getFlags, setResult } from "./flags";
import {
  getAccumulator,
  getReg,
  getRm,
  isMemory,
  readRegister,
  setAccumulator,
  setReg,
  setRm,
  signExtend,
  writeRegister,
} from "./operands";
import { CPU_RFLAGS } from "./state";

export function dataExecute(op: usize): void {
  const size = <u32>load<u8>(op, OP_OPSIZE);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_MOV:
      move(op, size);
      break;
    case I.ID_MOV_MOFFS: {
      const lin = offsetOperand(op, load<u64>(op, OP_IMM));
      if (fault) return;
      if (load<u8>(op, OP_FORM) == I.FORM_RM_REG) writeSized(lin, size, getAccumulator(size));
      else {
        const value = readSized(lin, size);
        if (!fault) setAccumulator(size, value);
      }
      break;
    }
    case I.ID_XCHG:
      exchange(op, size);
      break;
    case I.ID_LEA:
      setReg(op, size, offsetAddress(op));
      break;
    case I.ID_MOVZX8:
      loadInto(op, size, getRm(op, 1));
      break;
    case I.ID_MOVZX16:
      loadInto(op, size, getRm(op, 2));
      break;
    case I.ID_MOVSX8:
      loadInto(op, size, signExtend(getRm(op, 1), 1));
      break;
    case I.ID_MOVSX16:
      loadInto(op, size, signExtend(getRm(op, 2), 2));
      break;
    case I.ID_MOVSXD:
      loadInto(op, size, size == 2 ? getRm(op, 2) : signExtend(getRm(op, 4), 4));
      break;
    case I.ID_CBW:
      if (size == 8) setReg64(0, signExtend(getReg32(0), 4));
      else if (size == 4) setReg32(0, <u32>signExtend(getReg16(0), 2));
      else setReg16(0, <u32>signExtend(getReg8(0), 1));
      break;
    case I.ID_CWD:
      writeRegister(2, 0, size, <u64>((<i64>signExtend(getAccumulator(size), size)) >> 63));
      break;
    case I.ID_CMOV: {
      const value = getRm(op, size);
      if (fault) return;
      // Even if it does not move, a 32-bit destination loses its upper half.
      setReg(op, size, condition(load<u8>(op, OP_CONDITION)) ? value : getReg(op, size));
      break;
    }
    case I.ID_SETCC:
      setRm(op, 1, condition(load<u8>(op, OP_CONDITION)) ? 1 : 0);
      break;
    case I.ID_BSWAP:
      byteSwap(op, size);
      break;
    case I.ID_MOVBE_LOAD: {
      const value = getRm(op, size);
      if (!fault) setReg(op, size, reversed(value, size));
      break;
    }
    case I.ID_MOVBE_STORE:
      setRm(op, size, reversed(getReg(op, size), size));
      break;
    case I.ID_XLAT: {
      const lin = offsetOperand(op, (getReg64(3) + getReg8(0)) & load<u64>(op, OP_ADDRESS_MASK));
      if (fault) return;
      const value = read8(lin);
      if (!fault) setReg8(0, value);
      break;
    }
    default:
      flagInstruction(op);
      break;
  }
}

/** Returns the linear address of an offset that does not come from ModRM, in the op's segment. */
function offsetOperand(op: usize, offset: u64): u64 {
  const segment = <i32>load<u8>(op, OP_SEG);
  setAccessSegment(segment);
  if (load<u8>(op, OP_FLAGS) & OPF_SIMPLE) return offset + load<u64>(cpu + <usize>load<u16>(op, OP_SEG_SLOT));
  return operandAddress(segment, offset);
}

function move(op: usize, size: u32): void {
  const form = load<u8>(op, OP_FORM);
  if (form == I.FORM_REG_RM) loadInto(op, size, getRm(op, size));
  else setRm(op, size, form == I.FORM_RM_IMM ? load<u64>(op, OP_IMM) : getReg(op, size));
}

function loadInto(op: usize, size: u32, value: u64): void {
  if (!fault) setReg(op, size, value);
}

/** With memory this is always atomic, with or without LOCK. */
function exchange(op: usize, size: u32): void {
  if (!isMemory(op)) {
    const rm = load<u8>(op, OP_RM);
    const rm8 = load<u8>(op, OP_RM8);
    const value = readRegister(rm, rm8, size);
    writeRegister(rm, rm8, size, getReg(op, size));
    setReg(op, size, value);
    return;
  }
  const lin = effectiveAddress(op);
  probeWrite(lin, size);
  if (fault) return;
  const value = getReg(op, size);
  let old: u64;
  const host: usize = lin & (<u64>(size - 1)) ? 0 : translate(lin, ACCESS_WRITE);
  if (host) {
    if (size == 4) old = atomic.xchg<u32>(host, <u32>value);
    else if (size == 8) old = atomic.xchg<u64>(host, value);
    else if (size == 1) old = atomic.xchg<u8>(host, <u8>value);
    else old = atomic.xchg<u16>(host, <u16>value);
  } else {
    clearFault();
    old = lockedExchange(lin, size, value);
    if (fault) return;
  }
  setReg(op, size, old);
}

function reversed(value: u64, size: u32): u64 {
  if (size == 2) return ((value & 0xff) << 8) | ((value >> 8) & 0xff);
  const swapped =
    ((value & 0xff) << 56) |
    ((value & 0xff00) << 40) |
    ((value & 0xff0000) << 24) |
    ((value & 0xff000000) << 8) |
    ((value >> 8) & 0xff000000) |
    ((value >> 24) & 0xff0000) |
    ((value >> 40) & 0xff00) |
    (value >> 56);
  return size == 8 ? swapped : swapped >> 32;
}

/** With 16 bits the result is undefined; Intel's processors clear the register. */
function byteSwap(op: usize, size: u32): void {
  const rm = load<u8>(op, OP_RM);
  writeRegister(rm, 0, size, size == 2 ? 0 : reversed(readRegister(rm, 0, size), size));
}

function flagInstruction(op: usize): void {
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_LAHF:
      setReg8(1, (getFlags() & 0xd5) | 2);
      break;
    case I.ID_SAHF:
      changeFlags(SF | ZF | AF | PF | CF, getReg8(1));
      break;
    case I.ID_CLC:
      changeFlags(CF, 0);
      break;
    case I.ID_STC:
      changeFlags(CF, CF);
      break;
    case I.ID_CMC:
      changeFlags(CF, getCarry() ^ 1);
      break;
    case I.ID_CLD:
      store<u64>(cpu, load<u64>(cpu, CPU_RFLAGS) & ~(<u64>DF), CPU_RFLAGS);
      break;
    case I.ID_STD:
      store<u64>(cpu, load<u64>(cpu, CPU_RFLAGS) | DF, CPU_RFLAGS);
      break;
    case I.ID_SALC:
      setReg8(0, getCarry() ? 0xff : 0);
      break;
    default:
      decimal(op);
      break;
  }
}

/** These do not exist in 64-bit mode. */
function decimal(op: usize): void {
  const flags = getFlags();
  const al = getReg8(0);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_AAA:
    case I.ID_AAS: {
      const adjust = (al & 15) > 9 || (flags & AF) != 0;
      if (adjust) {
        const ax = getReg16(0);
        setReg16(0, load<u16>(op, OP_ID) == I.ID_AAA ? ax + 0x106 : ax - 0x106);
      }
      setReg8(0, getReg8(0) & 15);
      changeFlags(AF | CF, adjust ? AF | CF : 0);
      break;
    }
    case I.ID_DAA:
    case I.ID_DAS: {
      const add = load<u16>(op, OP_ID) == I.ID_DAA;
      let value = al;
      let out: u32 = 0;
      if ((al & 15) > 9 || flags & AF) {
        value = add ? value + 6 : value - 6;
        out |= AF;
        if (!add && al < 6) out |= CF;
      }
      if (al > 0x99 || flags & CF) {
        value = add ? value + 0x60 : value - 0x60;
        out |= CF;
      }
      setReg8(0, value);
      setResult(1, value & 0xff, out);
      break;
    }
    case I.ID_AAM: {
      const base = <u32>load<u8>(op, OP_IMM);
      if (!base) {
        raise(VECTOR_DE);
        return;
      }
      setReg16(0, ((al / base) << 8) | (al % base));
      setResult(1, al % base, 0);
      break;
    }
    default: {
      const value = (al + getReg8(1) * <u32>load<u8>(op, OP_IMM)) & 0xff;
      setReg16(0, value);
      setResult(1, value, 0);
      break;
    }
  }
}
