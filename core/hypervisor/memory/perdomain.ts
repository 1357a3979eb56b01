/**
 * The per-domain area, L4 slot 260: 32 pages for each vCPU, 16 of GDT and 16 of LDT, supervisor-only, at the addresses where Xen has them. Every L4
 * table of the domain points here (installXenSlots).
 */
import { FIRST_RESERVED_GDT_PAGE } from "../../abi/arch_x86";
import { allocXenheapPages, freeXenheapPages } from "./allocator";
import { DomainMemory, domainMemory, m2pStrict } from "./domain_memory";
import { recordRoot } from "./downgrades";
import { frameAddress } from "./frames";
import { spinLock, spinUnlock } from "../sched/lock";
import { m2pL4Entry, reservedGdtFrame, zeroFrame } from "./m2p";
import { PTE_A, PTE_D, PTE_NX, PTE_P, PTE_RW, XEN_FIRST_L4_SLOT, XEN_LAST_L4_SLOT } from "./pte";

const PERDOMAIN_VIRT_START: u64 = 0xffff820000000000;
const PERDOMAIN_SLOT: u32 = 260;
/** Pages of GDT and LDT for each vCPU. */
export const GDT_PAGES: u32 = 16;
export const LDT_PAGES: u32 = 16;
const PAGES_PER_VCPU: u32 = 32;
/** The number of vCPUs that one L1 table serves, and the most that a domain can have here. */
const VCPUS_PER_TABLE: u32 = 16;
export const MAX_VCPUS: u32 = 128;

/** Returns the linear address of a vCPU's GDT; its LDT is 16 pages further. */
export function gdtVirtStart(vcpu: u32): u64 {
  return PERDOMAIN_VIRT_START + ((<u64>vcpu) << 17);
}
export function ldtVirtStart(vcpu: u32): u64 {
  return gdtVirtStart(vcpu) + 0x10000;
}

function tableField(d: DomainMemory, vcpu: u32): usize {
  return changetype<usize>(d) + offsetof<DomainMemory>("perdomainL1_0") + (vcpu / VCPUS_PER_TABLE) * 4;
}

const TABLE_FLAGS: u64 = PTE_P | PTE_RW | PTE_A;

/** Makes the tables that the area of `vcpu` needs. Returns false if the host is out of memory. */
function ensureTables(d: DomainMemory, vcpu: u32): bool {
  const lock = changetype<usize>(d) + offsetof<DomainMemory>("perdomainLock");
  spinLock(lock);
  if (!d.perdomainL3) d.perdomainL3 = allocXenheapPages(0);
  if (d.perdomainL3 && !d.perdomainL2) {
    d.perdomainL2 = allocXenheapPages(0);
    if (d.perdomainL2) atomic.store<u64>(frameAddress(d.perdomainL3), (<u64>frameAddress(d.perdomainL2)) | TABLE_FLAGS);
  }
  const field = tableField(d, vcpu);
  if (d.perdomainL2 && !load<u32>(field)) {
    const l1 = allocXenheapPages(0);
    if (l1) {
      for (let v: u32 = 0; v < VCPUS_PER_TABLE; v++)
        for (let page: u32 = 0; page < GDT_PAGES; page++) {
          const mfn = page == FIRST_RESERVED_GDT_PAGE ? reservedGdtFrame() : zeroFrame();
          const entry = (<u64>frameAddress(mfn)) | PTE_P | PTE_A | PTE_D | PTE_NX;
          store<u64>(frameAddress(l1) + (v * PAGES_PER_VCPU + page) * 8, entry);
        }
      store<u32>(field, l1);
      const slot = vcpu / VCPUS_PER_TABLE;
      atomic.store<u64>(frameAddress(d.perdomainL2) + slot * 8, (<u64>frameAddress(l1)) | TABLE_FLAGS);
    }
  }
  const ok = load<u32>(field) != 0;
  spinUnlock(lock);
  return ok;
}

/**
 * Makes a vCPU's area: Xen's descriptors on the reserved GDT page, zeros on the other GDT pages, no LDT. Returns false if there is no such domain,
 * the number is too big, or the host is out of memory.
 */
export function perdomainInitVcpu(domid: u32, vcpu: u32): bool {
  const d = domainMemory(domid);
  if (d == null || vcpu >= MAX_VCPUS) return false;
  return ensureTables(d, vcpu);
}

/**
 * Maps `mfn` at page `slotPage` of a vCPU's area (0..15 GDT, 16..31 LDT), supervisor-only, with the entry bits `flags` (P and RW as wanted). A clear
 * P unmaps; an unmapped GDT page shows zeros. The caller holds the page references and flushes TLBs.
 */
export function perdomainMap(domid: u32, vcpu: u32, slotPage: u32, mfn: u32, flags: u64): bool {
  const d = domainMemory(domid);
  if (d == null || vcpu >= MAX_VCPUS || slotPage >= PAGES_PER_VCPU || !ensureTables(d, vcpu)) return false;
  const at = perdomainEntry(d, vcpu, slotPage);
  let entry: u64 = 0;
  if (flags & PTE_P) entry = (<u64>frameAddress(mfn)) | PTE_P | PTE_A | PTE_D | PTE_NX | (flags & PTE_RW);
  else if (slotPage < GDT_PAGES) entry = (<u64>frameAddress(zeroFrame())) | PTE_P | PTE_A | PTE_D | PTE_NX;
  atomic.store<u64>(at, entry);
  return true;
}

function perdomainEntry(d: DomainMemory, vcpu: u32, slotPage: u32): usize {
  const l1 = load<u32>(tableField(d, vcpu));
  return frameAddress(l1) + ((vcpu % VCPUS_PER_TABLE) * PAGES_PER_VCPU + slotPage) * 8;
}

/** Returns the frame mapped at a page of a vCPU's area; 0 if there is none, or only the shared frame of zeros. */
export function perdomainMapped(domid: u32, vcpu: u32, slotPage: u32): u32 {
  const d = domainMemory(domid);
  if (d == null || vcpu >= MAX_VCPUS || slotPage >= PAGES_PER_VCPU || !load<u32>(tableField(d, vcpu))) return 0;
  const entry = load<u64>(perdomainEntry(d, vcpu, slotPage));
  const mfn = <u32>(entry >> 12);
  return (entry & PTE_P) == 0 || mfn == zeroFrame() ? 0 : mfn;
}

/** Frees the tables. The pages mapped there must have been unmapped, and their references dropped, before. */
export function perdomainFree(d: DomainMemory): void {
  for (let i: u32 = 0; i < MAX_VCPUS / VCPUS_PER_TABLE; i++) {
    const field = tableField(d, i * VCPUS_PER_TABLE);
    if (load<u32>(field)) freeXenheapPages(load<u32>(field), 0);
    store<u32>(field, 0);
  }
  if (d.perdomainL2) freeXenheapPages(d.perdomainL2, 0);
  if (d.perdomainL3) freeXenheapPages(d.perdomainL3, 0);
  d.perdomainL2 = 0;
  d.perdomainL3 = 0;
}

/** Writes the hypervisor's slots into a table that becomes an L4: the M2P at 256, the per-domain area at 260. */
export function installXenSlots(l4: u32, d: DomainMemory): bool {
  if (!ensureTables(d, 0)) return false;
  const table = frameAddress(l4);
  for (let slot = XEN_FIRST_L4_SLOT; slot <= XEN_LAST_L4_SLOT; slot++) {
    let entry: u64 = 0;
    if (slot == XEN_FIRST_L4_SLOT && !m2pStrict(d.domid)) entry = m2pL4Entry();
    if (slot == PERDOMAIN_SLOT) entry = (<u64>frameAddress(d.perdomainL3)) | TABLE_FLAGS;
    atomic.store<u64>(table + slot * 8, entry);
  }
  return true;
}

/** Shows or hides the M2P in an L4 table (VMASST_TYPE_m2p_strict: kernel tables show it, user tables do not). */
export function showM2p(l4: u32, visible: bool): void {
  const old = atomic.xchg<u64>(frameAddress(l4) + XEN_FIRST_L4_SLOT * 8, visible ? m2pL4Entry() : 0);
  if (old && !visible) recordRoot(l4);
}
