/**
 * A tree of page tables is as large as a guest's memory, so it is never validated or let go of in one go. There is a budget of tables;
 * when it is used up, validation stops with -ERESTART and letting go stops where it is. The tables that were reached and now hang in the
 * air are kept: the owner's list has the reference of each that its parent would have. A validation that is tried again finds them valid;
 * when it is done, or after letting go, `settleTables` gives up what is kept, a budget at a time.
 *
 * There are two lists: what was let go of goes on at every call that changes page tables, whoever makes it; what a validation reached stays
 * while its vCPU is to come back to it, or one vCPU with many small calls would undo for ever what another validates.
 *
 * Every kept table is valid, with the references of all its entries: it is nothing half done, only a table without a parent.
 * The lists go through the frames' stamps, which mean nothing while a frame has type references. Their lock is the domain's page list lock.
 */
import { DomainMemory, domainMemory, lockOf } from "./domain_memory";
import { ERESTART } from "../../abi/errno";
import { PGT_kept, exchangeTypeWord, pageOwner, pageStamp, refPage, setPageStamp, typeWord } from "./frames";
import { currentVcpu } from "../domain/domain";
import { putPageAndType, putPageType } from "./page_type";
import { preemptCheck } from "../hypercall/continuation";
import { spinLock, spinUnlock } from "../sched/lock";

/** About a millisecond's worth. */
const TABLES_AT_ONCE: u32 = 128;
let left: u32 = TABLES_AT_ONCE;

/** A new budget; before anything that may validate a page table. */
export function beginTables(): void {
  left = TABLES_AT_ONCE;
}
/** Takes one table's worth of the budget; false if it is used up. */
export function takeTable(): bool {
  if (!left) return false;
  left--;
  return true;
}

function setKept(mfn: u32): bool {
  let seen = typeWord(mfn);
  while (!(seen & PGT_kept)) {
    const was = exchangeTypeWord(mfn, seen, seen | PGT_kept);
    if (was == seen) return true;
    seen = was;
  }
  return false;
}
function clearKept(mfn: u32): void {
  let seen = typeWord(mfn);
  while (true) {
    const was = exchangeTypeWord(mfn, seen, seen & ~PGT_kept);
    if (was == seen) return;
    seen = was;
  }
}

/** The caller's type reference of a valid table becomes the list's, with a general one of its own. The caller keeps its general one. */
function keep(mfn: u32, list: usize): void {
  if (!setKept(mfn)) {
    // A list has one already. If that is given up meanwhile, this one is kept in its place: the budget is used up.
    putPageType(mfn);
    return;
  }
  refPage(mfn);
  const d = ownerOf(mfn);
  spinLock(lockOf(d));
  setPageStamp(mfn, load<u32>(changetype<usize>(d) + list));
  store<u32>(changetype<usize>(d) + list, mfn);
  spinUnlock(lockOf(d));
}
/** Whoever has references of a frame keeps its owner's structure alive. */
function ownerOf(mfn: u32): DomainMemory {
  return changetype<DomainMemory>(changetype<usize>(domainMemory(pageOwner(mfn))));
}
/** A table whose last reference is dropped when the budget is used up. */
export function keepReleased(mfn: u32): void {
  keep(mfn, offsetof<DomainMemory>("releasedTables"));
}
/** A table below one whose validation stops because the budget is used up. */
export function keepReached(mfn: u32): void {
  keep(mfn, offsetof<DomainMemory>("reachedTables"));
}

/** After each try of something that may validate a table of `d`: whether the current vCPU is to come back to it. */
export function validationTried(d: DomainMemory, error: i32): void {
  const caller = changetype<usize>(currentVcpu);
  if (error == -ERESTART) d.validating = caller;
  else if (d.validating == caller) d.validating = 0;
}

/** Where the list stands from which something is to be given up now; 0 if there is none. */
function listToSettle(d: DomainMemory): usize {
  if (d.releasedTables) return offsetof<DomainMemory>("releasedTables");
  return d.reachedTables && !d.validating ? offsetof<DomainMemory>("reachedTables") : 0;
}
export function isSettled(d: DomainMemory): bool {
  return listToSettle(d) == 0;
}

/** Gives up what is kept, a budget at a time; false if something else is to be done first. True: there is a new budget. */
export function settleTables(d: DomainMemory): bool {
  while (!isSettled(d)) if (!settleOnce(d) && preemptCheck()) return false;
  beginTables();
  return true;
}

/** The same with one budget; true if it is done. */
export function settleOnce(d: DomainMemory): bool {
  beginTables();
  // One that is used elsewhere too costs nothing of the budget but the way here.
  for (let n: u32 = 0; n < TABLES_AT_ONCE && left; n++) {
    const list = listToSettle(d);
    if (!list) return true;
    const at = changetype<usize>(d) + list;
    spinLock(lockOf(d));
    const mfn = load<u32>(at);
    if (mfn) store<u32>(at, pageStamp(mfn));
    spinUnlock(lockOf(d));
    // Another vCPU was faster.
    if (!mfn) continue;
    clearKept(mfn);
    putPageAndType(mfn);
  }
  return isSettled(d);
}
