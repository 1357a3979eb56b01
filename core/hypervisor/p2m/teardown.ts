/** The end of a second stage. The domain's vCPUs will not run any more; others may still ask for its frames, and find none. */
import { PTE_LARGE } from "../../machine/cpu/paging/format";
import { freeXenheapPages } from "../memory/allocator";
import { DomainMemory } from "../memory/domain_memory";
import { frameAddress } from "../memory/frames";
import { INVALID_M2P_ENTRY, m2pSet } from "../memory/m2p";
import { PTE_P, PTE_SIZE, pteMfn } from "../memory/pte";
import { spinLock, spinUnlock } from "../sched/lock";
import { LARGE_FRAMES, P2M_ON_DEMAND, P2M_RAM, P2M_SHARED, entryType, p2mEntry } from "./entry";
import { TABLE_ENTRIES } from "./tables";
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
      dropped += level == 1 ? 1 : LARGE_FRAMES;
      store<u64>(at, 0);
    }
    if (entryType(entry) == P2M_SHARED) dropped++;
    if (!(entry & PTE_P)) continue;
    if (level == 1) dropFrame(entry);
    else if (entry & PTE_LARGE) {
      if (!left) return false;
      left--;
      for (let j: u32 = 0; j < LARGE_FRAMES; j++) dropFrame(p2mEntry(<u32>pteMfn(entry) + j, entryType(entry)));
    } else if (!dropTable(d, <u32>pteMfn(entry), level - 1)) return false;
    store<u64>(at, 0);
  }
  d.p2mTables--;
  freeXenheapPages(table, 0);
  return true;
}

function dropFrame(entry: u64): void {
  if (entryType(entry) == P2M_RAM) m2pSet(<u32>pteMfn(entry), INVALID_M2P_ENTRY);
  dropEntry(entry);
}
