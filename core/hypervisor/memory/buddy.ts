/**
 * The free machine frames: a buddy heap. A frame that was used before (its stamp is not 0) is scrubbed when it is taken again, and others never had
 * anything in them, so what is taken is all zero.
 */
import { EINVAL, ENOMEM } from "../../abi/errno";
import { frameWritten } from "../../machine/cpu/frames/written";
import { DomainMemory, MEM_DYING, lockOf } from "./domain_memory";
import {
  PGC_free,
  ROOT_CLAIMED_PAGES,
  ROOT_FREE_LISTS,
  ROOT_FREE_PAGES,
  ROOT_HEAP_LOCK,
  blockOrder,
  frameAddress,
  initFree,
  pageFlag,
  pageListAdd,
  pageListRemove,
  pageStamp,
  setBlockOrder,
  setPageStamp,
  totalFrames,
} from "./frames";
import { spinLock, spinUnlock } from "../sched/lock";
import { laterStamp, tlbFlushSince } from "./tlb";

/** The largest block has 2^18 frames, which is 1 GiB. */
export const MAX_ORDER: u32 = 18;

/** Puts frames [from, to) into the free lists as the largest aligned blocks. */
export function freeRange(from: u32, to: u32): void {
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
 * Takes 2^order adjacent aligned frames out of the free lists, of which `count` are wanted; 0 if there are none, or they are promised to others. They
 * stay marked free until scrubBlock is called. `d` is the domain for which they are taken, whose lock the caller holds and whose claim they use up;
 * null for the hypervisor, which has no claim.
 */
export function detachBlock(order: u32, count: u32, d: DomainMemory | null): u32 {
  if (order > MAX_ORDER) return 0;
  spinLock(ROOT_HEAP_LOCK);
  const mfn = isUnclaimed(d, count) ? detach(order) : 0;
  if (mfn && d != null) useClaim(d, count);
  spinUnlock(ROOT_HEAP_LOCK);
  return mfn;
}

/** The caller holds the heap lock. */
function detach(order: u32): u32 {
  let found = order;
  while (found <= MAX_ORDER && !load<u32>(listHead(found))) found++;
  if (found > MAX_ORDER) return 0;
  const mfn = load<u32>(listHead(found));
  const stamp = pageStamp(mfn);
  removeBlock(mfn, found);
  while (found > order) {
    found--;
    const half = mfn + (1 << found);
    setPageStamp(half, stamp);
    addBlock(half, found);
  }
  return mfn;
}

/** Makes detached frames all zero. The caller holds no lock, because this may wait for pCPUs to flush. */
export function scrubBlock(mfn: u32, order: u32): void {
  const stamp = pageStamp(mfn);
  if (!stamp) return;
  // Scrubbing must come after this flush: until then somebody could still write through a translation from the frames' last use.
  tlbFlushSince(stamp);
  for (let i: u32 = 0; i < (<u32>1) << order; i++) {
    scrubFrame(frameAddress(mfn + i));
    frameWritten(mfn + i);
  }
}

/**
 * Only reads a frame that is already all zero: one that nobody has written since power-on takes no memory of the computer, and reading leaves it so.
 */
function scrubFrame(at: usize): void {
  for (let i: usize = 0; i < 4096; i += 16)
    if (v128.any_true(v128.load(at + i))) {
      memory.fill(at, 0, 4096);
      return;
    }
}

/** Takes 2^order adjacent aligned frames, all zero and marked free, for the hypervisor; 0 if there are none. */
export function takeBlock(order: u32): u32 {
  const mfn = detachBlock(order, 1 << order, null);
  if (mfn) scrubBlock(mfn, order);
  return mfn;
}

/** Gives frames back, marked free, and joins buddies. `stamp` is the present tlbStamp(), or 0 for frames that are all zero. */
export function giveBlock(start: u32, blockOrderIn: u32, stamp: u32): void {
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

/** Returns the stamp of the block that a free frame is part of. Who takes the frame flushes by it. */
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

/** Returns the order of the smallest block that has `count` frames; more than MAX_ORDER if none has. */
export function orderOf(count: u32): u32 {
  let order: u32 = 0;
  while (order <= MAX_ORDER && (<u32>1) << order < count) order++;
  return order;
}

/** Gives back the frames after the first `count` of a block that is all zero. */
export function giveExcess(mfn: u32, count: u32, order: u32): void {
  const end = mfn + (1 << order);
  let at = mfn + count;
  while (at < end) {
    let part: u32 = 0;
    while ((at & ((1 << (part + 1)) - 1)) == 0 && at + (1 << (part + 1)) <= end) part++;
    giveBlock(at, part, 0);
    at += 1 << part;
  }
}

// ---- claims ----------------------------------------------------------------------------------------------------
// A claim promises a domain the frames that it lacks of a total (XENMEM_claim_pages). It shrinks as the domain gets frames, grows as it gives frames
// back, and ends once the domain has them all. A domain with memory on demand (p2m/on_demand.ts) has another kind of claim, its reserve: only what is
// populated on demand comes out of it, and it is no larger than what may be asked for that way. A domain's `claim` changes only while its lock and
// the heap lock are held, so that it always fits the domain's number of frames.

/** Returns whether so many free frames are promised to nobody else. The caller holds the heap lock. */
function isUnclaimed(d: DomainMemory | null, count: u32): bool {
  const claimed = atomic.load<u32>(ROOT_CLAIMED_PAGES);
  if (!claimed) return true;
  const others: u32 = claimed - (d != null ? d.claim : 0);
  const free = freePages();
  return !others || (free >= others && free - others >= count);
}

function useClaim(d: DomainMemory, count: u32): void {
  const used = min<u32>(d.claim, count);
  d.claim -= used;
  atomic.sub<u32>(ROOT_CLAIMED_PAGES, used);
}

/** Called when a domain has given back a frame that goes to the heap now. The caller holds its lock. */
export function growClaim(d: DomainMemory): void {
  if (!d.claim && (!d.onDemand || d.flags & MEM_DYING)) return;
  spinLock(ROOT_HEAP_LOCK);
  if (d.claim ? !d.onDemand || d.claim < d.onDemand : d.onDemand != 0 && !(d.flags & MEM_DYING)) {
    d.claim++;
    atomic.add<u32>(ROOT_CLAIMED_PAGES, 1);
  }
  spinUnlock(ROOT_HEAP_LOCK);
}

/**
 * Counts one more frame that the domain is to get when it needs it, and reserves it. The caller holds the domain's lock. Returns false with nothing
 * changed if the domain is dying, lacks part of its reserve, or has a claim of the other kind, or if the host has no frame that is promised to nobody.
 */
export function reserveOne(d: DomainMemory): bool {
  if (d.flags & MEM_DYING || d.claim != d.onDemand) return false;
  spinLock(ROOT_HEAP_LOCK);
  const ok = freePages() > atomic.load<u32>(ROOT_CLAIMED_PAGES);
  if (ok) {
    d.onDemand++;
    d.claim++;
    atomic.add<u32>(ROOT_CLAIMED_PAGES, 1);
  }
  spinUnlock(ROOT_HEAP_LOCK);
  return ok;
}
/** Undoes reserveOne: the domain does not need that frame any more. The caller holds the domain's lock. */
export function unreserveOne(d: DomainMemory): void {
  spinLock(ROOT_HEAP_LOCK);
  d.onDemand--;
  if (d.claim > d.onDemand) useClaim(d, 1);
  spinUnlock(ROOT_HEAP_LOCK);
}

/** Returns the part of a domain's claim that is its reserve for memory on demand. As in Xen, it counts as the domain's. */
export function reserveOf(d: DomainMemory): u32 {
  return d.onDemand ? d.claim : 0;
}

/** Sets the number of frames that the domain still gets on demand. What its reserve has beyond that goes back. */
export function setOnDemand(d: DomainMemory, frames: u32): void {
  spinLock(lockOf(d));
  spinLock(ROOT_HEAP_LOCK);
  d.onDemand = frames;
  if (d.claim > frames) useClaim(d, d.claim - frames);
  spinUnlock(ROOT_HEAP_LOCK);
  spinUnlock(lockOf(d));
}

/**
 * Raises the reserve of a domain with memory on demand to what it lacks of `total` frames, but not above what it may still ask for on demand. As in
 * Xen, this never lowers the reserve: a guest must be able to touch what it was promised until its balloon driver has given that back, and giving it
 * back lowers the reserve (setOnDemand). 0; -EINVAL if the domain may not have so many; -ENOMEM if the host has too few that are promised to nobody.
 * A domain that is dying, or gets nothing on demand, has no reserve: 0.
 */
export function setReserve(d: DomainMemory, total: u64): i32 {
  spinLock(lockOf(d));
  spinLock(ROOT_HEAP_LOCK);
  const result = total > <u64>d.maxPages ? -EINVAL : growReserve(d, total);
  spinUnlock(ROOT_HEAP_LOCK);
  spinUnlock(lockOf(d));
  return result;
}

function growReserve(d: DomainMemory, total: u64): i32 {
  if (!d.onDemand || d.flags & MEM_DYING) return 0;
  const held: u64 = <u64>d.totPages + d.claim;
  if (total <= held) return 0;
  const reserve: u32 = <u32>min<u64>(total - d.totPages, d.onDemand);
  if (reserve <= d.claim) return 0;
  const claimed = atomic.load<u32>(ROOT_CLAIMED_PAGES);
  const more: u32 = reserve - d.claim;
  const free = freePages();
  if (free < claimed || free - claimed < more) return -ENOMEM;
  d.claim = reserve;
  atomic.store<u32>(ROOT_CLAIMED_PAGES, claimed + more);
  return 0;
}

/**
 * XENMEM_claim_pages: promises a domain a total of `total` frames; 0 ends its claim. 0; -EINVAL if it has a claim already, is dying, has so many
 * frames already, or may not have so many; -ENOMEM if the host has too few that are promised to nobody.
 */
export function setClaim(d: DomainMemory, total: u64): i32 {
  spinLock(lockOf(d));
  spinLock(ROOT_HEAP_LOCK);
  const result = changeClaim(d, total);
  spinUnlock(ROOT_HEAP_LOCK);
  spinUnlock(lockOf(d));
  return result;
}

function changeClaim(d: DomainMemory, total: u64): i32 {
  const claimed = atomic.load<u32>(ROOT_CLAIMED_PAGES);
  if (!total) {
    atomic.store<u32>(ROOT_CLAIMED_PAGES, claimed - d.claim);
    d.claim = 0;
    return 0;
  }
  if (d.claim || d.onDemand || d.flags & MEM_DYING || total <= <u64>d.totPages || total > <u64>d.maxPages)
    return -EINVAL;
  const wanted = <u32>total - d.totPages;
  const free = freePages();
  if (free < claimed || free - claimed < wanted) return -ENOMEM;
  d.claim = wanted;
  atomic.store<u32>(ROOT_CLAIMED_PAGES, claimed + wanted);
  return 0;
}
