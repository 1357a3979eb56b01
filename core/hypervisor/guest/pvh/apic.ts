/**
 * A PVH vCPU's local APIC (Intel's manual volume 3, chapter 10), as Xen's guests see it: version 0x14 with six entries in the local vector table, and
 * an id of twice the vCPU's number. It is accessed by its page or, in x2APIC mode, by MSRs. There is no IOAPIC, so the only interrupts are those
 * between vCPUs, the upcall vector of events, and those of its own timer (apic_timer.ts).
 * Any pCPU may set interrupt requests (APIC_IRR), with atomic operations. Everything else belongs to the pCPU that runs the vCPU.
 */
import { Vcpu } from "../../domain/domain";
import { APIC_TPR, APIC_SVR, APIC_ISR, APIC_IRR, SVR_ENABLED } from "./apic_offsets";
import { apicRegister, hvm } from "./state";

export const APIC_PAGE: u64 = 0xfee00000;
export const APIC_BASE_BSP: u64 = 0x100;
export const APIC_BASE_X2APIC: u64 = 0x400;
export const APIC_BASE_ENABLE: u64 = 0x800;

// @ts-ignore: decorator
@inline
export function register(v: Vcpu, offset: u32): u32 {
  return load<u32>(apicRegister(v, offset));
}
// @ts-ignore: decorator
@inline
export function setRegister(v: Vcpu, offset: u32, value: u32): void {
  store<u32>(apicRegister(v, offset), value);
}
export function isX2apic(v: Vcpu): bool {
  return (hvm(v).apicBase & APIC_BASE_X2APIC) != 0;
}
/** Whether the APIC answers at its page. */
export function hasApicPage(v: Vcpu): bool {
  return (hvm(v).apicBase & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE;
}

/** Whether IA32_APIC_BASE has it switched on. */
// @ts-ignore: decorator
@inline
export function isApicOn(v: Vcpu): bool {
  return (hvm(v).apicBase & APIC_BASE_ENABLE) != 0;
}

// ---- requests --------------------------------------------------------------------------------------------------

/** Returns the highest vector set in the 256 bits at register `offset`; -1 for none. */
function highest(v: Vcpu, offset: u32): i32 {
  for (let word: i32 = 7; word >= 0; word--) {
    const bits = atomic.load<u32>(apicRegister(v, offset + ((<u32>word) << 4)));
    if (bits) return word * 32 + 31 - <i32>clz<u32>(bits);
  }
  return -1;
}
function bitOf(v: Vcpu, offset: u32, vector: u32): usize {
  return apicRegister(v, offset + ((vector >> 5) << 4));
}

/** Requests an edge-triggered interrupt, from any pCPU. If it may be delivered, it is before the vCPU executes the next time. */
export function raiseVector(v: Vcpu, vector: u32): void {
  atomic.or<u32>(bitOf(v, APIC_IRR, vector), (<u32>1) << (vector & 31));
}

/** Returns the processor priority: that of the task, or the class of the interrupt in service, whichever is higher. */
export function priority(v: Vcpu): u32 {
  const task = register(v, APIC_TPR) & 0xff;
  const inService = highest(v, APIC_ISR);
  const service: u32 = inService < 0 ? 0 : (<u32>inService) & 0xf0;
  return task >= service ? task : service;
}

/** Returns the vector that the APIC would deliver now; -1 for none. */
export function apicPending(v: Vcpu): i32 {
  if (!isApicOn(v) || !(register(v, APIC_SVR) & SVR_ENABLED)) return -1;
  const vector = highest(v, APIC_IRR);
  return vector >= 0 && (<u32>vector) >> 4 > priority(v) >> 4 ? vector : -1;
}
/** Puts a vector that is delivered in service. */
export function acknowledge(v: Vcpu, vector: u32): void {
  atomic.and<u32>(bitOf(v, APIC_IRR, vector), ~((<u32>1) << (vector & 31)));
  const at = bitOf(v, APIC_ISR, vector);
  store<u32>(at, load<u32>(at) | ((<u32>1) << (vector & 31)));
}
export function endOfInterrupt(v: Vcpu): void {
  const vector = highest(v, APIC_ISR);
  if (vector < 0) return;
  const at = bitOf(v, APIC_ISR, <u32>vector);
  store<u32>(at, load<u32>(at) & ~((<u32>1) << ((<u32>vector) & 31)));
}

/** CR8. */
export function taskPriority(v: Vcpu): u32 {
  return register(v, APIC_TPR) >> 4;
}
export function setTaskPriority(v: Vcpu, value: u32): void {
  setRegister(v, APIC_TPR, value << 4);
}
