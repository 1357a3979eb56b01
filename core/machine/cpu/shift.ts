/** Shifts and rotates in all sizes, and double shifts. Undefined flags are what silicon leaves, where that is simple. */
import { OP_FORM, OP_ID, OP_IMM, OP_OPSIZE, OP_RM, OP_RM8 } from "./op";
import * as I from "./ids";
import { effectiveAddress, getReg8, probeWrite, readSized, writeSized } from "./access";
import { fault } from "./machine";
import { CF, OF, changeFlags, getCarry, setResult } from "./flags";
import { getReg, getRm, isMemory, signExtend, sizeMask, writeRegister } from "./operands";

export function shiftExecute(op: usize): void {
  const id = <u32>load<u16>(op, OP_ID);
  const size = <u32>load<u8>(op, OP_OPSIZE);
  const immediate = load<u8>(op, OP_FORM) == I.FORM_RM_IMM;
  const count = (immediate ? <u32>load<u8>(op, OP_IMM) : getReg8(8)) & (size == 8 ? 63 : 31);
  const memory = isMemory(op);
  let lin: u64 = 0;
  let a: u64;
  if (memory) {
    lin = effectiveAddress(op);
    probeWrite(lin, size);
    if (fault) return;
    a = readSized(lin, size);
  } else a = getRm(op, size);
  let r = a;
  // A count of zero changes nothing, except that 32 bits clear the register's upper half.
  if (count) {
    if (id >= <u32>I.ID_SHLD) r = shiftDouble(id == I.ID_SHRD, size, a, getReg(op, size), count);
    else if (id >= <u32>I.ID_SHL) r = shift(id, size, a, count);
    else r = rotate(id, size, a, count);
  }
  if (memory) writeSized(lin, size, r);
  else writeRegister(load<u8>(op, OP_RM), load<u8>(op, OP_RM8), size, r);
}

function shift(id: u32, size: u32, a: u64, count: u32): u64 {
  const bits = size << 3;
  let r: u64;
  let carry: u32 = 0;
  let overflow: u32 = 0;
  if (id == I.ID_SHR) {
    if (count <= bits) carry = (<u32>(a >> (count - 1))) & 1;
    r = count < 64 ? a >> count : 0;
    overflow = (<u32>(a >> (bits - 1))) & 1;
    if (count > 1) overflow = 0;
  } else if (id == I.ID_SAR) {
    const wide = <i64>signExtend(a, size);
    carry = (<u32>(wide >> (<i64>min<u32>(count - 1, 63)))) & 1;
    r = <u64>(wide >> (<i64>min<u32>(count, 63)));
  } else {
    if (count <= bits) carry = (<u32>(a >> (bits - count))) & 1;
    r = count < 64 ? a << count : 0;
    overflow = ((<u32>(r >> (bits - 1))) & 1) ^ carry;
  }
  setResult(size, r & sizeMask(size), carry | (overflow << 11));
  return r;
}

function rotate(id: u32, size: u32, a: u64, count: u32): u64 {
  const bits = size << 3;
  const mask = sizeMask(size);
  let r = a;
  let carry: u32;
  let overflow: u32;
  if (id == I.ID_ROL || id == I.ID_ROR) {
    const n = count & (bits - 1);
    if (n) {
      if (id == I.ID_ROL) r = (a << n) | (a >> (bits - n));
      else r = (a >> n) | (a << (bits - n));
      r &= mask;
    }
    const top = (<u32>(r >> (bits - 1))) & 1;
    carry = id == I.ID_ROL ? (<u32>r) & 1 : top;
    overflow = id == I.ID_ROL ? top ^ carry : top ^ ((<u32>(r >> (bits - 2))) & 1);
  } else {
    const n = count % (bits + 1);
    carry = getCarry();
    if (id == I.ID_RCL) {
      if (n) {
        const out = (<u32>(a >> (bits - n))) & 1;
        r = (n < 64 ? a << n : 0) | ((<u64>carry) << (n - 1));
        if (n > 1) r |= a >> (bits + 1 - n);
        r &= mask;
        carry = out;
      }
      overflow = ((<u32>(r >> (bits - 1))) & 1) ^ carry;
    } else {
      if (n) {
        const out = (<u32>(a >> (n - 1))) & 1;
        r = (n < 64 ? a >> n : 0) | ((<u64>carry) << (bits - n));
        if (n > 1) r |= a << (bits + 1 - n);
        r &= mask;
        carry = out;
      }
      overflow = ((<u32>(r >> (bits - 1))) ^ (<u32>(r >> (bits - 2)))) & 1;
    }
    // RCL and RCR by a multiple of the width leave all flags as they are.
    if (!n) return r;
  }
  changeFlags(CF | OF, carry | (overflow << 11));
  return r;
}

/** For 16 bits and counts above 16 the result is undefined; this is what Intel's processors give. */
function shiftDouble(right: bool, size: u32, a: u64, b: u64, count: u32): u64 {
  const bits = size << 3;
  let r: u64;
  let carry: u32;
  if (size == 2) {
    // Destination, source, destination as one string of 48 bits.
    const string = right ? (a << 32) | (b << 16) | a : (a << 32) | (b << 16) | a;
    if (right) {
      r = (string >> count) & 0xffff;
      carry = (<u32>(string >> (count - 1))) & 1;
    } else {
      r = (string >> (32 - count)) & 0xffff;
      carry = (<u32>(string >> (48 - count))) & 1;
    }
  } else if (right) {
    r = (a >> count) | (b << (bits - count));
    carry = (<u32>(a >> (count - 1))) & 1;
  } else {
    r = (a << count) | (b >> (bits - count));
    carry = (<u32>(a >> (bits - count))) & 1;
  }
  r &= sizeMask(size);
  const overflow = ((<u32>(r >> (bits - 1))) ^ (<u32>(a >> (bits - 1)))) & 1;
  setResult(size, r, carry | (overflow << 11));
  return r;
}
