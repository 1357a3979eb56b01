/**
 * A domain's second stage: which machine frame stands behind a guest frame number. What must hold:
 *
 * - Each frame that an entry maps is held by it as by an entry of a PV guest's tables: a general reference, and one of the writable type if
 *   it may be written. So a frame that is mapped goes to nobody else and becomes nothing else, whoever forgets what.
 * - A frame of the domain's own is mapped at one place at most, and the M2P names it; a frame that is mapped nowhere has no M2P entry.
 * - A frame that several domains share (sharing.ts) is nobody's own: an entry that maps it is read-only, holds a general reference, and the M2P names
 *   no place for it. For each such entry its domain has a frame in reserve, as for one on demand.
 * - A removed entry may still be in TLBs. The references that it held are dropped only by who has it taken out; a frame that is freed then
 *   is given out after a flush, as any (memory/tlb.ts), and a grant is let go of after one (grant/map.ts). So that a guest sees its own
 *   changes, every call that changed an entry which mapped something flushes before it ends: settleP2m().
 * - `p2mLock` of the domain guards the tables. The order of locks, outermost first: the grant table's and the domain's own lock, `onDemandLock` (on_demand.ts),
 *   `p2mLock`, those of memory (memory/domain_memory.ts), the heap's. Whoever holds one of them never takes one that stands before it.
 */
import { EBUSY, EINVAL, ENOMEM } from "../../abi/errno";
import { setOnDemand } from "../memory/buddy";
import { dropFromCow } from "../memory/cow";
import { DomainMemory, MEM_DYING, MEM_TRANSLATED } from "../memory/domain_memory";
import { PGC_xen_heap, PGT_writable_page, pageFlag } from "../memory/frames";
import { INVALID_M2P_ENTRY, m2pGet, m2pSet } from "../memory/m2p";
import { getPageAndType, putPageAndType } from "../memory/page_type";
import { PTE_P, PTE_RW, pteMfn } from "../memory/pte";
import { getPage, putPage, refPage } from "../memory/references";
import { tlbFlushAll } from "../memory/tlb";
import { spinLock, spinUnlock } from "../sched/lock";
import {
  HUGE_ORDER,
  LARGE_ORDER,
  P2M_GRANT_RO,
  P2M_GRANT_RW,
  P2M_RAM,
  P2M_SHARED,
  entryType,
  isGrant,
  isReserved,
  p2mEntry,
  p2mHugeEntry,
  p2mLargeEntry,
} from "./entry";
import { P2M_GFNS, clearLeaf, entryAt, leafOf, makeLeaf } from "./tables";

/** Whether the domain's frame numbers are guest frame numbers. */
// @ts-ignore: decorator
@inline
export function isTranslated(d: DomainMemory): bool {
  return (d.flags & MEM_TRANSLATED) != 0;
}

// @ts-ignore: decorator
@inline
export function p2mLock(d: DomainMemory): usize {
  return changetype<usize>(d) + offsetof<DomainMemory>("p2mLock");
}

/** The lock under which one frame at a time gets its memory (on_demand.ts). */
// @ts-ignore: decorator
@inline
export function onDemandLock(d: DomainMemory): usize {
  return changetype<usize>(d) + offsetof<DomainMemory>("onDemandLock");
}

/** Returns what stands at guest frame `gfn`, as an entry of level 1; 0 where nothing is. It may have changed by the time the caller looks at it. */
export function p2mLook(d: DomainMemory, gfn: u64): u64 {
  spinLock(p2mLock(d));
  const entry = entryAt(d, gfn);
  spinUnlock(p2mLock(d));
  return entry;
}

/** Whether this thread has changed an entry that mapped something since the last flush. */
let flushDue: bool = false;
/** To be called before a hypercall that has changed entries ends, or stops to be continued. */
export function settleP2m(): void {
  if (!flushDue) return;
  flushDue = false;
  tlbFlushAll();
}

/** Says that an entry which mapped something was changed. */
export function markFlushDue(): void {
  flushDue = true;
}

/** Drops the references that an entry holds. */
export function dropEntry(entry: u64): void {
  const mfn = <u32>pteMfn(entry);
  if (entryType(entry) == P2M_SHARED) dropFromCow(mfn);
  else if (entry & PTE_RW) putPageAndType(mfn);
  else putPage(mfn);
}

/** Counts `more` frames on demand, and limits the domain's reserve to their number. The caller holds the lock. */
export function countOnDemand(d: DomainMemory, more: i32): void {
  setOnDemand(d, d.onDemand + <u32>more);
}

/** Puts an entry in the place of one that is no grant. The caller provides the new entry's references. The caller holds the lock. */
function install(d: DomainMemory, gfn: u64, mfn: u32, type: u32): i32 {
  if (d.flags & MEM_DYING) return -EINVAL;
  const at = makeLeaf(d, gfn, 1);
  if (!at) return -ENOMEM;
  const old = load<u64>(at);
  if (isGrant(old)) return -EBUSY;
  atomic.store<u64>(at, p2mEntry(mfn, type));
  if (isReserved(old)) countOnDemand(d, -1);
  if (old & PTE_P) {
    flushDue = true;
    m2pSet(<u32>pteMfn(old), INVALID_M2P_ENTRY);
    dropEntry(old);
  }
  if (type == P2M_RAM) m2pSet(mfn, gfn);
  if (gfn > <u64>d.p2mMaxGfn) d.p2mMaxGfn = <u32>gfn;
  return 0;
}

/**
 * Maps 2^order frames at `gfn` and following that are mapped nowhere and are the domain's own, or of the Xen heap and shared with it. Memory that was
 * there is unmapped, and stays the domain's. 0; or with nothing mapped -EINVAL, -EBUSY (a grant is mapped there) or -ENOMEM. After an error what was
 * there is still there, unless a frame was not the domain's.
 */
export function p2mAddRam(d: DomainMemory, gfn: u64, mfn: u32, order: u32): i32 {
  const count = (<u32>1) << order;
  if (gfn + count > P2M_GFNS) return -EINVAL;
  spinLock(p2mLock(d));
  let error: i32 = 0;
  let done: u32 = 0;
  const isAligned = !(((<u32>gfn) | mfn) & (count - 1));
  if ((order == LARGE_ORDER || order == HUGE_ORDER) && isAligned && addLarge(d, gfn, mfn, order)) done = count;
  else if (order) error = whyNot(d, gfn, count);
  for (; done < count && !error; done++) {
    if (getPageAndType(<u64>mfn + done, d.domid, PGT_writable_page)) error = -EINVAL;
    else {
      error = install(d, gfn + done, mfn + done, P2M_RAM);
      if (error) putPageAndType(mfn + done);
    }
    if (error) break;
  }
  if (error) while (done--) takeOut(d, gfn + done);
  spinUnlock(p2mLock(d));
  return error;
}

/**
 * Returns why not each of `count` frames from `gfn` on can be mapped, or 0: -EINVAL, -EBUSY, -ENOMEM as in install(). Makes the tables. The caller
 * holds the lock.
 */
function whyNot(d: DomainMemory, gfn: u64, count: u32): i32 {
  if (d.flags & MEM_DYING) return -EINVAL;
  for (let i: u32 = 0; i < count; i++) {
    const at = makeLeaf(d, gfn + i, 1);
    if (!at) return -ENOMEM;
    if (isGrant(load<u64>(at))) return -EBUSY;
  }
  return 0;
}

/**
 * Puts one large entry, of LARGE_ORDER or HUGE_ORDER, where neither an entry nor a table stands. Returns false with nothing changed if that can't be.
 * The caller holds the lock; for 1 GiB it does so for a hundredth of a second, and only a control domain can ask for that (memory/reservation.ts).
 */
function addLarge(d: DomainMemory, gfn: u64, mfn: u32, order: u32): bool {
  if (d.flags & MEM_DYING) return false;
  const isHuge = order == HUGE_ORDER;
  const at = makeLeaf(d, gfn, isHuge ? 3 : 2);
  if (!at || load<u64>(at)) return false;
  const count: u32 = (<u32>1) << order;
  let held: u32 = 0;
  while (held < count && !getPageAndType(<u64>mfn + held, d.domid, PGT_writable_page)) held++;
  if (held < count) {
    while (held--) putPageAndType(mfn + held);
    return false;
  }
  for (let i: u32 = 0; i < count; i++) m2pSet(mfn + i, gfn + i);
  atomic.store<u64>(at, isHuge ? p2mHugeEntry(mfn, P2M_RAM) : p2mLargeEntry(mfn, P2M_RAM));
  const last = gfn + <u64>count - 1;
  if (last > <u64>d.p2mMaxGfn) d.p2mMaxGfn = <u32>last;
  return true;
}

/** Undoes an addition that nobody knows of yet. */
function takeOut(d: DomainMemory, gfn: u64): void {
  const mfn = removeLocked(d, gfn, true);
  if (mfn) putPageAndType(mfn);
}

/** Says that a removal may also take out frames of the Xen heap. */
export const ALSO_SHARED: bool = true;
export const ONLY_OWN: bool = false;

/**
 * Takes the domain's memory at `gfn` out of the second stage. Returns its machine frame, whose general and writable references are the caller's now;
 * 0 if there is none, if it is a grant, if it is Xen's and only the domain's own was asked for, or if there is no room to break up a large entry.
 */
export function p2mRemoveRam(d: DomainMemory, gfn: u64, shared: bool): u32 {
  spinLock(p2mLock(d));
  const mfn = removeLocked(d, gfn, shared);
  spinUnlock(p2mLock(d));
  return mfn;
}

function removeLocked(d: DomainMemory, gfn: u64, shared: bool): u32 {
  const found = leafOf(d, gfn);
  if (!found || entryType(load<u64>(found)) != P2M_RAM) return 0;
  const at = makeLeaf(d, gfn, 1);
  if (!at) return 0;
  const mfn = <u32>pteMfn(load<u64>(at));
  if (!shared && pageFlag(mfn, PGC_xen_heap)) return 0;
  clearLeaf(d, gfn);
  m2pSet(mfn, INVALID_M2P_ENTRY);
  flushDue = true;
  return mfn;
}

/** Returns where frame `mfn` of the domain is mapped; P2M_GFNS if nowhere. */
export function gfnOf(d: DomainMemory, mfn: u32): u64 {
  spinLock(p2mLock(d));
  const gfn = placeOf(d, mfn);
  spinUnlock(p2mLock(d));
  return gfn;
}

/** The same with the lock held. The M2P alone is right only for a translated domain's own frames. */
function placeOf(d: DomainMemory, mfn: u32): u64 {
  const gfn = m2pGet(mfn);
  const entry = entryAt(d, gfn);
  return entryType(entry) == P2M_RAM && pteMfn(entry) == <u64>mfn ? gfn : P2M_GFNS;
}

/** The frame that the last p2mPlace() or p2mMove() has replaced, with its references; 0 if none. */
export let replacedFrame: u32 = 0;

/**
 * Maps a frame that is the domain's, or Xen's and shared with it, at `gfn`, and unmaps it wherever else it was. 0; or with nothing changed -EINVAL
 * (not its frame), -EBUSY (a grant is mapped there) or -ENOMEM. The caller has to deal with replacedFrame.
 */
export function p2mPlace(d: DomainMemory, gfn: u64, mfn: u32): i32 {
  spinLock(p2mLock(d));
  const error = place(d, gfn, mfn);
  spinUnlock(p2mLock(d));
  return error;
}
/** The same for the frame that is mapped at `from`. */
export function p2mMove(d: DomainMemory, gfn: u64, from: u64): i32 {
  spinLock(p2mLock(d));
  const entry = entryAt(d, from);
  const error = entryType(entry) == P2M_RAM ? place(d, gfn, <u32>pteMfn(entry)) : -EINVAL;
  spinUnlock(p2mLock(d));
  return error;
}

function place(d: DomainMemory, gfn: u64, mfn: u32): i32 {
  replacedFrame = 0;
  if (d.flags & MEM_DYING || gfn >= P2M_GFNS) return -EINVAL;
  const at = makeLeaf(d, gfn, 1);
  if (!at) return -ENOMEM;
  const old = load<u64>(at);
  if (isGrant(old)) return -EBUSY;
  if (old & PTE_P && pteMfn(old) == <u64>mfn) return 0;
  if (getPageAndType(mfn, d.domid, PGT_writable_page)) return -EINVAL;
  const before = placeOf(d, mfn);
  // What may fail of the removal below comes before anything is changed.
  if (before < P2M_GFNS && !makeLeaf(d, before, 1)) {
    putPageAndType(mfn);
    return -ENOMEM;
  }
  const wasShared = entryType(old) == P2M_SHARED;
  if (old & PTE_P) {
    if (!wasShared) replacedFrame = <u32>pteMfn(old);
    m2pSet(<u32>pteMfn(old), INVALID_M2P_ENTRY);
    flushDue = true;
  }
  // The removal may free tables that are empty; that of `at` is not any more.
  atomic.store<u64>(at, p2mEntry(mfn, P2M_RAM));
  if (before < P2M_GFNS) {
    removeLocked(d, before, true);
    putPageAndType(mfn);
  }
  if (wasShared) dropEntry(old);
  if (isReserved(old)) countOnDemand(d, -1);
  m2pSet(mfn, gfn);
  if (gfn > <u64>d.p2mMaxGfn) d.p2mMaxGfn = <u32>gfn;
  return 0;
}

/**
 * Takes a reference, and one of the writable type if `writable`, of the domain's own frame at `gfn`, or of Xen's that is shared with it. Returns the
 * machine frame; 0 if there is none.
 */
export function p2mTake(d: DomainMemory, gfn: u64, writable: bool): u32 {
  spinLock(p2mLock(d));
  let mfn: u32 = 0;
  const entry = entryAt(d, gfn);
  if (entryType(entry) == P2M_RAM) {
    mfn = <u32>pteMfn(entry);
    const held = writable ? !getPageAndType(mfn, d.domid, PGT_writable_page) : getPage(mfn, d.domid);
    if (!held) mfn = 0;
  }
  spinUnlock(p2mLock(d));
  return mfn;
}

/**
 * Takes a reference to read the domain's memory at `gfn`, its own or shared. Returns the machine frame, to be dropped by putPage; 0 if there is none.
 */
export function p2mTakeToRead(d: DomainMemory, gfn: u64): u32 {
  spinLock(p2mLock(d));
  const entry = entryAt(d, gfn);
  let mfn: u32 = 0;
  if (entryType(entry) == P2M_SHARED || (entryType(entry) == P2M_RAM && getPage(pteMfn(entry), d.domid))) {
    mfn = <u32>pteMfn(entry);
    // The entry keeps a shared frame as long as the lock is held.
    if (entryType(entry) == P2M_SHARED) refPage(mfn);
  }
  spinUnlock(p2mLock(d));
  return mfn;
}

/** Maps a grant, whose references pass to the entry. 0 or -errno, as in p2mAddRam. */
export function p2mAddGrant(d: DomainMemory, gfn: u64, mfn: u32, readonly: bool): i32 {
  if (gfn >= P2M_GFNS) return -EINVAL;
  spinLock(p2mLock(d));
  const error = install(d, gfn, mfn, readonly ? P2M_GRANT_RO : P2M_GRANT_RW);
  spinUnlock(p2mLock(d));
  return error;
}

/**
 * Unmaps a grant, whose references pass to the caller. Returns false if `gfn` does not map `mfn` in this way. Its table stays, though it may be empty:
 * grants come and go at the same places.
 */
export function p2mRemoveGrant(d: DomainMemory, gfn: u64, mfn: u32, readonly: bool): bool {
  spinLock(p2mLock(d));
  const at = leafOf(d, gfn);
  const there = at != 0 && load<u64>(at) == p2mEntry(mfn, readonly ? P2M_GRANT_RO : P2M_GRANT_RW);
  if (there) atomic.store<u64>(at, 0);
  spinUnlock(p2mLock(d));
  return there;
}
