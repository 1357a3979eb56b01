/** Control transfers: near, far, SYSCALL and its kin, software interrupts. Each leaves the next RIP in CPU_RIP. */
import { OP_ADDRSIZE, OP_CONDITION, OP_ID, OP_IMM, OP_OPSIZE, OP_PREFIX, PREFIX_REXW } from "./op";
import * as I from "./ids";
import { effectiveAddress, getReg64, readSized, readSystem, setReg64 } from "./access";
import {
  VECTOR_BP,
  VECTOR_BR,
  VECTOR_DB,
  VECTOR_GP,
  VECTOR_NP,
  VECTOR_OF,
  VECTOR_UD,
  cpu,
  fault,
  raise,
  refuse,
  requestExit,
  setModeStale,
} from "./machine";
import { isCanonical } from "./paging/format";
import { EXIT_EXCEPTION, EXIT_HALT, EXIT_SOFTWARE_INTERRUPT, EXIT_SYSCALL, EXIT_SYSENTER } from "./exits";
import {
  CPU_CODE_BASE,
  CPU_CPL,
  CPU_CSTAR,
  CPU_DEPRIVILEGED,
  CPU_EFER,
  CPU_FMASK,
  CPU_LSTAR,
  CPU_RIP,
  CPU_STAR,
  CPU_SYSENTER_CS,
  CPU_SYSENTER_EIP,
  CPU_SYSENTER_ESP,
  CS,
  SEG_LIMIT,
  SS,
} from "./state";
import { IF, IOPL, NT, OF, RF, VM, ZF, condition, getFlags, getRflags, setRflags } from "./flags";
import { getReg, getRm, inLongMode, nextRip, signExtend } from "./operands";
import { cutPointer, dropStack, peekStack, push, setPointer, stackPointerSize } from "./stack";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  descriptorAddress,
  descriptorAttr,
  descriptorLimit,
  dropPrivilegedSegments,
  loadSegment,
  markAccessed,
  segmentSlot,
  selectorOf,
  setNullSegment,
  setSegment,
} from "./segment";
import { softwareInterrupt } from "./exceptions";

export function controlExecute(op: usize): void {
  const size = <u32>load<u8>(op, OP_OPSIZE);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_JCC:
      if (condition(load<u8>(op, OP_CONDITION))) jumpTo(relativeTarget(op), size);
      break;
    case I.ID_JMP_REL:
      jumpTo(relativeTarget(op), size);
      break;
    case I.ID_JMP_RM: {
      const target = getRm(op, size);
      if (!fault) jumpTo(target, size);
      break;
    }
    case I.ID_CALL_REL:
      callTo(op, relativeTarget(op), size);
      break;
    case I.ID_CALL_RM: {
      const target = getRm(op, size);
      if (!fault) callTo(op, target, size);
      break;
    }
    case I.ID_RET: {
      const target = peekStack(size, 0);
      if (fault) return;
      jumpTo(target, size);
      if (!fault) dropStack(size + <u32>load<u64>(op, OP_IMM));
      break;
    }
    case I.ID_LOOPNE:
    case I.ID_LOOPE:
    case I.ID_LOOP: {
      const width = <u32>load<u8>(op, OP_ADDRSIZE);
      const count = cutPointer(getReg64(1) - 1, width);
      const id = load<u16>(op, OP_ID);
      let taken = count != 0;
      if (id != I.ID_LOOP) taken = taken && ((getFlags() & ZF) != 0) == (id == I.ID_LOOPE);
      if (taken) jumpTo(relativeTarget(op), size);
      if (!fault) setPointer(1, count, width);
      break;
    }
    case I.ID_JCXZ:
      if (!cutPointer(getReg64(1), load<u8>(op, OP_ADDRSIZE))) jumpTo(relativeTarget(op), size);
      break;
    case I.ID_INT3:
      softwareTrap(op, VECTOR_BP);
      break;
    case I.ID_INT1:
      softwareTrap(op, VECTOR_DB);
      break;
    case I.ID_INTO:
      if (getFlags() & OF) softwareTrap(op, VECTOR_OF);
      break;
    case I.ID_INT:
      if (load<u32>(cpu, CPU_DEPRIVILEGED)) requestExit(EXIT_SOFTWARE_INTERRUPT, load<u8>(op, OP_IMM));
      else softwareInterrupt(load<u8>(op, OP_IMM), nextRip(op));
      break;
    case I.ID_BOUND: {
      const lin = effectiveAddress(op);
      const low = <i64>signExtend(readSized(lin, size), size);
      const high = <i64>signExtend(readSized(lin + size, size), size);
      const index = <i64>signExtend(getReg(op, size), size);
      if (!fault && (index < low || index > high)) raise(VECTOR_BR);
      break;
    }
    case I.ID_SYSCALL:
      systemCall(op);
      break;
    case I.ID_SYSRET:
      systemReturn(op);
      break;
    case I.ID_SYSENTER:
      systemEnter();
      break;
    case I.ID_SYSEXIT:
      systemExit(op);
      break;
    case I.ID_HLT:
      if (load<u32>(cpu, CPU_DEPRIVILEGED) || load<u32>(cpu, CPU_CPL)) refuse();
      else requestExit(EXIT_HALT);
      break;
    case I.ID_IRET:
      interruptReturn(size);
      break;
    case I.ID_RETF:
      farReturn(op, size);
      break;
    default:
      farTransfer(op, size);
      break;
  }
}

function relativeTarget(op: usize): u64 {
  return load<u64>(cpu, CPU_CODE_BASE) + load<u64>(op, OP_IMM);
}

/** Near: #GP(0) if the target can't be fetched, with nothing changed. */
function jumpTo(target: u64, size: u32): void {
  if (inLongMode()) {
    if (!isCanonical(target)) raise(VECTOR_GP);
    else store<u64>(cpu, target, CPU_RIP);
    return;
  }
  const cut = cutPointer(target, size == 8 ? 4 : size);
  if (cut > load<u32>(segmentSlot(CS), SEG_LIMIT)) raise(VECTOR_GP);
  else store<u64>(cpu, cut, CPU_RIP);
}

function callTo(op: usize, target: u64, size: u32): void {
  const back = nextRip(op);
  jumpTo(target, size);
  if (!fault) push(size, back);
}

/** INT3, INT1, INTO: exceptions reported after the instruction. */
function softwareTrap(op: usize, vector: u32): void {
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) requestExit(EXIT_EXCEPTION, vector);
  else softwareInterrupt(vector, nextRip(op));
}

function systemCall(op: usize): void {
  if (!(load<u64>(cpu, CPU_EFER) & 1) || !inLongModeOrCompat()) {
    raise(VECTOR_UD);
    return;
  }
  const flags = getRflags();
  setReg64(1, nextRip(op));
  setReg64(11, flags & ~(<u64>RF));
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) {
    requestExit(EXIT_SYSCALL);
    return;
  }
  store<u64>(cpu, load<u64>(cpu + (inLongMode() ? CPU_LSTAR : CPU_CSTAR)), CPU_RIP);
  setRflags(flags & ~(load<u64>(cpu, CPU_FMASK) | RF));
  const selector = (<u32>(load<u64>(cpu, CPU_STAR) >> 32)) & 0xfffc;
  flatCode(selector, 0, true);
  flatStack(selector + 8, 0);
}

function inLongModeOrCompat(): bool {
  return (load<u64>(cpu, CPU_EFER) & 0x400) != 0;
}

function flatCode(selector: u32, cpl: u32, long: bool): void {
  const attr: u64 = 0x9b | ((<u64>cpl) << 5) | (long ? 0xa00 : 0xc00);
  setSegment(CS, selector, 0xffff | ((attr & 0xff) << 40) | ((attr & 0xf00) << 44) | ((<u64>0xf) << 48));
  store<u32>(cpu, cpl, CPU_CPL);
}
function flatStack(selector: u32, cpl: u32): void {
  const attr: u64 = 0xc93 | ((<u64>cpl) << 5);
  setSegment(SS, selector, 0xffff | ((attr & 0xff) << 40) | ((attr & 0xf00) << 44) | ((<u64>0xf) << 48));
}

function systemReturn(op: usize): void {
  if (!(load<u64>(cpu, CPU_EFER) & 1)) {
    raise(VECTOR_UD);
    return;
  }
  if (load<u32>(cpu, CPU_DEPRIVILEGED) || load<u32>(cpu, CPU_CPL)) {
    refuse();
    return;
  }
  const long = (load<u8>(op, OP_PREFIX) & PREFIX_REXW) != 0;
  const target = getReg64(1);
  if (long && !isCanonical(target)) {
    raise(VECTOR_GP);
    return;
  }
  store<u64>(cpu, long ? target : target & 0xffffffff, CPU_RIP);
  setRflags((getReg64(11) & 0x3c7fd7) | 2);
  const base = <u32>(load<u64>(cpu, CPU_STAR) >> 48);
  flatCode((base + (long ? 16 : 0)) | 3, 3, long);
  flatStack((base + 8) | 3, 3);
}

function systemEnter(): void {
  if (!(load<u64>(cpu, CPU_SYSENTER_CS) & 0xfffc) && !load<u32>(cpu, CPU_DEPRIVILEGED)) {
    raise(VECTOR_GP);
    return;
  }
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) {
    requestExit(EXIT_SYSENTER);
    return;
  }
  const selector = (<u32>load<u64>(cpu, CPU_SYSENTER_CS)) & 0xfffc;
  const long = inLongModeOrCompat();
  setRflags(getRflags() & ~(<u64>(VM | IF | RF)));
  setReg64(4, load<u64>(cpu, CPU_SYSENTER_ESP));
  store<u64>(cpu, load<u64>(cpu, CPU_SYSENTER_EIP), CPU_RIP);
  flatCode(selector, 0, long);
  flatStack(selector + 8, 0);
}

function systemExit(op: usize): void {
  if (load<u32>(cpu, CPU_DEPRIVILEGED) || load<u32>(cpu, CPU_CPL)) {
    refuse();
    return;
  }
  const long = (load<u8>(op, OP_PREFIX) & PREFIX_REXW) != 0;
  const selector = (<u32>load<u64>(cpu, CPU_SYSENTER_CS)) & 0xfffc;
  const target = getReg64(2);
  if (!selector || (long && (!isCanonical(target) || !isCanonical(getReg64(1))))) {
    raise(VECTOR_GP);
    return;
  }
  setReg64(4, long ? getReg64(1) : getReg64(1) & 0xffffffff);
  store<u64>(cpu, long ? target : target & 0xffffffff, CPU_RIP);
  flatCode((selector + (long ? 32 : 16)) | 3, 3, long);
  flatStack((selector + (long ? 40 : 24)) | 3, 3);
}

/** Loads CS for a far JMP, CALL (cpl = the current one) or a return (cpl = the selector's RPL). Nothing changed on failure. */
function loadCode(selector: u32, target: u64, returning: bool): void {
  if (!(selector & 0xfffc)) {
    raise(VECTOR_GP, 0);
    return;
  }
  const error = selector & 0xfffc;
  const at = descriptorAddress(selector, VECTOR_GP);
  if (fault) return;
  let d = readSystem(at, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  const dpl = (attr >> 5) & 3;
  const rpl = selector & 3;
  const cpl = load<u32>(cpu, CPU_CPL);
  const code = (attr & ATTR_S) != 0 && (attr & 8) != 0;
  const conforming = (attr & 4) != 0;
  let good = code;
  if (returning) good = good && rpl >= cpl && (conforming ? dpl <= rpl : dpl == rpl);
  else good = good && (conforming ? dpl <= cpl : rpl <= cpl && dpl == cpl);
  const long = (attr & ATTR_L) != 0 && inLongModeOrCompat();
  if (long && attr & ATTR_DB) good = false;
  if (!good) {
    raise(VECTOR_GP, error);
    return;
  }
  if (!(attr & ATTR_P)) {
    raise(VECTOR_NP, error);
    return;
  }
  if (long ? !isCanonical(target) : target > descriptorLimit(d)) {
    raise(VECTOR_GP, 0);
    return;
  }
  d = markAccessed(at, d);
  if (fault) return;
  const level = returning ? rpl : cpl;
  setSegment(CS, (selector & 0xfffc) | level, d);
  store<u32>(cpu, level, CPU_CPL);
  store<u64>(cpu, target, CPU_RIP);
}

/** JMP and CALL to another code segment of the same privilege. Gates and tasks raise #GP(selector): nothing here uses them. */
function farTransfer(op: usize, size: u32): void {
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
  if (!calls) {
    loadCode(selector, target, false);
    return;
  }
  const oldSelector = selectorOf(CS);
  const back = nextRip(op);
  const sp = getReg64(4);
  // Pushes first: they can fault and can be undone; loading CS can't.
  push(size, oldSelector);
  if (fault) return;
  push(size, back);
  if (!fault) loadCode(selector, target, false);
  if (fault) setReg64(4, sp);
}

function farReturn(op: usize, size: u32): void {
  const release = <u32>load<u64>(op, OP_IMM);
  const target = peekStack(size, 0);
  const selector = (<u32>peekStack(size, size)) & 0xffff;
  if (fault) return;
  const cpl = load<u32>(cpu, CPU_CPL);
  if ((selector & 3) <= cpl) {
    const width = stackPointerSize();
    loadCode(selector, target, true);
    if (!fault) setPointer(4, cutPointer(getReg64(4) + 2 * <u64>size + release, width), width);
    return;
  }
  const newSp = peekStack(size, 2 * size + release);
  const newSs = (<u32>peekStack(size, 3 * size + release)) & 0xffff;
  if (fault) return;
  returnOutward(selector, target, newSs, newSp + release);
}

/** Return to a less privileged level. The stack segment is checked after CS, as silicon does. */
function returnOutward(selector: u32, target: u64, newSs: u32, newSp: u64): void {
  const slot = segmentSlot(CS);
  const oldBase = load<u64>(slot);
  const oldRest = load<u64>(slot, 8);
  const oldCpl = load<u32>(cpu, CPU_CPL);
  loadCode(selector, target, true);
  if (fault) return;
  const cpl = selector & 3;
  if (!(newSs & 0xfffc) && inLongMode() && cpl != 3) setNullSegment(SS, newSs);
  else loadSegment(SS, newSs);
  if (fault) {
    // A failing SS leaves CS as it was.
    store<u64>(slot, oldBase);
    store<u64>(slot, oldRest, 8);
    store<u32>(cpu, oldCpl, CPU_CPL);
    return;
  }
  setPointer(4, newSp, stackPointerSize());
  dropPrivilegedSegments(cpl);
}

function interruptReturn(size: u32): void {
  const flagsNow = getRflags();
  const long = inLongModeOrCompat();
  if (flagsNow & NT) {
    // A task return; in IA-32e mode always #GP, outside there are no tasks here.
    raise(VECTOR_GP, 0);
    return;
  }
  const target = peekStack(size, 0);
  const selector = (<u32>peekStack(size, size)) & 0xffff;
  const image = peekStack(size, 2 * size);
  if (fault) return;
  const cpl = load<u32>(cpu, CPU_CPL);
  const outward = (selector & 3) > cpl;
  const popsStack = outward || inLongMode();
  const newSp = popsStack ? peekStack(size, 3 * size) : 0;
  const newSs = popsStack ? (<u32>peekStack(size, 4 * size)) & 0xffff : 0;
  if (fault) return;
  let mask: u64 = size == 2 ? 0x7fd5 : 0x3f7fd5;
  if (cpl) mask &= ~(<u64>IOPL);
  if (cpl > <u32>((flagsNow >> 12) & 3)) mask &= ~(<u64>IF);
  if (long || cpl) mask &= ~(<u64>VM);
  if (popsStack) {
    returnOutward(selector, target, newSs, newSp);
    if (fault) return;
  } else {
    const width = stackPointerSize();
    loadCode(selector, target, true);
    if (fault) return;
    setPointer(4, cutPointer(getReg64(4) + 3 * <u64>size, width), width);
  }
  setRflags((flagsNow & ~mask) | (image & mask));
  setModeStale(true);
}
