/**
 * What a PVH guest finds where its second stage maps nothing: the page of the running vCPU's local APIC, and otherwise a bus on which nothing
 * answers, where reads give ones and writes are lost.
 */
import { OUTSIDE_AGAIN, OUTSIDE_DEVICE, OUTSIDE_LEAVE } from "../../../machine/cpu/outside";
import { ACCESS_EXECUTE, ACCESS_WRITE } from "../../../machine/cpu/paging/format";
import { TRACE_KIND_memory_read, TRACE_KIND_memory_write } from "../../abi/trace";
import { currentVcpu } from "../../domain/domain";
import { DomainMemory } from "../../memory/domain_memory";
import { PTE_P, PTE_RW } from "../../memory/pte";
import { P2M_ON_DEMAND, entryType } from "../../p2m/entry";
import { entryAt } from "../../p2m/tables";
import { IPI_EVENT, sendIpi } from "../../sched/ipi";
import { self } from "../../sched/pcpu";
import { accessLeaves, memoryAccess } from "./accesses";
import { APIC_PAGE, apicPending, hasApicPage } from "./apic";
import { readApicPage, writeApicPage } from "./apic_registers";
import { hvm } from "./state";

const ALL_ONES: u64 = 0xffffffffffffffff;

/** Whether such an entry allows an access. */
export function allows(entry: u64, access: u32): bool {
  return (entry & PTE_P) != 0 && (access != ACCESS_WRITE || (entry & PTE_RW) != 0);
}

/** Whether there was memory where this pCPU's last access was not allowed, when it was made. Another vCPU may have given it back since. */
export let leftForMemory: bool = false;

/**
 * For setOutside (machine/cpu/outside.ts), as are the two functions below. Another vCPU may have mapped something there since the walk. Code can't
 * come from a hole, and a frame for which more is asked than allowed is no device. Memory on demand is given outside of run(), because that may have
 * to wait.
 */
export function outsideMiss(address: u64, access: i32): u32 {
  const entry = entryAt(changetype<DomainMemory>(currentVcpu.domain.memory), address >> 12);
  if (allows(entry, access)) return OUTSIDE_AGAIN;
  leftForMemory = (entry & PTE_P) != 0 || entryType(entry) == P2M_ON_DEMAND;
  return leftForMemory || access == ACCESS_EXECUTE || accessLeaves() ? OUTSIDE_LEAVE : OUTSIDE_DEVICE;
}

// @ts-ignore: decorator
@inline
function isApic(address: u64): bool {
  return (address & ~(<u64>0xfff)) == APIC_PAGE && hasApicPage(currentVcpu);
}

export function outsideRead(address: u64, size: u32): u64 {
  const value = isApic(address) ? readApicPage(currentVcpu, (<u32>address) & 0xfff, size) : ALL_ONES;
  memoryAccess(currentVcpu, TRACE_KIND_memory_read, address, size, value);
  return value;
}
export function outsideWrite(address: u64, size: u32, value: u64): void {
  const v = currentVcpu;
  memoryAccess(v, TRACE_KIND_memory_write, address, size, value);
  if (!isApic(address)) return;
  writeApicPage(v, (<u32>address) & 0xfff, size, value);
  // An interrupt that the vCPU has sent to itself, or that it allows from now on, is delivered before the next block of code, or as soon as the guest
  // sets IF. Nothing else would make the vCPU leave its code for it.
  if (apicPending(v) >= 0 || v.nmiPending || hvm(v).init) sendIpi(self.id, IPI_EVENT);
}
