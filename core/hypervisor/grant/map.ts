/**
 * Maps and unmaps grants. A PV domain's host mapping is a page-table entry, and a translated domain's is an entry of its second stage; the entry
 * holds the references of the frame as any entry does. A device mapping, and everything that a native domain maps, is held by the map track.
 */
import { hasPageTables } from "../guest/type";
import {
  GNTMAP_application_map,
  GNTMAP_contains_pte,
  GNTMAP_device_map,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST_bad_domain,
  GNTST_bad_gntref,
  GNTST_bad_handle,
  GNTST_general_error,
  GNTST_no_device_space,
  GNTST_okay,
  GNTTAB_MAP_GRANT_REF_DEV_BUS_ADDR,
  GNTTAB_MAP_GRANT_REF_DOM,
  GNTTAB_MAP_GRANT_REF_FLAGS,
  GNTTAB_MAP_GRANT_REF_HANDLE,
  GNTTAB_MAP_GRANT_REF_HOST_ADDR,
  GNTTAB_MAP_GRANT_REF_REF,
} from "../../abi/grant_table";
import { currentVcpu } from "../domain/domain";
import { frameWritten } from "../../machine/cpu/frames/written";
import { currentBase } from "../memory/current";
import { DomainMemory, domainMemory } from "../memory/domain_memory";
import { PGT_writable_page } from "../memory/frames";
import { getPage, putPage } from "../memory/references";
import { findL1, guestAddressOk } from "../memory/mmu_update";
import { getPageType, putPageType } from "../memory/page_type";
import { installGrantEntry, replaceGrantEntry, restoreEntry, takeEntry } from "../memory/pt_update";
import { PTE_A, PTE_ADDRESS, PTE_D, PTE_P, PTE_RW, PTE_US } from "../memory/pte";
import { SCRATCH_UNMAPS, scratch } from "../memory/scratch";
import { tlbFlushAll } from "../memory/tlb";
import { isTranslated, p2mAddGrant, p2mRemoveGrant, settleP2m } from "../p2m/p2m";
import { spinLock, spinUnlock } from "../sched/lock";
import { pinGrant, pinnedFrameOf, pinnedMfn, unpinGrant } from "./pin";
import {
  GrantTable,
  MAPTRACK_BUSY,
  MAPTRACK_DOMID,
  MAPTRACK_FLAGS,
  MAPTRACK_REF,
  NO_HANDLE,
  TRACK_NATIVE,
  TRACK_USED,
  giveHandle,
  giveHandleLocked,
  grantTableOf,
  maptrackEntry,
  maptrackLimit,
  maptrackLock,
  takeHandle,
} from "./table";

const BOTH: u32 = GNTMAP_device_map | GNTMAP_host_map;
/** Flags that a translated domain can't use. */
const FOR_PAGE_TABLES: u32 = GNTMAP_device_map | GNTMAP_application_map | GNTMAP_contains_pte;

/** Maps one struct gnttab_map_grant_ref at `op` in hypervisor memory, and fills in handle and address. Returns GNTST_*. */
export function mapGrantRef(op: usize): i32 {
  const flags = load<u32>(op, GNTTAB_MAP_GRANT_REF_FLAGS);
  if (!(flags & BOTH)) return GNTST_bad_gntref;
  const granter = <u32>load<u16>(op, GNTTAB_MAP_GRANT_REF_DOM);
  if (domainMemory(granter) == null) return GNTST_bad_domain;
  const own = changetype<DomainMemory>(currentVcpu.domain.memory);
  const native = !hasPageTables(currentVcpu.domain) && !isTranslated(own);
  // There is no IOMMU that a device mapping could go into, and a second stage has no bits for guests.
  if (isTranslated(own) && (flags & FOR_PAGE_TABLES) != 0) return GNTST_general_error;
  const domid = currentVcpu.domid;
  const t = grantTableOf(domid);
  if (t == null) return GNTST_no_device_space;
  const handle = takeHandle(t);
  if (handle == NO_HANDLE) return GNTST_no_device_space;
  const ref = load<u32>(op, GNTTAB_MAP_GRANT_REF_REF);
  const device = (flags & GNTMAP_device_map) != 0;
  const host = (flags & GNTMAP_host_map) != 0;
  const readonly = (flags & GNTMAP_readonly) != 0;
  const use = flags & (BOTH | GNTMAP_readonly);
  let status = pinGrant(granter, ref, domid, use);
  if (status != GNTST_okay) {
    giveHandle(t, handle);
    return status;
  }
  const mfn = pinnedMfn;
  // Each mapping needs one general reference, of which pinning has taken the first, and a type reference if it is writable.
  const count: u32 = (device ? 1 : 0) + (host ? 1 : 0);
  if (!takeMore(mfn, granter, count, readonly)) {
    unpinGrant(granter, ref, use);
    giveHandle(t, handle);
    return GNTST_general_error;
  }
  const address = load<u64>(op, GNTTAB_MAP_GRANT_REF_HOST_ADDR);
  if (isTranslated(own)) {
    if (p2mAddGrant(own, address >> 12, mfn, readonly)) status = GNTST_general_error;
  } else if (host && !native) status = mapIntoTables(address, mfn, flags);
  if (status != GNTST_okay) {
    dropReferences(mfn, count, readonly);
    unpinGrant(granter, ref, use);
    giveHandle(t, handle);
    return status;
  }
  // A domain that maps a frame without page tables can write it without the engine's noticing.
  if (!readonly && (native || device)) frameWritten(mfn);
  const track = maptrackEntry(t, handle);
  store<u32>(track, ref, MAPTRACK_REF);
  store<u16>(track, <u16>granter, MAPTRACK_DOMID);
  const kept = TRACK_USED | (native ? TRACK_NATIVE : 0) | use | (flags & GNTMAP_contains_pte);
  atomic.store<u16>(track + MAPTRACK_FLAGS, <u16>kept);
  store<u64>(op, (<u64>mfn) << 12, GNTTAB_MAP_GRANT_REF_DEV_BUS_ADDR);
  store<u32>(op, handle, GNTTAB_MAP_GRANT_REF_HANDLE);
  return GNTST_okay;
}

/** Takes the remaining references for `count` mappings, where one general reference is held already. If it returns false, none is held. */
function takeMore(mfn: u32, owner: u32, count: u32, readonly: bool): bool {
  let general: u32 = 1;
  while (general < count && getPage(mfn, owner)) general++;
  let typed: u32 = 0;
  if (general == count && !readonly) while (typed < count && !getPageType(mfn, PGT_writable_page)) typed++;
  if (general == count && (readonly || typed == count)) return true;
  while (typed--) putPageType(mfn);
  while (general--) putPage(mfn);
  return false;
}
function dropReferences(mfn: u32, count: u32, readonly: bool): void {
  for (let i: u32 = 0; i < count; i++) {
    if (!readonly) putPageType(mfn);
    putPage(mfn);
  }
}

/** Finds the L1 table, of which it takes a reference, and the offset in it that a host address means. Returns 0 if there is none. */
let entryOffset: u32 = 0;
function entryTable(address: u64, isPte: bool): u32 {
  const domid = currentVcpu.domid;
  if (isPte) {
    if (address & 7 || !getPage(address >> 12, domid)) return 0;
    entryOffset = (<u32>address) & 0xff8;
    return <u32>(address >> 12);
  }
  const base = currentBase();
  if (!guestAddressOk(address) || !base) return 0;
  const l1 = findL1(base, address);
  if (!l1 || !getPage(l1, domid)) return 0;
  entryOffset = ((<u32>(address >> 12)) & 511) << 3;
  return l1;
}

function mapIntoTables(address: u64, mfn: u32, flags: u32): i32 {
  const l1 = entryTable(address, (flags & GNTMAP_contains_pte) != 0);
  if (!l1) return GNTST_general_error;
  let entry = ((<u64>mfn) << 12) | PTE_P | PTE_A | PTE_D;
  if (flags & GNTMAP_application_map) entry |= PTE_US;
  if (!(flags & GNTMAP_readonly)) entry |= PTE_RW;
  // GNTMAP_guest_avail holds the guest's software bits 9..11.
  entry |= ((<u64>(flags >> 16)) & 7) << 9;
  const error = installGrantEntry(l1, entryOffset, entry);
  putPage(l1);
  return error ? GNTST_general_error : GNTST_okay;
}

/** Replaces the entry at a host address by `replacement`, if it maps `mfn` in the way that the grant did. */
function unmapFromTables(address: u64, isPte: bool, mfn: u32, readonly: bool, replacement: u64): i32 {
  const l1 = entryTable(address, isPte);
  if (!l1) return GNTST_general_error;
  const expected = ((<u64>mfn) << 12) | PTE_P | (readonly ? 0 : PTE_RW);
  const error = replaceGrantEntry(l1, entryOffset, expected, PTE_ADDRESS | PTE_P | PTE_RW, replacement);
  putPage(l1);
  return error ? GNTST_general_error : GNTST_okay;
}

/**
 * Unmaps what `handle` stands for: the host mapping at `hostAddress` and the device mapping, each if its address is not 0; a native domain's always.
 * `newAddress` (unmap_and_replace) is the linear address whose entry takes the place of the mapping. Returns GNTST_*.
 */
export function unmapGrantRef(handle: u32, hostAddress: u64, busAddress: u64, newAddress: u64): i32 {
  const t = grantTableOf(currentVcpu.domid);
  if (t == null || handle >= maptrackLimit(t)) return GNTST_bad_handle;
  const track = maptrackEntry(t, handle);
  spinLock(maptrackLock(t));
  const flags = <u32>load<u16>(track, MAPTRACK_FLAGS);
  // A handle without mappings is one whose other unmap is just being completed.
  if (!(flags & TRACK_USED) || !(flags & BOTH)) {
    spinUnlock(maptrackLock(t));
    return GNTST_bad_handle;
  }
  const native = (flags & TRACK_NATIVE) != 0;
  let release: u32 = 0;
  if (native || hostAddress) release |= flags & GNTMAP_host_map;
  if (native || busAddress) release |= flags & GNTMAP_device_map;
  const granter = <u32>load<u16>(track, MAPTRACK_DOMID);
  const ref = load<u32>(track, MAPTRACK_REF);
  const mfn = pinnedFrameOf(granter, ref);
  if (busAddress && busAddress != (<u64>mfn) << 12) {
    spinUnlock(maptrackLock(t));
    return GNTST_general_error;
  }
  // The mappings are claimed under the lock, so that two unmaps of one handle do not both drop them. The handle stays until both have ended.
  store<u16>(track, <u16>(flags & ~release), MAPTRACK_FLAGS);
  if (release) store<u32>(track, load<u32>(track, MAPTRACK_BUSY) + 1, MAPTRACK_BUSY);
  spinUnlock(maptrackLock(t));
  if (!release) return GNTST_okay;

  const readonly = (flags & GNTMAP_readonly) != 0;
  let status: i32 = GNTST_okay;
  let kept: u32 = 0;
  if (release & GNTMAP_host_map && !native) {
    const isPte = (flags & GNTMAP_contains_pte) != 0;
    const own = changetype<DomainMemory>(currentVcpu.domain.memory);
    if (isTranslated(own)) {
      const removed = !newAddress && p2mRemoveGrant(own, hostAddress >> 12, mfn, readonly);
      status = removed ? GNTST_okay : GNTST_general_error;
    } else if (newAddress)
      status = isPte ? GNTST_general_error : replaceByAnother(hostAddress, newAddress, mfn, readonly);
    else status = unmapFromTables(hostAddress, isPte, mfn, readonly, 0);
    if (status != GNTST_okay) kept = GNTMAP_host_map;
    else {
      postpone(handle, mfn, release);
      return GNTST_okay;
    }
  }
  endUnmap(t, handle, mfn, release & ~kept, kept, native);
  return status;
}

// ---- unmaps of page-table entries are completed when no TLB has them any more ------------------------------------

/** In SCRATCH_UNMAPS: u32 handle, u32 mfn and u32 GNTMAP_* bits of each unmap whose entry is gone but whose pin and references are still held. */
const POSTPONED_SIZE: usize = 12;
const POSTPONED_MFN: usize = 4;
const POSTPONED_RELEASE: usize = 8;
/** As many as Xen handles between two flushes. */
const POSTPONED_MOST: u32 = 32;
let postponed: u32 = 0;

function postpone(handle: u32, mfn: u32, release: u32): void {
  const at = scratch(SCRATCH_UNMAPS) + <usize>postponed * POSTPONED_SIZE;
  store<u32>(at, handle);
  store<u32>(at, mfn, POSTPONED_MFN);
  store<u32>(at, release, POSTPONED_RELEASE);
  if (++postponed == POSTPONED_MOST) completeUnmaps();
}

/**
 * Flushes the TLBs for the entries that were removed, and then drops what they mapped. It has to be called before the hypercall ends: a granter that
 * sees its grant free may use the frame for itself, so nobody else may still be able to write to it.
 */
export function completeUnmaps(): void {
  // Flushes for what mapping a grant has replaced in a second stage.
  settleP2m();
  if (!postponed) return;
  tlbFlushAll();
  const list = scratch(SCRATCH_UNMAPS);
  const t = grantTableOf(currentVcpu.domid)!;
  for (let i: u32 = 0; i < postponed; i++) {
    const at = list + <usize>i * POSTPONED_SIZE;
    endUnmap(t, load<u32>(at), load<u32>(at, POSTPONED_MFN), load<u32>(at, POSTPONED_RELEASE), 0, false);
  }
  postponed = 0;
}

/** Drops the claimed mappings `release` of a track, and gives back the claim on `kept`. The last unmap of a handle to end frees the handle. */
function endUnmap(t: GrantTable, handle: u32, mfn: u32, release: u32, kept: u32, native: bool): void {
  const track = maptrackEntry(t, handle);
  if (release) {
    const readonly = (load<u16>(track, MAPTRACK_FLAGS) & GNTMAP_readonly) != 0;
    releaseMapping(load<u16>(track, MAPTRACK_DOMID), load<u32>(track, MAPTRACK_REF), mfn, release, readonly, native);
  }
  spinLock(maptrackLock(t));
  const flags: u32 = load<u16>(track, MAPTRACK_FLAGS) | kept;
  const busy: u32 = load<u32>(track, MAPTRACK_BUSY) - 1;
  store<u16>(track, <u16>flags, MAPTRACK_FLAGS);
  store<u32>(track, busy, MAPTRACK_BUSY);
  if (!busy && !(flags & BOTH)) giveHandleLocked(t, handle);
  spinUnlock(maptrackLock(t));
}

function replaceByAnother(address: u64, newAddress: u64, mfn: u32, readonly: bool): i32 {
  const from = entryTable(newAddress, false);
  if (!from) return GNTST_general_error;
  const offset = entryOffset;
  const entry = takeEntry(from, offset);
  const status = unmapFromTables(address, false, mfn, readonly, entry);
  if (status != GNTST_okay && entry) restoreEntry(from, offset, entry);
  putPage(from);
  return status;
}

/** Drops pins and references of the mappings that are released. */
function releaseMapping(granter: u32, ref: u32, mfn: u32, release: u32, readonly: bool, native: bool): void {
  const device = (release & GNTMAP_device_map) != 0;
  const host = (release & GNTMAP_host_map) != 0;
  // What was written without the engine's noticing may be code.
  if (!readonly && (native || device)) frameWritten(mfn);
  unpinGrant(granter, ref, release | (readonly ? GNTMAP_readonly : 0));
  dropReferences(mfn, (device ? 1 : 0) + (host ? 1 : 0), readonly);
}

/**
 * Drops every map track of a dying domain, after its page tables are gone. Those have dropped the references of their grant entries; this drops the
 * pins, and the references of device and native mappings. Handles at most `budget` tracks. Returns true when none is left.
 */
export function releaseMappings(domid: u32, budget: u32): bool {
  const t = grantTableOf(domid);
  if (t == null) return true;
  let left = budget;
  for (let handle: u32 = 0; handle < maptrackLimit(t); handle++) {
    if (!t.mapped) return true;
    const track = maptrackEntry(t, handle);
    const flags = <u32>load<u16>(track, MAPTRACK_FLAGS);
    if (!(flags & TRACK_USED)) continue;
    if (!left--) return false;
    const granter = <u32>load<u16>(track, MAPTRACK_DOMID);
    const ref = load<u32>(track, MAPTRACK_REF);
    const readonly = (flags & GNTMAP_readonly) != 0;
    const native = (flags & TRACK_NATIVE) != 0;
    const device = (flags & GNTMAP_device_map) != 0;
    const host = (flags & GNTMAP_host_map) != 0;
    const mfn = pinnedFrameOf(granter, ref);
    if (!readonly && (native || device)) frameWritten(mfn);
    unpinGrant(granter, ref, flags & (BOTH | GNTMAP_readonly));
    dropReferences(mfn, (device ? 1 : 0) + (host && native ? 1 : 0), readonly);
    giveHandle(t, handle);
  }
  return true;
}
