/** What the memory side keeps for a domain: a page of the Xen heap, found by domid in a table. domain_books.ts makes and frees it. */
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { ROOT_DOMAIN_TABLE } from "./frames";
import { spinLock, spinUnlock } from "../sched/lock";

/** `flags`: kinds and rights of a domain. */
export const MEM_PRIVILEGED: u32 = 1;
/** Its address spaces are page tables of machine frames. */
export const MEM_PAGE_TABLES: u32 = 2;
export const MEM_DYING: u32 = 4;
/** VMASST_TYPE_m2p_strict: the M2P is not visible through user page tables. Set by vm_assist. */
export const MEM_M2P_STRICT: u32 = 8;
/** It has a second stage (p2m/): its frame numbers are guest frame numbers. */
export const MEM_TRANSLATED: u32 = 16;


@unmanaged
export class DomainMemory {
  domid: u32;
  flags: u32;
  /** Guards the page lists, totals and limits, and the memory map. */
  lock: u32;
  /** mfn at the head of the list of the domain's frames. */
  pageList: u32;
  totPages: u32;
  maxPages: u32;
  /** Number of Xen heap frames that are shared with the domain. */
  xenheapPages: u32;
  /** Number of pages that are promised by XENMEM_claim_pages and not yet allocated. */
  claim: u32;
  /** How far the teardown has come. */
  teardownState: u32;
  /** mfn of the page table of the per-domain area (L4 slot 260); 0 until first used. */
  perdomainL3: u32;
  perdomainL2: u32;
  /** Held while the per-domain tables are made. */
  perdomainLock: u32;
  /** Number of entries at E820_OFFSET; 0 = none set. */
  e820Entries: u32;
  /** Address of the domain's grant table (grant/table.ts), 0 if it has none. */
  grants: usize;
  /** Heads of the two lists of kept tables (kept_tables.ts): those that were let go of, and those that a validation has reached. */
  releasedTables: u32;
  reachedTables: u32;
  /** Address of the vCPU that is to come back to its validation, 0 if there is none. If there are several, the last one. */
  validating: usize;
  /** mfns of the per-domain L1 tables, 16 vCPUs each. */
  perdomainL1_0: u32;
  perdomainL1_1: u32;
  perdomainL1_2: u32;
  perdomainL1_3: u32;
  perdomainL1_4: u32;
  perdomainL1_5: u32;
  perdomainL1_6: u32;
  perdomainL1_7: u32;
  /**
   * Second stage (p2m/): mfn of its root, 0 while there is none; its lock; the number of its tables, and the most it may have; the highest guest
   * frame ever mapped.
   */
  p2mRoot: u32;
  p2mLock: u32;
  p2mTables: u32;
  p2mPool: u32;
  p2mMaxGfn: u32;
  /**
   * The id by which the engine's caches know this second stage. No other second stage has it, and no cache has an entry from an earlier one that had
   * it (p2m/tables.ts).
   */
  p2mId: u32;
  /** Number of guest frames that get memory when they are first touched (p2m/on_demand.ts). Changed with the heap lock held. */
  onDemand: u32;
  /** Held while a frame gets its memory on demand. */
  onDemandLock: u32;
  /** Address of the log of what its page tables have taken back (downgrades.ts); 0 if it has no page tables. */
  downgrades: usize;
  /** A bit for each pCPU that is to flush what it has of the second stage before it uses it again (sched/ipi.ts). */
  p2mStale: u32;
  /**
   * The guest frame after the last ones that were taken out of what the domain shares, and how many these were at most (p2m/sharing.ts). Changed with
   * onDemandLock held.
   */
  apartNext: u32;
  apartMost: u32;
  /**
   * Where the search for frames that are all zero goes on, and how many guest frames it has gone past since it last found one (p2m/zeros.ts). Changed
   * with onDemandLock held.
   */
  zeroNext: u32;
  zeroLooked: u32;
}

/** The entries of XENMEM_set_memory_map lie in the same page, and after them those of p2m/sharing.ts and p2m/zeros.ts. */
export const E820_OFFSET: usize = 1024;
export const APART_OFFSET: usize = 3584;

/** Returns the memory state of a domain, or null if there is no such domain. */
export function domainMemory(domid: u32): DomainMemory | null {
  if (domid >= <u32>DOMID_FIRST_RESERVED) return null;
  return changetype<DomainMemory>(<usize>atomic.load<u32>(load<u32>(ROOT_DOMAIN_TABLE) + domid * 4));
}

/** Sets the most frames that a domain may own (domctl max_mem). */
export function setMaxPages(domid: u32, maxPages: u32): bool {
  const d = domainMemory(domid);
  if (d == null) return false;
  spinLock(offsetof<DomainMemory>("lock") + changetype<usize>(d));
  d.maxPages = maxPages;
  spinUnlock(offsetof<DomainMemory>("lock") + changetype<usize>(d));
  return true;
}

// @ts-ignore: decorator
@inline
export function lockOf(d: DomainMemory): usize {
  return changetype<usize>(d) + offsetof<DomainMemory>("lock");
}
// @ts-ignore: decorator
@inline
export function pageListOf(d: DomainMemory): usize {
  return changetype<usize>(d) + offsetof<DomainMemory>("pageList");
}

export function m2pStrict(domid: u32): bool {
  const d = domainMemory(domid);
  return d != null && (d.flags & MEM_M2P_STRICT) != 0;
}
