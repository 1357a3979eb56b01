/**
 * A tree of page tables is as large as a guest's memory, so it is never validated or let go of in one go. There is a budget of tables;
 * when it is used up, validation stops with -ERESTART and letting go stops where it is. The tables that were reached and now hang in the
 * air are kept: the owner's list has the reference of each that its parent would have. A validation that is tried again finds them valid;
 * when it is done, or after letting go, `settleTables` gives up what is kept, a budget at a time.
 *
 * The list goes through the frames' stamps, which mean nothing while a frame has type references. Its lock is the domain's page list lock.
 */
import { DomainMemory, domainMemory, lockOf } from "./domain_memory";
import { PGT_kept, exchangeTypeWord, pageOwner, pageStamp, refPage, setPageStamp, typeWord } from "./frames";
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
export function keepTable(mfn: u32): void {
  if (!setKept(mfn)) {
    // The list has one already, so this is not the last.
    putPageType(mfn);
    return;
  }
  refPage(mfn);
  const d = changetype<DomainMemory>(changetype<usize>(domainMemory(pageOwner(mfn))));
  spinLock(lockOf(d));
  setPageStamp(mfn, d.keptTables);
  d.keptTables = mfn;
  spinUnlock(lockOf(d));
}

/** Lets go of what is kept, a budget at a time; false if something else is to be done first. True: nothing is kept. */
export function settleTables(d: DomainMemory): bool {
  while (d.keptTables) {
    beginTables();
    if (!settleSome(d) && preemptCheck()) return false;
  }
  beginTables();
  return true;
}

/** The same with what is left of one budget; true if nothing is kept. */
export function settleSome(d: DomainMemory): bool {
  while (d.keptTables && left) {
    spinLock(lockOf(d));
    const mfn = d.keptTables;
    if (mfn) d.keptTables = pageStamp(mfn);
    spinUnlock(lockOf(d));
    if (!mfn) break;
    // One that is used elsewhere too costs nothing but the way here.
    left--;
    clearKept(mfn);
    putPageAndType(mfn);
  }
  return !d.keptTables;
}
