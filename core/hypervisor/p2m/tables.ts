/**
 * The tables of a domain's second stage: four levels of Xen heap frames, which count against the domain's own pool (like the pool of Xen's paging
 * assistance), so that a guest that scatters its memory uses up nothing else.
 * Whoever changes anything here holds `p2mLock`. The engine's walks take no lock: a table is filled before an entry leads to it. A table that is freed is
 * empty and stays so until it gets another use, before which all TLBs are flushed (memory/tlb.ts), and a flush waits for the walks that are under way.
 * So whoever looks here without the lock must be using guest memory (sched/pcpu.ts, guestMode).
 */
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { PTE_LARGE } from "../../machine/cpu/paging/format";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { DomainMemory, domainMemory } from "../memory/domain_memory";
import { ROOT_SECOND_STAGES, frameAddress } from "../memory/frames";
import { PTE_P, PTE_SIZE, pteMfn } from "../memory/pte";
import { tlbFlushAll } from "../memory/tlb";
import { framesOf, p2mBelow, p2mPart, p2mTableEntry } from "./entry";

/** The number of guest frames that there can be: 40 bits of address, as CPUID says. */
export const P2M_GFNS: u64 = (<u64>1) << 28;
/** Number of entries in a table. */
export const TABLE_ENTRIES: u32 = 512;

// @ts-ignore: decorator
@inline
function slot(table: u32, gfn: u64, level: u32): usize {
  return frameAddress(table) + (((<usize>(gfn >> (9 * (level - 1)))) & (TABLE_ENTRIES - 1)) << 3);
}

/** Returns the address of the entry that decides about guest frame `gfn`, whether it maps something or not; 0 if no table leads there. */
export function leafOf(d: DomainMemory, gfn: u64): usize {
  if (gfn >= P2M_GFNS || !d.p2mRoot) return 0;
  let table = d.p2mRoot;
  for (let level: u32 = 4; level > 1; level--) {
    const at = slot(table, gfn, level);
    const entry = atomic.load<u64>(at);
    if (entry & PTE_LARGE) return at;
    if (!(entry & PTE_P)) return 0;
    table = <u32>pteMfn(entry);
  }
  return slot(table, gfn, 1);
}

/** Returns what stands at guest frame `gfn`, as an entry of level 1; 0 where nothing is. */
export function entryAt(d: DomainMemory, gfn: u64): u64 {
  const at = leafOf(d, gfn);
  return at ? partOf(at, gfn) : 0;
}

/** Returns the entry of level 1 that stands for `gfn`'s part of the entry at `at`. */
export function partOf(at: usize, gfn: u64): u64 {
  const entry = atomic.load<u64>(at);
  if (!(entry & PTE_LARGE)) return entry;
  return p2mPart(entry, (<u32>gfn) & (framesOf(entry) - 1));
}

/** Takes a fresh table out of the domain's pool; 0 if that is used up, or the host is out of memory. The caller holds the lock. */
function newTable(d: DomainMemory): u32 {
  if (d.p2mTables >= d.p2mPool) return 0;
  const table = allocXenheapPages(0);
  if (table) d.p2mTables++;
  return table;
}

/** Makes the first table. Returns false where newTable() returns 0. Called before the domain runs. */
export function makeRoot(d: DomainMemory): bool {
  d.p2mRoot = newTable(d);
  d.p2mId = newId();
  return d.p2mRoot != 0;
}

/**
 * Returns an id that is not 0, that no second stage has, and that no TLB knows. It is the low half of a 64-bit count. Once all ids have been given,
 * all TLBs are flushed before one is given again.
 */
function newId(): u32 {
  while (true) {
    const count = atomic.add<u64>(ROOT_SECOND_STAGES, 1) + 1;
    const id = <u32>count;
    const isFresh = count >> 32 == 0;
    if (!id || (!isFresh && isTaken(id))) continue;
    if (!isFresh) tlbFlushAll();
    return id;
  }
}
function isTaken(id: u32): bool {
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const d = domainMemory(domid);
    if (d != null && d.p2mId == id) return true;
  }
  return false;
}

/**
 * As leafOf(), and makes the tables that lead to an entry of `level`, 1 to 3; a large entry above it becomes a table that says the same. 0 if there is no
 * room for a table. With `level` 2 or 3 the entry found may lead to a table. The caller holds the lock.
 */
export function makeLeaf(d: DomainMemory, gfn: u64, level: u32): usize {
  if (gfn >= P2M_GFNS || !d.p2mRoot) return 0;
  let table = d.p2mRoot;
  for (let above: u32 = 4; above > level; above--) {
    const at = slot(table, gfn, above);
    const entry = load<u64>(at);
    if (!(entry & PTE_P) || entry & PTE_LARGE) {
      const fresh = newTable(d);
      if (!fresh) return 0;
      if (entry) spreadInto(entry, fresh);
      atomic.store<u64>(at, p2mTableEntry(fresh));
      table = fresh;
    } else table = <u32>pteMfn(entry);
  }
  return slot(table, gfn, level);
}

/** Takes out what the entry of level 1 of guest frame `gfn` says, and frees the tables that are empty then. The caller holds the lock. */
export function clearLeaf(d: DomainMemory, gfn: u64): void {
  clearIn(d, d.p2mRoot, 4, gfn);
}

/** Takes it out below a table. Returns whether the table is empty now. */
function clearIn(d: DomainMemory, table: u32, level: u32, gfn: u64): bool {
  const at = slot(table, gfn, level);
  if (level > 1) {
    const below = <u32>pteMfn(load<u64>(at));
    if (!clearIn(d, below, level - 1, gfn)) return false;
    atomic.store<u64>(at, 0);
    freeXenheapPages(below, 0);
    d.p2mTables--;
  } else atomic.store<u64>(at, 0);
  return isEmpty(table, at);
}

/** Looks at a table's entries, first at those around `from`: memory is mostly taken out in the order of its frames, up or down. */
function isEmpty(table: u32, from: usize): bool {
  const start = frameAddress(table);
  const end = start + TABLE_ENTRIES * PTE_SIZE;
  if (from > start && load<u64>(from - PTE_SIZE)) return false;
  for (let at = from; at < end; at += PTE_SIZE) if (load<u64>(at)) return false;
  for (let at = start; at < from; at += PTE_SIZE) if (load<u64>(at)) return false;
  return true;
}

/** Writes what a large entry says into a table of the level below. What each frame holds stays the same, so nothing has to be flushed. */
export function spreadInto(large: u64, table: u32): void {
  for (let i: u32 = 0; i < TABLE_ENTRIES; i++)
    store<u64>(frameAddress(table) + <usize>i * PTE_SIZE, p2mBelow(large, i));
}
