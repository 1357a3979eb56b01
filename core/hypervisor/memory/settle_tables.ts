/** Gives up the page tables that kept_tables.ts has listed, one budget at a time. */
import { preemptCheck } from "../hypercall/continuation";
import { spinLock, spinUnlock } from "../sched/lock";
import { DomainMemory, lockOf } from "./domain_memory";
import { PGT_kept, exchangeTypeWord, pageStamp, typeWord } from "./frames";
import { TABLES_AT_ONCE, beginTables, tablesLeft } from "./kept_tables";
import { putPageAndType } from "./page_type";

function clearKept(mfn: u32): void {
  let seen = typeWord(mfn);
  while (true) {
    const was = exchangeTypeWord(mfn, seen, seen & ~PGT_kept);
    if (was == seen) return;
    seen = was;
  }
}

/** Returns the address of the head of the list from which something is to be given up now; 0 if there is none. */
function listToSettle(d: DomainMemory): usize {
  if (d.releasedTables) return offsetof<DomainMemory>("releasedTables");
  return d.reachedTables && !d.validating ? offsetof<DomainMemory>("reachedTables") : 0;
}
export function isSettled(d: DomainMemory): bool {
  return listToSettle(d) == 0;
}

/** Gives up what is kept, one budget at a time. Returns false if something else is to be done first. If it returns true, there is a new budget. */
export function settleTables(d: DomainMemory): bool {
  while (!isSettled(d)) if (!settleOnce(d) && preemptCheck()) return false;
  beginTables();
  return true;
}

/** The same with one budget. Returns true if it is done. */
export function settleOnce(d: DomainMemory): bool {
  beginTables();
  // A table that is used elsewhere too costs nothing of the budget, so the steps are counted as well.
  for (let n: u32 = 0; n < TABLES_AT_ONCE && tablesLeft(); n++) {
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
