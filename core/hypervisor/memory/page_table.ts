/**
 * Validation of PV page tables: what each entry may be, and which references it holds. An L1 entry holds a reference of the frame it maps, and a
 * writable type reference if it maps it writable. An L2..L4 entry holds a reference and a type reference of the table below it or, in a linear page
 * table, of a table of its own level.
 */
import { domainMemory } from "./domain_memory";
import { noteLinear, notePlace, recordRoot } from "./downgrades";
import { EBUSY, EINVAL, ENOMEM, EPERM, ERESTART } from "../../abi/errno";
import {
  PGT_l1_page_table,
  PGT_l2_page_table,
  PGT_l4_page_table,
  PGT_writable_page,
  frameAddress,
  mfnValid,
  pageOwner,
  pageTypeOf,
} from "./frames";
import { getPageOwner, putPage } from "./references";
import { keepReached, takeTable } from "./kept_tables";
import { getLinear, getPageAndType, getPageType, putLinear, putPageAndType, putPageType } from "./page_type";
import { installXenSlots } from "./perdomain";
import { DISALLOW_MASK, L1_DISALLOW_MASK, PTE_P, PTE_RW, adjustL1, adjustUpper, isGuestL4Slot, pteMfn } from "./pte";

const ENTRIES: u32 = 512;

/**
 * Takes the references for an L1 entry in a table of `tableOwner` that may map frames of `pageOwnerId` (the same domain, or another one over which
 * the caller has rights). 0; -EINVAL for bad flags; -EPERM for what is not RAM; -EBUSY if it is not that domain's frame, or is to be writable
 * although it is a page table or descriptor page.
 */
export function getPageFromL1e(entry: u64, tableOwner: u32, pageOwnerId: u32): i32 {
  if (!(entry & PTE_P)) return 0;
  if (entry & L1_DISALLOW_MASK) return -EINVAL;
  const mfn = pteMfn(entry);
  if (!mfnValid(mfn)) return -EPERM;
  const owner = getPageOwner(mfn);
  if (owner < 0) return -EBUSY;
  if (<u32>owner != pageOwnerId) {
    putPage(<u32>mfn);
    return -EBUSY;
  }
  if (entry & PTE_RW && getPageType(<u32>mfn, PGT_writable_page)) {
    putPage(<u32>mfn);
    return -EBUSY;
  }
  return 0;
}

/** Drops what an L1 entry held. */
export function putPageFromL1e(entry: u64): void {
  if (!(entry & PTE_P)) return;
  const mfn = <u32>pteMfn(entry);
  if (entry & PTE_RW) putPageAndType(mfn);
  else putPage(mfn);
}

/** Takes the references for the entry with number `index` of a table of `level` 2..4 in frame `table` of domain `domid`. 0 or -errno. */
export function getPageFromUpper(level: u32, entry: u64, table: u32, domid: u32, index: u32): i32 {
  if (!(entry & PTE_P)) return 0;
  if (entry & DISALLOW_MASK) return -EINVAL;
  const mfn = pteMfn(entry);
  const error = getPageAndType(mfn, domid, level - 1);
  if (error != -EINVAL) {
    if (!error && level == PGT_l2_page_table) notePlace(<u32>mfn, index);
    return error;
  }
  // It is no table of the level below. It may be a linear page table, but that may not be writable.
  if (entry & PTE_RW) return error;
  noteLinear(domid);
  if (mfn == <u64>table) return 0;
  return getLinear(table, mfn, domid, level) ? 0 : error;
}

/** Drops what an L2..L4 entry held. */
export function putPageFromUpper(level: u32, entry: u64, table: u32): void {
  if (!(entry & PTE_P)) return;
  const mfn = <u32>pteMfn(entry);
  if (mfn == table) return;
  if (pageTypeOf(mfn) == level) putLinear(table, mfn);
  else putPageAndType(mfn);
}

/**
 * Checks a frame that becomes a page table, and takes the references of all its entries; entries are rewritten as Xen stores them. 0 or -errno, with
 * no references left behind.
 */
export function validatePageTable(mfn: u32, type: u32): i32 {
  const domid = pageOwner(mfn);
  const page = frameAddress(mfn);
  if (!takeTable()) return -ERESTART;
  if (type == PGT_l1_page_table) {
    for (let i: u32 = 0; i < ENTRIES; i++) {
      const entry = load<u64>(page + i * 8);
      if (!(entry & PTE_P)) continue;
      const error = getPageFromL1e(entry, domid, domid);
      if (error) {
        while (i-- > 0) putPageFromL1e(load<u64>(page + i * 8));
        return error;
      }
      store<u64>(page + i * 8, adjustL1(entry));
    }
    return 0;
  }
  if (type > PGT_l4_page_table) return -EINVAL;
  const isL4 = type == PGT_l4_page_table;
  for (let i: u32 = 0; i < ENTRIES; i++) {
    if (isL4 && !isGuestL4Slot(i)) continue;
    const entry = load<u64>(page + i * 8);
    if (!(entry & PTE_P)) continue;
    const error = getPageFromUpper(type, entry, mfn, domid, i);
    if (error) {
      if (error == -ERESTART) keepUpper(page, i, type, mfn);
      else undoUpper(page, i, type, mfn);
      return error;
    }
    store<u64>(page + i * 8, adjustUpper(entry));
  }
  if (isL4) {
    const d = domainMemory(domid);
    if (d == null || !installXenSlots(mfn, d)) {
      undoUpper(page, ENTRIES, type, mfn);
      return -ENOMEM;
    }
    // Translations from an earlier life of it as one are those of its present content no longer.
    recordRoot(mfn);
  }
  return 0;
}

function undoUpper(page: usize, before: u32, type: u32, mfn: u32): void {
  for (let i: u32 = 0; i < before; i++) {
    if (type == PGT_l4_page_table && !isGuestL4Slot(i)) continue;
    putPageFromUpper(type, load<u64>(page + i * 8), mfn);
  }
}

/** As undoUpper, but the tables below stay valid for the next attempt. */
function keepUpper(page: usize, before: u32, type: u32, mfn: u32): void {
  for (let i: u32 = 0; i < before; i++) {
    if (type == PGT_l4_page_table && !isGuestL4Slot(i)) continue;
    const entry = load<u64>(page + i * 8);
    if (!(entry & PTE_P)) continue;
    const below = <u32>pteMfn(entry);
    if (below != mfn && pageTypeOf(below) == type - 1) {
      if (!keepReached(below)) putPageType(below);
      putPage(below);
    } else putPageFromUpper(type, entry, mfn);
  }
}

/** Drops the references of all entries of a table that stops being one. The entries stay in it as plain data. */
export function freePageTable(mfn: u32, type: u32): void {
  const page = frameAddress(mfn);
  if (type == PGT_l1_page_table) {
    for (let i: u32 = 0; i < ENTRIES; i++) putPageFromL1e(load<u64>(page + i * 8));
    return;
  }
  undoUpper(page, ENTRIES, type, mfn);
  if (type == PGT_l4_page_table)
    // The guest may not see the hypervisor's entries.
    for (let i: u32 = 256; i <= 271; i++) store<u64>(page + i * 8, 0);
}
