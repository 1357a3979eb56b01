/** The vCPU that makes the present hypercall, as far as the memory side needs it: page-table roots and TLBs. */
import { cpu } from "../../machine/cpu/machine";
import { CPU_CR3 } from "../../machine/cpu/state";
import { tlbFlushAll as engineFlushAll, tlbFlushPage } from "../../machine/cpu/tlb";
import { currentVcpu } from "../domain/domain";
import { copyFromGuest } from "../hypercall/guest_access";
import { SCRATCH_WALK, scratch } from "./scratch";
import { tlbFlushAll } from "./tlb";

export function callerDomid(): u32 {
  return currentVcpu.domid;
}

/** L4 frame of the tables loaded now; 0 for a native domain. */
export function currentBase(): u32 {
  return <u32>(currentVcpu.cr3Loaded >> 12);
}
export function kernelBase(): u32 {
  return currentVcpu.kernelCr3;
}
export function userBase(): u32 {
  return currentVcpu.userCr3;
}

/** Sets and loads the kernel's page-table root: hypercalls come from kernel mode, so that one is in use. */
export function setKernelBase(mfn: u32): void {
  const v = currentVcpu;
  v.kernelCr3 = mfn;
  v.cr3Loaded = (<u64>mfn) << 12;
  store<u64>(v.cpu, v.cr3Loaded, CPU_CR3);
  flushLocal();
}
export function setUserBase(mfn: u32): void {
  currentVcpu.userCr3 = mfn;
}

/** This pCPU's TLB. The thread of a native domain has none, and runs no CpuState. */
export function flushLocal(): void {
  if (cpu) engineFlushAll();
}
export function flushAddress(va: u64): void {
  if (cpu) tlbFlushPage(va);
}
export function flushAll(): void {
  tlbFlushAll();
}

/** Reads the bitmap of vCPUs at guest address `mask`; -1: bad pointer, 0: none but perhaps this one, 1: others too. */
function othersIn(mask: u64): i32 {
  const v = currentVcpu;
  const bytes = min<u32>((v.domain.maxVcpus + 7) >> 3, 16);
  const at = scratch(SCRATCH_WALK);
  store<u64>(at, 0);
  store<u64>(at, 0, 8);
  if (!copyFromGuest(at, mask, bytes)) return -1;
  const own = v.vcpuId;
  store<u8>(at + (own >> 3), <u8>((<u32>load<u8>(at + (own >> 3))) & ~((<u32>1) << (own & 7))));
  return load<u64>(at) | load<u64>(at, 8) ? 1 : 0;
}

/** Flushes the TLBs of the vCPUs in the bitmap at guest address `mask`. False: bad pointer. */
export function flushOn(mask: u64): bool {
  const others = othersIn(mask);
  if (others < 0) return false;
  if (others) tlbFlushAll();
  else flushLocal();
  return true;
}
export function flushAddressOn(mask: u64, va: u64): bool {
  const others = othersIn(mask);
  if (others < 0) return false;
  if (others) tlbFlushAll();
  else flushAddress(va);
  return true;
}
