/**
 * The invariant checker: recomputes from page tables, pins, vCPUs, grants and holds what every frame's references must be
 * and compares. Only meaningful while no pCPU is in a hypercall and no domain is half built or half gone.
 */
import { MAX_ORDER, allocXenheapPages, freePages, freeXenheapPages } from "./allocator";
import { LOG_ERR } from "../abi/log";
import { logBegin, logDec, logEnd, logHex, logText } from "../console/console";
import { Domain, VCPU_GDT_FRAMES, Vcpu, firstDomain, nextDomain, vcpuOf } from "../domain/domain";
import { DomainMemory, domainMemory } from "./domain_memory";
import {
  PGC_allocated,
  PGC_free,
  PGC_xen_heap,
  PGT_l1_page_table,
  PGT_l4_page_table,
  PGT_pinned,
  PGT_validated,
  ROOT_FIRST_HEAP_FRAME,
  frameAddress,
  mfnValid,
  pageCount,
  pageFlag,
  pageNext,
  pageOwner,
  pageStamp,
  pageTypeCount,
  pageTypeOf,
  totalFrames,
  typeWord,
} from "./frames";
import { DOMID_FIRST_RESERVED } from "../abi/memory";
import { GNTMAP_device_map, GNTMAP_host_map, GNTMAP_readonly } from "../abi/grant_table";
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
import { countFifoFrames } from "../event/fifo_pages";
import { pinnedFrameOf } from "../grant/pin";
import { GDT_PAGES, LDT_PAGES, perdomainMapped } from "./perdomain";
import { PTE_P, PTE_RW, isGuestL4Slot, pteMfn } from "./pte";

/** u32 general and u32 type references expected of each frame. */
let expected: usize = 0;
let violations: i32 = 0;
/** Only so many are described; all are counted. */
const DESCRIBED: i32 = 20;

function report(what: string, mfn: u32, is: u32, should: u32): void {
  violations++;
  if (violations > DESCRIBED) return;
  logBegin(LOG_ERR);
  logText("memory check: ");
  logText(what);
  logText(" mfn ");
  logHex(mfn);
  logText(" of d");
  logDec(mfnValid(mfn) ? pageOwner(mfn) : 0);
  logText(": ");
  logDec(is);
  logText(", should be ");
  logDec(should);
  logEnd();
}

function expectReference(mfn: u64, typed: bool): void {
  if (!mfnValid(mfn)) {
    report("entry names no frame:", 0, <u32>mfn, 0);
    return;
  }
  const at = expected + <usize>mfn * 8;
  store<u32>(at, load<u32>(at) + 1);
  if (typed) store<u32>(at, load<u32>(at, 4) + 1, 4);
}

/** For holders outside the memory side (event channel FIFO pages, ...), from their count functions only. */
export function expectHeldFrame(mfn: u32, typed: bool): void {
  if (expected) expectReference(mfn, typed);
}

function countTable(mfn: u32, type: u32): void {
  const page = frameAddress(mfn);
  for (let i: u32 = 0; i < 512; i++) {
    if (type == PGT_l4_page_table && !isGuestL4Slot(i)) continue;
    const entry = load<u64>(page + i * 8);
    if (!(entry & PTE_P)) continue;
    if (type == PGT_l1_page_table) expectReference(pteMfn(entry), (entry & PTE_RW) != 0);
    else if (pteMfn(entry) != <u64>mfn) expectReference(pteMfn(entry), true);
  }
}

function countVcpu(v: Vcpu): void {
  if (v.kernelCr3) expectReference(v.kernelCr3, true);
  if (v.userCr3) expectReference(v.userCr3, true);
  if (v.vcpuInfoMfn) expectReference(v.vcpuInfoMfn, true);
  for (let i: u32 = 0; i < 16; i++) {
    const mfn = load<u32>(changetype<usize>(v) + VCPU_GDT_FRAMES + i * 4);
    if (mfn) expectReference(mfn, true);
  }
  for (let i: u32 = 0; i < LDT_PAGES; i++) {
    const mfn = perdomainMapped(v.domid, v.vcpuId, GDT_PAGES + i);
    if (mfn) expectReference(mfn, true);
  }
}

function countGrantMaps(t: GrantTable): void {
  let used: u32 = 0;
  for (let handle: u32 = 0; handle < maptrackLimit(t); handle++) {
    const track = maptrackEntry(t, handle);
    const flags = <u32>load<u16>(track, MAPTRACK_FLAGS);
    if (!(flags & TRACK_USED)) continue;
    used++;
    const mfn = pinnedFrameOf(load<u16>(track, MAPTRACK_DOMID), load<u32>(track, MAPTRACK_REF));
    const writable = (flags & GNTMAP_readonly) == 0;
    if (flags & GNTMAP_device_map) expectReference(mfn, writable);
    if (flags & GNTMAP_host_map && flags & TRACK_NATIVE) expectReference(mfn, writable);
  }
  if (used != t.mapped) report("map tracks in use", 0, used, t.mapped);
}

function byteSum(pin: u32): u32 {
  return (pin & 0xff) + ((pin >> 8) & 0xff) + ((pin >> 16) & 0xff) + (pin >> 24);
}

/** Pins of a domain's grants against everybody's map tracks. */
function checkPins(granter: GrantTable): void {
  let pins: u32 = 0;
  let entries: u32 = 0;
  for (let ref: u32 = 0; ref < grantEntries(granter); ref++) {
    const pin = load<u32>(activeEntry(granter, ref), ACTIVE_PIN);
    pins += byteSum(pin);
    if (pin) entries++;
  }
  if (entries != granter.pinned) report("pinned grants", 0, entries, granter.pinned);
  let maps: u32 = 0;
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const t = grantTableOf(domid);
    if (t == null) continue;
    for (let handle: u32 = 0; handle < maptrackLimit(t); handle++) {
      const track = maptrackEntry(t, handle);
      const flags = <u32>load<u16>(track, MAPTRACK_FLAGS);
      if (!(flags & TRACK_USED) || <u32>load<u16>(track, MAPTRACK_DOMID) != granter.domid) continue;
      if (flags & GNTMAP_device_map) maps++;
      if (flags & GNTMAP_host_map) maps++;
    }
  }
  if (maps != pins) report("grant pins", 0, pins, maps);
}

function checkTotals(d: DomainMemory): void {
  let listed: u32 = 0;
  for (let mfn = d.pageList; mfn; mfn = pageNext(mfn)) {
    if (pageOwner(mfn) != d.domid) report("page list has a stranger", mfn, pageOwner(mfn), d.domid);
    if (++listed > totalFrames()) break;
  }
  if (listed != d.totPages) report("page list length", 0, listed, d.totPages);
  let owned: u32 = 0;
  let shared: u32 = 0;
  for (let mfn: u32 = 0; mfn < totalFrames(); mfn++) {
    if (pageOwner(mfn) != d.domid || !pageCount(mfn)) continue;
    if (pageFlag(mfn, PGC_xen_heap)) shared++;
    else owned++;
  }
  if (owned != d.totPages) report("frames owned", 0, owned, d.totPages);
  if (shared != d.xenheapPages) report("frames shared", 0, shared, d.xenheapPages);
}

/** Number of violations, each described on the Xen console (the first 20); -1 if there was no memory to check with. */
export function checkMemory(): i32 {
  const frames = totalFrames();
  let order: u32 = 0;
  while ((<u32>4096) << order < frames * 8) if (++order > MAX_ORDER) return -1;
  const block = allocXenheapPages(order);
  if (!block) return -1;
  expected = frameAddress(block);
  violations = 0;
  let free: u32 = 0;
  for (let mfn: u32 = load<u32>(ROOT_FIRST_HEAP_FRAME); mfn < frames; mfn++) {
    if (pageFlag(mfn, PGC_free)) {
      free++;
      if (pageCount(mfn)) report("free frame has references", mfn, pageCount(mfn), 0);
      continue;
    }
    if (pageFlag(mfn, PGC_allocated)) expectReference(mfn, false);
    const word = typeWord(mfn);
    const type = pageTypeOf(mfn);
    if (word & PGT_pinned) expectReference(mfn, true);
    if (!pageTypeCount(mfn) || type < PGT_l1_page_table || type > PGT_l4_page_table) continue;
    if (!(word & PGT_validated)) report("page table not validated", mfn, 0, 1);
    else countTable(mfn, type);
  }
  if (free != freePages()) report("free frames", 0, free, freePages());
  let next: Domain | null = firstDomain();
  while (next != null) {
    const d = changetype<Domain>(next);
    next = nextDomain(d);
    for (let i: u32 = 0; i < d.maxVcpus; i++) {
      const v = vcpuOf(d, i);
      if (v != null) countVcpu(v);
    }
    countNativeHolds(d);
    countFifoFrames(d);
  }
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const d = domainMemory(domid);
    if (d == null) continue;
    checkTotals(d);
    for (let mfn = d.releasedTables; mfn; mfn = pageStamp(mfn)) expectReference(mfn, true);
    for (let mfn = d.reachedTables; mfn; mfn = pageStamp(mfn)) expectReference(mfn, true);
    const t = grantTableOf(domid);
    if (t == null) continue;
    countGrantMaps(t);
    checkPins(t);
  }
  for (let mfn: u32 = load<u32>(ROOT_FIRST_HEAP_FRAME); mfn < frames; mfn++) {
    if (pageFlag(mfn, PGC_free)) continue;
    const at = expected + <usize>mfn * 8;
    if (pageCount(mfn) != load<u32>(at)) report("references of", mfn, pageCount(mfn), load<u32>(at));
    // Xen itself holds a type reference of what it shares with guests.
    const shared = pageFlag(mfn, PGC_xen_heap) && pageOwner(mfn) < <u32>DOMID_FIRST_RESERVED;
    const types = load<u32>(at, 4) + (shared ? 1 : 0);
    if (pageTypeCount(mfn) != types) report("type references of", mfn, pageTypeCount(mfn), types);
  }
  expected = 0;
  freeXenheapPages(block, order);
  return violations;
}

/** Frames a native domain holds through NATIVE_map_frame: pairs of u32 mfn and count (domain/native_frames.ts). */
function countNativeHolds(d: Domain): void {
  if (!d.nativeMaps) return;
  for (let i: u32 = 0; i < 512; i++) {
    const mfn = load<u32>(d.nativeMaps + i * 8);
    if (mfn == 0 || mfn == 0xffffffff) continue;
    for (let count = load<u32>(d.nativeMaps + i * 8, 4); count; count--) expectReference(mfn, false);
  }
}
