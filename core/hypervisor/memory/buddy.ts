/**
 * The free machine frames: a buddy heap. A frame that was used before is scrubbed when it is taken again (its stamp is not 0), others never
 * had anything in them: so what is taken is all zero.
 */
import { invalidateCodeFrame } from "./code_frames";
import { DomainMemory } from "./domain_memory";
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

/** Largest block: 2^18 frames, 1 GiB. */
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
 * Takes 2^order adjacent aligned frames out of the free lists; 0 if there are none. They stay marked free. For a domain (`d`) what is
 * promised to others is not there, and what is promised to it is used up by `count` frames. The hypervisor's own needs come first.
 */
export function takeBlock(order: u32, d: DomainMemory | null = null, count: u32 = 0): u32 {
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

/** `count` adjacent frames, the excess of the power of two given back at once. */
export function takeContiguous(count: u32, d: DomainMemory | null = null): u32 {
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
