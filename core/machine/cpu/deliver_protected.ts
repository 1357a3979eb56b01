/**
 * Delivery of interrupts and exceptions in protected and virtual-8086 mode: 16- and 32-bit interrupt and trap gates, task gates. Intel's
 * manual volume 3, 6.11 and 6.12; volume 2, INT n.
 */
import { readSystem } from "./access";
import { startHandler } from "./handler_entry";
import { VECTOR_GP, VECTOR_NP, cpu, fault, orFaultError, raise } from "./machine";
import { inVirtual8086 } from "./protection";
import {
  ATTR_P,
  ATTR_S,
  descriptorAddress,
  descriptorAttr,
  descriptorLimit,
  markAccessed,
  selectorOf,
  setNullSegment,
  setSegment,
} from "./segment";
import {
  beginFrame,
  endFrame,
  enterInnerStack,
  leaveInnerStack,
  outerPointer,
  outerSelector,
  pushFrame,
} from "./stack_frame";
import { CPU_CPL, CPU_IDTR_BASE, CPU_IDTR_LIMIT, CPU_RIP, CS, DS, ES, FS, GS } from "./state";
import { NO_ERROR_CODE, TASK_CALL, switchTask } from "./task";

const GATE_TASK: u32 = 5;
/** Bits of an interrupt or trap gate's type: it is 32 bits wide; it is a trap gate, which leaves IF alone. */
const GATE_WIDE: u32 = 8;
const GATE_TRAP: u32 = 1;

/** See enterHandler() in exceptions.ts. */
export function enterProtected(vector: u32, software: bool, withError: bool, error: u32, flagsSet: u64): void {
  enter(vector, software, withError, error, flagsSet);
  // The error code of a selector says that no instruction of the program has named it.
  if (fault && !software) orFaultError(1);
}

function enter(vector: u32, software: bool, withError: bool, error: u32, flagsSet: u64): void {
  const name = (vector << 3) | 2;
  if (vector * 8 + 7 > load<u32>(cpu, CPU_IDTR_LIMIT)) {
    raise(VECTOR_GP, name);
    return;
  }
  const gate = readSystem(load<u64>(cpu, CPU_IDTR_BASE) + <u64>vector * 8, 8);
  if (fault) return;
  const kind = (<u32>(gate >> 40)) & 0x1f;
  const cpl = load<u32>(cpu, CPU_CPL);
  if ((kind != GATE_TASK && (kind & ~(GATE_WIDE | GATE_TRAP)) != 6) || (software && ((<u32>(gate >> 45)) & 3) < cpl)) {
    raise(VECTOR_GP, name);
    return;
  }
  if (!((gate >> 47) & 1)) {
    raise(VECTOR_NP, name);
    return;
  }
  const selector = (<u32>(gate >> 16)) & 0xffff;
  if (kind == GATE_TASK) {
    switchTask(selector, TASK_CALL, flagsSet, withError ? <i64>error : NO_ERROR_CODE, software);
    return;
  }
  const wide = (kind & GATE_WIDE) != 0;
  const target = (gate & 0xffff) | (wide ? (gate >> 32) & 0xffff0000 : 0);
  if (!(selector & 0xfffc)) {
    raise(VECTOR_GP, 0);
    return;
  }
  const descriptor = descriptorAddress(selector, VECTOR_GP);
  if (fault) return;
  let d = readSystem(descriptor, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  const dpl = (attr >> 5) & 3;
  const level = attr & 4 ? cpl : dpl;
  const virtual = inVirtual8086();
  if ((attr & (ATTR_S | 8)) != (ATTR_S | 8) || dpl > cpl || (virtual && level != 0)) {
    raise(VECTOR_GP, selector & 0xfffc);
    return;
  }
  if (!(attr & ATTR_P)) {
    raise(VECTOR_NP, selector & 0xfffc);
    return;
  }
  if (target > descriptorLimit(d)) {
    raise(VECTOR_GP, 0);
    return;
  }
  d = markAccessed(descriptor, d);
  if (fault) return;
  const size: u32 = wide ? 4 : 2;
  const inner = level < cpl;
  if (inner) {
    enterInnerStack(level);
    if (fault) return;
  }
  beginFrame(inner);
  if (virtual) {
    pushFrame(size, selectorOf(GS));
    pushFrame(size, selectorOf(FS));
    pushFrame(size, selectorOf(DS));
    pushFrame(size, selectorOf(ES));
  }
  if (inner) {
    pushFrame(size, outerSelector());
    pushFrame(size, outerPointer());
  }
  pushFrame(size, flagsSet);
  pushFrame(size, selectorOf(CS));
  pushFrame(size, load<u64>(cpu, CPU_RIP));
  if (withError) pushFrame(size, error);
  if (fault) {
    if (inner) leaveInnerStack();
    return;
  }
  endFrame();
  if (virtual) for (let n = ES; n <= GS; n++) if (n == ES || n >= DS) setNullSegment(n, 0);
  setSegment(CS, (selector & 0xfffc) | level, d);
  startHandler(target, (kind & GATE_TRAP) != 0);
}
