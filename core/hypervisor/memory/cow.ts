/**
 * Frames that several domains map read-only until one of them writes (p2m/sharing.ts). As in Xen, nobody of them owns such a frame: its owner is
 * DOMID_COW. It is in no list, has no owner's reference and no type, and each entry of a second stage that maps it holds one reference; whoever else
 * has one only reads. So nobody writes to it, and it goes back to the heap with the last entry.
 *
 * Each domain has a frame in reserve for each such entry (memory/buddy.ts), and both count as its own. So a domain that writes to all that it shares
 * finds memory for that, whatever the others do.
 */
import { reserveOne, unreserveOne } from "./buddy";
import { DomainMemory, MEM_DYING, lockOf, pageListOf } from "./domain_memory";
import {
  PGT_type_shift,
  PGT_validated,
  PGT_writable_page,
  ROOT_COW_LOCK,
  exchangeCowForOwned,
  exchangeOwnedForCow,
  initTypeWord,
  pageCount,
  pageListAdd,
  pageListRemove,
  pageStamp,
  setPageStamp,
} from "./frames";
import { putPage } from "./references";
import { spinLock, spinUnlock } from "../sched/lock";
import { isFlushDue, tlbStamp } from "./tlb";

/**
 * Makes a frame of the domain's DOMID_COW's, and reserves another one for the domain. Its one entry, which the caller makes read-only, keeps its general
 * reference and loses that of the writable type. Returns false with nothing changed if the frame is used in any other way, or nothing can be reserved.
 */
export function giveToCow(d: DomainMemory, mfn: u32): bool {
  spinLock(lockOf(d));
  let given = reserveOne(d);
  if (given && !exchangeOwnedForCow(mfn, d.domid)) {
    unreserveOne(d);
    given = false;
  }
  if (given) {
    // With no reference but the entry's there was no type reference but the entry's, and nobody can take one any more.
    initTypeWord(mfn, 0);
    pageListRemove(pageListOf(d), mfn);
    d.totPages--;
  }
  spinUnlock(lockOf(d));
  return given;
}

/** Results of takeFromCow(). */
export const TAKEN: i32 = 0;
const STILL_SHARED: i32 = 1;
export const FLUSH_FIRST: i32 = 2;

/**
 * Makes a frame that only one entry of the domain's maps the domain's own, with the references that a writable entry holds; its reserve shrinks by one.
 * STILL_SHARED: somebody else has a reference, or the domain is dying. FLUSH_FIRST: another domain may still read the frame by a TLB; the caller
 * flushes, without locks, and tries again. The caller holds p2mLock, so that the domain's entry stays.
 */
export function takeFromCow(d: DomainMemory, mfn: u32): i32 {
  if (pageCount(mfn) != 1) return STILL_SHARED;
  // Whoever has dropped a reference has stored the stamp before.
  if (isFlushDue(pageStamp(mfn))) return FLUSH_FIRST;
  spinLock(lockOf(d));
  let taken = !(d.flags & MEM_DYING);
  if (taken) {
    initTypeWord(mfn, ((<u64>PGT_writable_page) << PGT_type_shift) | PGT_validated | 1);
    taken = exchangeCowForOwned(mfn, d.domid);
    if (!taken) initTypeWord(mfn, 0);
  }
  if (taken) {
    pageListAdd(pageListOf(d), mfn);
    d.totPages++;
    unreserveOne(d);
  }
  spinUnlock(lockOf(d));
  return taken ? TAKEN : STILL_SHARED;
}

/**
 * Drops the reference of an entry that is gone. The frame may still be in TLBs: its stamp tells who takes it over. (Who has flushed already, or never
 * had an entry, only calls putPage.)
 */
export function dropFromCow(mfn: u32): void {
  // The lock makes that the latest stamp stays.
  spinLock(ROOT_COW_LOCK);
  setPageStamp(mfn, tlbStamp());
  putPage(mfn);
  spinUnlock(ROOT_COW_LOCK);
}
