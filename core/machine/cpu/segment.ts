/** Segment registers and descriptors. Intel's manual volume 3, chapters 3 and 5. */
import { OP_ID, OP_OPSIZE, OP_REG, OP_RM } from "./op";
import * as I from "./ids";
import { effectiveAddress, probeRead, readSized, readSystem, writeSystem } from "./access";
import { VECTOR_GP, VECTOR_NP, VECTOR_SS, VECTOR_UD, clearFault, cpu, fault, raise, setModeStale } from "./machine";
import {
  CPU_CPL,
  CPU_GDTR_BASE,
  CPU_GDTR_LIMIT,
  CPU_SEG,
  CPU_SHADOW,
  SHADOW_SS,
  CS,
  FS,
  LDTR,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_SIZE,
  SS,
} from "./state";
import { ZF, changeFlags } from "./flags";
import { getRm, inLongMode, isMemory, setReg, setRm, writeRegister } from "./operands";
import { hasDescriptors, inRealMode } from "./protection";
import { dropStack, peekStack } from "./stack";

const ATTR_UNUSABLE: u16 = 0x8000;
/** Attribute bits in SEG_ATTR: type in 0..3, S 4, DPL 5..6, P 7, AVL 8, L 9, D/B 10, G 11. */
export const ATTR_S: u32 = 0x10;
export const ATTR_P: u32 = 0x80;
export const ATTR_L: u32 = 0x200;
export const ATTR_DB: u32 = 0x400;

/** Returns the address of segment register n in CPU_SEG. */
// @ts-ignore: decorator
@inline
export function segmentSlot(n: i32): usize {
  return cpu + CPU_SEG + <usize>(n * SEG_SIZE);
}
export function selectorOf(n: i32): u32 {
  return load<u16>(segmentSlot(n), SEG_SELECTOR);
}

/** Returns the linear address of a selector's descriptor. Raises `vector` (selector) if it lies beyond its table. */
export function descriptorAddress(selector: u32, vector: i32): u64 {
  let base: u64;
  let limit: u32;
  if (selector & 4) {
    const ldt = segmentSlot(LDTR);
    if (load<u16>(ldt, SEG_ATTR) & ATTR_UNUSABLE || !(load<u16>(ldt, SEG_SELECTOR) & 0xfffc)) {
      raise(vector, selector & 0xfffc);
      return 0;
    }
    base = load<u64>(ldt, SEG_BASE);
    limit = load<u32>(ldt, SEG_LIMIT);
  } else {
    base = load<u64>(cpu, CPU_GDTR_BASE);
    limit = load<u32>(cpu, CPU_GDTR_LIMIT);
  }
  if ((selector | 7) > limit) {
    raise(vector, selector & 0xfffc);
    return 0;
  }
  return base + (selector & 0xfff8);
}

function descriptorBase(d: u64): u64 {
  return ((d >> 16) & 0xffffff) | ((d >> 32) & 0xff000000);
}
export function descriptorLimit(d: u64): u32 {
  const raw = (<u32>(d & 0xffff)) | ((<u32>(d >> 32)) & 0xf0000);
  return (d >> 55) & 1 ? (raw << 12) | 0xfff : raw;
}
export function descriptorAttr(d: u64): u32 {
  return ((<u32>(d >> 40)) & 0xff) | ((<u32>(d >> 44)) & 0xf00);
}

/** Fills a segment register from a descriptor, without checks. */
export function setSegment(n: i32, selector: u32, d: u64): void {
  const slot = segmentSlot(n);
  store<u64>(slot, descriptorBase(d), SEG_BASE);
  store<u32>(slot, descriptorLimit(d), SEG_LIMIT);
  store<u16>(slot, <u16>selector, SEG_SELECTOR);
  store<u16>(slot, <u16>descriptorAttr(d), SEG_ATTR);
  setModeStale(true);
}
export function setNullSegment(n: i32, selector: u32): void {
  const slot = segmentSlot(n);
  store<u64>(slot, 0, SEG_BASE);
  store<u32>(slot, 0, SEG_LIMIT);
  store<u16>(slot, <u16>selector, SEG_SELECTOR);
  store<u16>(slot, ATTR_UNUSABLE, SEG_ATTR);
  setModeStale(true);
}

/** In real mode: the limit stays, and so do those attributes that protected mode has left; the segment can be read, written and executed. */
export function setRealSegment(n: i32, selector: u32): void {
  const slot = segmentSlot(n);
  store<u64>(slot, (<u64>selector) << 4, SEG_BASE);
  store<u16>(slot, <u16>selector, SEG_SELECTOR);
  store<u16>(slot, (load<u16>(slot, SEG_ATTR) & 0x0f00) | 0x93, SEG_ATTR);
  setModeStale(true);
}
/** In virtual-8086 mode. */
export function setVirtualSegment(n: i32, selector: u32): void {
  const slot = segmentSlot(n);
  store<u64>(slot, (<u64>selector) << 4, SEG_BASE);
  store<u32>(slot, 0xffff, SEG_LIMIT);
  store<u16>(slot, <u16>selector, SEG_SELECTOR);
  store<u16>(slot, 0xf3, SEG_ATTR);
  setModeStale(true);
}

/** Sets the accessed bit of a descriptor in its table. */
export function markAccessed(at: u64, d: u64): u64 {
  if ((d >> 40) & 1) return d;
  writeSystem(at + 5, 1, (d >> 40) | 1);
  return d | ((<u64>1) << 40);
}

/** MOV or POP to ES, SS, DS, FS, GS: all checks; on failure `fault` is set and nothing has changed. */
export function loadSegment(n: i32, selector: u32): void {
  if (!hasDescriptors()) {
    if (inRealMode()) setRealSegment(n, selector);
    else setVirtualSegment(n, selector);
    return;
  }
  const cpl = load<u32>(cpu, CPU_CPL);
  const rpl = selector & 3;
  const error = selector & 0xfffc;
  if (!(selector & 0xfffc)) {
    if (n == SS && (!inLongMode() || cpl == 3 || rpl != cpl)) {
      raise(VECTOR_GP, 0);
      return;
    }
    setNullSegment(n, selector);
    return;
  }
  const at = descriptorAddress(selector, VECTOR_GP);
  if (fault) return;
  let d = readSystem(at, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  const dpl = (attr >> 5) & 3;
  const type = attr & 15;
  if (!(attr & ATTR_S)) {
    raise(VECTOR_GP, error);
    return;
  }
  if (n == SS) {
    if (rpl != cpl || dpl != cpl || type & 8 || !(type & 2)) {
      raise(VECTOR_GP, error);
      return;
    }
  } else {
    const conforming = (type & 12) == 12;
    if ((type & 10) == 8 || (!conforming && (rpl > dpl || cpl > dpl))) {
      raise(VECTOR_GP, error);
      return;
    }
  }
  if (!(attr & ATTR_P)) {
    raise(n == SS ? VECTOR_SS : VECTOR_NP, error);
    return;
  }
  d = markAccessed(at, d);
  if (fault) return;
  setSegment(n, selector, d);
}

/** Makes those segments null that have a higher privilege than the new CPL, on return to an outer level. */
export function dropPrivilegedSegments(cpl: u32): void {
  for (let n = 0; n < 6; n++) {
    if (n == CS || n == SS) continue;
    const attr = <u32>load<u16>(segmentSlot(n), SEG_ATTR);
    if (attr & ATTR_UNUSABLE) {
      store<u16>(segmentSlot(n), 0, SEG_SELECTOR);
      continue;
    }
    if ((attr & 12) != 12 && ((attr >> 5) & 3) < cpl) {
      const base = load<u64>(segmentSlot(n), SEG_BASE);
      setNullSegment(n, 0);
      if (n >= FS) store<u64>(segmentSlot(n), base, SEG_BASE);
    }
  }
}

export function segmentExecute(op: usize): void {
  const size = <u32>load<u8>(op, OP_OPSIZE);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_MOV_FROM_SEG: {
      const selector = selectorOf(load<u8>(op, OP_REG) & 7);
      // A memory operand gets 16 bits, a register the whole operand size.
      if (isMemory(op)) setRm(op, 2, selector);
      else writeRegister(load<u8>(op, OP_RM), 0, size, selector);
      break;
    }
    case I.ID_MOV_TO_SEG: {
      const n = (<i32>load<u8>(op, OP_REG)) & 7;
      const selector = <u32>getRm(op, 2);
      if (fault) return;
      loadSegment(n, selector);
      if (n == SS && !fault) store<u32>(cpu, SHADOW_SS, CPU_SHADOW);
      break;
    }
    case I.ID_POP_SEG: {
      const n = <i32>load<u8>(op, OP_REG);
      const selector = <u32>peekStack(2, 0);
      if (fault) return;
      // The size of the stack pointer is that of the old SS.
      const slot = segmentSlot(SS);
      const attr = load<u16>(slot, SEG_ATTR);
      loadSegment(n, selector);
      if (fault) return;
      const newAttr = load<u16>(slot, SEG_ATTR);
      store<u16>(slot, attr, SEG_ATTR);
      dropStack(size);
      store<u16>(slot, newAttr, SEG_ATTR);
      if (n == SS) store<u32>(cpu, SHADOW_SS, CPU_SHADOW);
      break;
    }
    case I.ID_LFP: {
      const lin = effectiveAddress(op);
      probeRead(lin, size + 2);
      const offset = readSized(lin, size);
      const selector = <u32>readSized(lin + size, 2);
      if (fault) return;
      loadSegment(load<u8>(op, OP_RM), selector);
      if (!fault) setReg(op, size, offset);
      break;
    }
    case I.ID_ARPL: {
      if (!hasDescriptors()) {
        raise(VECTOR_UD);
        return;
      }
      const a = <u32>getRm(op, 2);
      if (fault) return;
      const rpl = (<u32>load<u16>(cpu + ((<usize>load<u8>(op, OP_REG)) << 3))) & 3;
      const lower = (a & 3) < rpl;
      if (lower) setRm(op, 2, (a & ~3) | rpl);
      if (!fault) changeFlags(ZF, lower ? ZF : 0);
      break;
    }
    default:
      if (hasDescriptors()) inspectSelector(op, size);
      else raise(VECTOR_UD);
      break;
  }
}

/** LAR, LSL, VERR, VERW: ZF says whether the selector may be used in this way. */
function inspectSelector(op: usize, size: u32): void {
  const id = load<u16>(op, OP_ID);
  const selector = <u32>getRm(op, 2);
  if (fault) return;
  let d: u64 = 0;
  let good = (selector & 0xfffc) != 0;
  if (good) {
    const at = descriptorAddress(selector, VECTOR_GP);
    if (fault) {
      clearFault();
      good = false;
    } else {
      d = readSystem(at, 8);
      if (fault) return;
    }
  }
  if (good) {
    const attr = descriptorAttr(d);
    const type = attr & 15;
    const dpl = (attr >> 5) & 3;
    const reaches = (attr & ATTR_S && (type & 12) == 12) || (load<u32>(cpu, CPU_CPL) <= dpl && (selector & 3) <= dpl);
    if (!(attr & ATTR_S)) {
      const long = inLongMode();
      const known = type == 2 || type == 9 || type == 11 || (!long && (type == 1 || type == 3));
      const gate = type == 12 || (!long && (type == 4 || type == 5));
      good = (known || (id == I.ID_LAR && gate)) && (id == I.ID_LAR || id == I.ID_LSL);
    } else if (id == I.ID_VERR) good = (type & 10) != 8;
    else if (id == I.ID_VERW) good = !(type & 8) && (type & 2) != 0;
    good = good && reaches;
  }
  if (good) {
    if (id == I.ID_LAR) setReg(op, size, (d >> 32) & 0xf0ff00);
    else if (id == I.ID_LSL) setReg(op, size, descriptorLimit(d));
  }
  changeFlags(ZF, good ? ZF : 0);
}
