/**
 * Allocates frames for domains (domheap) and for the hypervisor's own data (xenheap), both from one heap (buddy.ts), as Xen does on x86-64. Allocated
 * frames are all zero.
 */
import { DOMID_FIRST_RESERVED, DOMID_INVALID, DOMID_XEN } from "../../abi/xen";
import {
  MAX_ORDER,
  detachBlock,
  freeRange,
  giveBlock,
  giveExcess,
  orderOf,
  reserveOf,
  scrubBlock,
  takeBlock,
} from "./buddy";
import { DomainMemory, MEM_DYING, domainMemory, lockOf, pageListOf } from "./domain_memory";
import {
  PAGE_SHIFT,
  PGC_xen_heap,
  ROOT_DOMAIN_TABLE,
  ROOT_FIRST_HEAP_FRAME,
  ROOT_XENHEAP_PAGES,
  exchangeSoleOwner,
  frameAddress,
  frameTableEnd,
  framesInit,
  initOwned,
  pageFlag,
  pageListAdd,
  pageListRemove,
} from "./frames";
import { getPage, putAllocRef, putPage } from "./references";
import { spinLock, spinUnlock } from "../sched/lock";
import { m2pInit, m2pSet, INVALID_M2P_ENTRY } from "./m2p";
import { tlbClockInit } from "./tlb";

/**
 * Lays out all tables of the memory side, and gives the rest of the machine to the allocator. Called once during boot, on the first pCPU. `frames` is
 * the number of machine frames. Returns false if they are too few to hold the tables.
 */
export function memoryInit(frames: u32): bool {
  // The minimum holds the frame table, a domid table, the M2P rounded up to 2 MiB, a few tables, and something to run with.
  if (frames < 4096) return false;
  framesInit(frames);
  tlbClockInit();
  let end = frameTableEnd();
  end = (end + 4095) & ~(<usize>4095);
  store<u32>(ROOT_DOMAIN_TABLE, <u32>end);
  end += <usize>DOMID_FIRST_RESERVED * 4;
  // Tables that page-table entries point at have to begin at a page.
  end = m2pInit((end + 4095) & ~(<usize>4095));
  const first: u32 = <u32>((end + 4095) >> PAGE_SHIFT);
  store<u32>(ROOT_FIRST_HEAP_FRAME, first);
  freeRange(first, frames);
  return true;
}

// ---- Xen heap --------------------------------------------------------------------------------------------------

export function xenheapPages(): u32 {
  return atomic.load<u32>(ROOT_XENHEAP_PAGES);
}

/** Allocates 2^order adjacent zeroed frames for the hypervisor. Returns the first mfn, 0 if out of memory. */
export function allocXenheapPages(order: u32): u32 {
  const mfn = takeBlock(order);
  if (!mfn) return 0;
  for (let i: u32 = 0; i < (<u32>1) << order; i++) initOwned(mfn + i, DOMID_XEN, PGC_xen_heap);
  atomic.add<u32>(ROOT_XENHEAP_PAGES, 1 << order);
  return mfn;
}

/**
 * Allocates `bytes` of zeroed hypervisor memory in adjacent frames, which are never freed (per-pCPU tables). Returns the address, 0 if out of memory.
 */
export function allocXenheapBytes(bytes: u32): usize {
  const count = (bytes + 4095) >> PAGE_SHIFT;
  const order = orderOf(count);
  const mfn = takeBlock(order);
  if (!mfn) return 0;
  giveExcess(mfn, count, order);
  for (let i: u32 = 0; i < count; i++) initOwned(mfn + i, DOMID_XEN, PGC_xen_heap);
  atomic.add<u32>(ROOT_XENHEAP_PAGES, count);
  return frameAddress(mfn);
}

/** Frees Xen heap frames. One that a guest still has mapped is freed with its last reference. */
export function freeXenheapPages(mfn: u32, order: u32): void {
  for (let i: u32 = 0; i < (<u32>1) << order; i++) putAllocRef(mfn + i);
}

// ---- domain heap -----------------------------------------------------------------------------------------------

/**
 * Takes a block out of the heap and counts `count` frames of it as the domain's, if the domain's limit, its death and the claims of others allow it.
 * Returns the first mfn or 0. Both happen together, so that a claim always fits the domain's number of frames. Memory on demand comes only out of the
 * domain's reserve: the reserve was within the limit when it was promised, and a limit that was lowered since does not take it away.
 */
function reserve(d: DomainMemory, count: u32, order: u32, onDemand: bool): u32 {
  spinLock(lockOf(d));
  const total = d.totPages + count;
  // The reserve counts as the domain's, so other allocations must fit into the limit together with it.
  const counted: u64 = <u64>total + reserveOf(d);
  const ok = !(d.flags & MEM_DYING) && (onDemand || counted <= <u64>d.maxPages) && total >= count;
  const isClaimed = onDemand || !d.onDemand;
  const mfn = ok && (!onDemand || d.claim >= count) ? detachBlock(order, count, isClaimed ? d : null) : 0;
  if (mfn) d.totPages = total;
  spinUnlock(lockOf(d));
  return mfn;
}
/**
 * Gives `count` frames that nobody has to a domain. Under one lock they are first put into its list, and then each is published as the domain's with
 * its M2P entry (`gpfn` and following, or none). From then on another vCPU may use it or give it back. Returns false if the domain is dying, since
 * its list was or is being emptied; the frames do not count as its own then.
 */
function assign(d: DomainMemory, mfn: u32, count: u32, gpfn: u64): bool {
  spinLock(lockOf(d));
  const alive = !(d.flags & MEM_DYING);
  for (let i: u32 = 0; alive && i < count; i++) {
    pageListAdd(pageListOf(d), mfn + i);
    m2pSet(mfn + i, gpfn == INVALID_M2P_ENTRY ? gpfn : gpfn + i);
    initOwned(mfn + i, d.domid, 0);
  }
  if (!alive) d.totPages -= count;
  spinUnlock(lockOf(d));
  return alive;
}

/**
 * Allocates 2^order adjacent, aligned, zeroed frames owned by `domid`. Returns the first mfn; 0 if there is no such domain, its limit is reached, or
 * the host is out of memory. Other vCPUs of the domain may find these frames, and give them back, before the caller uses them: who wants to touch one
 * has to take a reference, as always.
 */
export function allocDomheapPages(order: u32, domid: u32): u32 {
  return populateDomheapPages(order, domid, INVALID_M2P_ENTRY);
}

/** The same, and sets the M2P entries to `gpfn` and following. */
export function populateDomheapPages(order: u32, domid: u32, gpfn: u64): u32 {
  if (order > MAX_ORDER) return 0;
  return allocFor(domid, 1 << order, order, gpfn, false);
}

/** Takes a frame out of the domain's reserve for memory on demand (setReserve); 0 if that is used up. */
export function allocOnDemand(domid: u32): u32 {
  return allocFor(domid, 1, 0, INVALID_M2P_ENTRY, true);
}

/** Allocates `count` adjacent frames for a domain, not necessarily a power of two. Returns the first mfn or 0. */
export function allocDomheapContiguous(count: u32, domid: u32): u32 {
  return count ? allocFor(domid, count, orderOf(count), INVALID_M2P_ENTRY, false) : 0;
}

function allocFor(domid: u32, count: u32, order: u32, gpfn: u64, onDemand: bool): u32 {
  const d = domainMemory(domid);
  if (d == null) return 0;
  const mfn = reserve(d, count, order, onDemand);
  if (!mfn) return 0;
  scrubBlock(mfn, order);
  giveExcess(mfn, count, order);
  if (assign(d, mfn, count, gpfn)) return mfn;
  for (let i: u32 = 0; i < count; i++) giveBlock(mfn + i, 0, 0);
  return 0;
}

/** Drops the owner's references of 2^order frames, for those that (still) are the domain's. Returns false if one was not. */
export function freeDomheapPages(mfn: u64, order: u32, domid: u32): bool {
  for (let i: u64 = 0; i < (<u64>1) << order; i++) {
    if (!getPage(mfn + i, domid)) return false;
    const frame = <u32>(mfn + i);
    // Frames that the hypervisor shares (shared info, grant table) are not in the domain's reservation.
    const ok = !pageFlag(frame, PGC_xen_heap) && putAllocRef(frame);
    putPage(frame);
    if (!ok) return false;
  }
  return true;
}

// ---- page exchange: frames are replaced but their number stays the same, so nobody else can take the room meanwhile ----

/**
 * Takes a frame out of its owner's list: the owner's reference, which must be the only one, becomes the caller's. The frame still counts as the
 * domain's. Returns false if the frame is not the domain's, is the hypervisor's, or is in use in any way.
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

/**
 * Allocates 2^order adjacent zeroed frames that nobody owns yet and that are in no list. Returns the first mfn or 0. For giveReplacement or
 * dropReplacement.
 */
export function takeReplacement(order: u32): u32 {
  return takeBlock(order);
}
export function dropReplacement(mfn: u32, order: u32): void {
  giveBlock(mfn, order, 0);
}
/**
 * Makes a replacement the domain's, in the room of stolen frames that the caller has freed. Returns false if the domain is dying; then the frames
 * went back.
 */
export function giveReplacement(d: DomainMemory, mfn: u32, order: u32, gpfn: u64): bool {
  if (assign(d, mfn, 1 << order, gpfn)) return true;
  dropReplacement(mfn, order);
  return false;
}
