/**
 * What a domain's page tables no longer allow: a log for each domain with page tables, in which every change of an entry is recorded that takes
 * something back (a mapping, a right, an accessed or dirty bit). A guest that asks for a flush of its pCPU's TLB gets exactly that: its vCPU follows
 * the log from where it was, and everything else stays. If the log no longer reaches back so far, all is flushed.
 * The log knows places in the TLB (the number of a page modulo 4096) and not addresses, so it is enough to know of an L1 table by which L2 entries,
 * modulo 8, it is mapped. Translations of other pages and address spaces at the same place are forgotten too. An entry whose accessed bit is clear
 * has been used for no translation, and one whose dirty bit is clear for none that allows writing.
 * This is for what a guest may expect of a flush. That nobody reaches a frame that he no longer has does not depend on it (tlb.ts).
 * Order: who takes something back announces it before he changes the entry, and records it after. Who follows the log while somebody is in between
 * flushes all, and follows that part again the next time. So a flush that begins after a change can be seen has its effect.
 */
import { PLACES, tlbFlushAddressSpace, tlbFlushAll as engineFlushAll, tlbForget } from "../../machine/cpu/tlb";
import { Vcpu } from "../domain/domain";
import { allocXenheapPages, freeXenheapPages } from "./allocator";
import { DomainMemory, domainMemory } from "./domain_memory";
import {
  PGT_l2_page_table,
  PGT_place_mask,
  PGT_place_shift,
  PLACE_SEVERAL,
  exchangeTypeWord,
  frameAddress,
  pageOwner,
  typeWord,
} from "./frames";
import { PTE_A, PTE_ADDRESS, PTE_D, PTE_NX, PTE_P, PTE_RW, PTE_SIZE, PTE_US, pteMfn } from "./pte";

/** The first u64 of a log: the number of records that were ever begun; from bit 48 on, the number of those who are in between. */
const NUMBER: u64 = (1 << 48) - 1;
const ANNOUNCED: u64 = 1 << 48;
/** u32: 1 if the domain has ever had a linear page table, through which tables are mapped at addresses that the log does not know. */
const LINEAR: usize = 8;
/** The last records, u32 each: the place in bits 0 to 11, what is no longer allowed there, or one of the two others. 0 says nothing. */
const RECORDS: usize = 64;
const RECORD_COUNT: u64 = 512;
const LOST_READ: u32 = 1 << 12;
const LOST_WRITE: u32 = 1 << 13;
const LOST_EXECUTE: u32 = 1 << 14;
const LOST_EVERYTHING: u32 = 1 << 15;
/** The frame in bits 0 to 19 has become an L4 table, and has perhaps been one before. */
const NEW_ROOT: u32 = 1 << 31;

const ENTRIES: u32 = 512;
/** If a table that is taken away maps more, everything is flushed. */
const MOST_OF_A_TABLE: u32 = 128;

/** Makes the log of a new domain. Returns false if the host is out of memory. */
export function downgradesInit(d: DomainMemory): bool {
  const mfn = allocXenheapPages(0);
  if (mfn) d.downgrades = frameAddress(mfn);
  return mfn != 0;
}
export function downgradesFree(d: DomainMemory): void {
  if (d.downgrades) freeXenheapPages(<u32>(d.downgrades >> 12), 0);
  d.downgrades = 0;
}

// ---- those who change page tables --------------------------------------------------------------------------------

/** Announces that a table of domain `domid` loses something. Returns the log; 0 if it has none. */
export function announce(domid: u32): usize {
  const d = domainMemory(domid);
  const log: usize = d == null ? 0 : d.downgrades;
  if (log) atomic.add<u64>(log, ANNOUNCED);
  return log;
}
/** Ends what announce() has begun. */
export function announced(log: usize): void {
  atomic.sub<u64>(log, ANNOUNCED);
}

function record(log: usize, value: u32): void {
  const number = atomic.add<u64>(log, 1) & NUMBER;
  atomic.store<u32>(log + RECORDS + ((<usize>(number & (RECORD_COUNT - 1))) << 2), value);
}

/** Returns what `entry` in place of the L1 entry `old` takes back, LOST_*; 0 if no translation can be wrong. */
// @ts-ignore: decorator
@inline
export function lostByL1(old: u64, entry: u64): u32 {
  if ((old & (PTE_P | PTE_A)) != (PTE_P | PTE_A)) return 0;
  const writable = (old & (PTE_RW | PTE_D)) == (PTE_RW | PTE_D);
  if ((old ^ entry) & (PTE_ADDRESS | PTE_P) || old & ~entry & (PTE_US | PTE_A))
    return LOST_READ | (writable ? LOST_WRITE : 0) | (old & PTE_NX ? 0 : LOST_EXECUTE);
  let lost: u32 = 0;
  if (writable && old & ~entry & (PTE_RW | PTE_D)) lost = LOST_WRITE;
  if (entry & ~old & PTE_NX) lost |= LOST_EXECUTE;
  return lost;
}

/** Records what the change of the L1 entry at `address` has taken back. The entry has been changed. */
export function recordL1(log: usize, address: usize, lost: u32): void {
  const place = (typeWord(<u32>(address >> 12)) & PGT_place_mask) >> PGT_place_shift;
  // Nobody comes to it by any address.
  if (!place) return;
  if (place == PLACE_SEVERAL) record(log, LOST_EVERYTHING);
  else record(log, lost | (((<u32>place - 1) << 9) | (((<u32>address) & 4095) >> 3)));
}

/**
 * Returns whether `entry` in place of the entry `old` of level 2 to 4 takes something back. The accessed bit of these says nothing, because a walk
 * that goes through an entry does not insist on setting it.
 */
// @ts-ignore: decorator
@inline
export function isLostByUpper(old: u64, entry: u64): bool {
  if (!(old & PTE_P)) return false;
  return isAway(old, entry) || (old & ~entry & (PTE_US | PTE_A | PTE_RW)) != 0 || (entry & ~old & PTE_NX) != 0;
}
// @ts-ignore: decorator
@inline
function isAway(old: u64, entry: u64): bool {
  return ((old ^ entry) & (PTE_ADDRESS | PTE_P)) != 0;
}

/**
 * Records what the change of the entry of `level` 2 to 4 at `address` from `old` has taken back. The table below still is one. A table that maps
 * nothing any more takes nothing with it: each entry that it has lost was recorded. A walk that marks an entry of it only now finds that it no longer
 * comes there (machine/cpu/paging/walk.ts).
 */
export function recordUpper(log: usize, level: u32, address: usize, old: u64, entry: u64): void {
  const table = frameAddress(<u32>pteMfn(old));
  if (!isAway(old, entry)) record(log, LOST_EVERYTHING);
  else if (level == PGT_l2_page_table) recordTable(log, table, ((<u32>(address >> 3)) & 7) << 9);
  else if (!isEmpty(table)) record(log, LOST_EVERYTHING);
}

/** Records all that an L1 table maps; `first` is the place of its first entry. */
function recordTable(log: usize, table: usize, first: u32): void {
  let used: u32 = 0;
  for (let i: u32 = 0; i < ENTRIES; i++) if (lostByL1(load<u64>(table + i * PTE_SIZE), 0)) used++;
  if (used > MOST_OF_A_TABLE) {
    record(log, LOST_EVERYTHING);
    return;
  }
  for (let i: u32 = 0; used && i < ENTRIES; i++) {
    const lost = lostByL1(load<u64>(table + i * PTE_SIZE), 0);
    if (lost) record(log, lost | first | i);
  }
}

function isEmpty(table: usize): bool {
  for (let i: u32 = 0; i < ENTRIES; i++) if (load<u64>(table + i * PTE_SIZE) & PTE_P) return false;
  return true;
}

/** To be called before the entry with number `index` of an L2 table maps the L1 table `l1`. */
export function notePlace(l1: u32, index: u32): void {
  const wanted = <u64>((index & 7) + 1);
  let seen = typeWord(l1);
  while (true) {
    const place = (seen & PGT_place_mask) >> PGT_place_shift;
    if (place == wanted || place == PLACE_SEVERAL) return;
    const next = (seen & ~PGT_place_mask) | ((place ? PLACE_SEVERAL : wanted) << PGT_place_shift);
    const was = exchangeTypeWord(l1, seen, next);
    if (was == seen) return;
    seen = was;
  }
}

/** To be called before a linear page table of the domain comes into use. */
export function noteLinear(domid: u32): void {
  const d = domainMemory(domid);
  if (d != null && d.downgrades) atomic.store<u32>(d.downgrades + LINEAR, 1);
}

/** To be called before the frame, which becomes an L4 table, can be loaded; and when a slot of the hypervisor's has been taken out of it. */
export function recordRoot(l4: u32): void {
  const log = announce(pageOwner(l4));
  if (!log) return;
  record(log, NEW_ROOT | l4);
  announced(log);
}

// ---- those who flush ---------------------------------------------------------------------------------------------

/** Flushes, on this pCPU, what the running vCPU's page tables no longer allow. */
export function followDowngrades(v: Vcpu): void {
  const d = domainMemory(v.domid);
  const log: usize = d == null ? 0 : d.downgrades;
  if (!log) return engineFlushAll();
  const word = atomic.load<u64>(log);
  const end = word & NUMBER;
  const from = v.downgradesFollowed;
  const isWhole = word == end;
  if (!isWhole || end - from > RECORD_COUNT || atomic.load<u32>(log + LINEAR) || !follow(log, from, end))
    engineFlushAll();
  if (isWhole) v.downgradesFollowed = end;
}

/** Forgets what the records say. Returns false if that is everything, or if they have been overwritten meanwhile. */
function follow(log: usize, from: u64, end: u64): bool {
  for (let number = from; number < end; number++) {
    const value = atomic.load<u32>(log + RECORDS + ((<usize>(number & (RECORD_COUNT - 1))) << 2));
    if (value & NEW_ROOT) tlbFlushAddressSpace(<u64>frameAddress(value & ~NEW_ROOT));
    else if (value & LOST_EVERYTHING) return false;
    else
      tlbForget(value & (PLACES - 1), (value & LOST_READ) != 0, (value & LOST_WRITE) != 0, (value & LOST_EXECUTE) != 0);
  }
  return (atomic.load<u64>(log) & NUMBER) - from <= RECORD_COUNT;
}

/** The vCPU comes to a pCPU whose TLB has nothing of its domain's that is older than this moment: all has just been flushed. */
export function beginFollowing(v: Vcpu): void {
  const d = domainMemory(v.domid);
  if (d == null || !d.downgrades) return;
  const word = atomic.load<u64>(d.downgrades);
  const end = word & NUMBER;
  // If somebody is in between, the next flush is one of everything.
  v.downgradesFollowed = word == end ? end : end - RECORD_COUNT - 1;
}
