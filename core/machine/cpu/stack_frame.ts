/**
 * Frames that interrupts, call gates and tasks leave on a stack: they are pushed from SS:RSP on, and RSP is moved when all of it is written. An inner
 * stack is the one that a TSS names for a more privileged level; until leaveInnerStack() or success the old one can be restored.
 */
import { getReg64, readSystem, segmentAddress, writeSized, writeSystem } from "./access";
import { VECTOR_SS, VECTOR_TS, cpu, fault, raise, replaceFault } from "./machine";
import {
  ATTR_P,
  ATTR_S,
  descriptorAddress,
  descriptorAttr,
  markAccessed,
  segmentSlot,
  selectorOf,
  setSegment,
} from "./segment";
import { cutPointer, setPointer, stackPointerSize } from "./stack";
import { CPU_CPL, CPU_GPR, SEG_ATTR, SEG_BASE, SEG_LIMIT, SS, TR } from "./state";

const RSP: u32 = 4;

let top: u64 = 0;
let width: u32 = 0;
let inner: bool = false;

/** `toInner`: the stack belongs to a more privileged level than the present CPL, and is written with its rights. */
export function beginFrame(toInner: bool): void {
  width = stackPointerSize();
  top = cutPointer(getReg64(RSP), width);
  inner = toInner;
}
/** After the first failure this does nothing. */
export function pushFrame(size: u32, value: u64): void {
  if (fault) return;
  top = cutPointer(top - size, width);
  const lin = segmentAddress(SS, top, size, true);
  if (fault) {
    // The fault of a new stack has the stack's selector as error code.
    if (inner) replaceFault(VECTOR_SS, selectorOf(SS) & 0xfffc);
    return;
  }
  if (inner) writeSystem(lin, size, value);
  else writeSized(lin, size, value);
}
export function endFrame(): void {
  setPointer(RSP, top, width);
}

let savedBase: u64 = 0;
let savedRest: u64 = 0;
let savedSp: u64 = 0;
let savedCpl: u32 = 0;

/** The stack selector before enterInnerStack(). */
export function outerSelector(): u32 {
  return (<u32>(savedRest >> 32)) & 0xffff;
}
export function outerPointer(): u64 {
  return savedSp;
}

/** Loads SS, RSP and CPL for `level` from the TSS, outside long mode. On failure `fault` is set and nothing has changed. */
export function enterInnerStack(level: u32): void {
  const tss = segmentSlot(TR);
  const wide = (load<u16>(tss, SEG_ATTR) & 8) != 0;
  const offset: u32 = wide ? 4 + 8 * level : 2 + 4 * level;
  const last: u32 = offset + (wide ? 5 : 3);
  const task = selectorOf(TR) & 0xfffc;
  if (last > load<u32>(tss, SEG_LIMIT)) {
    raise(VECTOR_TS, task);
    return;
  }
  const at = load<u64>(tss, SEG_BASE) + offset;
  const pointer = readSystem(at, wide ? 4 : 2);
  const selector = <u32>readSystem(at + (wide ? 4 : 2), 2);
  if (fault) return;
  const name = selector & 0xfffc;
  if (!name) {
    raise(VECTOR_TS, 0);
    return;
  }
  const descriptor = descriptorAddress(selector, VECTOR_TS);
  if (fault) return;
  let d = readSystem(descriptor, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  if ((selector & 3) != level || ((attr >> 5) & 3) != level || !(attr & ATTR_S) || (attr & 10) != 2) {
    raise(VECTOR_TS, name);
    return;
  }
  if (!(attr & ATTR_P)) {
    raise(VECTOR_SS, name);
    return;
  }
  d = markAccessed(descriptor, d);
  if (fault) return;
  keepStack();
  setSegment(SS, selector, d);
  store<u64>(cpu + CPU_GPR + RSP * 8, pointer);
  store<u32>(cpu, level, CPU_CPL);
}

/** Remembers SS, RSP and CPL. */
export function keepStack(): void {
  const slot = segmentSlot(SS);
  savedBase = load<u64>(slot);
  savedRest = load<u64>(slot, SEG_LIMIT);
  savedSp = getReg64(RSP);
  savedCpl = load<u32>(cpu, CPU_CPL);
}
/** Restores what keepStack() has remembered. */
export function leaveInnerStack(): void {
  const slot = segmentSlot(SS);
  store<u64>(slot, savedBase);
  store<u64>(slot, savedRest, SEG_LIMIT);
  store<u64>(cpu + CPU_GPR + RSP * 8, savedSp);
  store<u32>(cpu, savedCpl, CPU_CPL);
}
