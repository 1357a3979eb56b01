/** The vCPU that makes the present hypercall, as far as the memory side needs it: page-table roots and TLBs. */
import { cpu } from "../../machine/cpu/machine";
import { CPU_CR3 } from "../../machine/cpu/state";
import { tlbFlushAll as engineFlushAll, tlbFlushPage, tlbLoadRoot } from "../../machine/cpu/tlb";
import { currentVcpu } from "../domain/domain";
import { copyFromGuest } from "../hypercall/guest_access";
import { followDowngrades } from "./downgrades";
import { frameAddress } from "./frames";
import { PTE_A, PTE_D, PTE_SIZE } from "./pte";
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

/**
 * Sets and loads the kernel's page-table root, and flushes as loading CR3 does. Hypercalls come from kernel mode, so this root is the one in use. What
 * both roots have in common, the kernel's own half, stays in the TLB.
 */
export function setKernelBase(mfn: u32): void {
  const v = currentVcpu;
  // This comes before the flush, so that a slot which another vCPU changes meanwhile is either found different here or flushed there.
  const same = v.kernelCr3 != 0 && sameUpperHalf(v.kernelCr3, mfn);
  if (cpu) followDowngrades(v);
  v.kernelCr3 = mfn;
  v.cr3Loaded = (<u64>mfn) << 12;
  if (cpu) tlbLoadRoot(v.cr3Loaded, same);
  else store<u64>(v.cpu, v.cr3Loaded, CPU_CR3);
}
export function setUserBase(mfn: u32): void {
  flushGuest();
  currentVcpu.userCr3 = mfn;
}

/** Returns whether two L4 tables have the same entries in the upper half of their addresses, but for what processors set. */
function sameUpperHalf(a: u32, b: u32): bool {
  const from = frameAddress(a);
  const distance = frameAddress(b) - from;
  let difference: u64 = 0;
  for (let at = from + 2048; at < from + 4096; at += PTE_SIZE)
    difference |= atomic.load<u64>(at) ^ atomic.load<u64>(at + distance);
  return (difference & ~(PTE_A | PTE_D)) == 0;
}

/** Makes the flush of this pCPU's TLB that a guest asks for. */
export function flushGuest(): void {
  if (cpu) followDowngrades(currentVcpu);
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
  else flushGuest();
  return true;
}
export function flushAddressOn(mask: u64, va: u64): bool {
  const others = othersIn(mask);
  if (others < 0) return false;
  if (others) tlbFlushAll();
  else flushAddress(va);
  return true;
}
