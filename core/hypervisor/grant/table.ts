/**
 * A domain's grant table: the frames the guest writes its grants to (and, version 2, the status frames Xen writes to), the
 * active entries that say who has what pinned, and the domain's own map tracks. All of it in the Xen heap.
 *
 * Locks: `lock` guards shared frames, version and active entries of the granting domain; `maptrackLock` the map tracks of
 * the mapping domain. Nobody holds two of either kind.
 */
import { DOMID_XEN } from "../abi/memory";
import { GRANT_V1_SIZE, GRANT_V2_SIZE } from "../abi/grant_table";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { DomainMemory, domainMemory } from "../memory/domain_memory";
import { exchangeSoleHeapOwner, frameAddress, setPageOwner } from "../memory/frames";
import { shareXenPageWithGuest, unshareXenPage } from "../memory/share";
import { spinLock, spinUnlock } from "../sched/lock";

/** The most frames and map-track pages any domain can be given; what it gets is set at creation. */
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
  /** Page of u32 mfns of active-entry pages: four for every shared frame. */
  activePages: u32;
  /** Page of u32 mfns of map-track pages. */
  maptrackPages: u32;
  nrMaptrackPages: u32;
  maxMaptrackPages: u32;
  /** Free handle + 1, 0 = none; linked through the tracks. */
  maptrackFree: u32;
  /** Map tracks in use; and active entries with pins. */
  mapped: u32;
  pinned: u32;
}
/** In the structure's page: u32 mfns of shared frames, then of status frames. */
const SHARED_OFFSET: usize = 1024;
const STATUS_OFFSET: usize = 2048;

/** Active entry, 32 bytes. */
const ACTIVE_SIZE: u32 = 32;
/** u32: four counts of 8 bits: device read, device write, host read, host write. */
export const ACTIVE_PIN: usize = 0;
/** u16: who has it pinned. */
export const ACTIVE_DOMID: usize = 4;
/** u16: bytes of the frame it covers from ACTIVE_START on. */
export const ACTIVE_LENGTH: usize = 6;
export const ACTIVE_MFN: usize = 8;
export const ACTIVE_START: usize = 12;
/** u16 domid and u32 reference of the grant a transitive one leads to; domid 0x7ff0 = none. */
export const ACTIVE_TRANS_DOMID: usize = 14;
export const ACTIVE_TRANS_REF: usize = 16;
/** u32: 1 if it covers less than the frame. */
export const ACTIVE_SUB_PAGE: usize = 20;
const ACTIVE_PER_PAGE: u32 = 128;
const ACTIVE_PAGES_PER_FRAME: u32 = 4;

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
/** MAPTRACK_FLAGS: GNTMAP_device_map, host_map, readonly, and: in use; held without a page-table entry (native domain). */
export const TRACK_USED: u32 = 0x8000;
export const TRACK_NATIVE: u32 = 0x4000;

export const NO_HANDLE: u32 = 0xffffffff;

export function grantTableOf(domid: u32): GrantTable | null {
  const d = domainMemory(domid);
  if (d == null) return null;
  return changetype<GrantTable | null>(d.grants);
}

/**
 * Makes a domain's grant table with its first frame. Limits of 0 mean Xen's defaults; they are cut to what this
 * implementation has room for. False: host out of memory.
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

/** Number of grant references the table has room for. */
export function grantEntries(t: GrantTable): u32 {
  const size: u32 = t.version == 1 ? GRANT_V1_SIZE : GRANT_V2_SIZE;
  return t.nrFrames * (<u32>4096 / size);
}
/** Address of the guest's entry; `ref` must be below grantEntries. */
export function sharedEntry(t: GrantTable, ref: u32): usize {
  const at = ref * (t.version == 1 ? GRANT_V1_SIZE : GRANT_V2_SIZE);
  return frameAddress(load<u32>(sharedSlot(t, at >> 12))) + (at & 4095);
}
/** Address of the u16 Xen writes reading/writing marks to: version 1's flags, version 2's status word. */
export function statusEntry(t: GrantTable, ref: u32): usize {
  if (t.version == 1) return sharedEntry(t, ref);
  return frameAddress(load<u32>(statusSlot(t, ref >> 11))) + (ref & 2047) * 2;
}
export function activeEntry(t: GrantTable, ref: u32): usize {
  const page = load<u32>(frameAddress(t.activePages) + (ref / ACTIVE_PER_PAGE) * 4);
  return frameAddress(page) + (ref % ACTIVE_PER_PAGE) * ACTIVE_SIZE;
}

/** Grows the table to `frames` shared frames, and to the status frames version 2 needs. Caller holds the lock, or nobody else knows the table. */
export function growGrantTable(t: GrantTable, frames: u32): bool {
  if (frames > t.maxFrames) return false;
  // First what references of the new frames need, so that none is valid without its status word.
  if (t.version == 2 && !growStatus(t, max<u32>(frames, t.nrFrames))) return false;
  while (t.nrFrames < frames) {
    const index = t.nrFrames;
    for (let i: u32 = 0; i < ACTIVE_PAGES_PER_FRAME; i++) {
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

/** Status frames for `frames` shared frames: 2048 references each. */
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

/** Lets go of the status frames (back to version 1). */
export function dropStatus(t: GrantTable): void {
  while (t.nrStatusFrames) {
    t.nrStatusFrames--;
    unshareXenPage(load<u32>(statusSlot(t, t.nrStatusFrames)));
    store<u32>(statusSlot(t, t.nrStatusFrames), 0);
  }
}

/**
 * Lets go of the status frames if the guest has none of them mapped; else false, and nothing has changed. While they are looked at
 * they are Xen's, so that no new mapping can come.
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
 * For XENMEM_acquire_resource: mfn of shared (`id` 0) or status (1) frame `index` of a domain, growing the table as Xen
 * does; 0 if there is none. Index 0xffffffff asks for the number of frames there may be.
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
/** Handles that exist, used or free. */
export function maptrackLimit(t: GrantTable): u32 {
  return t.nrMaptrackPages * MAPTRACK_PER_PAGE;
}

/** A free handle, or NO_HANDLE when the domain has as many as it may, or the host no memory. */
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
/** The same for who holds the map tracks' lock, because it has just seen there that nobody else will. */
export function giveHandleLocked(t: GrantTable, handle: u32): void {
  const entry = maptrackEntry(t, handle);
  store<u16>(entry, 0, MAPTRACK_FLAGS);
  store<u32>(entry, t.maptrackFree);
  t.maptrackFree = handle + 1;
  t.mapped--;
}

/**
 * Closes a dying domain's table if nobody has anything of it pinned or mapped: no reference is valid from then on, and the guest's
 * frames go when their last mapping does. Others may have found the table before and wait for its lock, so the structure itself stays
 * until grantTableFree. False if somebody still uses it.
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

/** Frees a table that is closed, or that no guest has seen; nobody can have it in hand any more. */
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
