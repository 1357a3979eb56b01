/**
 * AssemblyScript entry for the tests of frames, page tables and grants. It has the hypervisor's real modules over a small memory, and domains made of
 * the real structures, but no pCPU loop. The test calls the implementations of hypercalls as one domain or another. The guest pointers of a PV domain
 * go through page tables that the test has built.
 */
import { setFrameTables } from "../../../core/machine/cpu/frames/tables";
import { setCpu } from "../../../core/machine/cpu/machine";
import { walkInit } from "../../../core/machine/cpu/paging/walk";
import { CPU_CR0, CPU_CR3 } from "../../../core/machine/cpu/state";
import { TLB_BYTES, tlbInit } from "../../../core/machine/cpu/tlb";
import {
  ROOT_GUEST_LOWER,
  ROOT_GUEST_UPPER,
  ROOT_LOGLVL_LOWER,
  ROOT_LOGLVL_UPPER,
} from "../../../core/hypervisor/console/console";
import { conringInit } from "../../../core/hypervisor/console/conring";
import {
  DOMAIN_PRIVILEGED,
  Domain,
  GUEST_KERNEL_MODE,
  ROOT_DOMAINS,
  ROOT_DOMAIN_LIST,
  Vcpu,
  domainById,
  setCurrentVcpu,
  vcpuOf,
} from "../../../core/hypervisor/domain/domain";
import { allocXenheapBytes, allocXenheapPages, memoryInit } from "../../../core/hypervisor/memory/allocator";
import {
  DomainMemory,
  MEM_PAGE_TABLES,
  MEM_TRANSLATED,
  domainMemory,
  lockOf,
} from "../../../core/hypervisor/memory/domain_memory";
import {
  GUEST_NATIVE,
  GUEST_PV64,
  GUEST_PVH,
  TO_WRITE,
  TRAITS_NATIVE,
  TRAITS_PV,
  TRAITS_PVH,
  guestType,
  noMoreFeatures,
  suppliesNothing,
} from "../../../core/hypervisor/guest/type";
import { setClaim } from "../../../core/hypervisor/memory/buddy";
import { spinLock, spinUnlock } from "../../../core/hypervisor/sched/lock";
import { memoryDomainCreate, memoryDomainFree } from "../../../core/hypervisor/memory/domain_books";
import { beginTables, takeTable } from "../../../core/hypervisor/memory/kept_tables";
import { settleOnce } from "../../../core/hypervisor/memory/settle_tables";
import {
  PGT_l1_page_table,
  PGT_l4_page_table,
  frameAddress,
  pageCount,
  pageOwner,
  pageTypeCount,
  pageTypeOf,
} from "../../../core/hypervisor/memory/frames";
import { m2pGet } from "../../../core/hypervisor/memory/m2p";
import { getPageAndType, putPageAndType } from "../../../core/hypervisor/memory/page_type";
import { invalidateShadowLdt } from "../../../core/hypervisor/memory/shadow_ldt";
import { grantTableCreate, grantTableOf } from "../../../core/hypervisor/grant/table";
import {
  ROOT_PCPUS,
  Pcpu,
  enterGuestAccess,
  leaveGuestAccess,
  mailbox,
  pcpuAt,
  self,
  setSelf,
} from "../../../core/hypervisor/sched/pcpu";
import { readGuest8 } from "../../../core/hypervisor/hypercall/guest_access";
import {
  nativeHold,
  countNativeHolds,
  nativeRangeOk,
  nativeTranslate,
  nativeReleaseAll,
} from "../../../core/hypervisor/guest/native/frames";
import { guestRangeOk, pvTranslate } from "../../../core/hypervisor/guest/pv/address";
import { countHeldByPv } from "../../../core/hypervisor/guest/pv/held";
import { shareXenPageWithGuest, unshareXenPage } from "../../../core/hypervisor/memory/share";
import { markDying, relinquishMemory as relinquish } from "../../../core/hypervisor/memory/teardown";
import { PTE_P, PTE_RW, pteMfn } from "../../../core/hypervisor/memory/pte";
import { leafOf, partOf } from "../../../core/hypervisor/p2m/tables";
import { populate, populateForItself } from "../../../core/hypervisor/p2m/on_demand";
import { copyMemory, makeShareable } from "../../../core/hypervisor/p2m/sharing";
import { IPI_SECOND_FLUSH, IPI_TLB_FLUSH, loadSecondStage, flushIfStale } from "../../../core/hypervisor/sched/ipi";
import { nativeMapFrameWritable, nativeUnmapFrameWritable } from "../../../core/hypervisor/guest/native/map_frame";

export {
  allocDomheapPages,
  allocDomheapContiguous,
  allocXenheapPages,
  freeDomheapPages,
  freeXenheapPages,
} from "../../../core/hypervisor/memory/allocator";
export { setMaxPages } from "../../../core/hypervisor/memory/domain_memory";
export { freePages } from "../../../core/hypervisor/memory/buddy";
export { getPage, putPage } from "../../../core/hypervisor/memory/references";
export { getPageType, putPageType } from "../../../core/hypervisor/memory/page_type";
export { doMemoryOp } from "../../../core/hypervisor/memory/memory_op";
export {
  doMmuUpdate,
  doUpdateVaMapping,
  doUpdateVaMappingOtherdomain,
} from "../../../core/hypervisor/memory/mmu_update";
export { doMmuextOp } from "../../../core/hypervisor/memory/mmuext";
export { mapLdtPage } from "../../../core/hypervisor/memory/shadow_ldt";
export { checkMemory } from "../../../core/hypervisor/memory/check";
export { memoryDomainGone } from "../../../core/hypervisor/memory/teardown";
export { doGrantTableOp } from "../../../core/hypervisor/grant/grant_op";
export { frameAddress, pageCount, pageOwner, pageTypeCount, pageTypeOf, m2pGet, nativeHold };

/** Does what domainKill() does, which marks the domain first. */
export function relinquishMemory(domid: u32): i32 {
  const d = domainMemory(domid);
  if (d != null) markDying(d);
  return relinquish(domid);
}

/** The addresses of the code tables, for the other threads' `attach`. */
let versions: usize = 0;
let codeFlags: usize = 0;
export function codeVersionTable(): usize {
  return versions;
}
export function codeFlagTable(): usize {
  return codeFlags;
}

/** Makes this instance pCPU `id` of a host that another instance has booted. */
export function attach(id: u32, versionTable: usize, flagTable: usize, frames: u32): void {
  setSelf(pcpuAt(id));
  pcpuAt(id).id = id;
  if (load<u32>(ROOT_PCPUS) <= id) store<u32>(ROOT_PCPUS, id + 1);
  setFrameTables(versionTable, flagTable, frames);
  walkInit((<u64>frames) << 12);
  tlbInit(allocXenheapBytes(TLB_BYTES));
}

/** Describes only what is used here of the types of guests, because guest/table.ts would bring the whole hypervisor along. */
function describeGuestTypes(): void {
  const native = guestType(GUEST_NATIVE);
  native.traits = TRAITS_NATIVE;
  native.countHeld = countNativeHolds;
  native.rangeOk = nativeRangeOk;
  native.translate = nativeTranslate;
  native.moreFeatures = noMoreFeatures;
  native.supply = suppliesNothing;
  const pv = guestType(GUEST_PV64);
  pv.traits = TRAITS_PV;
  pv.countHeld = countHeldByPv;
  pv.rangeOk = guestRangeOk;
  pv.translate = pvTranslate;
  pv.moreFeatures = noMoreFeatures;
  pv.supply = suppliesNothing;
  const pvh = guestType(GUEST_PVH);
  pvh.traits = TRAITS_PVH;
  pvh.countHeld = countNothing;
  pvh.rangeOk = nativeRangeOk;
  pvh.translate = physicalTranslate;
  pvh.moreFeatures = noMoreFeatures;
  pvh.supply = suppliesNothing;
}

function countNothing(d: Domain): void {}
/** Translates for a vCPU without paging, whose pointers are guest-physical addresses. */
function physicalTranslate(v: Vcpu, guest: u64, how: u32): usize {
  const at = leafOf(changetype<DomainMemory>(v.domain.memory), guest >> 12);
  const entry: u64 = at ? partOf(at, guest >> 12) : 0;
  if (!(entry & PTE_P) || (how == TO_WRITE && !(entry & PTE_RW))) return 0;
  return ((<usize>pteMfn(entry)) << 12) | ((<usize>guest) & 4095);
}

/** Lays out a host of `frames` frames. Returns false if that is too small. */
export function boot(frames: u32): bool {
  store<u32>(ROOT_PCPUS, 1);
  setSelf(pcpuAt(0));
  pcpuAt(0).id = 0;
  conringInit();
  store<u32>(ROOT_LOGLVL_LOWER, 4);
  store<u32>(ROOT_LOGLVL_UPPER, 4);
  store<u32>(ROOT_GUEST_LOWER, 0);
  store<u32>(ROOT_GUEST_UPPER, 0);
  if (!memoryInit(frames)) return false;
  describeGuestTypes();
  walkInit((<u64>frames) << 12);
  versions = allocXenheapBytes(frames * 4);
  codeFlags = allocXenheapBytes(frames);
  setFrameTables(versions, codeFlags, frames);
  tlbInit(allocXenheapBytes(TLB_BYTES));
  store<u32>(ROOT_DOMAINS, <u32>allocXenheapBytes(0x7ff0 * 4));
  return true;
}

/** Says how many pCPUs the host has. Those without an instance never run a guest. */
export function setPcpus(count: u32): void {
  for (let id: u32 = 1; id < count; id++) pcpuAt(id).id = id;
  store<u32>(ROOT_PCPUS, count);
}

/**
 * Whether a flusher waits for this pCPU: before an access to a byte of a guest inside a longer access, during it, after it, and after the longer one.
 */
export function waitedFor(guest: u64): u32 {
  const mode = changetype<usize>(self) + offsetof<Pcpu>("guestMode");
  let seen: u32 = load<u32>(mode) & 1;
  enterGuestAccess();
  seen = (seen << 1) | (load<u32>(mode) & 1);
  readGuest8(guest);
  seen = (seen << 1) | (load<u32>(mode) & 1);
  leaveGuestAccess();
  return (seen << 1) | (load<u32>(mode) & 1);
}

/** Makes the native domain `holder` hold a frame of `domid` for writing, and does nothing else. */
export function holdWritable(holder: u32, domid: u32, frame: u64): i32 {
  return nativeMapFrameWritable(domainById(holder)!, domid, frame);
}
export function dropWritable(holder: u32, mfn: u64): i32 {
  return nativeUnmapFrameWritable(domainById(holder)!, mfn);
}

/** Makes a domain with one vCPU. `flags` is a sum: 1 privileged (DOMAIN_PRIVILEGED, MEM_PRIVILEGED), 2 native, 4 PVH; without 2 and 4 it is PV. */
export function makeDomain(domid: u32, flags: u32, maxPages: u32): bool {
  const native = (flags & 2) != 0;
  const translated = (flags & 4) != 0;
  const addresses = translated ? MEM_TRANSLATED : native ? 0 : MEM_PAGE_TABLES;
  if (!memoryDomainCreate(domid, maxPages, (flags & DOMAIN_PRIVILEGED) | addresses)) return false;
  const d = changetype<Domain>(frameAddress(allocXenheapPages(0)));
  d.domid = domid;
  d.flags = flags & DOMAIN_PRIVILEGED;
  d.guest = changetype<usize>(guestType(translated ? GUEST_PVH : native ? GUEST_NATIVE : GUEST_PV64));
  d.maxVcpus = 1;
  d.memory = changetype<usize>(domainMemory(domid));
  const v = changetype<Vcpu>(frameAddress(allocXenheapPages(1)));
  d.vcpus = changetype<usize>(d) + 0xc00;
  store<u32>(d.vcpus, <u32>changetype<usize>(v));
  v.domid = domid;
  v.domain = d;
  v.guestFlags = GUEST_KERNEL_MODE;
  store<u64>(v.cpu, 0x80000001, CPU_CR0);
  if (translated) {
    d.sharedInfoMfn = allocXenheapPages(0);
    d.sharedInfo = frameAddress(d.sharedInfoMfn);
    if (!shareXenPageWithGuest(d.sharedInfoMfn, domid, false)) return false;
  }
  if (!grantTableCreate(domid, 32, 8)) return false;
  store<u32>(load<u32>(ROOT_DOMAINS) + domid * 4, <u32>changetype<usize>(d));
  d.next = load<u32>(ROOT_DOMAIN_LIST);
  store<u32>(ROOT_DOMAIN_LIST, <u32>changetype<usize>(d));
  return true;
}

/** Makes the hypercalls that follow come from vCPU 0 of this domain. */
export function become(domid: u32): void {
  const d = domainById(domid)!;
  const v = vcpuOf(d, 0)!;
  setCurrentVcpu(v);
  setCpu(v.cpu);
}

/** Gives a PV vCPU its first page-table root, as setvcpucontext of the domain builder does. */
export function setRoot(domid: u32, mfn: u32): i32 {
  const v = vcpuOf(domainById(domid)!, 0)!;
  const error = getPageAndType(mfn, domid, PGT_l4_page_table);
  if (error) return error;
  v.kernelCr3 = mfn;
  v.cr3Loaded = (<u64>mfn) << 12;
  store<u64>(v.cpu, v.cr3Loaded, CPU_CR3);
  return 0;
}

/** Does what the domain code does before it relinquishes memory. */
export function dropVcpu(domid: u32): void {
  const d = domainById(domid)!;
  const v = vcpuOf(d, 0)!;
  invalidateShadowLdt(v);
  if (v.kernelCr3) putPageAndType(v.kernelCr3);
  if (v.userCr3) putPageAndType(v.userCr3);
  v.kernelCr3 = 0;
  v.userCr3 = 0;
  v.cr3Loaded = 0;
  nativeReleaseAll(d);
}

export function shareable(domid: u32, first: u64, count: u32): i32 {
  return makeShareable(domainMemory(domid)!, first, count);
}
export function copyDomain(from: u32, to: u32, first: u64, count: u32): i32 {
  return copyMemory(domainMemory(from)!, domainMemory(to)!, first, count);
}
/** What a write of a PVH domain's to a frame that is not its own comes to. */
export function writeFault(domid: u32, gfn: u64): i32 {
  return populateForItself(domainMemory(domid)!, gfn);
}

/** The one translation that this pCPU's TLB has: of a guest frame of a domain, for writing. */
let cached: usize = 0;
function beginGuest(d: DomainMemory): void {
  cached = 0;
  loadSecondStage(d.p2mId, changetype<usize>(d) + offsetof<DomainMemory>("p2mStale"));
}
/** Says that pCPU `pcpu` runs a vCPU of the domain, as it itself does when it loads the vCPU. */
export function runsOn(pcpu: u32, domid: u32): void {
  const before = self;
  setSelf(pcpuAt(pcpu));
  beginGuest(domainMemory(domid)!);
  setSelf(before);
}
/** As the pCPU's loop does, for this translation. */
function isToldToFlush(): bool {
  const flushes = IPI_TLB_FLUSH | IPI_SECOND_FLUSH;
  const bits = atomic.load<u32>(mailbox(self.id)) & flushes;
  if (!bits) return false;
  atomic.and<u32>(mailbox(self.id), ~bits);
  if (bits & IPI_SECOND_FLUSH) flushIfStale();
  return true;
}
/**
 * A vCPU of a PVH domain that does nothing but write to a word of a guest frame, `times` times, each time what it holds is one more than `value`; its pCPU keeps the
 * translation until it is told to flush. How often it had to ask for a frame of its own.
 */
export function guestWrites(domid: u32, gfn: u64, value: u32, times: u32): u32 {
  const d = domainMemory(domid)!;
  let faults: u32 = 0;
  beginGuest(d);
  for (let i: u32 = 0; i < times;) {
    enterGuestAccess();
    if (isToldToFlush()) cached = 0;
    if (!cached) {
      const at = leafOf(d, gfn);
      const entry: u64 = at ? partOf(at, gfn) : 0;
      if (entry & PTE_RW) cached = frameAddress(<u32>pteMfn(entry));
    }
    if (cached) atomic.store<u32>(cached, value + ++i);
    leaveGuestAccess();
    if (!cached) {
      faults++;
      populate(d, gfn);
    }
  }
  return faults;
}

/** A vCPU of a PVH domain that does nothing but read that word, by a translation that it keeps likewise. The last value that it read. */
export function guestReads(domid: u32, gfn: u64, times: u32): u32 {
  const d = domainMemory(domid)!;
  let value: u32 = 0;
  if (!cached) beginGuest(d);
  for (let i: u32 = 0; i < times; i++) {
    enterGuestAccess();
    if (isToldToFlush()) cached = 0;
    if (!cached) {
      const at = leafOf(d, gfn);
      const entry: u64 = at ? partOf(at, gfn) : 0;
      if (entry & PTE_P) cached = frameAddress(<u32>pteMfn(entry));
    }
    if (cached) value = atomic.load<u32>(cached);
    leaveGuestAccess();
  }
  return value;
}

/** What a guest frame of a PVH domain's is; the entry of its second stage, 0 if it maps nothing. */
export function secondStage(domid: u32, gfn: u64): u64 {
  const at = leafOf(domainMemory(domid)!, gfn);
  return at ? partOf(at, gfn) : 0;
}
export function tablesOfSecondStage(domid: u32): u32 {
  return domainMemory(domid)!.p2mTables;
}
/** The address of a guest frame's entry of the second stage. */
export function leafAt(domid: u32, gfn: u64): usize {
  return leafOf(domainMemory(domid)!, gfn);
}
/** The pCPUs that flush what they have of the domain's second stage before they use it again. */
export function stalePcpus(domid: u32): u32 {
  return domainMemory(domid)!.p2mStale;
}
export function idOfSecondStage(domid: u32): u32 {
  return domainMemory(domid)!.p2mId;
}
/** Does what the domain code does when all memory of a PVH domain is relinquished. */
export function unshareInfo(domid: u32): void {
  unshareXenPage(domainById(domid)!.sharedInfoMfn);
}

/** Forgets a domain that is gone. The test keeps its Domain and Vcpu frames. */
export function forgetDomain(domid: u32): void {
  let link: usize = ROOT_DOMAIN_LIST;
  const d = changetype<usize>(domainById(domid));
  while (<usize>load<u32>(link) != d) link = <usize>load<u32>(link) + offsetof<Domain>("next");
  store<u32>(link, <u32>changetype<Domain>(d).next);
  store<u32>(load<u32>(ROOT_DOMAINS) + domid * 4, 0);
  memoryDomainFree(domid);
}

export function totPages(domid: u32): u32 {
  return domainMemory(domid)!.totPages;
}
export function kernelRoot(domid: u32): u32 {
  return vcpuOf(domainById(domid)!, 0)!.kernelCr3;
}

/**
 * XENMEM_claim_pages. claimFits, below, says whether the claim is for exactly what the domain lacks of `total` frames, or there is no claim.
 */
export function claim(domid: u32, total: u64): i32 {
  return setClaim(domainMemory(domid)!, total);
}
export function claimFits(domid: u32, total: u32): bool {
  const d = domainMemory(domid)!;
  spinLock(lockOf(d));
  const sum: u32 = d.claim + d.totPages;
  const fits = !d.claim || sum == total;
  spinUnlock(lockOf(d));
  return fits;
}
export function claimOf(domid: u32): u32 {
  return domainMemory(domid)!.claim;
}

/**
 * Takes a reference to a page table and drops it when nothing is left of the budget, so that the table is kept. Returns false if the frame is no such
 * table.
 */
export function keepTable(domid: u32, mfn: u32): bool {
  if (getPageAndType(mfn, domid, PGT_l1_page_table)) return false;
  beginTables();
  while (takeTable()) {}
  putPageAndType(mfn);
  return true;
}
/** Gives up tables that are kept. Returns true if none are left. */
export function settle(domid: u32): bool {
  return settleOnce(domainMemory(domid)!);
}

/** From now on something waits for this pCPU, or no longer does. While it waits, a call that has more to do must stop where it can. */
export function interrupt(waiting: bool): void {
  atomic.store<u32>(mailbox(self.id), waiting ? 2 : 0);
}
/** Returns the frame of a domain's grant table. */
export function grantTableMfn(domid: u32): u32 {
  return <u32>(changetype<usize>(grantTableOf(domid)) >> 12);
}
/** The arguments with which a continued call is made again. */
export { nextArg0, nextArg1, nextArg2 } from "../../../core/hypervisor/hypercall/continuation";
