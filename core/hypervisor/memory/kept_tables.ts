/**
 * A tree of page tables is as large as a guest's memory, so it is never validated or let go of in one go. There is a budget of tables;
 * when it is used up, validation stops with -ERESTART and letting go stops where it is. The tables that were reached and now hang in the
 * air are kept: the owner's list has the reference of each that its parent would have. A validation that is tried again finds them valid;
 * when it is done, or after letting go, `settleTables` (settle_tables.ts) gives up what is kept, a budget at a time.
 *
 * There are two lists: what was let go of goes on at every call that changes page tables, whoever makes it; what a validation reached stays
 * while its vCPU is to come back to it, or one vCPU with many small calls would undo for ever what another validates.
 *
 * Every kept table is valid, with the references of all its entries: it is nothing half done, only a table without a parent.
 * The lists go through the frames' stamps, which mean nothing while a frame has type references. Their lock is the domain's page list lock.
 */
import { DomainMemory, domainMemory, lockOf } from "./domain_memory";
import { ERESTART } from "../abi/errno";
import { PGT_kept, exchangeTypeWord, pageOwner, setPageStamp, typeWord } from "./frames";
import { refPage } from "./references";
import { currentVcpu } from "../domain/domain";
import { spinLock, spinUnlock } from "../sched/lock";

/** About a millisecond's worth. */
export const TABLES_AT_ONCE: u32 = 128;
let left: u32 = TABLES_AT_ONCE;

/** A new budget; before anything that may validate a page table. */
export function beginTables(): void {
  left = TABLES_AT_ONCE;
}
/** Whether something of the budget is left. */
export function tablesLeft(): bool {
  return left != 0;
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
/**
 * The caller's type reference of a valid table becomes the list's, with a general one of its own. The caller keeps its general one. False if
 * a list has one already: then the caller keeps its type reference too, and drops it.
 */
function keep(mfn: u32, list: usize): bool {
  if (!setKept(mfn)) return false;
  refPage(mfn);
  const d = ownerOf(mfn);
  spinLock(lockOf(d));
  setPageStamp(mfn, load<u32>(changetype<usize>(d) + list));
  store<u32>(changetype<usize>(d) + list, mfn);
  spinUnlock(lockOf(d));
  return true;
}
/** Whoever has references of a frame keeps its owner's structure alive. */
function ownerOf(mfn: u32): DomainMemory {
  return changetype<DomainMemory>(changetype<usize>(domainMemory(pageOwner(mfn))));
}
/** Keeps a table whose last reference is dropped when the budget is used up. False if it is kept already. */
export function keepReleased(mfn: u32): bool {
  return keep(mfn, offsetof<DomainMemory>("releasedTables"));
}
/** Keeps a table below one whose validation stops because the budget is used up. False if it is kept already. */
export function keepReached(mfn: u32): bool {
  return keep(mfn, offsetof<DomainMemory>("reachedTables"));
}

/** After each try of something that may validate a table of `d`: whether the current vCPU is to come back to it. */
export function validationTried(d: DomainMemory, error: i32): void {
  const caller = changetype<usize>(currentVcpu);
  if (error == -ERESTART) d.validating = caller;
  else if (d.validating == caller) d.validating = 0;
}
