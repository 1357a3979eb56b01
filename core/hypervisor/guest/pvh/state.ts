/**
 * What a PVH vCPU has besides its processor state. It lies in the part of the Vcpu in which a PV one has its trap table, and is zero at first. The
 * pCPU that runs the vCPU owns it; others change only fields that say so, by atomic operations.
 */
import { DOMAIN_HVM_PARAMS, Domain, VCPU_HVM, Vcpu } from "../../domain/domain";
import { HVM_PARAM_CALLBACK_IRQ, HVM_PARAM_CALLBACK_TYPE_VECTOR } from "../../../abi/hvm_params";


@unmanaged
export class HvmVcpu {
  /** Set by HVMOP_set_evtchn_upcall_vector; 0 = none. Any vCPU of the domain may set it. */
  upcallVector: u32;
  /** 1 if an INIT has come. Atomic; set by any vCPU of the domain. */
  init: u32;
  /** The vector of a start-up IPI that has come, with SIPI_CAME. Atomic; set by any vCPU of the domain. */
  sipi: u32;
  /** Whether the vCPU waits for a start-up IPI, because it has not run yet or an INIT has come. */
  waitsForSipi: u32;
  /** MSRs: IA32_APIC_BASE, IA32_MTRR_DEF_TYPE. */
  apicBase: u64;
  mtrrDefault: u64;
  /** Faults of the local APIC that its ESR shows after it is written (Intel's manual volume 3, 10.5.3). */
  apicErrors: u32;
  /**
   * The local APIC's timer (apic_timer.ts): number of ticks that came due and were not taken; the system times since when it counts and when it is
   * due next, 0 = it does not count.
   */
  timerPending: u32;
  timerStarted: u64;
  timerDeadline: u64;
  /** IA32_TSC_DEADLINE. */
  tscDeadline: u64;
  /** IA32_TSC_ADJUST: by how much writes of the TSC, and of this register, have moved the TSC. */
  tscAdjust: u64;
}
export const SIPI_CAME: u32 = 0x100;
/** After the fields come 11 fixed-range MTRRs, 8 pairs of variable-range ones, and the local APIC's registers laid out as in its page. */
const MTRR_FIXED: usize = 0x200;
const MTRR_VARIABLE: usize = 0x280;
const APIC_REGISTERS: usize = 0x400;

// @ts-ignore: decorator
@inline
export function hvm(v: Vcpu): HvmVcpu {
  return changetype<HvmVcpu>(changetype<usize>(v) + VCPU_HVM);
}
/** Returns the address of the u64 of fixed-range MTRR `n`, 0 to 10. */
export function mtrrFixed(v: Vcpu, n: u32): usize {
  return changetype<usize>(v) + VCPU_HVM + MTRR_FIXED + <usize>n * 8;
}
/** Returns the address of the u64 of variable-range MTRR MSR `n`, 0 to 15: bases and masks alternate. */
export function mtrrVariable(v: Vcpu, n: u32): usize {
  return changetype<usize>(v) + VCPU_HVM + MTRR_VARIABLE + <usize>n * 8;
}
/** Returns the address of the u32 of the local APIC's register at `offset` in its page, below 0x400. */
// @ts-ignore: decorator
@inline
export function apicRegister(v: Vcpu, offset: u32): usize {
  return changetype<usize>(v) + VCPU_HVM + APIC_REGISTERS + <usize>offset;
}

/** Returns the vector that HVM_PARAM_CALLBACK_IRQ names, by which events come while a vCPU has no upcall vector of its own; 0 = none. */
export function callbackVector(d: Domain): u32 {
  const parameter = load<u64>(changetype<usize>(d) + DOMAIN_HVM_PARAMS + HVM_PARAM_CALLBACK_IRQ * 8);
  return parameter >> 56 == <u64>HVM_PARAM_CALLBACK_TYPE_VECTOR ? (<u32>parameter) & 0xff : 0;
}
