/**
 * Page-table walks: 4 levels with 4 KiB, 2 MiB and 1 GiB pages, as Intel's manual volume 3, chapter 4 has them.
 * A machine address outside the host's RAM acts like a set reserved bit: a bad entry is the guest's fault, not ours.
 */
import { ACTIVITY_WALKS } from "../layout";
import { countActivity } from "./machine";
import { SPACE_NX, SPACE_PAGING, SPACE_SMAP, SPACE_SMEP, SPACE_USER, SPACE_WP } from "./tlb";

export const NO_ADDRESS: u64 = ~(<u64>0);

export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
export const ACCESS_EXECUTE = 2;

const PTE_PRESENT: u64 = 1;
const PTE_WRITE: u64 = 2;
const PTE_USER: u64 = 4;
const PTE_ACCESSED: u64 = 0x20;
const PTE_DIRTY: u64 = 0x40;
const PTE_LARGE: u64 = 0x80;
const PTE_NX: u64 = 1 << 63;
const ADDRESS: u64 = 0x000ffffffffff000;

const PF_PRESENT: u32 = 1;
const PF_WRITE: u32 = 2;
const PF_USER: u32 = 4;
const PF_RESERVED: u32 = 8;
const PF_FETCH: u32 = 16;

/** Of the last walk: error code of the page fault it ended in. */
export let walkError: u32 = 0;
/** Of the last walk: level (1..4) of the entry it ended at. */
export let walkLevel: i32 = 0;

/** Bytes of host RAM. */
let ramBytes: u64 = 0;
export function mmuInit(bytes: u64): void {
  ramBytes = bytes;
}

/** Whether `lin` has 48 significant bits. */
// @ts-ignore: decorator
@inline
export function isCanonical(lin: u64): bool {
  return <u64>((<i64>(lin << 16)) >> 16) == lin;
}

/**
 * Walks for `lin`; `key` is what currentSpaceKey() gives. Machine address of the 4 KiB page, or NO_ADDRESS with walkError
 * set. `update` sets accessed and dirty bits on success.
 */
export function walkTables(key: u64, lin: u64, access: i32, update: bool): u64 {
  countActivity(ACTIVITY_WALKS);
  if (!(key & SPACE_PAGING)) {
    walkLevel = 1;
    walkError = PF_PRESENT | PF_RESERVED;
    const page = lin & 0xfffff000;
    return lin >> 32 || page >= ramBytes || !page ? NO_ADDRESS : page;
  }
  const nx = (key & SPACE_NX) != 0;
  const user = (key & SPACE_USER) != 0;
  walkError = 0;
  if (access == ACCESS_WRITE) walkError |= PF_WRITE;
  if (access == ACCESS_EXECUTE && (nx || key & SPACE_SMEP)) walkError |= PF_FETCH;
  if (user) walkError |= PF_USER;

  let table = key & ADDRESS;
  let all: u64 = PTE_WRITE | PTE_USER;
  let any: u64 = 0;
  let page: u64 = 0;
  let leaf: usize = 0;
  let leafEntry: u64 = 0;
  let level: i32 = 4;
  // Entries on the way whose accessed bit is still clear; at most three.
  let clear0: usize = 0;
  let clear1: usize = 0;
  let clear2: usize = 0;
  while (true) {
    walkLevel = level;
    if (table >= ramBytes || !table) {
      walkError |= PF_PRESENT | PF_RESERVED;
      return NO_ADDRESS;
    }
    const at = <usize>table + ((<usize>(lin >> (12 + 9 * (level - 1)))) & 0x1ff) * 8;
    const entry = load<u64>(at);
    if (!(entry & PTE_PRESENT)) return NO_ADDRESS;
    if ((entry & PTE_NX && !nx) || (level == 4 && entry & PTE_LARGE)) {
      walkError |= PF_PRESENT | PF_RESERVED;
      return NO_ADDRESS;
    }
    all &= entry;
    any |= entry;
    if (level == 1 || entry & PTE_LARGE) {
      leaf = at;
      leafEntry = entry;
      const bits: i32 = 12 + 9 * (level - 1);
      const low = ((<u64>1) << bits) - 1;
      // Bit 12 of a large entry is PAT, the rest of the low address bits are reserved.
      if (level > 1 && entry & ADDRESS & low & ~(<u64>0x1000)) {
        walkError |= PF_PRESENT | PF_RESERVED;
        return NO_ADDRESS;
      }
      page = (entry & ADDRESS & ~low) | (lin & low & ADDRESS);
      if (page >= ramBytes || !page) {
        walkError |= PF_PRESENT | PF_RESERVED;
        return NO_ADDRESS;
      }
      if (
        access == ACCESS_WRITE
          ? (entry & (PTE_ACCESSED | PTE_DIRTY)) == (PTE_ACCESSED | PTE_DIRTY)
          : (entry & PTE_ACCESSED) != 0
      )
        leaf = 0;
      break;
    }
    if (!(entry & PTE_ACCESSED)) {
      clear2 = clear1;
      clear1 = clear0;
      clear0 = at;
    }
    table = entry & ADDRESS;
    level--;
  }

  walkError |= PF_PRESENT;
  const userPage = (all & PTE_USER) != 0;
  if (user) {
    if (!userPage) return NO_ADDRESS;
  } else if (userPage) {
    if (access == ACCESS_EXECUTE ? key & SPACE_SMEP : key & SPACE_SMAP) return NO_ADDRESS;
  }
  if (access == ACCESS_WRITE && !(all & PTE_WRITE) && (user || key & SPACE_WP)) return NO_ADDRESS;
  if (access == ACCESS_EXECUTE && any & PTE_NX) return NO_ADDRESS;

  if (update) {
    if (clear0) setAccessed(clear0);
    if (clear1) setAccessed(clear1);
    if (clear2) setAccessed(clear2);
    if (leaf) {
      const marked = leafEntry | (access == ACCESS_WRITE ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED);
      // Changed by another processor meanwhile: no stray bits there, the new entry decides.
      if (atomic.cmpxchg<u64>(leaf, leafEntry, marked) != leafEntry) return walkTables(key, lin, access, update);
    }
  }
  return page;
}

/** On an entry that is still present; one that changes at this moment keeps what it was changed to. */
function setAccessed(at: usize): void {
  const entry = atomic.load<u64>(at);
  if (entry & PTE_PRESENT) atomic.cmpxchg<u64>(at, entry, entry | PTE_ACCESSED);
}
