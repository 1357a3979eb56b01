/**
 * What the hypervisor keeps for each thread: a Pcpu structure for each pCPU, in the root, and one for each native domain's thread, in a page
 * of its own. The wasm global `self` points at the structure of the thread that runs.
 */
import { PCPU_MAILBOX, PCPU_MAILBOX_SIZE } from "../../machine/layout";
import { HYPERVISOR_ROOT } from "../memory/root";

export const PCPU_TABLE: usize = HYPERVISOR_ROOT + 0x1000;
export const PCPU_SIZE: usize = 0x400;
/** The console line being built. */
export const PCPU_LINE: usize = 0x100;
export const PCPU_LINE_SIZE: u32 = 0x180;
/** The domctl or sysctl structure being worked on. */
export const PCPU_CONTROL: usize = 0x280;
/** 0xc0 bytes for a structure that is copied from a guest, by code that makes no further hypercall meanwhile. */
export const PCPU_SCRATCH: usize = 0x340;

/** u32: number of pCPUs that the host has. */
export const ROOT_PCPUS: usize = HYPERVISOR_ROOT + 0x60;
/** u32: number of pCPUs that have come online so far; each one adds itself. */
export const ROOT_PCPUS_ONLINE: usize = HYPERVISOR_ROOT + 0x64;

export const NO_PCPU: u32 = 0xffffffff;


@unmanaged
export class Pcpu {
  // -- watched (abi/native.ts) --
  /** 0x00: number, NO_PCPU for a native thread. */
  id: u32;
  /** 0x04 */
  online: u32;
  /** 0x08: Vcpu on it, 0 = idle. */
  current: usize;
  /** 0x0c: 1 while waiting for work. */
  idle: u32;
  /** 0x10: ns idle, without the present idle period; 0x18: when that began (valid while idle is 1). */
  idleTime: u64;
  idleSince: u64;
  /** 0x20: context switches; 0x28: IPIs sent to it. */
  switches: u64;
  ipis: u64;
  /** 0x30: its ring of context switches (switches.ts). */
  switchRing: usize;
  // -- end of watched --

  /**
   * Counts entries into and exits from guest execution (and guest memory access); it is odd while the pCPU is in either. A TLB flush waits
   * for pCPUs with an odd count; a pCPU with an even count flushes before it enters.
   */
  guestMode: u32;
  /** Runqueue: vCPUs in order of priority, first come first served within one. */
  queueLock: u32;
  queueFirst: usize;
  queueLast: usize;
  queueLength: u32;
  /** Priority of what runs, PRIORITY_IDLE if nothing. */
  currentPriority: i32;
  /** Root of the pairing heap of Timers; its lock. */
  timers: usize;
  timerLock: u32;
  /** Earliest deadline, ns; u64.MAX_VALUE if none. Read without the lock. */
  nextTimer: u64;
  /** End of the running vCPU's time slice. */
  sliceEnd: u64;
  /** Engine's region for this pCPU (TLB, decode cache). */
  region: usize;
  /** Instructions that lately took as long as two looks at the clock are apart (pace.ts). */
  pace: u32;
  lineLength: u32;
  /** Of the TLB clock (memory/tlb.ts): all other pCPUs have flushed since. */
  othersFlushed: u64;
  /** Ring that this thread's hypercalls are traced into (abi/trace.ts), 0 = none. */
  trace: usize;
  /** The pages of memory/scratch.ts, 0 = none. Those of a native domain's thread are freed with its vCPU. */
  scratch: usize;
  /** The id of the second stage of the vCPU that is loaded, 0 = none; and the address of its domain's word of pCPUs that are to flush it (ipi.ts). */
  second: u32;
  secondStale: usize;
}

export let self: Pcpu = changetype<Pcpu>(0);
export function setSelf(p: Pcpu): void {
  self = p;
}

// @ts-ignore: decorator
@inline
export function pcpuAt(id: u32): Pcpu {
  return changetype<Pcpu>(PCPU_TABLE + <usize>id * PCPU_SIZE);
}
// @ts-ignore: decorator
@inline
export function pcpuCount(): u32 {
  return load<u32>(ROOT_PCPUS);
}
/** Bit set of the pCPUs there are. */
export function onlinePcpus(): u64 {
  const count = pcpuCount();
  return (((<u64>1) << count) - 1) | 0;
}
// @ts-ignore: decorator
@inline
export function mailbox(id: u32): usize {
  return <usize>PCPU_MAILBOX + <usize>id * <usize>PCPU_MAILBOX_SIZE;
}

/** Of this thread: accesses that enclose the present one; `guestMode` stays odd until the outermost one ends. */
let accessDepth: i32 = 0;

/** From here until leaveGuestAccess, guest page tables and frames are used: nobody's TLB flush completes in between. */
// @ts-ignore: decorator
@inline
export function enterGuestAccess(): void {
  if (accessDepth++ == 0) atomic.add<u32>(changetype<usize>(self) + offsetof<Pcpu>("guestMode"), 1);
}
// @ts-ignore: decorator
@inline
export function leaveGuestAccess(): void {
  if (--accessDepth == 0) atomic.add<u32>(changetype<usize>(self) + offsetof<Pcpu>("guestMode"), 1);
}

/** Whether the present access is within no other, so that after it nothing of the guest's is in use. */
export function isOnlyGuestAccess(): bool {
  return accessDepth == 1;
}

/** 0xc0 bytes of this thread's own, for one structure. */
// @ts-ignore: decorator
@inline
export function threadScratch(): usize {
  return changetype<usize>(self) + PCPU_SCRATCH;
}
