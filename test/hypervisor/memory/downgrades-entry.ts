/** ptwr-entry with a vCPU's accesses through its pCPU's TLB, in kernel mode or user mode, and with nothing executed. */
import { read64, translate, write64 } from "../../../core/machine/cpu/access";
import { clearFault, fault } from "../../../core/machine/cpu/machine";
import { refreshMode } from "../../../core/machine/cpu/mode";
import { ACCESS_EXECUTE } from "../../../core/machine/cpu/paging/format";
import { flushEpoch, pageRelied, tlbFlushAll } from "../../../core/machine/cpu/tlb";
import { CPU_CR3 } from "../../../core/machine/cpu/state";
import { domainById, vcpuOf } from "../../../core/hypervisor/domain/domain";
import { announce, announced, beginFollowing } from "../../../core/hypervisor/memory/downgrades";

export * from "./ptwr-entry";

/** What a faulting access returns. */
export const FAULTED: u64 = 0x0a017ed000000000;

export function readAt(va: u64): u64 {
  refreshMode();
  const value = read64(va);
  if (!fault) return value;
  clearFault();
  return FAULTED;
}
export function writeAt(va: u64, value: u64): bool {
  refreshMode();
  write64(va, value);
  if (!fault) return true;
  clearFault();
  return false;
}
/** The machine address from which an instruction at `va` is fetched; 0 if that faults. What follows from it is relied upon, as by translated code. */
export function fetchAt(va: u64): u32 {
  refreshMode();
  pageRelied(va);
  const host = translate(va, ACCESS_EXECUTE);
  clearFault();
  return <u32>host;
}
/** A number that changes when nothing may be relied upon any more. */
export function relianceEpoch(): u64 {
  return flushEpoch;
}

/** Goes on with the page tables of user mode, or again with those of kernel mode. */
export function setUserMode(domid: u32, user: bool): void {
  const v = vcpuOf(domainById(domid)!, 0)!;
  v.cr3Loaded = (<u64>(user ? v.userCr3 : v.kernelCr3)) << 12;
  store<u64>(v.cpu, v.cr3Loaded, CPU_CR3);
}

/** Somebody has announced that he takes something back, and has not said yet what; and has done so. */
let open: usize = 0;
export function leaveAnnounced(domid: u32): void {
  open = announce(domid);
}
export function endAnnounced(): void {
  announced(open);
}
export function comeToPcpu(domid: u32): void {
  beginFollowing(vcpuOf(domainById(domid)!, 0)!);
}
/** Forgets all, as when a pCPU is told to. */
export function flushTlb(): void {
  tlbFlushAll();
}
