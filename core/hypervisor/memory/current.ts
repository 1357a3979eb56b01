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

/** Returns the L4 frame of the tables that are loaded now; 0 for a native domain. */
export function currentBase(): u32 {
  return <u32>(currentVcpu.cr3Loaded >> 12);
}
export function kernelBase(): u32 {
  return currentVcpu.kernelCr3;
}
export function userBase(): u32 {
  return currentVcpu.userCr3;
}

/** Sets and loads the kernel's page-table root. Hypercalls come from kernel mode, so this root is the one in use. */
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

/** Flushes this pCPU's TLB. The thread of a native domain has none, and runs no CpuState. */
export function flushLocal(): void {
  if (cpu) engineFlushAll();
}
export function flushAddress(va: u64): void {
  if (cpu) tlbFlushPage(va);
}
export function flushAll(): void {
  tlbFlushAll();
}

const WORD: usize = 8;

/** Reads the bitmap of vCPUs at guest address `mask`: -1 for a bad pointer, 0 if it has none except perhaps this one, 1 if it has others. */
function othersIn(mask: u64): i32 {
  const v = currentVcpu;
  const bytes = min<u32>((v.domain.maxVcpus + 7) >> 3, 16);
  const at = scratch(SCRATCH_WALK);
  store<u64>(at, 0);
  store<u64>(at, 0, WORD);
  if (!copyFromGuest(at, mask, bytes)) return -1;
  const own = v.vcpuId;
  store<u8>(at + (own >> 3), <u8>((<u32>load<u8>(at + (own >> 3))) & ~((<u32>1) << (own & 7))));
  return load<u64>(at) | load<u64>(at, WORD) ? 1 : 0;
}

/** Flushes the TLBs of the vCPUs in the bitmap at guest address `mask`. Returns false for a bad pointer. */
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
