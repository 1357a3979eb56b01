/** Delivery of interrupts and exceptions in long mode: 16-byte gates, stacks from TSS and IST. Intel's manual volume 3, 6.14. */
import { getReg64, readSystem, setReg64, writeSystem } from "./access";
import { startHandler } from "./handler_entry";
import { VECTOR_GP, VECTOR_NP, VECTOR_SS, VECTOR_TS, cpu, fault, orFaultError, raise } from "./machine";
import { isCanonical } from "./paging/format";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  descriptorAddress,
  descriptorAttr,
  markAccessed,
  segmentSlot,
  selectorOf,
  setNullSegment,
  setSegment,
} from "./segment";
import { CPU_CPL, CPU_IDTR_BASE, CPU_IDTR_LIMIT, CPU_RIP, CS, SEG_BASE, SEG_LIMIT, SS, TR } from "./state";

const GATE_INTERRUPT: u32 = 14;
const GATE_TRAP: u32 = 15;

/** See enterHandler() in exceptions.ts. */
export function enterLong(vector: u32, software: bool, withError: bool, error: u32, flagsSet: u64): void {
  enter(vector, software, withError, error, flagsSet);
  // The error code of a selector says that no instruction of the program has named it.
  if (fault && !software) orFaultError(1);
}

function enter(vector: u32, software: bool, withError: bool, error: u32, flagsSet: u64): void {
  const name = (vector << 3) | 2;
  if (vector * 16 + 15 > load<u32>(cpu, CPU_IDTR_LIMIT)) {
    raise(VECTOR_GP, name);
    return;
  }
  const at = load<u64>(cpu, CPU_IDTR_BASE) + <u64>vector * 16;
  const low = readSystem(at, 8);
  const high = readSystem(at + 8, 8);
  if (fault) return;
  const kind = (<u32>(low >> 40)) & 0x1f;
  if (kind != GATE_INTERRUPT && kind != GATE_TRAP) {
    raise(VECTOR_GP, name);
    return;
  }
  const cpl = load<u32>(cpu, CPU_CPL);
  if (software && ((<u32>(low >> 45)) & 3) < cpl) {
    raise(VECTOR_GP, name);
    return;
  }
  if (!((low >> 47) & 1)) {
    raise(VECTOR_NP, name);
    return;
  }
  const target = (low & 0xffff) | ((low >> 32) & 0xffff0000) | (high << 32);
  const selector = (<u32>(low >> 16)) & 0xfffc;
  if (!selector) {
    raise(VECTOR_GP, 0);
    return;
  }
  const descriptor = descriptorAddress(selector, VECTOR_GP);
  if (fault) return;
  let d = readSystem(descriptor, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  const dpl = (attr >> 5) & 3;
  if ((attr & (ATTR_S | 8)) != (ATTR_S | 8) || dpl > cpl || (attr & (ATTR_L | ATTR_DB)) != ATTR_L) {
    raise(VECTOR_GP, selector);
    return;
  }
  if (!(attr & ATTR_P)) {
    raise(VECTOR_NP, selector);
    return;
  }
  if (!isCanonical(target)) {
    raise(VECTOR_GP, 0);
    return;
  }
  const level = attr & 4 ? cpl : dpl;
  const ist = (<u32>(low >> 32)) & 7;
  let sp = getReg64(4);
  if (ist || level < cpl) {
    const offset: u32 = ist ? 28 + 8 * ist : 4 + 8 * level;
    const tss = segmentSlot(TR);
    if (offset + 7 > load<u32>(tss, SEG_LIMIT)) {
      raise(VECTOR_TS, selectorOf(TR) & 0xfffc);
      return;
    }
    sp = readSystem(load<u64>(tss, SEG_BASE) + offset, 8);
    if (fault) return;
  }
  if (!isCanonical(sp)) {
    raise(VECTOR_SS, 0);
    return;
  }
  sp &= ~(<u64>15);
  // The frame is written with the rights of the new privilege level.
  const oldSs = selectorOf(SS);
  const oldCs = selectorOf(CS);
  let top = sp;
  top -= 8;
  writeSystem(top, 8, oldSs);
  top -= 8;
  writeSystem(top, 8, getReg64(4));
  top -= 8;
  writeSystem(top, 8, flagsSet);
  top -= 8;
  writeSystem(top, 8, oldCs);
  top -= 8;
  writeSystem(top, 8, load<u64>(cpu, CPU_RIP));
  if (withError) {
    top -= 8;
    writeSystem(top, 8, error);
  }
  if (fault) return;
  d = markAccessed(descriptor, d);
  if (fault) return;
  setSegment(CS, selector | level, d);
  if (level < cpl) setNullSegment(SS, level);
  store<u32>(cpu, level, CPU_CPL);
  setReg64(4, top);
  startHandler(target, kind == GATE_TRAP);
}
