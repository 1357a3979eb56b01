/**
 * A tree of page tables can be as large as a guest's memory, so it is never validated or let go of all at once. There is a budget of tables. When it
 * is used up, validation stops with -ERESTART, and letting go stops where it is. The tables that were reached so far then have no parent; they are
 * kept: the owner's list holds the references that a parent would hold. A validation that is tried again finds them valid. When it is done, and after
 * letting go, `settleTables` (settle_tables.ts) gives up what is kept, one budget at a time.
 * There are two lists. What was let go of is given up further at every call that changes page tables, whoever makes it. What a validation has reached
 * stays as long as its vCPU is to come back to it; otherwise one vCPU with many small calls could for ever undo what another validates.
 * Every kept table is valid and has the references of all its entries: it is not half done, it only has no parent. The lists are linked through the
 * frames' stamps, which mean nothing while a frame has type references. The domain's page list lock guards them.
 */
import { DomainMemory, domainMemory, lockOf } from "./domain_memory";
import { ERESTART } from "../../abi/errno";
import { PGT_kept, exchangeTypeWord, pageOwner, setPageStamp, typeWord } from "./frames";
import { refPage } from "./references";
import { currentVcpu } from "../domain/domain";
import { spinLock, spinUnlock } from "../sched/lock";

/** About as many as take a millisecond. */
export const TABLES_AT_ONCE: u32 = 128;
let left: u32 = TABLES_AT_ONCE;

/** Starts a new budget. Called before anything that may validate a page table. */
export function beginTables(): void {
  left = TABLES_AT_ONCE;
}
/** Returns whether something of the budget is left. */
export function tablesLeft(): bool {
  return left != 0;
}
/** Takes one table's worth of the budget. Returns false if it is used up. */
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
 * Passes the caller's type reference of a valid table to the list, which takes a general reference of its own; the caller keeps its general one.
 * Returns false if a list has the table already; then the caller keeps its type reference too, and has to drop it.
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
/** A reference of a frame keeps the owner's structure alive. */
function ownerOf(mfn: u32): DomainMemory {
  return changetype<DomainMemory>(changetype<usize>(domainMemory(pageOwner(mfn))));
}
/** Keeps a table whose last reference is dropped when the budget is used up. Returns false if it is kept already. */
export function keepReleased(mfn: u32): bool {
  return keep(mfn, offsetof<DomainMemory>("releasedTables"));
}
/** Keeps a table below one whose validation stops because the budget is used up. Returns false if it is kept already. */
export function keepReached(mfn: u32): bool {
  return keep(mfn, offsetof<DomainMemory>("reachedTables"));
}

/** Called after each attempt at something that may validate a table of `d`: records whether the current vCPU is to come back to it. */
export function validationTried(d: DomainMemory, error: i32): void {
  const caller = changetype<usize>(currentVcpu);
  if (error == -ERESTART) d.validating = caller;
  else if (d.validating == caller) d.validating = 0;
}
