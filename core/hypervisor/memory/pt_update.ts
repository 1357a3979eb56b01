/** Checked changes of single page-table entries, to which mmu_update, update_va_mapping and emulated writes all lead. */
import { EAGAIN, EBUSY, EINVAL } from "../../abi/errno";
import { announce, announced, isLostByUpper, lostByL1, recordL1, recordUpper } from "./downgrades";
import {
  PAGE_SHIFT,
  PGT_l1_page_table,
  PGT_l2_page_table,
  PGT_l4_page_table,
  PGT_writable_page,
  frameAddress,
  pageOwner,
  pageTypeOf,
} from "./frames";
import { getPageFromL1e, getPageFromUpper, putPageFromL1e, putPageFromUpper } from "./page_table";
import { getPageType, pageLock, pageUnlock, putPageType } from "./page_type";
import {
  DISALLOW_MASK,
  FASTPATH_FLAGS,
  L1_DISALLOW_MASK,
  PTE_A,
  PTE_D,
  PTE_P,
  adjustL1,
  adjustL4,
  adjustUpper,
  isGuestL4Slot,
} from "./pte";
import { frameWritten } from "../../machine/cpu/frames/written";

/**
 * Stores an entry of the locked table of `level` and returns the old one. With `preserveAd`, accessed and dirty bits that are set meanwhile are kept.
 */
function updateEntry(level: u32, address: usize, old: u64, entry: u64, preserveAd: bool): u64 {
  let seen = old;
  while (true) {
    const was = exchangeEntry(level, address, seen, preserveAd ? entry | (seen & (PTE_A | PTE_D)) : entry);
    if (was == seen) return seen;
    seen = was;
  }
}

/** Compare-exchanges an entry of a locked table of `level`, and returns what was there. What the table loses by it is recorded (downgrades.ts). */
function exchangeEntry(level: u32, address: usize, expected: u64, entry: u64): u64 {
  const lost = level == PGT_l1_page_table ? lostByL1(expected, entry) : <u32>isLostByUpper(expected, entry);
  if (!lost) return atomic.cmpxchg<u64>(address, expected, entry);
  const log = announce(pageOwner(<u32>(address >> PAGE_SHIFT)));
  const was = atomic.cmpxchg<u64>(address, expected, entry);
  if (!log) return was;
  if (was == expected) {
    if (level == PGT_l1_page_table) recordL1(log, address, lost);
    else recordUpper(log, level, address, expected, entry);
  }
  announced(log);
  return was;
}

/** Returns whether the entries differ in nothing that references depend on. */
// @ts-ignore: decorator
@inline
function similar(old: u64, entry: u64): bool {
  return ((old ^ entry) & ~FASTPATH_FLAGS) == 0;
}

/** Sets the L1 entry at `address` of a table of `tableOwner`, which the caller has locked. 0 or -errno. */
function modL1Entry(address: usize, entry: u64, preserveAd: bool, tableOwner: u32, pageOwnerId: u32): i32 {
  const old = atomic.load<u64>(address);
  if (!(entry & PTE_P)) {
    putPageFromL1e(updateEntry(PGT_l1_page_table, address, old, entry, preserveAd));
    return 0;
  }
  if (entry & L1_DISALLOW_MASK) return -EINVAL;
  if (similar(old, entry)) {
    updateEntry(PGT_l1_page_table, address, old, adjustL1(entry), preserveAd);
    return 0;
  }
  const error = getPageFromL1e(entry, tableOwner, pageOwnerId);
  if (error) return error;
  putPageFromL1e(updateEntry(PGT_l1_page_table, address, old, adjustL1(entry), preserveAd));
  return 0;
}

/** Sets the entry of level 2..4 at `address` in table `table`, which the caller has locked. 0 or -errno. */
function modUpperEntry(level: u32, address: usize, entry: u64, table: u32, preserveAd: bool): i32 {
  if (level == PGT_l4_page_table && !isGuestL4Slot(((<u32>address) & 4095) >> 3)) return -EINVAL;
  const old = atomic.load<u64>(address);
  const stored = level == PGT_l4_page_table ? adjustL4(entry) : adjustUpper(entry);
  if (entry & PTE_P) {
    if (entry & DISALLOW_MASK) return -EINVAL;
    if (similar(old, entry)) {
      updateEntry(level, address, old, stored, preserveAd);
      return 0;
    }
    const error = getPageFromUpper(level, entry, table, pageOwner(table), ((<u32>address) & 4095) >> 3);
    if (error) return error;
  }
  putPageFromUpper(level, updateEntry(level, address, old, stored, preserveAd), table);
  return 0;
}

/**
 * Makes one checked write of a u64 at byte `offset` (a multiple of 8) of frame `table`, of which the caller holds a reference. The write is of a
 * page-table entry if the frame is a page table in use, and of plain data if the frame may be written. 0 or -errno.
 */
export function updateFrameEntry(table: u32, offset: u32, entry: u64, preserveAd: bool, pageOwnerId: u32): i32 {
  const address = frameAddress(table) + offset;
  if (pageLock(table)) {
    const type = pageTypeOf(table);
    let error: i32 = -EINVAL;
    if (type == PGT_l1_page_table) error = modL1Entry(address, entry, preserveAd, pageOwner(table), pageOwnerId);
    else if (type >= PGT_l2_page_table && type <= PGT_l4_page_table)
      error = modUpperEntry(type, address, entry, table, preserveAd);
    else if (type == PGT_writable_page) {
      atomic.store<u64>(address, entry);
      frameWritten(table);
      error = 0;
    }
    pageUnlock(table);
    return error;
  }
  if (getPageType(table, PGT_writable_page)) return -EINVAL;
  atomic.store<u64>(address, entry);
  frameWritten(table);
  putPageType(table);
  return 0;
}

/**
 * Sets an L1 entry of domain `domid`'s table `l1` only if that is a validated L1 table; -EINVAL otherwise. For linear addresses, whose table the
 * caller has found by walking.
 */
export function updateL1Locked(l1: u32, offset: u32, entry: u64, domid: u32, pageOwnerId: u32): i32 {
  if (!pageLock(l1)) return -EINVAL;
  let error: i32 = -EINVAL;
  if (pageTypeOf(l1) == PGT_l1_page_table)
    error = modL1Entry(frameAddress(l1) + offset, entry, false, domid, pageOwnerId);
  pageUnlock(l1);
  return error;
}

/**
 * Replaces an L1 entry without taking or dropping references, for grant mappings, whose references the grant code holds. 0; -EINVAL if `l1` is no L1
 * table; -EBUSY if the entry is not `expected` (mfn and RW are compared).
 */
export function replaceGrantEntry(l1: u32, offset: u32, expected: u64, mask: u64, entry: u64): i32 {
  if (!pageLock(l1)) return -EINVAL;
  let error: i32 = -EINVAL;
  if (pageTypeOf(l1) == PGT_l1_page_table) {
    const address = frameAddress(l1) + offset;
    let seen = atomic.load<u64>(address);
    while (true) {
      if (((seen ^ expected) & mask) != 0) {
        error = -EBUSY;
        break;
      }
      const was = exchangeEntry(PGT_l1_page_table, address, seen, entry);
      if (was == seen) {
        error = 0;
        break;
      }
      seen = was;
    }
  }
  pageUnlock(l1);
  return error;
}

/** Puts a grant mapping into an L1 table, and drops what the entry held before. 0 or -EINVAL. */
export function installGrantEntry(l1: u32, offset: u32, entry: u64): i32 {
  if (!pageLock(l1)) return -EINVAL;
  let error: i32 = -EINVAL;
  if (pageTypeOf(l1) == PGT_l1_page_table) {
    const address = frameAddress(l1) + offset;
    putPageFromL1e(updateEntry(PGT_l1_page_table, address, load<u64>(address), adjustL1(entry), false));
    error = 0;
  }
  pageUnlock(l1);
  return error;
}

/** Takes an entry, with its references, out of an L1 table. Returns 0 if `l1` is no L1 table or has nothing there. */
export function takeEntry(l1: u32, offset: u32): u64 {
  if (!pageLock(l1)) return 0;
  let entry: u64 = 0;
  if (pageTypeOf(l1) == PGT_l1_page_table) {
    const address = frameAddress(l1) + offset;
    entry = updateEntry(PGT_l1_page_table, address, load<u64>(address), 0, false);
  }
  pageUnlock(l1);
  return entry;
}

/** Puts back what takeEntry has taken, or drops its references if the place no longer exists or is no longer free. */
export function restoreEntry(l1: u32, offset: u32, entry: u64): void {
  let placed = false;
  if (pageLock(l1)) {
    if (pageTypeOf(l1) == PGT_l1_page_table) placed = atomic.cmpxchg<u64>(frameAddress(l1) + offset, 0, entry) == 0;
    pageUnlock(l1);
  }
  if (!placed) putPageFromL1e(entry);
}

/**
 * Sets the L1 entry at `address` of `domid`'s table, which the caller has locked, if it still is `expected`: 0, -EAGAIN if it has changed meanwhile,
 * another -errno if the entry is not allowed.
 */
export function compareExchangeL1Entry(address: usize, expected: u64, entry: u64, domid: u32): i32 {
  if (entry & PTE_P && entry & L1_DISALLOW_MASK) return -EINVAL;
  const fast = (entry & PTE_P) != 0 && similar(expected, entry);
  if (!fast) {
    const error = getPageFromL1e(entry, domid, domid);
    if (error) return error;
  }
  if (exchangeEntry(PGT_l1_page_table, address, expected, adjustL1(entry)) != expected) {
    if (!fast) putPageFromL1e(entry);
    return -EAGAIN;
  }
  if (!fast) putPageFromL1e(expected);
  return 0;
}
