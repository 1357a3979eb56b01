/**
 * Takes a dying domain's memory apart: grants are released, pins are taken off, frames go back to the heap. The domain's vCPUs do not run any more
 * and have dropped their references (page-table roots, GDT, LDT, vcpu_info) before. What other domains still hold stays owned by the dead domain
 * until they let go.
 */
import { grantTableClose, grantTableOf } from "../grant/table";
import { releaseMappings } from "../grant/map";
import { DomainMemory, MEM_DYING, domainMemory, lockOf } from "./domain_memory";
import { PGC_allocated, PGT_pinned, pageFlag, pageNext, typeWord } from "./frames";
import { getPage, putAllocRef, putPage } from "./references";
import { spinLock, spinUnlock } from "../sched/lock";
import { setClaim } from "./buddy";
import { clearPinned, putPageAndType } from "./page_type";
import { settleOnce } from "./settle_tables";
import { perdomainFree } from "./perdomain";
import { relinquishP2m } from "../p2m/teardown";

/**
 * Marks a domain as dying: from here on it is given no frame, claim or second-stage entry. None of its vCPUs runs, so nobody else changes its flags.
 */
export function markDying(d: DomainMemory): void {
  atomic.or<u32>(changetype<usize>(d) + offsetof<DomainMemory>("flags"), MEM_DYING);
}

/** The most frames or map tracks that one call handles. */
const BUDGET: u32 = 4096;

/**
 * Takes a reference of the first frame in the list from `first` on of which that is possible. Returns it; 0 at the end. The caller holds the lock.
 */
function holdFrom(d: DomainMemory, first: u32): u32 {
  let mfn = first;
  while (mfn && !getPage(mfn, d.domid)) mfn = pageNext(mfn);
  return mfn;
}

/**
 * Carries out one bounded step for a domain that is marked as dying. Returns 0 when everything that the domain itself held is gone, 1 to be called
 * again.
 */
export function relinquishMemory(domid: u32): i32 {
  const d = domainMemory(domid);
  if (d == null) return 0;
  // This takes the lock of the domain's lists. Who has given it frames under that lock before is done, and who takes the lock after sees that it is
  // dying.
  setClaim(d, 0);
  // Tables that are let go of may be kept for a while, and hold other tables.
  d.validating = 0;
  if (!settleOnce(d)) return 1;
  if (!relinquishP2m(d)) return 1;
  // Pins come first: they hold page tables, whose entries hold everything else.
  if (d.teardownState == 0) {
    if (!sweep(d, true)) return 1;
    d.teardownState = 1;
    return 1;
  }
  if (d.teardownState == 1) {
    if (!releaseMappings(domid, BUDGET)) return 1;
    d.teardownState = 2;
    return 1;
  }
  if (d.teardownState == 2) {
    if (!sweep(d, false)) return 1;
    perdomainFree(d);
    d.teardownState = 3;
  }
  return 0;
}

/** Takes pins off (`pins`) or frees frames. Returns false if the budget ended first. */
function sweep(d: DomainMemory, pins: bool): bool {
  let left = BUDGET;
  spinLock(lockOf(d));
  let mfn = holdFrom(d, d.pageList);
  spinUnlock(lockOf(d));
  while (mfn) {
    // The next frame is held before this one can go.
    spinLock(lockOf(d));
    const next = holdFrom(d, pageNext(mfn));
    spinUnlock(lockOf(d));
    const work = pins ? (typeWord(mfn) & PGT_pinned) != 0 : pageFlag(mfn, PGC_allocated);
    if (work) {
      if (pins) {
        if (clearPinned(mfn)) putPageAndType(mfn);
      } else putAllocRef(mfn);
      left--;
    }
    putPage(mfn);
    mfn = next;
    if (!left && mfn) {
      putPage(mfn);
      return false;
    }
  }
  return true;
}

/**
 * Returns true when nothing anywhere refers to the relinquished domain's memory, so that memoryDomainFree may be called; false while another domain
 * holds frames or grants of it, so that the caller has to ask again later. Shared info must have been unshared before.
 */
export function memoryDomainGone(domid: u32): bool {
  const d = domainMemory(domid);
  if (d == null) return true;
  if (d.teardownState < 3) return false;
  // A control domain's last change of one of its tables may have ended after the domain was relinquished.
  d.validating = 0;
  if (!settleOnce(d)) return false;
  const t = grantTableOf(domid);
  if (t != null && !grantTableClose(t)) return false;
  return d.totPages == 0 && atomic.load<u32>(changetype<usize>(d) + offsetof<DomainMemory>("xenheapPages")) == 0;
}
