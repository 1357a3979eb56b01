/**
 * Pinning a grant checks the granting guest's entry, marks the entry as being read or written, and counts the users. The guest may not take the entry
 * back while it is marked.
 *
 * As long as an entry is pinned it holds a general reference of its frame, whatever became of the mapping: a PV domain that clears the page-table entry
 * of a grant keeps the pin, and may copy to the frame by it. So the frame goes to nobody else, and the granter's second stage does not share it
 * (memory/cow.ts), until the last pin has gone.
 */
import {
  GNTMAP_device_map,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST_bad_gntref,
  GNTST_bad_page,
  GNTST_eagain,
  GNTST_general_error,
  GNTST_no_space,
  GNTST_okay,
  GRANT_ENTRY_V1_FRAME,
  GRANT_ENTRY_V2_FULL_PAGE_FRAME,
  GRANT_ENTRY_V2_SUB_PAGE_LENGTH,
  GRANT_ENTRY_V2_SUB_PAGE_PAGE_OFF,
  GRANT_ENTRY_V2_TRANSITIVE_GREF,
  GRANT_ENTRY_V2_TRANSITIVE_TRANS_DOMID,
  GTF_permit_access,
  GTF_reading,
  GTF_readonly,
  GTF_sub_page,
  GTF_transitive,
  GTF_type_mask,
  GTF_writing,
} from "../../abi/grant_table";
import { DOMID_SELF } from "../../abi/xen";
import { getPage, putPage, refPage } from "../memory/references";
import { isSearching, takeFrame } from "../p2m/guest_frame";
import { spinLock, spinUnlock } from "../sched/lock";
import {
  ACTIVE_DOMID,
  ACTIVE_LENGTH,
  ACTIVE_MFN,
  ACTIVE_PIN,
  ACTIVE_START,
  ACTIVE_SUB_PAGE,
  ACTIVE_TRANS_DOMID,
  ACTIVE_TRANS_REF,
  GrantTable,
  PIN_DEVR,
  PIN_DEVW,
  PIN_HSTR,
  PIN_HSTW,
  PIN_WRITERS,
  activeEntry,
  grantEntries,
  grantTableOf,
  sharedEntry,
  statusEntry,
  tableLock,
} from "./table";

/** How often the guest may change an entry between our reading and compare-exchange before the entry counts as unstable. */
const RETRIES: i32 = 16;

/**
 * What a pin is for: GNTMAP_device_map or GNTMAP_host_map or both, and GNTMAP_readonly. PIN_TO_COPY accepts part of a frame, or a transitive grant
 * that leads to another domain's. Mapping, in contrast, needs a whole frame of the granter's.
 */
export const PIN_TO_COPY: u32 = 0x10000;

/** Set by a successful pin: the frame, of which the pinner holds a general reference, and which bytes of it are granted. */
export let pinnedMfn: u32 = 0;
export let pinnedStart: u32 = 0;
export let pinnedLength: u32 = 0;

/**
 * The flags of the entry that the last setStatus() accepted. The guest may change the entry right afterwards, so what kind of grant it is must be
 * decided by these.
 */
let acceptedFlags: u32 = 0;

/** Checks flags and domid of an entry, and sets its reading and writing marks. Returns GNTST_*. The caller holds the table's lock. */
function setStatus(t: GrantTable, ref: u32, active: usize, domid: u32, use: u32): i32 {
  const readonly = (use & GNTMAP_readonly) != 0;
  const shared = sharedEntry(t, ref);
  const pinned = load<u32>(active, ACTIVE_PIN) != 0;
  const marks: u32 = GTF_reading | (readonly ? 0 : GTF_writing);
  for (let i = 0; i < RETRIES; i++) {
    const header = atomic.load<u32>(shared);
    const flags = header & 0xffff;
    if (!pinned) {
      const type = flags & GTF_type_mask;
      const wrongType =
        t.version == 1 || !(use & PIN_TO_COPY)
          ? type != <u32>GTF_permit_access || (t.version == 2 && (flags & GTF_sub_page) != 0)
          : type != <u32>GTF_permit_access && type != <u32>GTF_transitive;
      if (wrongType || header >> 16 != domid) return GNTST_general_error;
    }
    if (!readonly && flags & GTF_readonly) return GNTST_general_error;
    acceptedFlags = flags;
    if (t.version == 1) {
      if (atomic.cmpxchg<u32>(shared, header, header | marks) == header) return GNTST_okay;
      continue;
    }
    const status = statusEntry(t, ref);
    atomic.or<u16>(status, <u16>marks);
    // The guest clears the flags first and then looks at the status word, so the flags are read again after marking.
    if (atomic.load<u32>(shared) == header) return GNTST_okay;
    clearMarks(t, ref, active);
  }
  return GNTST_general_error;
}

/** Removes the marks for which there is no pin any more. */
function clearMarks(t: GrantTable, ref: u32, active: usize): void {
  const pin = load<u32>(active, ACTIVE_PIN);
  let gone: u32 = 0;
  if (!(pin & PIN_WRITERS)) gone |= GTF_writing;
  if (!pin) gone |= GTF_reading;
  if (gone) atomic.and<u16>(statusEntry(t, ref), <u16>~gone);
}

function pinBits(use: u32): u32 {
  const readonly = (use & GNTMAP_readonly) != 0;
  const device: u32 = use & GNTMAP_device_map ? (readonly ? PIN_DEVR : PIN_DEVW) : 0;
  const host: u32 = use & GNTMAP_host_map ? (readonly ? PIN_HSTR : PIN_HSTW) : 0;
  return device + host;
}

/** Returns whether one of the counts that `bits` adds to is full. */
function wouldOverflow(pin: u32, bits: u32): bool {
  for (let shift: u32 = 0; shift < 32; shift += 8)
    if (((bits >> shift) & 0xff) + ((pin >> shift) & 0xff) > 0xff) return true;
  return false;
}

/**
 * Pins grant `ref` of `granter` for domain `domid`. On GNTST_okay pinnedMfn, pinnedStart and pinnedLength are set, and the caller holds a general
 * reference of the frame (dropped with putPage) besides the pin (dropped with unpinGrant).
 */
export function pinGrant(granter: u32, ref: u32, domid: u32, use: u32): i32 {
  const t = grantTableOf(granter);
  if (t == null) return GNTST_bad_gntref;
  spinLock(tableLock(t));
  if (ref >= grantEntries(t)) {
    spinUnlock(tableLock(t));
    return GNTST_bad_gntref;
  }
  const active = activeEntry(t, ref);
  const bits = pinBits(use);
  const toCopy = (use & PIN_TO_COPY) != 0;
  const readonly = (use & GNTMAP_readonly) != 0;
  let pin = load<u32>(active, ACTIVE_PIN);
  let result: i32 = GNTST_okay;
  if (pin && (<u32>load<u16>(active, ACTIVE_DOMID) != domid || (!toCopy && load<u32>(active, ACTIVE_SUB_PAGE))))
    result = GNTST_general_error;
  else if (wouldOverflow(pin, bits)) result = GNTST_no_space;
  else if (!pin || (!readonly && !(pin & PIN_WRITERS))) result = setStatus(t, ref, active, domid, use);
  if (result != GNTST_okay) {
    spinUnlock(tableLock(t));
    return result;
  }
  if (!pin) {
    const shared = sharedEntry(t, ref);
    const flags = acceptedFlags;
    if (t.version == 2 && (flags & GTF_type_mask) == <u32>GTF_transitive) {
      const through = <u32>load<u16>(shared, GRANT_ENTRY_V2_TRANSITIVE_TRANS_DOMID);
      const throughRef = load<u32>(shared, GRANT_ENTRY_V2_TRANSITIVE_GREF);
      store<u16>(active, <u16>domid, ACTIVE_DOMID);
      store<u32>(active, bits, ACTIVE_PIN);
      store<u16>(active, <u16>through, ACTIVE_TRANS_DOMID);
      store<u32>(active, throughRef, ACTIVE_TRANS_REF);
      store<u32>(active, 1, ACTIVE_SUB_PAGE);
      t.pinned++;
      spinUnlock(tableLock(t));
      return pinThrough(t, ref, active, granter, through, throughRef, use);
    }
    const frame: u64 =
      t.version == 1 ? <u64>load<u32>(shared, GRANT_ENTRY_V1_FRAME) : load<u64>(shared, GRANT_ENTRY_V2_FULL_PAGE_FRAME);
    const sub = t.version == 2 && (flags & GTF_sub_page) != 0;
    const mfn = takeFrame(frame, granter);
    if (!mfn) {
      clearMarks(t, ref, active);
      spinUnlock(tableLock(t));
      return isSearching ? GNTST_eagain : GNTST_bad_page;
    }
    refPage(mfn);
    store<u32>(active, mfn, ACTIVE_MFN);
    store<u16>(active, <u16>domid, ACTIVE_DOMID);
    store<u16>(active, sub ? load<u16>(shared, GRANT_ENTRY_V2_SUB_PAGE_PAGE_OFF) : 0, ACTIVE_START);
    store<u16>(active, sub ? load<u16>(shared, GRANT_ENTRY_V2_SUB_PAGE_LENGTH) : 4096, ACTIVE_LENGTH);
    store<u16>(active, DOMID_SELF, ACTIVE_TRANS_DOMID);
    store<u32>(active, sub ? 1 : 0, ACTIVE_SUB_PAGE);
    t.pinned++;
  } else {
    const through = <u32>load<u16>(active, ACTIVE_TRANS_DOMID);
    if (through != <u32>DOMID_SELF) {
      // Mapping was refused above, because a transitive pin counts as one of less than a frame.
      const throughRef = load<u32>(active, ACTIVE_TRANS_REF);
      store<u32>(active, pin + bits, ACTIVE_PIN);
      spinUnlock(tableLock(t));
      return pinThrough(t, ref, active, granter, through, throughRef, use);
    }
    if (!getPage(load<u32>(active, ACTIVE_MFN), granter)) {
      // The granter has given the frame away while it was pinned.
      clearMarks(t, ref, active);
      spinUnlock(tableLock(t));
      return GNTST_general_error;
    }
  }
  pin += bits;
  store<u32>(active, pin, ACTIVE_PIN);
  setPinned(active);
  spinUnlock(tableLock(t));
  return GNTST_okay;
}

function setPinned(active: usize): void {
  pinnedMfn = load<u32>(active, ACTIVE_MFN);
  pinnedStart = load<u16>(active, ACTIVE_START);
  pinnedLength = load<u16>(active, ACTIVE_LENGTH);
}

/** Pins a transitive grant: `through` has granted to `granter`, which lets others use that grant. There is only one such step, as in Xen. */
function pinThrough(
  t: GrantTable,
  ref: u32,
  active: usize,
  granter: u32,
  through: u32,
  throughRef: u32,
  use: u32,
): i32 {
  // The pin of the granter's entry is taken already, and its lock is free meanwhile. pinnedMfn and the rest are those of the third domain.
  let result: i32 = through == granter || isTransitive(through, throughRef) ? GNTST_general_error : GNTST_okay;
  if (result == GNTST_okay) result = pinGrant(through, throughRef, granter, use);
  if (result == GNTST_okay) return result;
  spinLock(tableLock(t));
  dropPin(t, ref, active, pinBits(use));
  spinUnlock(tableLock(t));
  return result;
}

function isTransitive(domid: u32, ref: u32): bool {
  const t = grantTableOf(domid);
  if (t == null) return false;
  spinLock(tableLock(t));
  const transitive =
    t.version == 2 && ref < grantEntries(t) && (load<u16>(sharedEntry(t, ref)) & GTF_type_mask) == <u32>GTF_transitive;
  spinUnlock(tableLock(t));
  return transitive;
}

function dropPin(t: GrantTable, ref: u32, active: usize, bits: u32): void {
  const pin = load<u32>(active, ACTIVE_PIN) - bits;
  store<u32>(active, pin, ACTIVE_PIN);
  clearMarks(t, ref, active);
  if (pin) return;
  t.pinned--;
  const frame = pinnedBy(active);
  if (frame) putPage(frame);
}

/** Returns the frame of which the active entry, that of a pinned grant, holds a reference; 0 if it leads to another domain's grant. */
export function pinnedBy(active: usize): u32 {
  return <u32>load<u16>(active, ACTIVE_TRANS_DOMID) == <u32>DOMID_SELF ? load<u32>(active, ACTIVE_MFN) : 0;
}

/** Drops a pin that was taken for the same `use`. The caller drops the page reference. */
export function unpinGrant(granter: u32, ref: u32, use: u32): void {
  const t = grantTableOf(granter);
  if (t == null) return;
  spinLock(tableLock(t));
  const active = activeEntry(t, ref);
  const through = <u32>load<u16>(active, ACTIVE_TRANS_DOMID);
  const throughRef = load<u32>(active, ACTIVE_TRANS_REF);
  dropPin(t, ref, active, pinBits(use));
  spinUnlock(tableLock(t));
  if (through != <u32>DOMID_SELF) unpinGrant(through, throughRef, use);
}

/** Returns the frame of a grant that is pinned for mapping. */
export function pinnedFrameOf(granter: u32, ref: u32): u32 {
  const t = grantTableOf(granter);
  return t == null ? 0 : load<u32>(activeEntry(t, ref), ACTIVE_MFN);
}
