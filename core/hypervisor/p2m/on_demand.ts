/**
 * Memory on demand (Xen's populate-on-demand), by which a domain is built with less than it is told of: guest frames that have no memory until
 * they are first touched, by the guest, by the hypervisor for it or by a domain that may. It comes out of the domain's reserve
 * (memory/buddy.ts, setReserve), which the control domain sets with the domain's target, and which grows by what the guest gives back, until it is as large as what
 * may still be asked for. A guest whose balloon driver gives back what is above its target so never notices; one that touches more than its target before
 * that is crashed, unless it has left frames all zero, which are taken back then (zeros.ts).
 *
 * One frame of a domain at a time gets its memory (`onDemandLock`): a frame that another vCPU is just being given is not one for which there is none. The
 * order of locks stands in p2m.ts. A frame is allocated before the second stage's own lock is taken, for allocation may wait for TLBs; nobody comes here, nor waits
 * here, while guest memory is in use (sched/pcpu.ts, guestMode), so no flush of TLBs waits for who waits for these locks.
 */
import { allocOnDemand, freeDomheapPages } from "../memory/allocator";
import { DomainMemory, MEM_DYING } from "../memory/domain_memory";
import { PGT_writable_page } from "../memory/frames";
import { m2pSet } from "../memory/m2p";
import { getPageAndType } from "../memory/page_type";
import { spinLock, spinUnlock } from "../sched/lock";
import {
  LARGE_FRAMES,
  LARGE_ORDER,
  P2M_ON_DEMAND,
  P2M_RAM,
  P2M_SHARED,
  entryType,
  isReserved,
  p2mEntry,
  p2mOnDemand,
} from "./entry";
import { countOnDemand, dropEntry, markFlushDue, onDemandLock, p2mLock, p2mLook } from "./p2m";
import { isShared, unshare } from "./sharing";
import { P2M_GFNS, clearLeaf, entryAt, leafOf, makeLeaf } from "./tables";
import { NOT_YET, RECLAIMED, reclaimFewZeros, reclaimZeros } from "./zeros";

/**
 * Returns whether guest frame `gfn` is still to get memory on demand. A domain without a second stage has no such frames. One that is just being taken
 * out of what domains share looks so too for a moment, which the lock waits for (sharing.ts).
 */
export function isOnDemand(d: DomainMemory, gfn: u64): bool {
  if (!looksOnDemand(d, gfn)) return false;
  spinLock(onDemandLock(d));
  const is = looksOnDemand(d, gfn);
  spinUnlock(onDemandLock(d));
  return is;
}
function looksOnDemand(d: DomainMemory, gfn: u64): bool {
  return entryType(p2mLook(d, gfn)) == P2M_ON_DEMAND;
}
/** The same with the lock held. */
function isWaiting(d: DomainMemory, gfn: u64): bool {
  return entryType(entryAt(d, gfn)) == P2M_ON_DEMAND;
}

/**
 * Marks 2^order guest frames from `gfn` on, at which there is nothing, as getting memory on demand. Returns false with nothing changed if something
 * is there, or there is no room for a table.
 */
export function markOnDemand(d: DomainMemory, gfn: u64, order: u32): bool {
  const count = (<u32>1) << order;
  if (gfn + count > P2M_GFNS || order > LARGE_ORDER) return false;
  spinLock(p2mLock(d));
  const marked = !(d.flags & MEM_DYING) && mark(d, gfn, count);
  if (marked) {
    countOnDemand(d, <i32>count);
    const last: u64 = gfn + <u64>count - 1;
    if (last > <u64>d.p2mMaxGfn) d.p2mMaxGfn = <u32>last;
  }
  spinUnlock(p2mLock(d));
  return marked;
}

/** Returns false with nothing marked. The caller holds the lock. */
function mark(d: DomainMemory, gfn: u64, count: u32): bool {
  if (count == LARGE_FRAMES && !(gfn & (LARGE_FRAMES - 1))) {
    const at = makeLeaf(d, gfn, 2);
    if (at && !load<u64>(at)) {
      atomic.store<u64>(at, p2mOnDemand(true));
      return true;
    }
  }
  for (let i: u32 = 0; i < count; i++) {
    const at = makeLeaf(d, gfn + i, 1);
    if (!at || load<u64>(at)) return false;
  }
  // Now all tables exist, and nothing else is there.
  for (let i: u32 = 0; i < count; i++) atomic.store<u64>(leafOf(d, gfn + i), p2mOnDemand(false));
  return true;
}

/** Results of populate(). */
export const POPULATED: i32 = 0;
const NOT_ON_DEMAND: i32 = 1;
export const NO_RESERVE: i32 = 2;
/** The reserve is used up, and frames that are all zero are still being looked for: whoever can come again should do so. */
export const SEARCHING: i32 = 3;

/**
 * Gives guest frame `gfn` memory of its own, if it gets that on demand, or shares a frame with other domains. Returns POPULATED also if it has some,
 * because another vCPU may have supplied it since the caller found none. No guest memory may be in use, and the caller may hold only locks that stand before onDemandLock in p2m.ts.
 */
export function populate(d: DomainMemory, gfn: u64): i32 {
  return populated(d, gfn, reclaimFewZeros);
}
/** The same for a vCPU of the domain itself, which is to have what there is. */
export function populateForItself(d: DomainMemory, gfn: u64): i32 {
  return populated(d, gfn, reclaimZeros);
}

/** Looks for frames that can be taken back, with onDemandLock held (zeros.ts). */
type Reclaim = (d: DomainMemory) => i32;

function populated(d: DomainMemory, gfn: u64, reclaim: Reclaim): i32 {
  const entry = p2mLook(d, gfn);
  if (!isReserved(entry)) return entryType(entry) == P2M_RAM ? POPULATED : NOT_ON_DEMAND;
  spinLock(onDemandLock(d));
  let outcome = looksOnDemand(d, gfn) ? give(d, gfn, reclaim) : POPULATED;
  if (isShared(d, gfn) && !unshare(d, gfn)) outcome = NO_RESERVE;
  spinUnlock(onDemandLock(d));
  return outcome;
}

/** The same with onDemandLock held. */
function give(d: DomainMemory, gfn: u64, reclaim: Reclaim): i32 {
  let mfn = allocOnDemand(d.domid);
  if (!mfn && looksOnDemand(d, gfn)) {
    const outcome = reclaim(d);
    if (outcome == NOT_YET) return SEARCHING;
    if (outcome == RECLAIMED) mfn = allocOnDemand(d.domid);
  }
  if (!mfn) return looksOnDemand(d, gfn) ? NO_RESERVE : POPULATED;
  spinLock(p2mLock(d));
  const at = isWaiting(d, gfn) ? makeLeaf(d, gfn, 1) : 0;
  const done = at != 0 && !(d.flags & MEM_DYING) && !getPageAndType(mfn, d.domid, PGT_writable_page);
  if (done) {
    m2pSet(mfn, gfn);
    atomic.store<u64>(at, p2mEntry(mfn, P2M_RAM));
    countOnDemand(d, -1);
  }
  spinUnlock(p2mLock(d));
  if (done) return POPULATED;
  freeDomheapPages(mfn, 0, d.domid);
  return looksOnDemand(d, gfn) ? NO_RESERVE : POPULATED;
}

/**
 * Takes guest frame `gfn` out of the second stage where it has no memory of its own: it gets it on demand, or shares it. Returns false if that is not
 * so.
 */
export function forgetReserved(d: DomainMemory, gfn: u64): bool {
  spinLock(p2mLock(d));
  const at = isReserved(entryAt(d, gfn)) ? makeLeaf(d, gfn, 1) : 0;
  if (at) {
    const entry = load<u64>(at);
    clearLeaf(d, gfn);
    if (entryType(entry) == P2M_SHARED) {
      markFlushDue();
      dropEntry(entry);
    }
    countOnDemand(d, -1);
  }
  spinUnlock(p2mLock(d));
  return at != 0;
}
