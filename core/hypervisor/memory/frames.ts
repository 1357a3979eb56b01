/**
 * The frame table: what every machine frame is, who owns it and how often it is referenced. It has one 32-byte entry for each frame, like Xen's
 * page_info. Words that several pCPUs change are changed by compare-exchange.
 *   +0 u64 count word: references (bits 0..31), owner domid (32..47), PGC_* flags (48..)
 *   +8 u64 type word: type references (bits 0..31), type (32..39), PGT_* flags (40..)
 *   +16 u32 next, +20 u32 prev: mfns; the owner's page list, or the allocator's free list (0 = end: frame 0 is never in one)
 *   +24 u32 TLB stamp (tlb.ts: the low half of a clock) of the moment when the last type reference or the last reference went
 *   +28 i16 linear page table uses (Xen's linear_pt_count), u8 free block order, u8 unused
 * Who holds a reference may rely on the frame not being given to somebody else; who holds a type reference may rely on its use not changing.
 */
export * from "./root";
import { FRAME_TABLE, PAGE_SHIFT, ROOT_TOTAL_FRAMES } from "./root";
import { DOMID_COW, DOMID_INVALID, DOMID_XEN } from "../../abi/xen";

export const FRAME_INFO_SIZE: u32 = 32;
const INFO_TYPE: usize = 8;
const INFO_NEXT: usize = 16;
const INFO_PREV: usize = 20;
const INFO_STAMP: usize = 24;
const INFO_LINEAR: usize = 28;
const INFO_ORDER: usize = 30;

export const COUNT_MASK: u64 = 0xffffffff;
/** The limit of a count: guests cause references to be taken, and the count must not wrap. */
export const COUNT_LIMIT: u64 = 0xfffffff0;
export const OWNER_SHIFT: u64 = 32;
/** The owner's own reference is held. */
export const PGC_allocated: u64 = 1 << 48;
/** A frame of the hypervisor's own data, perhaps shared with `owner`. */
export const PGC_xen_heap: u64 = 1 << 49;
/** The frame is free, in the allocator. */
export const PGC_free: u64 = 1 << 50;
/** The frame is never given out again. */
export const PGC_broken: u64 = 1 << 51;

export const PGT_none: u32 = 0;
/** Page tables: the type is the level, 1 to 4. */
export const PGT_l1_page_table: u32 = 1;
export const PGT_l2_page_table: u32 = 2;
export const PGT_l4_page_table: u32 = 4;
export const PGT_seg_desc_page: u32 = 5;
export const PGT_writable_page: u32 = 7;
export const PGT_type_shift: u64 = 32;
export const PGT_type_mask: u64 = (<u64>0xff) << 32;
export const PGT_validated: u64 = 1 << 40;
export const PGT_pinned: u64 = 1 << 41;
export const PGT_locked: u64 = 1 << 42;
/** The table is in its owner's list of kept tables (kept_tables.ts), which has a general and a type reference of it. */
export const PGT_kept: u64 = 1 << 43;
/**
 * Of an L1 table: which places of the TLB its addresses have (downgrades.ts). 0: no L2 entry maps it, nor has since it became one; n + 1: only entries
 * whose number modulo 8 is n have mapped it; PLACE_SEVERAL: others too.
 */
export const PGT_place_shift: u64 = 44;
export const PGT_place_mask: u64 = 15 << 44;
export const PLACE_SEVERAL: u64 = 15;
export const PGT_count_mask: u64 = COUNT_MASK;
export const PGT_count_limit: u64 = COUNT_LIMIT;

// @ts-ignore: decorator
@inline
export function totalFrames(): u32 {
  return load<u32>(ROOT_TOTAL_FRAMES);
}

/** Returns whether a frame has an entry in the frame table. Every mfn from a guest is checked with this first. */
// @ts-ignore: decorator
@inline
export function mfnValid(mfn: u64): bool {
  return mfn < <u64>totalFrames();
}

// @ts-ignore: decorator
@inline
export function frameInfo(mfn: u32): usize {
  return FRAME_TABLE + <usize>mfn * FRAME_INFO_SIZE;
}

/** Machine address of a frame in this memory. */
// @ts-ignore: decorator
@inline
export function frameAddress(mfn: u32): usize {
  return (<usize>mfn) << PAGE_SHIFT;
}

/** Initialises the frame table for `frames` machine frames, all of which are Xen's until the allocator is given them. Called during boot only. */
export function framesInit(frames: u32): void {
  store<u32>(ROOT_TOTAL_FRAMES, frames);
  const word: u64 = ((<u64>DOMID_XEN) << OWNER_SHIFT) | PGC_allocated | PGC_xen_heap | 1;
  for (let mfn: u32 = 0; mfn < frames; mfn++) store<u64>(frameInfo(mfn), word);
}

/** Returns the address after the frame table. */
export function frameTableEnd(): usize {
  return frameInfo(totalFrames());
}

// ---- words -----------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function countWord(mfn: u32): u64 {
  return atomic.load<u64>(frameInfo(mfn));
}
// @ts-ignore: decorator
@inline
export function typeWord(mfn: u32): u64 {
  return atomic.load<u64>(frameInfo(mfn) + INFO_TYPE);
}
/** Compare-exchanges the type word, and returns what was there. */
// @ts-ignore: decorator
@inline
export function exchangeTypeWord(mfn: u32, expected: u64, replacement: u64): u64 {
  return atomic.cmpxchg<u64>(frameInfo(mfn) + INFO_TYPE, expected, replacement);
}
/** Sets the type word of a frame that nobody else can reach yet. */
export function initTypeWord(mfn: u32, word: u64): void {
  atomic.store<u64>(frameInfo(mfn) + INFO_TYPE, word);
}

/** Returns the current type, PGT_*, which is valid while pageTypeCount is not 0. */
// @ts-ignore: decorator
@inline
export function pageTypeOf(mfn: u32): u32 {
  return (<u32>(typeWord(mfn) >> PGT_type_shift)) & 0xff;
}
// @ts-ignore: decorator
@inline
export function pageTypeCount(mfn: u32): u32 {
  return <u32>typeWord(mfn);
}
// @ts-ignore: decorator
@inline
export function pageCount(mfn: u32): u32 {
  return <u32>countWord(mfn);
}
/** Returns the owner's domid; DOMID_INVALID for a free frame, DOMID_XEN for the hypervisor's own. */
// @ts-ignore: decorator
@inline
export function pageOwner(mfn: u32): u32 {
  return (<u32>(countWord(mfn) >> OWNER_SHIFT)) & 0xffff;
}
// @ts-ignore: decorator
@inline
export function pageFlag(mfn: u32, flag: u64): bool {
  return (countWord(mfn) & flag) != 0;
}

// @ts-ignore: decorator
@inline
export function pageNext(mfn: u32): u32 {
  return load<u32>(frameInfo(mfn) + INFO_NEXT);
}
// @ts-ignore: decorator
@inline
export function pagePrev(mfn: u32): u32 {
  return load<u32>(frameInfo(mfn) + INFO_PREV);
}
// @ts-ignore: decorator
@inline
export function setPageNext(mfn: u32, next: u32): void {
  store<u32>(frameInfo(mfn) + INFO_NEXT, next);
}
// @ts-ignore: decorator
@inline
function setPagePrev(mfn: u32, prev: u32): void {
  store<u32>(frameInfo(mfn) + INFO_PREV, prev);
}
/** Puts a frame at the head of the list whose head mfn is stored at `head`. The caller holds the list's lock. */
export function pageListAdd(head: usize, mfn: u32): void {
  const first = load<u32>(head);
  setPageNext(mfn, first);
  setPagePrev(mfn, 0);
  if (first) setPagePrev(first, mfn);
  store<u32>(head, mfn);
}
export function pageListRemove(head: usize, mfn: u32): void {
  const next = pageNext(mfn);
  const prev = pagePrev(mfn);
  if (prev) setPageNext(prev, next);
  else store<u32>(head, next);
  if (next) setPagePrev(next, prev);
  setPageNext(mfn, 0);
  setPagePrev(mfn, 0);
}

export function pageStamp(mfn: u32): u32 {
  return load<u32>(frameInfo(mfn) + INFO_STAMP);
}
export function setPageStamp(mfn: u32, stamp: u32): void {
  store<u32>(frameInfo(mfn) + INFO_STAMP, stamp);
}
/** Returns the address of the i16 linear page table count. */
export function linearCountAddress(mfn: u32): usize {
  return frameInfo(mfn) + INFO_LINEAR;
}
export function blockOrder(mfn: u32): u32 {
  return load<u8>(frameInfo(mfn) + INFO_ORDER);
}
export function setBlockOrder(mfn: u32, order: u32): void {
  store<u8>(frameInfo(mfn) + INFO_ORDER, <u8>order);
}

// ---- owners ----------------------------------------------------------------------------------------------------

/**
 * Makes a frame `owner`'s, with one reference, which is the owner's own, and no type. Called by the allocator only, when nobody else has the frame.
 * Until its count word is stored the frame is still marked free, so its order byte, beside the linear count, must keep saying that it heads no free
 * block; otherwise whoever frees its buddy meanwhile would join the two.
 */
export function initOwned(mfn: u32, owner: u32, flags: u64): void {
  atomic.store<u64>(frameInfo(mfn) + INFO_TYPE, 0);
  store<u16>(frameInfo(mfn) + INFO_LINEAR, 0);
  atomic.store<u64>(frameInfo(mfn), ((<u64>owner) << OWNER_SHIFT) | flags | PGC_allocated | 1);
}
/** Marks a frame free. Called by the allocator only. */
export function initFree(mfn: u32): void {
  atomic.store<u64>(frameInfo(mfn) + INFO_TYPE, 0);
  atomic.store<u64>(frameInfo(mfn), ((<u64>DOMID_INVALID) << OWNER_SHIFT) | PGC_free);
}

/** Gives a frame to another owner. The caller holds the only reference, which is the owner's own. */
export function setPageOwner(mfn: u32, owner: u32): void {
  const at = frameInfo(mfn);
  let seen = atomic.load<u64>(at);
  while (true) {
    const next = (seen & ~((<u64>0xffff) << OWNER_SHIFT)) | ((<u64>owner) << OWNER_SHIFT);
    const was = atomic.cmpxchg<u64>(at, seen, next);
    if (was == seen) return;
    seen = was;
  }
}

/** Changes the owner of a domheap frame that has no reference but its owner's. Returns false if there are others. */
export function exchangeSoleOwner(mfn: u32, from: u32, to: u32): bool {
  const seen = ((<u64>from) << OWNER_SHIFT) | PGC_allocated | 1;
  const next = ((<u64>to) << OWNER_SHIFT) | PGC_allocated | 1;
  return atomic.cmpxchg<u64>(frameInfo(mfn), seen, next) == seen;
}

/** The same for a Xen heap frame that is shared with a domain. */
export function exchangeSoleHeapOwner(mfn: u32, from: u32, to: u32): bool {
  const flags = PGC_allocated | PGC_xen_heap;
  const seen = ((<u64>from) << OWNER_SHIFT) | flags | 1;
  const next = ((<u64>to) << OWNER_SHIFT) | flags | 1;
  return atomic.cmpxchg<u64>(frameInfo(mfn), seen, next) == seen;
}

/**
 * Makes a frame of `owner`'s that has no references but its owner's and one more DOMID_COW's, to whom that one is left. Returns false if the frame
 * has others.
 */
export function exchangeOwnedForCow(mfn: u32, owner: u32): bool {
  const seen = ((<u64>owner) << OWNER_SHIFT) | PGC_allocated | 2;
  const next = ((<u64>DOMID_COW) << OWNER_SHIFT) | 1;
  return atomic.cmpxchg<u64>(frameInfo(mfn), seen, next) == seen;
}
/** Returns whether a frame of `owner`'s has no references but its owner's and one more. */
export function isOwnedWithOneReference(mfn: u32, owner: u32): bool {
  return atomic.load<u64>(frameInfo(mfn)) == (((<u64>owner) << OWNER_SHIFT) | PGC_allocated | 2);
}
/** The way back, for a frame of DOMID_COW's that has one reference. */
export function exchangeCowForOwned(mfn: u32, owner: u32): bool {
  const seen = ((<u64>DOMID_COW) << OWNER_SHIFT) | 1;
  const next = ((<u64>owner) << OWNER_SHIFT) | PGC_allocated | 2;
  return atomic.cmpxchg<u64>(frameInfo(mfn), seen, next) == seen;
}
