/** Integer arithmetic and logic in all sizes and forms, including locked ones. */
import { OP_FORM, OP_ID, OP_IMM, OP_OPSIZE, OP_RM, OP_RM8 } from "./op";
import { FORM_REG_RM, FORM_RM_IMM } from "./ids";
import * as I from "./ids";
import { effectiveAddress, getReg32, getReg64, probeWrite, readSized, setReg32, setReg64, writeSized } from "./access";
import { compareExchange, compareExchange16, exchangeRead, foundHigh } from "./locked";
import { codeChanged } from "./frames/code";
import { VECTOR_DE, VECTOR_GP, cpu, fault, raise } from "./machine";
import {
  AF,
  CF,
  FLAGS_ADD,
  FLAGS_DEC,
  FLAGS_INC,
  FLAGS_SUB,
  OF,
  ZF,
  changeFlags,
  getCarry,
  setLazy,
  setLogic,
  setResult,
} from "./flags";
import {
  getAccumulator,
  getReg,
  getRm,
  isLocked,
  isMemory,
  readRegister,
  setAccumulator,
  setReg,
  signExtend,
  sizeMask,
  writeRegister,
} from "./operands";
import { CPU_FLAG_B } from "./state";
import { divideUnsigned, multiplySigned, multiplyUnsigned, wideHigh } from "./wide";

/** For a form of the dispatch loop's own whose operand is not in the TLB. Returns whether the block must be left. */
// @ts-ignore: decorator
@inline
export function aluStops(op: usize): bool {
  aluExecute(op);
  return (fault | codeChanged) != 0;
}

export function aluExecute(op: usize): void {
  const id = <u32>load<u16>(op, OP_ID);
  const size = <u32>load<u8>(op, OP_OPSIZE);
  if (id <= <u32>I.ID_TEST) {
    binary(op, id, size);
    return;
  }
  switch (id) {
    case I.ID_NOT:
    case I.ID_NEG:
    case I.ID_INC:
    case I.ID_DEC:
      unary(op, id, size);
      break;
    case I.ID_MUL:
    case I.ID_IMUL1:
      multiply(op, id == I.ID_IMUL1, size);
      break;
    case I.ID_DIV:
      divide(op, size);
      break;
    case I.ID_IDIV:
      divideSigned(op, size);
      break;
    case I.ID_IMUL2:
      multiplyInto(op, size, getReg(op, size));
      break;
    case I.ID_IMUL3:
      multiplyInto(op, size, load<u64>(op, OP_IMM));
      break;
    case I.ID_XADD:
      exchangeAdd(op, size);
      break;
    case I.ID_CMPXCHG:
      compareAndExchange(op, size);
      break;
    default:
      compareAndExchangePair(op, size == 8);
      break;
  }
}

// @ts-ignore: decorator
@inline
function compute(id: u32, a: u64, b: u64, carry: u64): u64 {
  switch (id) {
    case I.ID_ADD:
      return a + b;
    case I.ID_OR:
      return a | b;
    case I.ID_ADC:
      return a + b + carry;
    case I.ID_SBB:
      return a - b - carry;
    case I.ID_AND:
    case I.ID_TEST:
      return a & b;
    case I.ID_XOR:
      return a ^ b;
    default:
      return a - b;
  }
}

function flagsOf(id: u32, size: u32, a: u64, b: u64, r: u64): void {
  switch (id) {
    case I.ID_ADD:
      setLazy(FLAGS_ADD, size, r, a);
      break;
    case I.ID_SUB:
    case I.ID_CMP:
      setLazy(FLAGS_SUB, size, r, a);
      break;
    case I.ID_ADC:
    case I.ID_SBB: {
      const top = (size << 3) - 1;
      const subtract = id == I.ID_SBB;
      const carries = subtract ? (~a & b) | ((~a | b) & r) : (a & b) | ((a | b) & ~r);
      const overflow = subtract ? (a ^ b) & (a ^ r) : (a ^ r) & (b ^ r);
      const bits = ((<u32>(carries >> top)) & 1) | (((<u32>(overflow >> top)) & 1) << 11) | ((<u32>(a ^ b ^ r)) & AF);
      setResult(size, r, bits);
      break;
    }
    default:
      setLogic(size, r);
      break;
  }
}

function binary(op: usize, id: u32, size: u32): void {
  const form = load<u8>(op, OP_FORM);
  const carry = <u64>(id == I.ID_ADC || id == I.ID_SBB ? getCarry() : 0);
  const compares = id == I.ID_CMP || id == I.ID_TEST;
  if (form == FORM_REG_RM) {
    const a = getReg(op, size);
    const b = getRm(op, size);
    if (fault) return;
    const r = compute(id, a, b, carry);
    flagsOf(id, size, a, b, r);
    if (!compares) setReg(op, size, r);
    return;
  }
  const b = form == FORM_RM_IMM ? load<u64>(op, OP_IMM) : getReg(op, size);
  if (!isMemory(op) || compares) {
    const a = getRm(op, size);
    if (fault) return;
    const r = compute(id, a, b, carry);
    flagsOf(id, size, a, b, r);
    if (!compares) writeRegister(load<u8>(op, OP_RM), load<u8>(op, OP_RM8), size, r);
    return;
  }
  const lin = effectiveAddress(op);
  probeWrite(lin, size);
  if (fault) return;
  let a = readSized(lin, size);
  let r = compute(id, a, b, carry);
  if (isLocked(op)) {
    let seen = exchangeRead(lin, size, a, r & sizeMask(size));
    while (seen != a) {
      a = seen;
      r = compute(id, a, b, carry);
      seen = exchangeRead(lin, size, a, r & sizeMask(size));
    }
  } else writeSized(lin, size, r);
  flagsOf(id, size, a, b, r);
}

// @ts-ignore: decorator
@inline
function computeUnary(id: u32, a: u64): u64 {
  if (id == I.ID_NOT) return ~a;
  if (id == I.ID_NEG) return 0 - a;
  return id == I.ID_INC ? a + 1 : a - 1;
}

function unary(op: usize, id: u32, size: u32): void {
  let a: u64;
  let r: u64;
  if (isMemory(op)) {
    const lin = effectiveAddress(op);
    probeWrite(lin, size);
    if (fault) return;
    a = readSized(lin, size);
    r = computeUnary(id, a);
    if (isLocked(op)) {
      let seen = exchangeRead(lin, size, a, r & sizeMask(size));
      while (seen != a) {
        a = seen;
        r = computeUnary(id, a);
        seen = exchangeRead(lin, size, a, r & sizeMask(size));
      }
    } else writeSized(lin, size, r);
  } else {
    a = getRm(op, size);
    r = computeUnary(id, a);
    writeRegister(load<u8>(op, OP_RM), load<u8>(op, OP_RM8), size, r);
  }
  if (id == I.ID_NEG) setLazy(FLAGS_SUB, size, r, 0);
  else if (id != I.ID_NOT) {
    store<u64>(cpu, getCarry(), CPU_FLAG_B);
    setLazy(id == I.ID_INC ? FLAGS_INC : FLAGS_DEC, size, r, a);
  }
}

function multiply(op: usize, signed: bool, size: u32): void {
  const b = getRm(op, size);
  if (fault) return;
  const a = getAccumulator(size);
  let overflow = false;
  let low: u64;
  if (size == 8) {
    low = signed ? multiplySigned(<i64>a, <i64>b) : multiplyUnsigned(a, b);
    setReg64(0, low);
    setReg64(2, wideHigh);
    overflow = wideHigh != (signed ? <u64>((<i64>low) >> 63) : 0);
  } else {
    low = signed ? signExtend(a, size) * signExtend(b, size) : a * b;
    overflow = low != (signed ? signExtend(low, size) : low & sizeMask(size));
    if (size == 4) {
      setReg32(0, <u32>low);
      setReg32(2, <u32>(low >> 32));
    } else if (size == 2) {
      setAccumulator(2, low);
      writeRegister(2, 0, 2, low >> 16);
    } else setAccumulator(2, low);
  }
  setResult(size, low, overflow ? CF | OF : 0);
}

function multiplyInto(op: usize, size: u32, a: u64): void {
  const b = getRm(op, size);
  if (fault) return;
  let r: u64;
  let overflow: bool;
  if (size == 8) {
    r = multiplySigned(<i64>a, <i64>b);
    overflow = wideHigh != <u64>((<i64>r) >> 63);
  } else {
    r = signExtend(a, size) * signExtend(b, size);
    overflow = r != signExtend(r, size);
  }
  setReg(op, size, r);
  setResult(size, r, overflow ? CF | OF : 0);
}

function divide(op: usize, size: u32): void {
  const d = getRm(op, size);
  if (fault) return;
  if (size == 8) {
    const high = getReg64(2);
    if (high >= d) {
      raise(VECTOR_DE);
      return;
    }
    setReg64(0, divideUnsigned(high, getReg64(0), d));
    setReg64(2, wideHigh);
    return;
  }
  const bits = (<u64>size) << 3;
  const mask = sizeMask(size);
  let n: u64;
  if (size == 1) n = getAccumulator(2);
  else n = (readRegister(2, 0, size) << bits) | getAccumulator(size);
  if (!d || n / d > mask) {
    raise(VECTOR_DE);
    return;
  }
  storeQuotient(size, n / d, n % d);
}

function divideSigned(op: usize, size: u32): void {
  const value = getRm(op, size);
  if (fault) return;
  if (!value) {
    raise(VECTOR_DE);
    return;
  }
  if (size == 8) {
    const high = getReg64(2);
    const low = getReg64(0);
    const negative = <i64>high < 0;
    const nLow = negative ? 0 - low : low;
    const nHigh = negative ? ~high + <u64>(low == 0) : high;
    const d = <i64>value < 0 ? 0 - value : value;
    const negativeQuotient = negative != <i64>value < 0;
    if (nHigh >= d) {
      raise(VECTOR_DE);
      return;
    }
    const q = divideUnsigned(nHigh, nLow, d);
    const r = wideHigh;
    const limit: u64 = 1 << 63;
    if (negativeQuotient ? q > limit : q >= limit) {
      raise(VECTOR_DE);
      return;
    }
    setReg64(0, negativeQuotient ? 0 - q : q);
    setReg64(2, negative ? 0 - r : r);
    return;
  }
  const d = <i64>signExtend(value, size);
  let n: i64;
  if (size == 1) n = <i64>signExtend(getAccumulator(2), 2);
  else if (size == 2) n = <i64>signExtend((readRegister(2, 0, 2) << 16) | getAccumulator(2), 4);
  else n = <i64>(((<u64>getReg32(2)) << 32) | getReg32(0));
  // The only quotient that an i64 can't hold, for which wasm would trap.
  if (d == -1 && n == <i64>((<u64>1) << 63)) {
    raise(VECTOR_DE);
    return;
  }
  const q = n / d;
  if (<u64>q != signExtend(<u64>q, size)) {
    raise(VECTOR_DE);
    return;
  }
  storeQuotient(size, <u64>q, <u64>(n % d));
}

function storeQuotient(size: u32, q: u64, r: u64): void {
  if (size == 1) setAccumulator(2, (q & 0xff) | ((r & 0xff) << 8));
  else {
    setAccumulator(size, q);
    writeRegister(2, 0, size, r);
  }
}

function exchangeAdd(op: usize, size: u32): void {
  const b = getReg(op, size);
  let a: u64;
  if (isMemory(op)) {
    const lin = effectiveAddress(op);
    probeWrite(lin, size);
    if (fault) return;
    a = readSized(lin, size);
    if (isLocked(op)) {
      let seen = exchangeRead(lin, size, a, (a + b) & sizeMask(size));
      while (seen != a) {
        a = seen;
        seen = exchangeRead(lin, size, a, (a + b) & sizeMask(size));
      }
    } else writeSized(lin, size, a + b);
    setReg(op, size, a);
  } else {
    a = getRm(op, size);
    setReg(op, size, a);
    writeRegister(load<u8>(op, OP_RM), load<u8>(op, OP_RM8), size, a + b);
  }
  setLazy(FLAGS_ADD, size, a + b, a);
}

function compareAndExchange(op: usize, size: u32): void {
  const expected = getAccumulator(size);
  const replacement = getReg(op, size);
  let old: u64;
  if (isMemory(op)) {
    const lin = effectiveAddress(op);
    probeWrite(lin, size);
    if (fault) return;
    if (isLocked(op)) old = compareExchange(lin, size, expected, replacement);
    else {
      old = readSized(lin, size);
      if (old == expected) writeSized(lin, size, replacement);
    }
  } else {
    old = getRm(op, size);
    // If they are unequal, a 32-bit destination keeps its upper half, because silicon does not write the register.
    if (old == expected) writeRegister(load<u8>(op, OP_RM), load<u8>(op, OP_RM8), size, replacement);
  }
  if (old != expected) setAccumulator(size, old);
  setLazy(FLAGS_SUB, size, expected - old, expected);
}

/** CMPXCHG8B and CMPXCHG16B, always as if locked. */
function compareAndExchangePair(op: usize, wide: bool): void {
  const lin = effectiveAddress(op);
  if (wide && lin & 15) {
    raise(VECTOR_GP);
    return;
  }
  probeWrite(lin, wide ? 16 : 8);
  if (fault) return;
  if (!wide) {
    const expected = (<u64>getReg32(0)) | ((<u64>getReg32(2)) << 32);
    const replacement = (<u64>getReg32(3)) | ((<u64>getReg32(1)) << 32);
    const old = compareExchange(lin, 8, expected, replacement);
    if (old != expected) {
      setReg32(0, <u32>old);
      setReg32(2, <u32>(old >> 32));
    }
    changeFlags(ZF, old == expected ? ZF : 0);
    return;
  }
  const expectedLow = getReg64(0);
  const expectedHigh = getReg64(2);
  const low = compareExchange16(lin, expectedLow, expectedHigh, getReg64(3), getReg64(1));
  if (fault) return;
  const high = foundHigh;
  const equal = low == expectedLow && high == expectedHigh;
  if (!equal) {
    setReg64(0, low);
    setReg64(2, high);
  }
  changeFlags(ZF, equal ? ZF : 0);
}
