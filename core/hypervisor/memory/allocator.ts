/**
 * The one heap of machine frames: a buddy allocator. Frames for domains (domheap) and for the hypervisor's own data
 * (xenheap) come from the same lists, as Xen does on x86-64. What it gives out is all zero: frames that were used before
 * are scrubbed when given out again (their stamp is not 0), others never had anything in them.
 */
import { DOMID_FIRST_RESERVED, DOMID_INVALID, DOMID_XEN } from "../../abi/xen";
import { invalidateCodeFrame } from "./code_frames";
import { DomainMemory, MEM_DYING, domainMemory, lockOf, pageListOf } from "./domain_memory";
import {
  PAGE_SHIFT,
  PGC_broken,
  PGC_free,
  PGC_xen_heap,
  ROOT_CLAIMED_PAGES,
  ROOT_DOMAIN_TABLE,
  ROOT_FIRST_HEAP_FRAME,
  ROOT_FREE_LISTS,
  ROOT_FREE_PAGES,
  ROOT_HEAP_LOCK,
  ROOT_XENHEAP_PAGES,
  blockOrder,
  exchangeSoleOwner,
  frameAddress,
  frameTableEnd,
  getPage,
  framesInit,
  initFree,
  initOwned,
  pageFlag,
  pageListAdd,
  pageListRemove,
  pageOwner,
  pageStamp,
  putAllocRef,
  putPage,
  setBlockOrder,
  setPageStamp,
  totalFrames,
} from "./frames";
import { spinLock, spinUnlock } from "../sched/lock";
import { m2pInit, m2pSet, INVALID_M2P_ENTRY } from "./m2p";
import { laterStamp, tlbClockInit, tlbFlushSince, tlbStamp } from "./tlb";

/** Largest block: 2^18 frames, 1 GiB. */
export const MAX_ORDER: u32 = 18;

/**
 * Lays out everything of the memory side and gives the rest of the machine to the allocator. Boot only, once, on the
 * first pCPU. `frames`: machine frames there are; false if they are too few to hold the tables.
 */
export function memoryInit(frames: u32): bool {
  // Frame table, a domid table, M2P rounded up to 2 MiB, a few tables, and something to run with.
  if (frames < 4096) return false;
  framesInit(frames);
  tlbClockInit();
  let end = frameTableEnd();
  end = (end + 4095) & ~(<usize>4095);
  store<u32>(ROOT_DOMAIN_TABLE, <u32>end);
  end += <usize>DOMID_FIRST_RESERVED * 4;
  // Tables that page-table entries point at begin at a page.
  end = m2pInit((end + 4095) & ~(<usize>4095));
  const first: u32 = <u32>((end + 4095) >> PAGE_SHIFT);
  store<u32>(ROOT_FIRST_HEAP_FRAME, first);
  freeRange(first, frames);
  return true;
}

/** Puts frames [from, to) into the free lists as the largest aligned blocks. */
function freeRange(from: u32, to: u32): void {
  let mfn = from;
  while (mfn < to) {
    let order: u32 = 0;
    while (order < MAX_ORDER && (mfn & ((1 << (order + 1)) - 1)) == 0 && mfn + (1 << (order + 1)) <= to) order++;
    for (let i: u32 = 0; i < (<u32>1) << order; i++) {
      initFree(mfn + i);
      setBlockOrder(mfn + i, NOT_HEAD);
    }
    addBlock(mfn, order);
    mfn += 1 << order;
  }
}

// @ts-ignore: decorator
@inline
function listHead(order: u32): usize {
  return ROOT_FREE_LISTS + order * 4;
}

/** Order byte of a free frame that is not the first of a listed block. */
const NOT_HEAD: u32 = 0xff;

function addBlock(mfn: u32, order: u32): void {
  setBlockOrder(mfn, order);
  pageListAdd(listHead(order), mfn);
  atomic.add<u32>(ROOT_FREE_PAGES, 1 << order);
}
function removeBlock(mfn: u32, order: u32): void {
  pageListRemove(listHead(order), mfn);
  setBlockOrder(mfn, NOT_HEAD);
  atomic.sub<u32>(ROOT_FREE_PAGES, 1 << order);
}

/**
 * Takes 2^order adjacent aligned frames out of the free lists; 0 if there are none. They stay marked free. For a domain (`d`) what is
 * promised to others is not there, and what is promised to it is used up by `count` frames. The hypervisor's own needs come first.
 */
function takeBlock(order: u32, d: DomainMemory | null = null, count: u32 = 0): u32 {
  if (order > MAX_ORDER) return 0;
  spinLock(ROOT_HEAP_LOCK);
  let found = order;
  while (found <= MAX_ORDER && !load<u32>(listHead(found))) found++;
  if (found > MAX_ORDER || (d != null && !useClaim(d, count))) {
    spinUnlock(ROOT_HEAP_LOCK);
    return 0;
  }
  const mfn = load<u32>(listHead(found));
  const stamp = pageStamp(mfn);
  removeBlock(mfn, found);
  while (found > order) {
    found--;
    const half = mfn + (1 << found);
    setPageStamp(half, stamp);
    addBlock(half, found);
  }
  spinUnlock(ROOT_HEAP_LOCK);
  if (stamp) {
    // Scrubbed only now: until this flush somebody could still write through a translation from the frames' last life.
    tlbFlushSince(stamp);
    memory.fill(frameAddress(mfn), 0, (<usize>4096) << order);
    for (let i: u32 = 0; i < (<u32>1) << order; i++) invalidateCodeFrame(mfn + i);
  }
  return mfn;
}

/** Gives frames back, marked free, and joins buddies. `stamp`: tlbStamp() of now, or 0 for frames that are all zero. */
function giveBlock(start: u32, blockOrderIn: u32, stamp: u32): void {
  let mfn = start;
  let order = blockOrderIn;
  let latest = stamp;
  const frames = totalFrames();
  spinLock(ROOT_HEAP_LOCK);
  for (let i: u32 = 0; i < (<u32>1) << order; i++) {
    initFree(mfn + i);
    setBlockOrder(mfn + i, NOT_HEAD);
  }
  while (order < MAX_ORDER) {
    const buddy = mfn ^ (1 << order);
    if (buddy + (1 << order) > frames || !pageFlag(buddy, PGC_free) || blockOrder(buddy) != order) break;
    removeBlock(buddy, order);
    latest = laterStamp(pageStamp(buddy), latest);
    if (buddy < mfn) mfn = buddy;
    order++;
  }
  setPageStamp(mfn, latest);
  addBlock(mfn, order);
  spinUnlock(ROOT_HEAP_LOCK);
}

/** Stamp of the block that a free frame is part of: who takes the frame flushes by it. */
export function freeFrameStamp(mfn: u32): u32 {
  for (let order: u32 = 0; order <= MAX_ORDER; order++) {
    const head = mfn & ~(((<u32>1) << order) - 1);
    if (pageFlag(head, PGC_free) && blockOrder(head) == order) return pageStamp(head);
  }
  return 0;
}

export function freePages(): u32 {
  return atomic.load<u32>(ROOT_FREE_PAGES);
}
export function xenheapPages(): u32 {
  return atomic.load<u32>(ROOT_XENHEAP_PAGES);
}

// ---- Xen heap --------------------------------------------------------------------------------------------------

/** 2^order adjacent zeroed frames for the hypervisor; first mfn, 0 if out of memory. */
export function allocXenheapPages(order: u32): u32 {
  const mfn = takeBlock(order);
  if (!mfn) return 0;
  for (let i: u32 = 0; i < (<u32>1) << order; i++) initOwned(mfn + i, DOMID_XEN, PGC_xen_heap);
  atomic.add<u32>(ROOT_XENHEAP_PAGES, 1 << order);
  return mfn;
}

/** `bytes` of zeroed hypervisor memory in adjacent frames, never freed (per-pCPU tables). Address, 0 if out of memory. */
export function allocXenheapBytes(bytes: u32): usize {
  const count = (bytes + 4095) >> PAGE_SHIFT;
  const mfn = takeContiguous(count);
  if (!mfn) return 0;
  for (let i: u32 = 0; i < count; i++) initOwned(mfn + i, DOMID_XEN, PGC_xen_heap);
  atomic.add<u32>(ROOT_XENHEAP_PAGES, count);
  return frameAddress(mfn);
}

/** Gives Xen heap frames back; one that a guest still has mapped goes when its last reference does. */
export function freeXenheapPages(mfn: u32, order: u32): void {
  for (let i: u32 = 0; i < (<u32>1) << order; i++) putAllocRef(mfn + i);
}

/** `count` adjacent frames, the excess of the power of two given back at once. */
function takeContiguous(count: u32, d: DomainMemory | null = null): u32 {
  if (count == 0) return 0;
  let order: u32 = 0;
  while ((<u32>1) << order < count) if (++order > MAX_ORDER) return 0;
  const mfn = takeBlock(order, d, count);
  if (!mfn) return 0;
  const end = mfn + (1 << order);
  let at = mfn + count;
  while (at < end) {
    let part: u32 = 0;
    while ((at & ((1 << (part + 1)) - 1)) == 0 && at + (1 << (part + 1)) <= end) part++;
    giveBlock(at, part, 0);
    at += 1 << part;
  }
  return mfn;
}

// ---- domain heap -----------------------------------------------------------------------------------------------

/** Counts `count` more frames for a domain if its limit and its death allow. */
function reserve(d: DomainMemory, count: u32): bool {
  spinLock(lockOf(d));
  const ok = !(d.flags & MEM_DYING) && d.totPages + count <= d.maxPages && d.totPages + count >= count;
  if (ok) d.totPages += count;
  spinUnlock(lockOf(d));
  return ok;
}
function unreserve(d: DomainMemory, count: u32): void {
  spinLock(lockOf(d));
  d.totPages -= count;
  spinUnlock(lockOf(d));
}

/** Uses up a domain's claim for `count` frames; false if they are promised to others. Heap lock held. */
function useClaim(d: DomainMemory, count: u32): bool {
  const claimed = atomic.load<u32>(ROOT_CLAIMED_PAGES);
  const others: u32 = claimed - d.claim;
  const free = freePages();
  if (others && (free < others || free - others < count)) return false;
  const used = min<u32>(d.claim, count);
  d.claim -= used;
  if (used) atomic.sub<u32>(ROOT_CLAIMED_PAGES, used);
  return true;
}

/**
 * Gives `count` frames, that nobody has, to a domain: into its list first and then, under the same lock, each is published as the
 * domain's with its place in the M2P set (`gpfn` on, or none). From then on another vCPU may use it or give it back. False, with
 * nothing done, if the domain is dying: its list was or is being emptied.
 */
function assign(d: DomainMemory, mfn: u32, count: u32, gpfn: u64): bool {
  spinLock(lockOf(d));
  const alive = !(d.flags & MEM_DYING);
  for (let i: u32 = 0; alive && i < count; i++) {
    pageListAdd(pageListOf(d), mfn + i);
    m2pSet(mfn + i, gpfn == INVALID_M2P_ENTRY ? gpfn : gpfn + i);
    initOwned(mfn + i, d.domid, 0);
  }
  spinUnlock(lockOf(d));
  return alive;
}

/**
 * 2^order adjacent, aligned, zeroed frames owned by `domid`; first mfn. 0 if there is no such domain, the domain's limit
 * is reached or the host is out of memory. Other vCPUs of the domain may know them, and give them back, before the caller: who wants to
 * touch one takes a reference as anybody does.
 */
export function allocDomheapPages(order: u32, domid: u32): u32 {
  return populateDomheapPages(order, domid, INVALID_M2P_ENTRY);
}

/** The same, and the M2P says `gpfn` on of them. */
export function populateDomheapPages(order: u32, domid: u32, gpfn: u64): u32 {
  if (order > MAX_ORDER) return 0;
  return allocFor(domid, 1 << order, order, true, gpfn);
}

/** `count` adjacent frames for a domain, not necessarily a power of two; first mfn or 0. */
export function allocDomheapContiguous(count: u32, domid: u32): u32 {
  return allocFor(domid, count, 0, false, INVALID_M2P_ENTRY);
}

function allocFor(domid: u32, count: u32, order: u32, power: bool, gpfn: u64): u32 {
  const d = domainMemory(domid);
  if (d == null || !reserve(d, count)) return 0;
  const mfn = power ? takeBlock(order, d, count) : takeContiguous(count, d);
  if (!mfn) {
    unreserve(d, count);
    return 0;
  }
  if (assign(d, mfn, count, gpfn)) return mfn;
  for (let i: u32 = 0; i < count; i++) giveBlock(mfn + i, 0, 0);
  unreserve(d, count);
  return 0;
}

/** Drops the owner's references of 2^order frames as far as they (still) are the domain's: false if one was not. */
export function freeDomheapPages(mfn: u64, order: u32, domid: u32): bool {
  for (let i: u64 = 0; i < (<u64>1) << order; i++) {
    if (!getPage(mfn + i, domid)) return false;
    const frame = <u32>(mfn + i);
    // Shared frames of the hypervisor's (shared info, grant table) are not in the domain's reservation.
    const ok = !pageFlag(frame, PGC_xen_heap) && putAllocRef(frame);
    putPage(frame);
    if (!ok) return false;
  }
  return true;
}

// ---- page exchange: frames change, their number does not, so nobody else can take the room meanwhile ---------------

/**
 * Takes a frame out of its owner's list: the owner's reference, the only one, becomes the caller's. It still counts as the domain's.
 * False if the frame is not the domain's, is the hypervisor's, or is in use in any way.
 */
export function stealPage(d: DomainMemory, mfn: u32): bool {
  spinLock(lockOf(d));
  const ok = exchangeSoleOwner(mfn, d.domid, DOMID_INVALID);
  if (ok) pageListRemove(pageListOf(d), mfn);
  spinUnlock(lockOf(d));
  return ok;
}

/** Undoes stealPage. */
export function returnStolenPage(d: DomainMemory, mfn: u32): void {
  spinLock(lockOf(d));
  const alive = !(d.flags & MEM_DYING);
  if (alive) {
    pageListAdd(pageListOf(d), mfn);
    exchangeSoleOwner(mfn, DOMID_INVALID, d.domid);
  } else d.totPages--;
  spinUnlock(lockOf(d));
  if (!alive) putAllocRef(mfn);
}

/** 2^order adjacent zeroed frames that are nobody's yet and in no list; first mfn or 0. For giveReplacement or dropReplacement. */
export function takeReplacement(order: u32): u32 {
  return takeBlock(order);
}
export function dropReplacement(mfn: u32, order: u32): void {
  giveBlock(mfn, order, 0);
}
/** Makes a replacement the domain's, in the room of stolen frames that the caller has freed. False: it is dying, they went back. */
export function giveReplacement(d: DomainMemory, mfn: u32, order: u32, gpfn: u64): bool {
  if (assign(d, mfn, 1 << order, gpfn)) return true;
  dropReplacement(mfn, order);
  unreserve(d, 1 << order);
  return false;
}

/** Called by putPage when the last reference has gone. */
export function freeLastReference(mfn: u32): void {
  const owner = pageOwner(mfn);
  if (pageFlag(mfn, PGC_xen_heap)) {
    if (owner != <u32>DOMID_XEN) {
      const sharer = domainMemory(owner);
      if (sharer != null) atomic.sub<u32>(changetype<usize>(sharer) + offsetof<DomainMemory>("xenheapPages"), 1);
    }
    atomic.sub<u32>(ROOT_XENHEAP_PAGES, 1);
  } else {
    const d = domainMemory(owner);
    if (d != null) {
      spinLock(lockOf(d));
      pageListRemove(pageListOf(d), mfn);
      d.totPages--;
      spinUnlock(lockOf(d));
    }
  }
  m2pSet(mfn, INVALID_M2P_ENTRY);
  if (pageFlag(mfn, PGC_broken)) return;
  giveBlock(mfn, 0, tlbStamp());
}

/** XENMEM_claim_pages: promises `total` frames in all to a domain; false if the host has too few. 0 ends the claim. */
export function setClaim(d: DomainMemory, total: u32): bool {
  spinLock(ROOT_HEAP_LOCK);
  const others = atomic.load<u32>(ROOT_CLAIMED_PAGES) - d.claim;
  const wanted: u32 = total > d.totPages ? total - d.totPages : 0;
  const ok = wanted == 0 || others + wanted <= freePages();
  if (ok) {
    d.claim = wanted;
    atomic.store<u32>(ROOT_CLAIMED_PAGES, others + wanted);
  }
  spinUnlock(ROOT_HEAP_LOCK);
  return ok;
}
