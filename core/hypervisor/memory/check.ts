/**
 * The invariant checker of memory: computes from page tables, pins, vCPUs, grants and holds what every frame's references must be, and compares. It
 * is valid only while no pCPU is in a hypercall and no domain is half built or half gone.
 */
import { allocXenheapPages, freeXenheapPages } from "./allocator";
import { MAX_ORDER } from "./buddy";
import { Domain, firstDomain, nextDomain, vcpuOf } from "../domain/domain";
import { domainMemory } from "./domain_memory";
import {
  PGC_allocated,
  PGC_free,
  PGT_l1_page_table,
  PGT_l4_page_table,
  PGT_none,
  PGT_pinned,
  PGT_validated,
  PGT_writable_page,
  ROOT_FIRST_HEAP_FRAME,
  frameAddress,
  mfnValid,
  pageCount,
  pageFlag,
  pageOwner,
  pageStamp,
  pageTypeCount,
  pageTypeOf,
  totalFrames,
  typeWord,
} from "./frames";
import { GNTMAP_device_map, GNTMAP_host_map, GNTMAP_readonly } from "../../abi/grant_table";
import { DOMID_COW, DOMID_FIRST_RESERVED } from "../../abi/xen";
import { checkGrants } from "../grant/check";
import {
  ACTIVE_PIN,
  GrantTable,
  MAPTRACK_DOMID,
  MAPTRACK_FLAGS,
  MAPTRACK_REF,
  TRACK_NATIVE,
  TRACK_USED,
  activeEntry,
  grantEntries,
  grantTableOf,
  maptrackEntry,
  maptrackLimit,
} from "../grant/table";
import { typeOf } from "../guest/type";
import { countFifoFrames } from "../event/fifo_pages";
import { pinnedBy, pinnedFrameOf } from "../grant/pin";
import { countP2m } from "../p2m/check";
import { checkLists } from "./check_lists";
import {
  EXPECTED_SIZE,
  beginExpecting,
  compareFrame,
  countForeign,
  expectReference,
  report,
  violations,
} from "./expected";
import { PTE_P, PTE_RW, isGuestL4Slot, pteMfn } from "./pte";

function countTable(mfn: u32, type: u32): void {
  const page = frameAddress(mfn);
  for (let i: u32 = 0; i < 512; i++) {
    if (type == PGT_l4_page_table && !isGuestL4Slot(i)) continue;
    const entry = load<u64>(page + i * 8);
    if (!(entry & PTE_P)) continue;
    const target = pteMfn(entry);
    if (type == PGT_l1_page_table) {
      const writable = (entry & PTE_RW) != 0;
      expectReference(target, writable ? PGT_writable_page : PGT_none);
      if (mfnValid(target) && pageOwner(<u32>target) != pageOwner(mfn)) countForeign(<u32>target, writable, 1);
    } else if (target != <u64>mfn) {
      // The entry leads to a table of the level below or, in a linear page table, to one of the same level.
      const linear = mfnValid(target) && pageTypeOf(<u32>target) == type;
      expectReference(target, linear ? type : type - 1);
      if (mfnValid(target) && pageOwner(<u32>target) != pageOwner(mfn))
        report("table of another domain in", mfn, pageOwner(<u32>target), pageOwner(mfn));
    }
  }
}

/** Counts the reference that each pinned entry of the table holds of its frame. */
function countPins(t: GrantTable): void {
  for (let ref: u32 = 0; ref < grantEntries(t); ref++) {
    const active = activeEntry(t, ref);
    const mfn = load<u32>(active, ACTIVE_PIN) ? pinnedBy(active) : 0;
    if (mfn) expectReference(mfn, PGT_none);
  }
}

function countGrantMaps(t: GrantTable): void {
  let used: u32 = 0;
  for (let handle: u32 = 0; handle < maptrackLimit(t); handle++) {
    const track = maptrackEntry(t, handle);
    const flags = <u32>load<u16>(track, MAPTRACK_FLAGS);
    if (!(flags & TRACK_USED)) continue;
    used++;
    const granter = grantTableOf(load<u16>(track, MAPTRACK_DOMID));
    const ref = load<u32>(track, MAPTRACK_REF);
    // checkGrants reports the other cases.
    if (granter == null || ref >= grantEntries(granter)) continue;
    const mfn = pinnedFrameOf(granter.domid, ref);
    const writable = (flags & GNTMAP_readonly) == 0;
    const type: u32 = writable ? PGT_writable_page : PGT_none;
    if (flags & GNTMAP_device_map) expectReference(mfn, type);
    if (flags & GNTMAP_host_map) {
      if (flags & TRACK_NATIVE) expectReference(mfn, type);
      else countForeign(mfn, writable, -1);
    }
  }
  if (used != t.mapped) report("map tracks in use", 0, used, t.mapped);
}

/** Returns the number of violations, of which the first 20 are described on the Xen console; -1 if there was no memory to check with. */
export function checkMemory(): i32 {
  const frames = totalFrames();
  let order: u32 = 0;
  while ((<u64>4096) << (<u64>order) < <u64>frames * <u64>EXPECTED_SIZE) if (++order > MAX_ORDER) return -1;
  const block = allocXenheapPages(order);
  if (!block) return -1;
  beginExpecting(frameAddress(block));
  for (let mfn: u32 = load<u32>(ROOT_FIRST_HEAP_FRAME); mfn < frames; mfn++) {
    if (pageFlag(mfn, PGC_free)) continue;
    if (pageFlag(mfn, PGC_allocated)) expectReference(mfn, PGT_none);
    const word = typeWord(mfn);
    const type = pageTypeOf(mfn);
    if (word & PGT_pinned) expectReference(mfn, type);
    if (!pageTypeCount(mfn) || type < PGT_l1_page_table || type > PGT_l4_page_table) continue;
    if (!(word & PGT_validated)) report("page table not validated", mfn, 0, 1);
    else countTable(mfn, type);
  }
  let next: Domain | null = firstDomain();
  while (next != null) {
    const d = changetype<Domain>(next);
    next = nextDomain(d);
    for (let i: u32 = 0; i < d.maxVcpus; i++) {
      const v = vcpuOf(d, i);
      if (v != null && v.vcpuInfoMfn) expectReference(v.vcpuInfoMfn, PGT_writable_page);
    }
    typeOf(d).countHeld(d);
    countFifoFrames(d);
  }
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const d = domainMemory(domid);
    if (d == null) continue;
    for (let mfn = d.releasedTables; mfn; mfn = pageStamp(mfn)) expectReference(mfn, pageTypeOf(mfn));
    for (let mfn = d.reachedTables; mfn; mfn = pageStamp(mfn)) expectReference(mfn, pageTypeOf(mfn));
    countP2m(d);
    const t = grantTableOf(domid);
    if (t == null) continue;
    countPins(t);
    countGrantMaps(t);
  }
  for (let mfn: u32 = load<u32>(ROOT_FIRST_HEAP_FRAME); mfn < frames; mfn++) {
    if (pageFlag(mfn, PGC_free)) continue;
    compareFrame(mfn);
    if (pageOwner(mfn) == <u32>DOMID_COW && !pageCount(mfn)) report("shared frame that nobody has:", mfn, 0, 1);
  }
  freeXenheapPages(block, order);
  return violations + checkLists() + checkGrants();
}
