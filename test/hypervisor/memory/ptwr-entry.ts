/** memory-entry together with the engine, for stores to page tables that the hypervisor executes for the guest. */
import { cpuInit, cpuRegionSize, step } from "../../../core/machine/cpu/interpreter";
import { walkInit } from "../../../core/machine/cpu/paging/walk";
import {
  CPU_CPL,
  CPU_CR4,
  CPU_DEPRIVILEGED,
  CPU_DR,
  CPU_EFER,
  CPU_EXIT_ADDRESS,
  CPU_EXIT_ERROR,
  CPU_EXIT_VECTOR,
  CPU_GPR,
  CPU_RETIRED,
  CPU_RFLAGS,
  CPU_RIP,
  CPU_SEG,
  CS,
  SEG_ATTR,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_SIZE,
  SS,
} from "../../../core/machine/cpu/state";
import { getRflags } from "../../../core/machine/cpu/flags";
import { domainById, vcpuOf } from "../../../core/hypervisor/domain/domain";
import { allocXenheapBytes } from "../../../core/hypervisor/memory/allocator";
import { totalFrames } from "../../../core/hypervisor/memory/frames";
import { ptwrEmulate } from "../../../core/hypervisor/memory/ptwr";

export * from "./memory-entry";

/** Gives pCPU 0 its engine. Call it after boot(). */
export function startEngine(): void {
  cpuInit(0, allocXenheapBytes(<u32>cpuRegionSize()));
  walkInit((<u64>totalFrames()) << 12);
}

function cpuOf(domid: u32): usize {
  return vcpuOf(domainById(domid)!, 0)!.cpu;
}

/** Sets a vCPU to ring 3 and 64-bit mode at `rip`, as a PV kernel runs. */
export function setGuest(domid: u32, rip: u64): void {
  const at = cpuOf(domid);
  store<u64>(at, rip, CPU_RIP);
  store<u64>(at, 2, CPU_RFLAGS);
  store<u64>(at, 0x20, CPU_CR4);
  store<u64>(at, 0xd01, CPU_EFER);
  store<u32>(at, 3, CPU_CPL);
  store<u32>(at, 1, CPU_DEPRIVILEGED);
  const cs = at + CPU_SEG + CS * SEG_SIZE;
  store<u16>(cs, 0xe033, SEG_SELECTOR);
  store<u32>(cs, 0xffffffff, SEG_LIMIT);
  store<u16>(cs, 0xafb, SEG_ATTR);
  const ss = at + CPU_SEG + SS * SEG_SIZE;
  store<u16>(ss, 0xe02b, SEG_SELECTOR);
  store<u32>(ss, 0xffffffff, SEG_LIMIT);
  store<u16>(ss, 0xcf3, SEG_ATTR);
}
export function setRegister(domid: u32, index: u32, value: u64): void {
  store<u64>(cpuOf(domid) + index * 8, value, CPU_GPR);
}
export function getRegister(domid: u32, index: u32): u64 {
  return load<u64>(cpuOf(domid) + index * 8, CPU_GPR);
}
export function getRip(domid: u32): u64 {
  return load<u64>(cpuOf(domid), CPU_RIP);
}
/** The flags, of which RF says nothing here, since the entry into a guest's handler clears it. */
export function getFlagsOf(): u64 {
  return getRflags() & ~(<u64>0x10000);
}
export function getRetired(domid: u32): u64 {
  return load<u64>(cpuOf(domid), CPU_RETIRED);
}
/** Sets an execution breakpoint at `address`; 0 removes it. */
export function setBreakpoint(domid: u32, address: u64): void {
  store<u64>(cpuOf(domid), address, CPU_DR);
  store<u64>(cpuOf(domid), address ? 1 : 0, CPU_DR + 56);
}

/**
 * Executes one instruction. If it faults because it writes to a page that is present, ptwrEmulate gets it. Returns 1 if that took it and 0 if not, -1
 * for an instruction without any event, and 1000 + vector for another fault.
 */
export function stepOrEmulate(domid: u32): i32 {
  const at = cpuOf(domid);
  const reason = step();
  if (reason == 0) return -1;
  if (reason != 1 || load<u32>(at, CPU_EXIT_VECTOR) != 14 || (load<u32>(at, CPU_EXIT_ERROR) & 3) != 3)
    return 1000 + <i32>load<u32>(at, CPU_EXIT_VECTOR);
  return ptwrEmulate(vcpuOf(domainById(domid)!, 0)!, load<u64>(at, CPU_EXIT_ADDRESS)) ? 1 : 0;
}
