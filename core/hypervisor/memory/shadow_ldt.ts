/**
 * The LDT of a PV vCPU: 16 pages of its per-domain area shadow the guest's own pages. They are mapped one by one when the CPU first touches them,
 * each with a general reference and a type reference for a descriptor page (Xen's shadow LDT).
 */
import { CPU_SEG, LDTR, SEG_ATTR, SEG_BASE, SEG_LIMIT, SEG_SELECTOR, SEG_SIZE } from "../../machine/cpu/state";
import { Vcpu } from "../domain/domain";
import { PGT_seg_desc_page, frameAddress } from "./frames";
import { findL1, guestAddressOk } from "./mmu_update";
import { getPageAndType, putPageAndType } from "./page_type";
import { GDT_PAGES, LDT_PAGES, ldtVirtStart, perdomainMap, perdomainMapped } from "./perdomain";
import { PTE_P, PTE_RW, pteMfn } from "./pte";

/** Unmaps all shadowed pages. If it returns true, the vCPU's TLB needs a flush. The vCPU must not be running elsewhere. */
export function invalidateShadowLdt(v: Vcpu): bool {
  let any = false;
  for (let page: u32 = 0; page < LDT_PAGES; page++) {
    const mfn = perdomainMapped(v.domid, v.vcpuId, GDT_PAGES + page);
    if (!mfn) continue;
    perdomainMap(v.domid, v.vcpuId, GDT_PAGES + page, 0, 0);
    putPageAndType(mfn);
    any = true;
  }
  return any;
}

/** Sets a vCPU's LDT, which the caller has checked, and loads LDTR. */
export function setVcpuLdt(v: Vcpu, base: u64, entries: u32): void {
  v.ldtBase = base;
  v.ldtEntries = entries;
  const segment = v.cpu + CPU_SEG + LDTR * SEG_SIZE;
  store<u64>(segment, entries ? ldtVirtStart(v.vcpuId) : 0, SEG_BASE);
  store<u32>(segment, entries ? entries * 8 - 1 : 0, SEG_LIMIT);
  store<u16>(segment, entries ? 0xe050 : 0, SEG_SELECTOR);
  store<u16>(segment, entries ? 0x82 : 0x8000, SEG_ATTR);
}

/**
 * Maps the LDT page in which byte `offset` of the LDT lies (Xen's pv_map_ldt_shadow_page). Returns false if the guest has no such page, or one that
 * may not hold descriptors.
 */
export function mapLdtPage(v: Vcpu, offset: u32): bool {
  if (offset >> 3 >= v.ldtEntries) return false;
  const linear = v.ldtBase + (offset & ~4095);
  if (!guestAddressOk(linear) || !v.kernelCr3) return false;
  const l1 = findL1(v.kernelCr3, linear);
  if (!l1) return false;
  const entry = atomic.load<u64>(frameAddress(l1) + (((<u32>(linear >> 12)) & 511) << 3));
  if (!(entry & PTE_P)) return false;
  if (getPageAndType(pteMfn(entry), v.domid, PGT_seg_desc_page)) return false;
  const slot = GDT_PAGES + (offset >> 12);
  if (
    perdomainMapped(v.domid, v.vcpuId, slot) ||
    !perdomainMap(v.domid, v.vcpuId, slot, <u32>pteMfn(entry), PTE_P | PTE_RW)
  ) {
    putPageAndType(<u32>pteMfn(entry));
    return false;
  }
  return true;
}
