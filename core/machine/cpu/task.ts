/**
 * Hardware task switches, outside long mode: by far JMP and CALL, by interrupts through task gates, and by IRET with NT. Intel's manual volume 3,
 * chapter 7. A fault in the new TSS itself is the old task's; a fault in what the TSS contains is the new task's, at its first instruction.
 */
import { CR0_TS } from "./control_bits";
import { readSystem, writeSystem } from "./access";
import { NT, VM, setRflags } from "./flags";
import {
  VECTOR_GP,
  VECTOR_NP,
  VECTOR_TS,
  cpu,
  deferFault,
  fault,
  faultError,
  raise,
  replaceFault,
  setModeStale,
} from "./machine";
import {
  ATTR_P,
  ATTR_S,
  descriptorAddress,
  descriptorAttr,
  descriptorLimit,
  loadSegment,
  markAccessed,
  segmentSlot,
  selectorOf,
  setNullSegment,
  setSegment,
  setVirtualSegment,
} from "./segment";
import { beginFrame, endFrame, pushFrame } from "./stack_frame";
import {
  CPU_CPL,
  CPU_CR0,
  CPU_CR3,
  CPU_DR,
  CPU_GPR,
  CPU_RIP,
  CPU_SHADOW,
  CS,
  DS,
  ES,
  FS,
  GS,
  LDTR,
  SEG_ATTR,
  SEG_BASE,
  SS,
  TR,
} from "./state";
import { tlbFlushAll } from "./tlb";

export const TASK_JUMP: u32 = 0;
export const TASK_CALL: u32 = 1;
export const TASK_RETURN: u32 = 2;
export const NO_ERROR_CODE: i64 = -1;

/** Local breakpoints, L0..L3 and LE. */
const DR7_LOCAL: u64 = 0x155;
/** Bits of an available TSS's type: 32 bits wide; busy. */
const TSS_WIDE: u32 = 8;
const TSS_BUSY: u64 = 2;

/** Offsets in a TSS of 32 and of 16 bits. */
const EIP: u32 = 0x20;
const EFLAGS: u32 = 0x24;
const REGISTERS: u32 = 0x28;
const SEGMENTS: u32 = 0x48;
const LDT: u32 = 0x60;
const CR3: u32 = 0x1c;
const IP16: u32 = 0xe;
const FLAGS16: u32 = 0x10;
const REGISTERS16: u32 = 0x12;
const SEGMENTS16: u32 = 0x22;
const LDT16: u32 = 0x2a;

/** Returns the link field of the running task's TSS. */
export function taskLink(): u32 {
  return <u32>readSystem(load<u64>(segmentSlot(TR), SEG_BASE), 2);
}

/**
 * Switches to the task of the TSS that `selector` names. CPU_RIP is where the old task will continue, `flags` its RFLAGS. `error` is pushed onto the
 * new task's stack unless it is NO_ERROR_CODE. `byInstruction`: an instruction asks for the switch, and not an event.
 */
export function switchTask(selector: u32, how: u32, flags: u64, error: i64, byInstruction: bool): void {
  const name = selector & 0xfffc;
  const bad = how == TASK_RETURN ? VECTOR_TS : VECTOR_GP;
  if (!name || selector & 4) {
    raise(bad, name);
    return;
  }
  const descriptor = descriptorAddress(selector, bad);
  if (fault) return;
  const d = readSystem(descriptor, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  const kind = attr & 0x1f & ~TSS_WIDE;
  if (kind != (how == TASK_RETURN ? 3 : 1)) {
    raise(bad, name);
    return;
  }
  if (!(attr & ATTR_P)) {
    raise(VECTOR_NP, name);
    return;
  }
  const wide = (attr & TSS_WIDE) != 0;
  if (descriptorLimit(d) < <u32>(wide ? 0x67 : 0x2b)) {
    raise(VECTOR_TS, name);
    return;
  }
  const tss = ((d >> 16) & 0xffffff) | ((d >> 32) & 0xff000000);
  const old = segmentSlot(TR);
  const oldWide = (load<u16>(old, SEG_ATTR) & TSS_WIDE) != 0;
  const oldTss = load<u64>(old, SEG_BASE);
  const oldSelector = selectorOf(TR);
  // Everything that can fail on behalf of the old task comes before anything is changed.
  const oldDescriptor = descriptorAddress(oldSelector, VECTOR_TS);
  if (fault) return;
  const link = how == TASK_CALL;
  const frees = how != TASK_CALL;
  for (let at: u32 = 0; at < <u32>(wide ? 0x68 : 0x2c); at += 2) readSystem(tss + at, 2);
  if (fault) return;
  saveTask(oldTss, oldWide, how == TASK_RETURN ? flags & ~(<u64>NT) : flags);
  if (fault) return;
  if (link) writeSystem(tss, 2, oldSelector);
  if (fault) return;
  if (frees) {
    const oldD = readSystem(oldDescriptor, 8);
    writeSystem(oldDescriptor + 5, 1, (oldD >> 40) & ~TSS_BUSY);
  }
  if (how != TASK_RETURN) writeSystem(descriptor + 5, 1, (d >> 40) | TSS_BUSY);
  if (fault) return;

  setSegment(TR, selector, d);
  store<u16>(segmentSlot(TR), <u16>(attr | (<u32>TSS_BUSY)), SEG_ATTR);
  store<u64>(cpu, load<u64>(cpu, CPU_CR0) | CR0_TS, CPU_CR0);
  store<u64>(cpu, load<u64>(cpu, CPU_DR + 7 * 8) & ~DR7_LOCAL, CPU_DR + 7 * 8);
  store<u32>(cpu, 0, CPU_SHADOW);
  setModeStale(true);
  loadTask(tss, wide, link, error);
  if (fault && byInstruction) deferFault();
}

function saveTask(tss: u64, wide: bool, flags: u64): void {
  const size: u32 = wide ? 4 : 2;
  writeSystem(tss + (wide ? EIP : IP16), size, load<u64>(cpu, CPU_RIP));
  writeSystem(tss + (wide ? EFLAGS : FLAGS16), size, flags);
  for (let n: u32 = 0; n < 8; n++)
    writeSystem(tss + (wide ? REGISTERS : REGISTERS16) + <u64>n * size, size, load<u64>(cpu + <usize>n * 8, CPU_GPR));
  const segments: u32 = wide ? 6 : 4;
  for (let n: u32 = 0; n < segments; n++)
    writeSystem(tss + (wide ? SEGMENTS : SEGMENTS16) + <u64>n * size, 2, selectorOf(n));
}

function loadTask(tss: u64, wide: bool, nested: bool, error: i64): void {
  const size: u32 = wide ? 4 : 2;
  // All of the TSS is read first, because it may be unmapped after CR3 has changed.
  const rip = readSystem(tss + (wide ? EIP : IP16), size);
  let flags = readSystem(tss + (wide ? EFLAGS : FLAGS16), size);
  const ldt = <u32>readSystem(tss + (wide ? LDT : LDT16), 2);
  const cr3 = wide ? readSystem(tss + CR3, 4) : 0;
  for (let n: u32 = 0; n < 8; n++) {
    const value = readSystem(tss + (wide ? REGISTERS : REGISTERS16) + <u64>n * size, size);
    store<u64>(cpu + <usize>n * 8, wide ? value : value | 0xffff0000, CPU_GPR);
  }
  const segments = tss + (wide ? SEGMENTS : SEGMENTS16);
  for (let n: u32 = 0; n < 6; n++) {
    const selector: u32 = wide || n < 4 ? <u32>readSystem(segments + <u64>n * size, 2) : 0;
    setNullSegment(n, selector);
  }
  if (wide && load<u64>(cpu, CPU_CR0) >> 31) {
    store<u64>(cpu, cr3, CPU_CR3);
    tlbFlushAll();
  }
  if (nested) flags |= NT;
  store<u64>(cpu, rip, CPU_RIP);
  setRflags(flags);
  const code = selectorOf(CS);
  store<u32>(cpu, flags & VM ? 3 : code & 3, CPU_CPL);
  loadLdt(ldt);
  if (fault) return;
  if (flags & VM) for (let n: i32 = 0; n < 6; n++) setVirtualSegment(n, selectorOf(n));
  else {
    loadTaskCode(code);
    loadTaskSegment(SS);
    loadTaskSegment(ES);
    loadTaskSegment(DS);
    loadTaskSegment(FS);
    loadTaskSegment(GS);
  }
  if (fault) return;
  if (error != NO_ERROR_CODE) {
    beginFrame(false);
    pushFrame(size, <u64>error);
    if (!fault) endFrame();
  }
}

function loadLdt(selector: u32): void {
  setNullSegment(LDTR, selector);
  const name = selector & 0xfffc;
  if (!name) return;
  if (selector & 4) {
    raise(VECTOR_TS, name);
    return;
  }
  const at = descriptorAddress(selector, VECTOR_TS);
  if (fault) return;
  const d = readSystem(at, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  if ((attr & 0x1f) != 2 || !(attr & ATTR_P)) raise(VECTOR_TS, name);
  else setSegment(LDTR, selector, d);
}

function loadTaskCode(selector: u32): void {
  const name = selector & 0xfffc;
  if (!name) {
    raise(VECTOR_TS, 0);
    return;
  }
  const at = descriptorAddress(selector, VECTOR_TS);
  if (fault) return;
  let d = readSystem(at, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  const dpl = (attr >> 5) & 3;
  const rpl = selector & 3;
  const good = (attr & (ATTR_S | 8)) == (ATTR_S | 8) && (attr & 4 ? dpl <= rpl : dpl == rpl);
  if (!good) raise(VECTOR_TS, name);
  else if (!(attr & ATTR_P)) raise(VECTOR_NP, name);
  else {
    d = markAccessed(at, d);
    if (!fault) setSegment(CS, selector, d);
  }
}

function loadTaskSegment(n: i32): void {
  if (fault) return;
  loadSegment(n, selectorOf(n));
  // What a task's TSS names wrongly counts as an invalid TSS.
  if (fault == VECTOR_GP + 1) replaceFault(VECTOR_TS, faultError);
}
