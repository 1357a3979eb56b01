/** The end of a second stage. The domain's vCPUs will not run any more; others may still ask for its frames, and find none. */
import { PTE_LARGE } from "../../machine/cpu/paging/format";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { DomainMemory } from "../memory/domain_memory";
import { frameAddress } from "../memory/frames";
import { INVALID_M2P_ENTRY, m2pSet } from "../memory/m2p";
import { PTE_P, PTE_SIZE, pteMfn } from "../memory/pte";
import { spinLock, spinUnlock } from "../sched/lock";
import { P2M_ON_DEMAND, P2M_RAM, P2M_SHARED, entryType, framesOf, p2mPart, p2mTableEntry } from "./entry";
import { TABLE_ENTRIES, spreadInto } from "./tables";
import { countOnDemand, dropEntry, p2mLock } from "./p2m";

/** The number of level 1 tables, or large entries, that one call frees. */
const BUDGET: u32 = 8;
let left: u32 = 0;
/** The number of guest frames on demand that the call has dropped. */
let dropped: i32 = 0;

/** Frees frames and tables in bounded pieces. Returns true when all are gone, and for a domain that has none. */
export function relinquishP2m(d: DomainMemory): bool {
  if (!d.p2mRoot) return true;
  left = BUDGET;
  dropped = 0;
  spinLock(p2mLock(d));
  const done = dropTable(d, d.p2mRoot, 4);
  if (done) d.p2mRoot = 0;
  if (dropped) countOnDemand(d, -dropped);
  spinUnlock(p2mLock(d));
  return done;
}

/** Frees what is below a table, and the table, going down four levels. Returns false if the budget ended first. */
function dropTable(d: DomainMemory, table: u32, level: u32): bool {
  if (level == 1) {
    if (!left) return false;
    left--;
  }
  for (let i: u32 = 0; i < TABLE_ENTRIES; i++) {
    const at = frameAddress(table) + <usize>i * PTE_SIZE;
    const entry = load<u64>(at);
    if (entryType(entry) == P2M_ON_DEMAND) {
      dropped += framesOf(entry);
      store<u64>(at, 0);
    }
    if (entryType(entry) == P2M_SHARED) dropped++;
    if (!(entry & PTE_P)) continue;
    if (level == 1) dropFrame(entry);
    else if (entry & PTE_LARGE && !(level == 3 && split(d, at))) {
      if (!left) return false;
      left--;
      for (let j: u32 = 0; j < framesOf(entry); j++) dropFrame(p2mPart(entry, j));
    } else if (!dropTable(d, <u32>pteMfn(load<u64>(at)), level - 1)) return false;
    store<u64>(at, 0);
  }
  d.p2mTables--;
  freeXenheapPages(table, 0);
  return true;
}

/**
 * Makes a table of an entry of 1 GiB, so that it can be dropped in pieces. The table is not taken from the domain's pool, which may be used up. Returns
 * false if the host has no frame for it; the entry is then dropped as a whole, which takes a hundredth of a second.
 */
function split(d: DomainMemory, at: usize): bool {
  const table = allocXenheapPages(0);
  if (!table) return false;
  d.p2mTables++;
  spreadInto(load<u64>(at), table);
  atomic.store<u64>(at, p2mTableEntry(table));
  return true;
}

function dropFrame(entry: u64): void {
  if (entryType(entry) == P2M_RAM) m2pSet(<u32>pteMfn(entry), INVALID_M2P_ENTRY);
  dropEntry(entry);
}
