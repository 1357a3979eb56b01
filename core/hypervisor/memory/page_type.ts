/**
 * Type references: what a frame may be used for while somebody uses it that way (writable, page table of a level, descriptor page). A frame has one
 * type at a time, which changes only while there are no type references. Whoever takes the first reference of a page table or descriptor page
 * validates it; others wait for that.
 */
import {
  PGT_count_limit,
  PGT_count_mask,
  PGT_l1_page_table,
  PGT_l4_page_table,
  PGT_locked,
  PGT_pinned,
  PGT_place_mask,
  PGT_seg_desc_page,
  PGT_type_mask,
  PGT_type_shift,
  PGT_validated,
  PGT_writable_page,
  exchangeTypeWord,
  linearCountAddress,
  setPageStamp,
  typeWord,
} from "./frames";
import { getPage, putPage } from "./references";
import { EINVAL } from "../../abi/errno";
import { freePageTable, validatePageTable } from "./page_table";
import { keepReleased, takeTable } from "./kept_tables";
import { validateDescriptorPage } from "./descriptors";
import { tlbFlushForType, tlbStamp } from "./tlb";

/**
 * Takes a type reference; the caller holds and keeps a general one. 0; -EINVAL if the frame has another type, or its content is not valid as a table
 * of this type; another error of validation; -ERESTART if a tree of tables needs another budget (kept_tables.ts).
 */
export function getPageType(mfn: u32, type: u32): i32 {
  const wanted = (<u64>type) << PGT_type_shift;
  let seen = typeWord(mfn);
  while (true) {
    const count = seen & PGT_count_mask;
    let next = seen + 1;
    if (count >= PGT_count_limit) return -EINVAL;
    const changes = count == 0 && (seen & PGT_type_mask) != wanted;
    if (count == 0) {
      if (changes) {
        next = (next & ~(PGT_type_mask | PGT_validated | PGT_place_mask)) | wanted;
        if (type == PGT_writable_page) next |= PGT_validated;
      }
    } else if ((seen & PGT_type_mask) != wanted) {
      return -EINVAL;
    } else if (!(seen & PGT_validated)) {
      // Another pCPU is validating it. Levels form no cycle, so that pCPU does not wait for this one.
      seen = typeWord(mfn);
      continue;
    }
    const was = exchangeTypeWord(mfn, seen, next);
    if (was != seen) {
      seen = was;
      continue;
    }
    // Once the new type is published nobody can take the old one, so this flush catches every stale translation.
    if (changes) tlbFlushForType(mfn, type);
    if (next & PGT_validated) return 0;
    const error = type == PGT_seg_desc_page ? validateDescriptorPage(mfn) : validatePageTable(mfn, type);
    if (error) {
      undoUnvalidated(mfn);
      return error;
    }
    setBits(mfn, PGT_validated);
    return 0;
  }
}

function setBits(mfn: u32, bits: u64): void {
  let seen = typeWord(mfn);
  while (true) {
    const was = exchangeTypeWord(mfn, seen, seen | bits);
    if (was == seen) return;
    seen = was;
  }
}

/** Validation has failed. Nobody else has a reference, so the frame loses its type. */
function undoUnvalidated(mfn: u32): void {
  setPageStamp(mfn, tlbStamp());
  let seen = typeWord(mfn);
  while (true) {
    const was = exchangeTypeWord(mfn, seen, (seen - 1) & ~PGT_type_mask);
    if (was == seen) return;
    seen = was;
  }
}

/** Drops a type reference. With the last one, a page table drops everything that it maps. */
export function putPageType(mfn: u32): void {
  let seen = typeWord(mfn);
  while (true) {
    const count = seen & PGT_count_mask;
    const type = <u32>((seen & PGT_type_mask) >> PGT_type_shift);
    if (count == 1) {
      if (type >= PGT_l1_page_table && type <= PGT_l4_page_table && seen & PGT_validated) {
        if (!takeTable()) {
          if (keepReleased(mfn)) return;
          // A list has the table already. If the list gives it up meanwhile, this reference takes its place, since the budget is used up.
          seen = typeWord(mfn);
          continue;
        }
        // Nobody may use the table any more, but while the count is still 1 it cannot become anything else either.
        const was = exchangeTypeWord(mfn, seen, seen & ~PGT_validated);
        if (was != seen) {
          seen = was;
          continue;
        }
        freePageTable(mfn, type);
        setPageStamp(mfn, tlbStamp());
        seen = typeWord(mfn);
        while (true) {
          const last = exchangeTypeWord(mfn, seen, (seen - 1) & ~PGT_type_mask);
          if (last == seen) return;
          seen = last;
        }
      }
      setPageStamp(mfn, tlbStamp());
    }
    const was = exchangeTypeWord(mfn, seen, seen - 1);
    if (was == seen) return;
    seen = was;
  }
}

/** Takes a general and a type reference of a frame of `domid`. 0 or an error of getPageType; -EINVAL also if the frame is not that domain's. */
export function getPageAndType(mfn: u64, domid: u32, type: u32): i32 {
  if (!getPage(mfn, domid)) return -EINVAL;
  const error = getPageType(<u32>mfn, type);
  if (error) putPage(<u32>mfn);
  return error;
}
export function putPageAndType(mfn: u32): void {
  putPageType(mfn);
  putPage(mfn);
}

/** Marks a page table pinned, keeping the caller's references for it. Returns false if it was pinned already. */
export function setPinned(mfn: u32): bool {
  let seen = typeWord(mfn);
  while (true) {
    if (seen & PGT_pinned) return false;
    const was = exchangeTypeWord(mfn, seen, seen | PGT_pinned);
    if (was == seen) return true;
    seen = was;
  }
}
/** Takes the pin off. Returns true if there was one, whose references the caller then has to drop. */
export function clearPinned(mfn: u32): bool {
  let seen = typeWord(mfn);
  while (true) {
    if (!(seen & PGT_pinned)) return false;
    const was = exchangeTypeWord(mfn, seen, seen & ~PGT_pinned);
    if (was == seen) return true;
    seen = was;
  }
}

/**
 * Locks a frame that has a validated type in use (page tables while entries change), and takes a type reference. Returns false if the frame has no
 * such type.
 */
export function pageLock(mfn: u32): bool {
  let seen = typeWord(mfn);
  while (true) {
    if (!(seen & PGT_validated) || (seen & PGT_count_mask) == 0 || (seen & PGT_count_mask) >= PGT_count_limit)
      return false;
    if (seen & PGT_locked) {
      seen = typeWord(mfn);
      continue;
    }
    const was = exchangeTypeWord(mfn, seen, (seen + 1) | PGT_locked);
    if (was == seen) return true;
    seen = was;
  }
}
export function pageUnlock(mfn: u32): void {
  let seen = typeWord(mfn);
  while (true) {
    const was = exchangeTypeWord(mfn, seen, seen & ~PGT_locked);
    if (was == seen) break;
    seen = was;
  }
  putPageType(mfn);
}

/**
 * Takes a reference for a linear (self-referencing) page table: an entry in table `table` that maps table `mfn` of the same level. As in Xen, a table
 * may either contain such entries or be their target, but not both, so that no cycle can arise.
 */
export function getLinear(table: u32, mfn: u64, domid: u32, type: u32): bool {
  if (!getPage(mfn, domid)) return false;
  const target = <u32>mfn;
  if (!adjustLinear(table, 1)) {
    putPage(target);
    return false;
  }
  if (!adjustLinear(target, -1)) {
    adjustLinear(table, -1, true);
    putPage(target);
    return false;
  }
  let seen = typeWord(target);
  const wanted = ((<u64>type) << PGT_type_shift) | PGT_validated;
  while (true) {
    const count = seen & PGT_count_mask;
    if (count == 0 || count >= PGT_count_limit || (seen & (PGT_type_mask | PGT_validated)) != wanted) {
      adjustLinear(table, -1, true);
      adjustLinear(target, 1, true);
      putPage(target);
      return false;
    }
    const was = exchangeTypeWord(target, seen, seen + 1);
    if (was == seen) return true;
    seen = was;
  }
}
export function putLinear(table: u32, mfn: u32): void {
  adjustLinear(table, -1, true);
  adjustLinear(mfn, 1, true);
  putPageAndType(mfn);
}

/** Counts entries (positive) or uses (negative) of a table. Returns false if it already has the other kind, or too many. */
function adjustLinear(mfn: u32, by: i32, undo: bool = false): bool {
  const at = linearCountAddress(mfn);
  while (true) {
    const seen = atomic.load<u16>(at);
    const count = <i32>(<i16>seen);
    if (!undo && ((by > 0 && (count < 0 || count == 0x7fff)) || (by < 0 && (count > 0 || count == -0x7fff))))
      return false;
    if (atomic.cmpxchg<u16>(at, seen, <u16>(count + by)) == seen) return true;
  }
}
