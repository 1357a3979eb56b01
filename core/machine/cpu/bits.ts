/** Bit test, scan, count, BMI1, BMI2, ADX, CRC32. */
import { OP_FORM, OP_ID, OP_IMM, OP_OPSIZE, OP_RM, OP_RM8, OP_VREG } from "./op";
import * as I from "./ids";
import { effectiveAddress, furtherAddress, probeWrite, readSized, writeSized } from "./access";
import { exchangeRead } from "./locked";
import { fault } from "./machine";
import { CF, OF, ZF, changeFlags, getFlags, setResult } from "./flags";
import {
  getReg,
  getRm,
  isLocked,
  isMemory,
  readRegister,
  setReg,
  signExtend,
  sizeMask,
  writeRegister,
} from "./operands";
import { crc32c } from "./sse/crypto";
import { multiplyUnsigned, wideHigh } from "./wide";

export function bitsExecute(op: usize): void {
  const id = <u32>load<u16>(op, OP_ID);
  const size = <u32>load<u8>(op, OP_OPSIZE);
  if (id <= <u32>I.ID_BTC) {
    bitTest(op, id, size);
    return;
  }
  const a = getRm(op, size);
  if (fault) return;
  const bits = (<u64>size) << 3;
  switch (id) {
    case I.ID_BSF:
      // If the operand is zero, processors leave the whole register as it is.
      if (a) setReg(op, size, ctz<u64>(a));
      // CF is undefined; Intel's recent processors clear it.
      changeFlags(ZF | CF, a ? 0 : ZF);
      break;
    case I.ID_BSR:
      if (a) setReg(op, size, 63 - clz<u64>(a));
      changeFlags(ZF | CF, a ? 0 : ZF);
      break;
    case I.ID_TZCNT: {
      const r = a ? ctz<u64>(a) : bits;
      setReg(op, size, r);
      setResult(size, r, a ? 0 : CF);
      break;
    }
    case I.ID_LZCNT: {
      const r = clz<u64>(a) - (64 - bits);
      setReg(op, size, r);
      setResult(size, r, a ? 0 : CF);
      break;
    }
    case I.ID_POPCNT:
      setReg(op, size, popcnt<u64>(a));
      // Only ZF can become set.
      changeFlags(0x8d5, a ? 0 : ZF);
      break;
    case I.ID_CRC32: {
      const width = <u32>load<u8>(op, OP_FORM);
      setReg(op, width, crc32c(<u32>getReg(op, 4), a, size));
      break;
    }
    default:
      vexExecute(op, id, size, a);
      break;
  }
}

function vexExecute(op: usize, id: u32, size: u32, a: u64): void {
  const bits = (<u64>size) << 3;
  const vreg = <u32>load<u8>(op, OP_VREG);
  const v = readRegister(vreg, 0, size);
  const mask = sizeMask(size);
  switch (id) {
    case I.ID_ANDN: {
      const r = ~v & a & mask;
      setReg(op, size, r);
      setResult(size, r, 0);
      break;
    }
    case I.ID_BLSR: {
      const r = a & (a - 1);
      writeRegister(vreg, 0, size, r);
      setResult(size, r, a ? 0 : CF);
      break;
    }
    case I.ID_BLSMSK: {
      const r = (a ^ (a - 1)) & mask;
      writeRegister(vreg, 0, size, r);
      setResult(size, r, a ? 0 : CF);
      break;
    }
    case I.ID_BLSI: {
      const r = a & (0 - a);
      writeRegister(vreg, 0, size, r);
      setResult(size, r, a ? CF : 0);
      break;
    }
    case I.ID_BZHI: {
      const n = (<u32>v) & 0xff;
      const r = n >= bits ? a : a & (((<u64>1) << n) - 1);
      setReg(op, size, r);
      setResult(size, r, n >= bits ? CF : 0);
      break;
    }
    case I.ID_BEXTR: {
      const start = (<u32>v) & 0xff;
      const length = ((<u32>v) >> 8) & 0xff;
      let r = start < bits ? a >> start : 0;
      if (length < 64) r &= ((<u64>1) << length) - 1;
      setReg(op, size, r);
      setResult(size, r, 0);
      break;
    }
    case I.ID_PEXT: {
      let r: u64 = 0;
      let at: u64 = 0;
      for (let rest = a; rest; rest &= rest - 1) r |= ((v >> ctz<u64>(rest)) & 1) << at++;
      setReg(op, size, r);
      break;
    }
    case I.ID_PDEP: {
      let r: u64 = 0;
      let at: u64 = 0;
      for (let rest = a; rest; rest &= rest - 1) r |= ((v >> at++) & 1) << ctz<u64>(rest);
      setReg(op, size, r);
      break;
    }
    case I.ID_MULX: {
      const b = readRegister(2, 0, size);
      const low = size == 8 ? multiplyUnsigned(a, b) : a * b;
      const high = size == 8 ? wideHigh : low >> 32;
      writeRegister(vreg, 0, size, low);
      setReg(op, size, high);
      break;
    }
    case I.ID_SHLX:
      setReg(op, size, a << (v & (bits - 1)));
      break;
    case I.ID_SHRX:
      setReg(op, size, a >> (v & (bits - 1)));
      break;
    case I.ID_SARX:
      setReg(op, size, <u64>((<i64>signExtend(a, size)) >> (<i64>(v & (bits - 1)))));
      break;
    case I.ID_RORX: {
      const n = load<u64>(op, OP_IMM) & (bits - 1);
      setReg(op, size, n ? (a >> n) | (a << (bits - n)) : a);
      break;
    }
    default: {
      const flag: u32 = id == I.ID_ADCX ? CF : OF;
      const b = getReg(op, size);
      const carry: u64 = getFlags() & flag ? 1 : 0;
      const r = (a + b + carry) & mask;
      const out = size == 8 ? r < a || (carry != 0 && r == a) : (a + b + carry) >> 32 != 0;
      setReg(op, size, r);
      changeFlags(flag, out ? flag : 0);
      break;
    }
  }
}

/** An offset in a register reaches beyond the operand in memory, in both directions. */
function bitTest(op: usize, id: u32, size: u32): void {
  const bits = (<u64>size) << 3;
  const immediate = load<u8>(op, OP_FORM) == I.FORM_RM_IMM;
  const offset = immediate ? load<u64>(op, OP_IMM) : signExtend(getReg(op, size), size);
  const bit = offset & (bits - 1);
  const mask = (<u64>1) << bit;
  if (!isMemory(op)) {
    const a = getRm(op, size);
    changeFlags(CF, (<u32>(a >> bit)) & 1);
    if (id != I.ID_BT) writeRegister(load<u8>(op, OP_RM), load<u8>(op, OP_RM8), size, changed(id, a, mask));
    return;
  }
  const lin = immediate ? effectiveAddress(op) : furtherAddress(op, <u64>((<i64>(offset - bit)) >> 3));
  if (id == I.ID_BT) {
    const a = readSized(lin, size);
    if (!fault) changeFlags(CF, (<u32>(a >> bit)) & 1);
    return;
  }
  probeWrite(lin, size);
  if (fault) return;
  let a = readSized(lin, size);
  if (isLocked(op)) {
    let seen = exchangeRead(lin, size, a, changed(id, a, mask));
    while (seen != a) {
      a = seen;
      seen = exchangeRead(lin, size, a, changed(id, a, mask));
    }
  } else writeSized(lin, size, changed(id, a, mask));
  changeFlags(CF, (<u32>(a >> bit)) & 1);
}

// @ts-ignore: decorator
@inline
function changed(id: u32, a: u64, mask: u64): u64 {
  if (id == I.ID_BTS) return a | mask;
  return id == I.ID_BTR ? a & ~mask : a ^ mask;
}
