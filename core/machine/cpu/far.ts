/** Far JMP, CALL and RET: in real and virtual-8086 mode, to code segments, through call gates and task gates, to tasks. Intel's manual volume 2. */
import { effectiveAddress, getReg64, readSized, readSystem, segmentAddress } from "./access";
import {
  CODE_CALL_GATE,
  CODE_DIRECT,
  CODE_JUMP_GATE,
  CODE_RETURN,
  checkCode,
  checkTarget,
  enterCode,
  findCode,
  foundLevel,
} from "./code_segment";
import { getRflags } from "./flags";
import * as I from "./ids";
import { VECTOR_GP, VECTOR_NP, VECTOR_SS, VECTOR_TS, cpu, fault, raise } from "./machine";
import { OP_ID, OP_IMM } from "./op";
import { inLongMode, nextRip } from "./operands";
import { isCanonical } from "./paging/format";
import { hasDescriptors, inRealMode, isLongModeActive } from "./protection";
import {
  ATTR_P,
  ATTR_S,
  descriptorAddress,
  descriptorAttr,
  dropPrivilegedSegments,
  loadSegment,
  segmentSlot,
  selectorOf,
  setNullSegment,
  setRealSegment,
  setVirtualSegment,
} from "./segment";
import { cutPointer, peekStack, setPointer, stackPointerSize } from "./stack";
import {
  beginFrame,
  endFrame,
  enterInnerStack,
  keepStack,
  leaveInnerStack,
  outerPointer,
  outerSelector,
  pushFrame,
} from "./stack_frame";
import { CPU_CPL, CPU_GPR, CPU_RIP, CS, SEG_BASE, SEG_LIMIT, SS, TR } from "./state";
import { NO_ERROR_CODE, TASK_CALL, TASK_JUMP, switchTask } from "./task";

/** JMP and CALL. */
export function farTransfer(op: usize, size: u32): void {
  const id = load<u16>(op, OP_ID);
  let target: u64;
  let selector: u32;
  if (id == I.ID_JMPF_IMM || id == I.ID_CALLF_IMM) {
    target = load<u64>(op, OP_IMM) & 0xffffffff;
    selector = (<u32>(load<u64>(op, OP_IMM) >> 32)) & 0xffff;
  } else {
    const lin = effectiveAddress(op);
    target = readSized(lin, size);
    selector = <u32>readSized(lin + size, 2);
    if (fault) return;
  }
  const calls = id == I.ID_CALLF_IMM || id == I.ID_CALLF_RM;
  const back = nextRip(op);
  if (!hasDescriptors()) {
    if (target > load<u32>(segmentSlot(CS), SEG_LIMIT)) {
      raise(VECTOR_GP);
      return;
    }
    if (calls) pushReturn(size, back);
    if (!fault) enterUnchecked(selector, target);
    return;
  }
  if (!(selector & 0xfffc)) {
    raise(VECTOR_GP, 0);
    return;
  }
  const at = descriptorAddress(selector, VECTOR_GP);
  if (fault) return;
  const d = readSystem(at, 8);
  if (fault) return;
  if (!(descriptorAttr(d) & ATTR_S)) {
    throughSystem(selector, at, d, calls, back);
    return;
  }
  checkCode(selector, at, d, CODE_DIRECT);
  if (fault) return;
  // As in the processor, the return address is pushed before the target is checked.
  if (calls) {
    beginFrame(false);
    pushFrame(size, selectorOf(CS));
    pushFrame(size, back);
    if (fault) return;
  }
  checkTarget(target);
  if (fault) return;
  if (calls) endFrame();
  enterCode(selector, target);
}

function pushReturn(size: u32, back: u64): void {
  beginFrame(false);
  pushFrame(size, selectorOf(CS));
  pushFrame(size, back);
  if (!fault) endFrame();
}

/** Real and virtual-8086 mode: CS is loaded from the selector without a descriptor. */
export function enterUnchecked(selector: u32, target: u64): void {
  if (inRealMode()) setRealSegment(CS, selector);
  else setVirtualSegment(CS, selector);
  store<u64>(cpu, target, CPU_RIP);
}

const SYSTEM_CALL_GATE_16: u32 = 4;
const SYSTEM_TASK_GATE: u32 = 5;
const SYSTEM_CALL_GATE: u32 = 12;

/** Goes through a gate, or to a task. */
function throughSystem(selector: u32, at: u64, d: u64, calls: bool, back: u64): void {
  const name = selector & 0xfffc;
  const attr = descriptorAttr(d);
  const kind = attr & 15;
  const dpl = (attr >> 5) & 3;
  const long = isLongModeActive();
  const task = !long && (kind == SYSTEM_TASK_GATE || (kind & 7) == 1);
  const gate = kind == SYSTEM_CALL_GATE || (!long && kind == SYSTEM_CALL_GATE_16);
  if ((!task && !gate) || dpl < load<u32>(cpu, CPU_CPL) || dpl < (selector & 3)) {
    raise(VECTOR_GP, name);
    return;
  }
  if (!(attr & ATTR_P)) {
    raise(VECTOR_NP, name);
    return;
  }
  if (!task) {
    throughGate(selector, at, d, calls, back);
    return;
  }
  const rip = load<u64>(cpu, CPU_RIP);
  store<u64>(cpu, back, CPU_RIP);
  const tss = kind == SYSTEM_TASK_GATE ? (<u32>(d >> 16)) & 0xffff : selector;
  switchTask(tss, calls ? TASK_CALL : TASK_JUMP, getRflags(), NO_ERROR_CODE, true);
  if (fault) store<u64>(cpu, rip, CPU_RIP);
}

function throughGate(selector: u32, at: u64, gate: u64, calls: bool, back: u64): void {
  const long = isLongModeActive();
  const size: u32 = long ? 8 : (gate >> 40) & 8 ? 4 : 2;
  let target = gate & 0xffff;
  if (size > 2) target |= (gate >> 32) & 0xffff0000;
  if (long) {
    const high = readSystem(at + 8, 8);
    if (fault) return;
    // The place of the type in the second half must be 0.
    if ((high >> 40) & 0x1f) {
      raise(VECTOR_GP, selector & 0xfffc);
      return;
    }
    target |= high << 32;
  }
  const code = (<u32>(gate >> 16)) & 0xffff;
  findCode(code, calls ? CODE_CALL_GATE : CODE_JUMP_GATE);
  if (fault) return;
  if (!calls) {
    checkTarget(target);
    if (!fault) enterCode(code, target);
    return;
  }
  const inner = foundLevel < load<u32>(cpu, CPU_CPL);
  if (inner) callInward(code, target, size, long ? 0 : (<u32>(gate >> 32)) & 31, back);
  else {
    beginFrame(false);
    pushFrame(size, selectorOf(CS));
    pushFrame(size, back);
    if (!fault) checkTarget(target);
    if (fault) return;
    endFrame();
    enterCode(code, target);
  }
}

/** CALL to a more privileged level, which has its own stack, with `count` parameters copied from the old one. */
function callInward(code: u32, target: u64, size: u32, count: u32, back: u64): void {
  const level = foundLevel;
  const width = stackPointerSize();
  const from = getReg64(4);
  // Parameters are read by the rules of the old stack.
  for (let n: u32 = 0; n < count; n++) {
    const lin = segmentAddress(SS, cutPointer(from + <u64>n * size, width), size, false);
    if (!fault) readSized(lin, size);
    if (fault) return;
  }
  const oldBase = load<u64>(segmentSlot(SS), SEG_BASE);
  if (size == 8) longInnerStack(level);
  else enterInnerStack(level);
  if (fault) return;
  beginFrame(true);
  pushFrame(size, outerSelector());
  pushFrame(size, outerPointer());
  for (let n = count; n > 0; n--) {
    const lin = (oldBase + cutPointer(from + (<u64>n - 1) * size, width)) & 0xffffffff;
    pushFrame(size, readSystem(lin, size));
  }
  pushFrame(size, selectorOf(CS));
  pushFrame(size, back);
  if (!fault) checkTarget(target);
  if (fault) {
    leaveInnerStack();
    return;
  }
  endFrame();
  enterCode(code, target);
}

/** In long mode, RSP comes from the TSS, and SS becomes null. */
function longInnerStack(level: u32): void {
  const tss = segmentSlot(TR);
  const offset: u32 = 4 + 8 * level;
  if (offset + 7 > load<u32>(tss, SEG_LIMIT)) {
    raise(VECTOR_TS, selectorOf(TR) & 0xfffc);
    return;
  }
  const pointer = readSystem(load<u64>(tss, SEG_BASE) + offset, 8);
  if (fault) return;
  if (!isCanonical(pointer)) {
    raise(VECTOR_SS, 0);
    return;
  }
  keepStack();
  setNullSegment(SS, level);
  store<u64>(cpu + CPU_GPR + 4 * 8, pointer);
  store<u32>(cpu, level, CPU_CPL);
}

export function farReturn(op: usize, size: u32): void {
  const release = <u32>load<u64>(op, OP_IMM);
  const target = peekStack(size, 0);
  const selector = (<u32>peekStack(size, size)) & 0xffff;
  if (fault) return;
  if (hasDescriptors() && (selector & 3) > load<u32>(cpu, CPU_CPL)) {
    const newSp = peekStack(size, 2 * size + release);
    const newSs = (<u32>peekStack(size, 3 * size + release)) & 0xffff;
    if (!fault) returnOutward(selector, target, newSs, newSp + release);
    return;
  }
  const width = stackPointerSize();
  returnTo(selector, target);
  if (!fault) setPointer(4, cutPointer(getReg64(4) + 2 * <u64>size + release, width), width);
}

/** Returns to the same level; the caller moves RSP. */
export function returnTo(selector: u32, target: u64): void {
  if (!hasDescriptors()) {
    if (target > load<u32>(segmentSlot(CS), SEG_LIMIT)) raise(VECTOR_GP);
    else enterUnchecked(selector, target);
    return;
  }
  findCode(selector, CODE_RETURN);
  if (!fault) checkTarget(target);
  if (!fault) enterCode(selector, target);
}

/** Returns to a less privileged level. As on silicon, the stack segment is checked after CS. */
export function returnOutward(selector: u32, target: u64, newSs: u32, newSp: u64): void {
  findCode(selector, CODE_RETURN);
  if (!fault) checkTarget(target);
  if (fault) return;
  const slot = segmentSlot(CS);
  const oldBase = load<u64>(slot);
  const oldRest = load<u64>(slot, SEG_LIMIT);
  const oldCpl = load<u32>(cpu, CPU_CPL);
  const oldRip = load<u64>(cpu, CPU_RIP);
  enterCode(selector, target);
  const cpl = selector & 3;
  if (!(newSs & 0xfffc) && inLongMode() && cpl != 3) setNullSegment(SS, newSs);
  else loadSegment(SS, newSs);
  if (fault) {
    // If SS fails, CS stays as it was.
    store<u64>(slot, oldBase);
    store<u64>(slot, oldRest, SEG_LIMIT);
    store<u32>(cpu, oldCpl, CPU_CPL);
    store<u64>(cpu, oldRip, CPU_RIP);
    return;
  }
  setPointer(4, newSp, stackPointerSize());
  dropPrivilegedSegments(cpl);
}
