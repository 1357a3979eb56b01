/**
 * A domain's grant table. It consists of the shared frames, into which the guest writes its grants; for version 2 the status frames, which Xen
 * writes; the active entries, which record who has pinned what; and the map tracks of the grants that the domain itself has mapped. All of it lies in
 * the Xen heap.
 * Locks: `lock` guards shared frames, version and active entries of the granting domain; `maptrackLock` guards the map tracks of the mapping domain.
 * Nobody holds two of either kind.
 */
import { ACTIVE_PAGES_PER_FRAME } from "../abi/native";
import { GRANT_ENTRY_V1_SIZE, GRANT_ENTRY_V2_SIZE } from "../../abi/grant_table";
import { DOMID_XEN } from "../../abi/xen";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { DomainMemory, domainMemory } from "../memory/domain_memory";
import { exchangeSoleHeapOwner, frameAddress, setPageOwner } from "../memory/frames";
import { shareXenPageWithGuest, unshareXenPage } from "../memory/share";
import { spinLock, spinUnlock } from "../sched/lock";

/** The most frames and map-track pages that any domain can have. A domain's own limits are set at its creation. */
const GRANT_FRAMES_LIMIT: u32 = 256;
const MAPTRACK_FRAMES_LIMIT: u32 = 1024;
const DEFAULT_GRANT_FRAMES: u32 = 64;
const DEFAULT_MAPTRACK_FRAMES: u32 = 1024;


@unmanaged
export class GrantTable {
  domid: u32;
  lock: u32;
  maptrackLock: u32;
  /** 1 or 2. */
  version: u32;
  nrFrames: u32;
  maxFrames: u32;
  nrStatusFrames: u32;
  /** mfn of the page with the u32 mfns of the pages of active entries: four for every shared frame. */
  activePages: u32;
  /** mfn of the page with the u32 mfns of the map-track pages. */
  maptrackPages: u32;
  nrMaptrackPages: u32;
  maxMaptrackPages: u32;
  /** The first free handle + 1, 0 = none. Free handles are linked through their tracks. */
  maptrackFree: u32;
  /** Number of map tracks in use, and of active entries with pins. */
  mapped: u32;
  pinned: u32;
}
/** In the structure's own page: u32 mfns of the shared frames, then of the status frames. */
const SHARED_OFFSET: usize = 1024;
const STATUS_OFFSET: usize = 2048;

/** Active entry, 32 bytes. */
export const ACTIVE_SIZE: u32 = 32;
/** u32: four counts of 8 bits: device read, device write, host read, host write. */
export const ACTIVE_PIN: usize = 0;
/** u16: the domid of the domain that has it pinned. */
export const ACTIVE_DOMID: usize = 4;
/** u16: number of bytes that are granted, from ACTIVE_START on. */
export const ACTIVE_LENGTH: usize = 6;
export const ACTIVE_MFN: usize = 8;
export const ACTIVE_START: usize = 12;
/** u16 domid and u32 reference of the grant that a transitive one leads to; domid 0x7ff0 = none. */
export const ACTIVE_TRANS_DOMID: usize = 14;
export const ACTIVE_TRANS_REF: usize = 16;
/** u32: 1 if it covers less than the frame. */
export const ACTIVE_SUB_PAGE: usize = 20;
const ACTIVE_PER_PAGE: u32 = 128;

export const PIN_DEVR: u32 = 1;
export const PIN_DEVW: u32 = 0x100;
export const PIN_HSTR: u32 = 0x10000;
export const PIN_HSTW: u32 = 0x1000000;
export const PIN_WRITERS: u32 = 0xff00ff00;

/**
 * Map track, 16 bytes: u32 reference (or next free handle + 1), u16 domid of the granter, u16 MAP_* flags, u32 unmaps that have begun and
 * not ended.
 */
export const MAPTRACK_REF: usize = 0;
export const MAPTRACK_DOMID: usize = 4;
export const MAPTRACK_FLAGS: usize = 6;
export const MAPTRACK_BUSY: usize = 8;
const MAPTRACK_PER_PAGE: u32 = 256;
/**
 * MAPTRACK_FLAGS has GNTMAP_device_map, host_map and readonly, and these: the track is in use; it is held without a page-table entry (native domain).
 */
export const TRACK_USED: u32 = 0x8000;
export const TRACK_NATIVE: u32 = 0x4000;

export const NO_HANDLE: u32 = 0xffffffff;

export function grantTableOf(domid: u32): GrantTable | null {
  const d = domainMemory(domid);
  if (d == null) return null;
  return changetype<GrantTable | null>(d.grants);
}

/**
 * Makes a domain's grant table with its first frame. A limit of 0 means Xen's default; limits are reduced to what this implementation has room for.
 * Returns false if the host is out of memory.
 */
export function grantTableCreate(domid: u32, maxFrames: u32, maxMaptrackPages: u32): bool {
  const d = domainMemory(domid);
  if (d == null || d.grants) return false;
  const page = allocXenheapPages(0);
  const active = allocXenheapPages(0);
  const maptrack = allocXenheapPages(0);
  if (!page || !active || !maptrack) {
    if (page) freeXenheapPages(page, 0);
    if (active) freeXenheapPages(active, 0);
    if (maptrack) freeXenheapPages(maptrack, 0);
    return false;
  }
  const t = changetype<GrantTable>(frameAddress(page));
  t.domid = domid;
  t.version = 1;
  t.maxFrames = min<u32>(maxFrames ? maxFrames : DEFAULT_GRANT_FRAMES, GRANT_FRAMES_LIMIT);
  t.maxMaptrackPages = min<u32>(maxMaptrackPages ? maxMaptrackPages : DEFAULT_MAPTRACK_FRAMES, MAPTRACK_FRAMES_LIMIT);
  t.activePages = active;
  t.maptrackPages = maptrack;
  d.grants = changetype<usize>(t);
  if (growGrantTable(t, 1)) return true;
  grantTableFree(d);
  return false;
}

// @ts-ignore: decorator
@inline
export function tableLock(t: GrantTable): usize {
  return changetype<usize>(t) + offsetof<GrantTable>("lock");
}
// @ts-ignore: decorator
@inline
export function maptrackLock(t: GrantTable): usize {
  return changetype<usize>(t) + offsetof<GrantTable>("maptrackLock");
}

function sharedSlot(t: GrantTable, index: u32): usize {
  return changetype<usize>(t) + SHARED_OFFSET + index * 4;
}
function statusSlot(t: GrantTable, index: u32): usize {
  return changetype<usize>(t) + STATUS_OFFSET + index * 4;
}
export function sharedFrame(t: GrantTable, index: u32): u32 {
  return index < t.nrFrames ? load<u32>(sharedSlot(t, index)) : 0;
}
export function statusFrame(t: GrantTable, index: u32): u32 {
  return index < t.nrStatusFrames ? load<u32>(statusSlot(t, index)) : 0;
}

/** Returns the number of grant references that the table has room for. */
export function grantEntries(t: GrantTable): u32 {
  const size: u32 = t.version == 1 ? GRANT_ENTRY_V1_SIZE : GRANT_ENTRY_V2_SIZE;
  return t.nrFrames * (<u32>4096 / size);
}
/** Returns the address of the guest's entry. `ref` must be below grantEntries. */
export function sharedEntry(t: GrantTable, ref: u32): usize {
  const at = ref * (t.version == 1 ? GRANT_ENTRY_V1_SIZE : GRANT_ENTRY_V2_SIZE);
  return frameAddress(load<u32>(sharedSlot(t, at >> 12))) + (at & 4095);
}
/** Returns the address of the u16 in which Xen sets its reading and writing marks: the flags in version 1, the status word in version 2. */
export function statusEntry(t: GrantTable, ref: u32): usize {
  if (t.version == 1) return sharedEntry(t, ref);
  return frameAddress(load<u32>(statusSlot(t, ref >> 11))) + (ref & 2047) * 2;
}
export function activeEntry(t: GrantTable, ref: u32): usize {
  const page = load<u32>(frameAddress(t.activePages) + (ref / ACTIVE_PER_PAGE) * 4);
  return frameAddress(page) + (ref % ACTIVE_PER_PAGE) * ACTIVE_SIZE;
}

/**
 * Grows the table to `frames` shared frames, and to the status frames that version 2 needs. The caller holds the lock, or nobody else knows the table
 * yet.
 */
export function growGrantTable(t: GrantTable, frames: u32): bool {
  if (frames > t.maxFrames) return false;
  // What the new references need comes first, so that no reference is valid without its status word.
  if (t.version == 2 && !growStatus(t, max<u32>(frames, t.nrFrames))) return false;
  while (t.nrFrames < frames) {
    const index = t.nrFrames;
    for (let i: u32 = 0; i < <u32>ACTIVE_PAGES_PER_FRAME; i++) {
      const slot = frameAddress(t.activePages) + (index * ACTIVE_PAGES_PER_FRAME + i) * 4;
      if (load<u32>(slot)) continue;
      const mfn = allocXenheapPages(0);
      if (!mfn) return false;
      store<u32>(slot, mfn);
    }
    const mfn = allocXenheapPages(0);
    if (!mfn) return false;
    if (!shareXenPageWithGuest(mfn, t.domid, false)) {
      freeXenheapPages(mfn, 0);
      return false;
    }
    store<u32>(sharedSlot(t, index), mfn);
    t.nrFrames = index + 1;
  }
  return true;
}

/** Adds status frames for `frames` shared frames; each holds 2048 references. */
export function growStatus(t: GrantTable, frames: u32): bool {
  const wanted = (frames * 256 + 2047) >> 11;
  while (t.nrStatusFrames < wanted) {
    const mfn = allocXenheapPages(0);
    if (!mfn) return false;
    if (!shareXenPageWithGuest(mfn, t.domid, false)) {
      freeXenheapPages(mfn, 0);
      return false;
    }
    store<u32>(statusSlot(t, t.nrStatusFrames), mfn);
    t.nrStatusFrames++;
  }
  return true;
}

/** Drops the status frames when the table goes back to version 1. */
export function dropStatus(t: GrantTable): void {
  while (t.nrStatusFrames) {
    t.nrStatusFrames--;
    unshareXenPage(load<u32>(statusSlot(t, t.nrStatusFrames)));
    store<u32>(statusSlot(t, t.nrStatusFrames), 0);
  }
}

/**
 * Drops the status frames if the guest has none of them mapped; otherwise returns false and changes nothing. While it looks they belong to Xen, so
 * that no new mapping can be made.
 */
export function dropUnmappedStatus(t: GrantTable): bool {
  for (let i: u32 = 0; i < t.nrStatusFrames; i++) {
    if (exchangeSoleHeapOwner(load<u32>(statusSlot(t, i)), t.domid, DOMID_XEN)) continue;
    while (i) setPageOwner(load<u32>(statusSlot(t, --i)), t.domid);
    return false;
  }
  for (let i: u32 = 0; i < t.nrStatusFrames; i++) setPageOwner(load<u32>(statusSlot(t, i)), t.domid);
  dropStatus(t);
  return true;
}

/**
 * For XENMEM_acquire_resource: returns the mfn of shared (`id` 0) or status (`id` 1) frame `index` of a domain, and grows the table for it as Xen
 * does; 0 if there is none. Index 0xffffffff asks for the number of frames that there may be.
 */
export function grantTableFrame(domid: u32, id: u32, index: u32): u32 {
  const t = grantTableOf(domid);
  if (t == null) return 0;
  if (index == 0xffffffff) return id == 0 ? t.maxFrames : (t.maxFrames * 256 + 2047) >> 11;
  spinLock(tableLock(t));
  let mfn: u32 = 0;
  if (id == 0) {
    if (index < t.maxFrames && (index < t.nrFrames || growGrantTable(t, index + 1))) mfn = sharedFrame(t, index);
  } else if (t.version == 2) mfn = statusFrame(t, index);
  spinUnlock(tableLock(t));
  return mfn;
}

// ---- map tracks ------------------------------------------------------------------------------------------------

export function maptrackEntry(t: GrantTable, handle: u32): usize {
  const page = load<u32>(frameAddress(t.maptrackPages) + (handle / MAPTRACK_PER_PAGE) * 4);
  return frameAddress(page) + (handle % MAPTRACK_PER_PAGE) * 16;
}
/** Returns the number of handles that exist, used or free. */
export function maptrackLimit(t: GrantTable): u32 {
  return t.nrMaptrackPages * MAPTRACK_PER_PAGE;
}

/** Takes a free handle. NO_HANDLE when the domain has as many as it may have, or the host has no memory. */
export function takeHandle(t: GrantTable): u32 {
  spinLock(maptrackLock(t));
  if (!t.maptrackFree && t.nrMaptrackPages < t.maxMaptrackPages) {
    const mfn = allocXenheapPages(0);
    if (mfn) {
      const first = t.nrMaptrackPages * MAPTRACK_PER_PAGE;
      store<u32>(frameAddress(t.maptrackPages) + t.nrMaptrackPages * 4, mfn);
      t.nrMaptrackPages++;
      for (let i: u32 = 0; i < MAPTRACK_PER_PAGE; i++)
        store<u32>(frameAddress(mfn) + i * 16, i + 1 < MAPTRACK_PER_PAGE ? first + i + 2 : 0);
      t.maptrackFree = first + 1;
    }
  }
  let handle = NO_HANDLE;
  if (t.maptrackFree) {
    handle = t.maptrackFree - 1;
    t.maptrackFree = load<u32>(maptrackEntry(t, handle));
    t.mapped++;
  }
  spinUnlock(maptrackLock(t));
  return handle;
}
export function giveHandle(t: GrantTable, handle: u32): void {
  spinLock(maptrackLock(t));
  giveHandleLocked(t, handle);
  spinUnlock(maptrackLock(t));
}
/** The same for a caller that holds the map tracks' lock, under which it has seen that it is the last user. */
export function giveHandleLocked(t: GrantTable, handle: u32): void {
  const entry = maptrackEntry(t, handle);
  store<u16>(entry, 0, MAPTRACK_FLAGS);
  store<u32>(entry, t.maptrackFree);
  t.maptrackFree = handle + 1;
  t.mapped--;
}

/**
 * Closes a dying domain's table if nobody has pinned or mapped anything of it: from then on no reference is valid, and each of the guest's frames is
 * freed with its last mapping. Others may have found the table before and wait for its lock, so the structure stays until grantTableFree. Returns
 * false if somebody still uses it.
 */
export function grantTableClose(t: GrantTable): bool {
  spinLock(tableLock(t));
  const unused = !t.pinned && !t.mapped;
  if (unused) {
    const frames = t.nrFrames;
    t.maxFrames = 0;
    t.nrFrames = 0;
    dropStatus(t);
    for (let i: u32 = 0; i < frames; i++) unshareXenPage(load<u32>(sharedSlot(t, i)));
  }
  spinUnlock(tableLock(t));
  return unused;
}

/** Frees a table that is closed, or that no guest has ever seen. Nobody may be using it any more. */
export function grantTableFree(d: DomainMemory): void {
  if (!d.grants) return;
  const t = changetype<GrantTable>(d.grants);
  grantTableClose(t);
  d.grants = 0;
  for (let i: u32 = 0; i < 1024; i++) {
    const active = load<u32>(frameAddress(t.activePages) + i * 4);
    if (active) freeXenheapPages(active, 0);
  }
  for (let i: u32 = 0; i < t.nrMaptrackPages; i++)
    freeXenheapPages(load<u32>(frameAddress(t.maptrackPages) + i * 4), 0);
  freeXenheapPages(t.activePages, 0);
  freeXenheapPages(t.maptrackPages, 0);
  freeXenheapPages(<u32>(changetype<usize>(t) >> 12), 0);
}
