/**
 * Which machine memory a native domain may name in its hypercalls: frames that it owns, and frames of others that it holds through NATIVE_map_frame
 * and NATIVE_map_frame_writable. The latter are counted in an open-addressed hash table of (u32 key, u32 count) pairs, which grows with what is held.
 * Only the domain's own thread changes it.
 */
import { EBUSY, EINVAL, ENOMEM, ESRCH } from "../../../abi/errno";
import { allocXenheapPages, freeXenheapPages } from "../../memory/allocator";
import { PGT_none, PGT_writable_page, frameAddress, mfnValid, pageCount, pageOwner } from "../../memory/frames";
import { putPage } from "../../memory/references";
import { expectReference } from "../../memory/expected";
import { DOMAIN_HARDWARE, Domain, Vcpu, domainById } from "../../domain/domain";
import { putPageAndType } from "../../memory/page_type";
import { GUEST_NATIVE, isOfType } from "../type";

/** A slot: u32 key, u32 count. */
const SLOT_SIZE: u32 = 8;
const SLOT_COUNT: usize = 4;
/** Slots of a table of one page; each order doubles the number. */
const SLOTS: u32 = 512;
const MOST_ORDER: u32 = 8;
const TOMBSTONE: u32 = 0xffffffff;
/** Bit of a key: the frame is held with its type fixed as writable. The same frame may also be held without. */
export const HOLD_WRITABLE: u32 = 0x80000000;

/** Returns the number of slots of the domain's table; 0 while it holds nothing. */
function nativeSlots(d: Domain): u32 {
  return d.nativeMaps ? SLOTS << d.nativeMapsOrder : 0;
}
/** Returns the key of a slot, 0 for none: the frame's number, with or without HOLD_WRITABLE. */
function nativeSlotKey(d: Domain, slot: u32): u32 {
  const key = load<u32>(d.nativeMaps + slot * SLOT_SIZE);
  return key == TOMBSTONE ? 0 : key;
}
function nativeSlotCount(d: Domain, slot: u32): u32 {
  return load<u32>(d.nativeMaps + slot * SLOT_SIZE, SLOT_COUNT);
}

function hash(key: u32, slots: u32): u32 {
  const product: u32 = key * 2654435761;
  return (product >> 12) & (slots - 1);
}

function slotOf(d: Domain, key: u32): usize {
  const slots = nativeSlots(d);
  if (slots == 0) return 0;
  let index = hash(key, slots);
  for (let i: u32 = 0; i < slots; i++) {
    const at = d.nativeMaps + index * SLOT_SIZE;
    const found = load<u32>(at);
    if (found == key) return at;
    if (found == 0) return 0;
    index = (index + 1) & (slots - 1);
  }
  return 0;
}

/** Returns the first free slot in the probe sequence of the key. */
function freeSlot(table: usize, slots: u32, key: u32): usize {
  let index = hash(key, slots);
  let at = table + index * SLOT_SIZE;
  while (load<u32>(at) != 0 && load<u32>(at) != TOMBSTONE) {
    index = (index + 1) & (slots - 1);
    at = table + index * SLOT_SIZE;
  }
  return at;
}

/** Returns whether native domain `d` may read and write the byte at machine address `address`. */
function nativeOwns(d: Domain, address: u64): bool {
  const mfn = address >> 12;
  if (!mfnValid(mfn)) return false;
  if (pageOwner(<u32>mfn) == d.domid && pageCount(<u32>mfn) != 0) return true;
  return slotOf(d, <u32>mfn) != 0 || slotOf(d, (<u32>mfn) | HOLD_WRITABLE) != 0;
}

/** A native domain's pointer is a machine address. */
export function nativeRangeOk(guest: u64, bytes: u64): bool {
  return guest + bytes >= guest;
}
export function nativeTranslate(v: Vcpu, guest: u64, how: u32): usize {
  return nativeOwns(v.domain, guest) ? <usize>guest : 0;
}

/** Makes room for one more key: never more than seven eighths of the slots are used, so a search ends. 0, -ENOMEM or -EBUSY. */
function makeRoom(d: Domain): i32 {
  const slots = nativeSlots(d);
  if (d.nativeMapsUsed < slots - slots / 8) return 0;
  // A table in which most keys were forgotten is rewritten with the same size.
  const order: u32 = slots == 0 ? 0 : d.nativeMapsLive < slots / 2 ? d.nativeMapsOrder : d.nativeMapsOrder + 1;
  if (order > MOST_ORDER) return -EBUSY;
  const page = allocXenheapPages(order);
  if (!page) return -ENOMEM;
  const table = frameAddress(page);
  memory.fill(table, 0, (<usize>SLOTS * SLOT_SIZE) << order);
  for (let slot: u32 = 0; slot < slots; slot++) {
    const key = nativeSlotKey(d, slot);
    if (key == 0) continue;
    const at = freeSlot(table, SLOTS << order, key);
    store<u32>(at, key);
    store<u32>(at, nativeSlotCount(d, slot), SLOT_COUNT);
  }
  if (d.nativeMaps) freeXenheapPages(<u32>(d.nativeMaps >> 12), d.nativeMapsOrder);
  d.nativeMaps = table;
  d.nativeMapsOrder = order;
  d.nativeMapsUsed = d.nativeMapsLive;
  return 0;
}

/**
 * Records a reference (with HOLD_WRITABLE also a type reference) that the caller has just taken for the domain. 0, or -ENOMEM or -EBUSY with nothing
 * recorded.
 */
export function nativeHold(d: Domain, key: u32): i32 {
  let at = slotOf(d, key);
  if (!at) {
    const error = makeRoom(d);
    if (error) return error;
    at = freeSlot(d.nativeMaps, nativeSlots(d), key);
    if (load<u32>(at) == 0) d.nativeMapsUsed++;
    d.nativeMapsLive++;
    store<u32>(at, key);
    store<u32>(at, 0, SLOT_COUNT);
  }
  store<u32>(at, load<u32>(at, SLOT_COUNT) + 1, SLOT_COUNT);
  return 0;
}

function drop(key: u32): void {
  if (key & HOLD_WRITABLE) putPageAndType(key & ~HOLD_WRITABLE);
  else putPage(key);
}

/** Forgets one hold and drops its references; -EINVAL if there is none. */
export function nativeRelease(d: Domain, key: u32): i32 {
  const at = slotOf(d, key);
  if (!at) return -EINVAL;
  const count = load<u32>(at, SLOT_COUNT) - 1;
  store<u32>(at, count, SLOT_COUNT);
  if (count == 0) {
    store<u32>(at, TOMBSTONE);
    if (--d.nativeMapsLive == 0) forgetTable(d);
  }
  drop(key);
  return 0;
}

function forgetTable(d: Domain): void {
  freeXenheapPages(<u32>(d.nativeMaps >> 12), d.nativeMapsOrder);
  d.nativeMaps = 0;
  d.nativeMapsOrder = 0;
  d.nativeMapsUsed = 0;
  d.nativeMapsLive = 0;
}

/** Tells the invariant checker the frames that the domain holds. */
export function countNativeHolds(d: Domain): void {
  const slots = nativeSlots(d);
  for (let slot: u32 = 0; slot < slots; slot++) {
    const key = nativeSlotKey(d, slot);
    if (key == 0) continue;
    const type: u32 = key & HOLD_WRITABLE ? PGT_writable_page : PGT_none;
    for (let count = nativeSlotCount(d, slot); count; count--) expectReference(key & ~HOLD_WRITABLE, type);
  }
}

/** Drops all holds of a dying domain. */
export function nativeReleaseAll(d: Domain): void {
  const slots = nativeSlots(d);
  if (slots == 0) return;
  for (let slot: u32 = 0; slot < slots; slot++) {
    const key = nativeSlotKey(d, slot);
    if (key == 0) continue;
    for (let count = nativeSlotCount(d, slot); count; count--) drop(key);
  }
  forgetTable(d);
}

/**
 * NATIVE_set_frames: notes what NATIVE_own_frames will answer. Nothing relies on it but the domain, whose pointers are checked one by one. 0, -ESRCH,
 * or -EINVAL for a domain that is no native one and for frames that are not.
 */
export function nativeSetFrames(domid: u32, first: u32, count: u32): i32 {
  const d = domainById(domid);
  if (!d) return -ESRCH;
  if (!isOfType(d, GUEST_NATIVE) || d.flags & DOMAIN_HARDWARE) return -EINVAL;
  const last: u64 = <u64>first + <u64>count - 1;
  if (count == 0 || !mfnValid(first) || !mfnValid(last)) return -EINVAL;
  d.nativeFirstMfn = first;
  d.nativeFrames = count;
  d.startInfo = frameAddress(first);
  return 0;
}
