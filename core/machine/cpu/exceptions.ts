/**
 * Delivery of exceptions and interrupts through the guest's own IDT in 64-bit mode (Intel's manual volume 3, 6.14), for vCPUs
 * that are not deprivileged. A fault during delivery becomes #DF by the rules of table 6-5, a fault during that a
 * shutdown, which run() reports as an exit with VECTOR_DF.
 */
import { getReg64, readSystem, setReg64, writeSystem } from "./access";
import {
  VECTOR_AC,
  VECTOR_DE,
  VECTOR_DF,
  VECTOR_GP,
  VECTOR_NP,
  VECTOR_PF,
  VECTOR_TS,
  clearFault,
  cpu,
  fault,
  faultAddress,
  faultError,
  raise,
  setModeStale,
} from "./machine";
import { isCanonical } from "./paging/format";
import {
  CPU_CPL,
  CPU_CR2,
  CPU_IDTR_BASE,
  CPU_IDTR_LIMIT,
  CPU_RIP,
  CPU_SHADOW,
  CS,
  SEG_BASE,
  SEG_LIMIT,
  SS,
  TR,
} from "./state";
import { IF, NT, RF, TF, VM, getRflags, setRflags } from "./flags";
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

/** Whether the exception pushes an error code. */
export function hasErrorCode(vector: i32): bool {
  return vector == VECTOR_DF || (vector >= VECTOR_TS && vector <= VECTOR_PF) || vector == VECTOR_AC;
}

/** Enters the handler of `vector`; CPU_RIP must be what is to be pushed. On failure `fault` is set and nothing has changed. */
function enter(vector: u32, software: bool, withError: bool, error: u32, flagsSet: u64): void {
  const external: u32 = software ? 0 : 1;
  const name = (vector << 3) | 2 | external;
  if (vector * 16 + 15 > load<u32>(cpu, CPU_IDTR_LIMIT)) {
    raise(VECTOR_GP, name);
    return;
  }
  const at = load<u64>(cpu, CPU_IDTR_BASE) + <u64>vector * 16;
  const low = readSystem(at, 8);
  const high = readSystem(at + 8, 8);
  if (fault) return;
  const kind = (<u32>(low >> 40)) & 0x1f;
  if (kind != 14 && kind != 15) {
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
    raise(VECTOR_GP, external);
    return;
  }
  const descriptor = descriptorAddress(selector, VECTOR_GP);
  if (fault) return;
  let d = readSystem(descriptor, 8);
  if (fault) return;
  const attr = descriptorAttr(d);
  const dpl = (attr >> 5) & 3;
  if ((attr & (ATTR_S | 8)) != (ATTR_S | 8) || dpl > cpl || (attr & (ATTR_L | ATTR_DB)) != ATTR_L) {
    raise(VECTOR_GP, selector | external);
    return;
  }
  if (!(attr & ATTR_P)) {
    raise(VECTOR_NP, selector | external);
    return;
  }
  if (!isCanonical(target)) {
    raise(VECTOR_GP, external);
    return;
  }
  const level = attr & 4 ? cpl : dpl;
  const ist = (<u32>(low >> 32)) & 7;
  let sp = getReg64(4);
  if (ist || level < cpl) {
    const offset: u32 = ist ? 28 + 8 * ist : 4 + 8 * level;
    const tss = segmentSlot(TR);
    if (offset + 7 > load<u32>(tss, SEG_LIMIT)) {
      raise(VECTOR_TS, (selectorOf(TR) & 0xfffc) | external);
      return;
    }
    sp = readSystem(load<u64>(tss, SEG_BASE) + offset, 8);
    if (fault) return;
  }
  sp &= ~(<u64>15);
  // The frame is written with the new level's rights.
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
  store<u64>(cpu, target, CPU_RIP);
  let flags = getRflags() & ~(<u64>(TF | NT | RF | VM));
  if (kind == 14) flags &= ~(<u64>IF);
  setRflags(flags);
  store<u32>(cpu, 0, CPU_SHADOW);
  setModeStale(true);
}

/** INT n, INT3, INTO of a vCPU with its own IDT; `back` is the RIP to push. Fails as an instruction does. */
export function softwareInterrupt(vector: u32, back: u64): void {
  const rip = load<u64>(cpu, CPU_RIP);
  store<u64>(cpu, back, CPU_RIP);
  enter(vector, true, false, 0, getRflags());
  if (fault) store<u64>(cpu, rip, CPU_RIP);
}

/** Delivers an external interrupt. False on shutdown (triple fault). CPU_RIP is the interrupted instruction. */
export function deliverInterrupt(vector: u32): bool {
  clearFault();
  enter(vector, false, false, 0, getRflags());
  if (!fault) return true;
  return deliverFault();
}

function isContributory(vector: i32): bool {
  return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/** Delivers the exception in `fault`; CPU_RIP is what to push. False on shutdown (triple fault). */
export function deliverFault(): bool {
  let vector = fault - 1;
  let error = faultError;
  let first: i32 = -1;
  while (true) {
    if (vector == VECTOR_PF) store<u64>(cpu, faultAddress, CPU_CR2);
    clearFault();
    // Faults push RF set, so that an instruction breakpoint does not hit again.
    const flags = getRflags() | (vector == 1 || vector == 3 || vector == 4 ? 0 : RF);
    enter(vector, false, hasErrorCode(vector), error, flags);
    if (!fault) return true;
    if (vector == VECTOR_DF) {
      clearFault();
      return false;
    }
    const second = fault - 1;
    first = vector;
    const doubles =
      (isContributory(first) && isContributory(second)) ||
      (first == VECTOR_PF && (isContributory(second) || second == VECTOR_PF));
    vector = doubles ? VECTOR_DF : second;
    error = doubles ? 0 : faultError;
  }
}
