/**
 * Delivery of exceptions and interrupts through the guest's own IDT, for vCPUs that own their privileged state: in long mode (deliver_long.ts),
 * protected mode (deliver_protected.ts) and real mode (deliver_real.ts). A fault during delivery becomes #DF by the rules of Intel's manual volume 3,
 * table 6-5. A fault during that is a shutdown, which run() reports as EXIT_SHUTDOWN.
 */
import { DR7_GD } from "./control_bits";
import { enterLong } from "./deliver_long";
import { enterProtected } from "./deliver_protected";
import { enterReal } from "./deliver_real";
import { IF, RF, getRflags } from "./flags";
import {
  FAULT_OUTSIDE,
  VECTOR_AC,
  VECTOR_DB,
  VECTOR_DE,
  VECTOR_DF,
  VECTOR_GP,
  VECTOR_NMI,
  VECTOR_PF,
  VECTOR_TS,
  clearFault,
  cpu,
  fault,
  faultAddress,
  faultError,
  raise,
} from "./machine";
import { inRealMode, isLongModeActive } from "./protection";
import { CPU_CR2, CPU_DR, CPU_NMI_BLOCKED, CPU_PAGE_FAULTS, CPU_RFLAGS, CPU_RIP, CPU_SHADOW } from "./state";

/** Whether the exception pushes an error code. */
export function hasErrorCode(vector: i32): bool {
  return vector == VECTOR_DF || (vector >= VECTOR_TS && vector <= VECTOR_PF) || vector == VECTOR_AC;
}

/** Enters the handler of `vector`. CPU_RIP must be the value to push. On failure `fault` is set and nothing has changed. */
function enterHandler(vector: u32, software: bool, withError: bool, error: u32, flagsSet: u64): void {
  if (isLongModeActive()) enterLong(vector, software, withError, error, flagsSet);
  else if (inRealMode()) enterReal(vector, flagsSet);
  else enterProtected(vector, software, withError, error, flagsSet);
}

/** INT n, INT3, INTO of a vCPU with its own IDT; `back` is the RIP to push. Fails as an instruction does. */
export function softwareInterrupt(vector: u32, back: u64): void {
  const rip = load<u64>(cpu, CPU_RIP);
  store<u64>(cpu, back, CPU_RIP);
  enterHandler(vector, true, false, 0, getRflags());
  if (fault) store<u64>(cpu, rip, CPU_RIP);
}

/** Whether an external interrupt can be delivered before the next instruction. */
export function interruptible(): bool {
  return (load<u64>(cpu, CPU_RFLAGS) & IF) != 0 && !load<u32>(cpu, CPU_SHADOW);
}

/**
 * Delivers an external interrupt; CPU_RIP is the interrupted instruction. Returns false on shutdown (triple fault), or if the second stage of
 * translation does not let the delivery through, which `fault` then says; in that case nothing has been delivered, and it can be tried again.
 */
export function deliverInterrupt(vector: u32): bool {
  clearFault();
  enterHandler(vector, false, false, 0, getRflags());
  if (!fault) return true;
  if (fault >= FAULT_OUTSIDE) return false;
  return deliverFault();
}

/** The same for an NMI; the next NMI waits for an IRET. */
export function deliverNmi(): bool {
  store<u32>(cpu, 1, CPU_NMI_BLOCKED);
  return deliverInterrupt(VECTOR_NMI);
}

/**
 * Delivers an exception that the hypervisor found the instruction at CPU_RIP to raise; `address` is for #PF. Returns false as deliverInterrupt()
 * does.
 */
export function injectException(vector: i32, error: u32 = 0, address: u64 = 0): bool {
  clearFault();
  raise(vector, error, address);
  return deliverFault();
}

function isContributory(vector: i32): bool {
  return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/**
 * The most exceptions that one delivery can lead to if each replaces the one before: a benign one, one of the others, #DF. If there are more, they
 * are benign ones without end, as when a misaligned stack makes the delivery of #AC raise #AC. A processor goes on with that for ever.
 */
const MOST_DELIVERIES: i32 = 8;

/**
 * Delivers the exception in `fault`; CPU_RIP is the value to push. Returns false on shutdown (triple fault, or exceptions without end), or if the
 * second stage of translation does not let the delivery through, which `fault` then says.
 */
export function deliverFault(): bool {
  let vector = fault - 1;
  let error = faultError;
  let first: i32 = -1;
  for (let deliveries: i32 = 0; deliveries < MOST_DELIVERIES; deliveries++) {
    if (vector == VECTOR_PF) store<u64>(cpu, faultAddress, CPU_CR2);
    if (vector == VECTOR_DB) store<u64>(cpu, load<u64>(cpu, CPU_DR + 7 * 8) & ~DR7_GD, CPU_DR + 7 * 8);
    clearFault();
    // Faults push RFLAGS with RF set, so that an instruction breakpoint does not hit again.
    const flags = getRflags() | (vector == VECTOR_DB || vector == 3 || vector == 4 ? 0 : RF);
    enterHandler(vector, false, hasErrorCode(vector), error, flags);
    if (!fault) {
      if (vector == VECTOR_PF) store<u64>(cpu, load<u64>(cpu, CPU_PAGE_FAULTS) + 1, CPU_PAGE_FAULTS);
      return true;
    }
    if (fault >= FAULT_OUTSIDE) return false;
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
  clearFault();
  return false;
}
