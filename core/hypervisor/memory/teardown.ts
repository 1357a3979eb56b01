/**
 * A dying domain's memory: grants let go, pins off, frames back to the heap. The domain's vCPUs do not run any more and
 * have dropped their references (page-table roots, GDT, LDT, vcpu_info) before. What other domains still hold stays
 * owned by the dead domain until they let go.
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

/** From here on the domain is given no frame, claim or second-stage entry. None of its vCPUs runs, so nobody else changes its flags. */
export function markDying(d: DomainMemory): void {
  atomic.or<u32>(changetype<usize>(d) + offsetof<DomainMemory>("flags"), MEM_DYING);
}

/** Frames or map tracks handled in one call. */
const BUDGET: u32 = 4096;

/** First frame of the list from `mfn` on of which a reference could be taken (it is), 0 at the end. Lock held. */
function holdFrom(d: DomainMemory, first: u32): u32 {
  let mfn = first;
  while (mfn && !getPage(mfn, d.domid)) mfn = pageNext(mfn);
  return mfn;
}

/** One bounded step, of a domain that is marked as dying. 0 when everything the domain itself held is gone; 1: call again. */
export function relinquishMemory(domid: u32): i32 {
  const d = domainMemory(domid);
  if (d == null) return 0;
  // This takes the lock of its lists: who gave it frames under that before is done, and who does after sees that it is dying.
  setClaim(d, 0);
  // What is let go of may be kept for a while, and holds other tables.
  d.validating = 0;
  if (!settleOnce(d)) return 1;
  if (!relinquishP2m(d)) return 1;
  // Pins first: they hold page tables, whose entries hold everything else.
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

/** Takes pins off (`pins`) or gives frames up; false if the budget ended first. */
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
 * True when nothing anywhere refers to the relinquished domain's memory, so that memoryDomainFree may be called; false
 * while another domain holds frames or grants of it (ask again later). Shared info must have been unshared before.
 */
export function memoryDomainGone(domid: u32): bool {
  const d = domainMemory(domid);
  if (d == null) return true;
  if (d.teardownState < 3) return false;
  // A control domain's last change of one of its tables may have ended after it was relinquished.
  d.validating = 0;
  if (!settleOnce(d)) return false;
  const t = grantTableOf(domid);
  if (t != null && !grantTableClose(t)) return false;
  return d.totPages == 0 && atomic.load<u32>(changetype<usize>(d) + offsetof<DomainMemory>("xenheapPages")) == 0;
}
