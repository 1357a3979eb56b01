/**
 * The page walk for everybody: the engine, hypercalls that touch guest memory, Xen's own looks at a guest's tables, and the translator. A space has
 * no paging, 2 levels (4 KiB and, with CR4.PSE, 4 MiB pages), 3 levels (PAE: 4 KiB, 2 MiB) or 4 levels (4 KiB, 2 MiB, 1 GiB). It may have a second
 * stage: then all addresses in its tables are guest-physical, and a 4-level table of the host's translates them. A large page is possible at levels 2
 * and 3 only; an entry of level 4 that claims to be one is malformed wherever it is met. A machine address outside the host's RAM acts like a set
 * reserved bit, because a bad entry is the guest's fault and not ours.
 */
import { PF_PRESENT, PF_WRITE, PF_USER, PF_RESERVED, PF_FETCH } from "../control_bits";
import {
  ACCESS_EXECUTE,
  ACCESS_READ,
  ACCESS_WRITE,
  ADDRESS,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_LARGE,
  PTE_NX,
  PTE_PRESENT,
  PTE_USER,
  PTE_WRITE,
  SPACE_2_LEVELS,
  SPACE_3_LEVELS,
  SPACE_NX,
  SPACE_PAGING,
  SPACE_PSE,
  SPACE_SMAP,
  SPACE_SMEP,
  SPACE_USER,
  SPACE_WP,
  levelsOf,
  rootOf,
} from "./format";
import { frameWritten } from "../frames/written";

export const NO_ADDRESS: u64 = ~(<u64>0);

/** Bits 52 to 62 are for software with 4 levels, and reserved with 3. */
const HIGH: u64 = 0x7ff0000000000000;
/** Reserved bits of the entries at the top of 3 levels. */
const DIRECTORY_RESERVED: u64 = 0x1e6;
/**
 * Reserved bits of an entry that maps 4 MiB: bits 13 to 20 are bits 32 to 39 of the address, which a host of 4 GiB does not have; bit 21 is reserved.
 */
const LARGE32_RESERVED: u64 = 0x3fe000;

/** Error code of the page fault in which the last walk ended. */
export let walkError: u32 = 0;
/** Level of the entry at which the last walk ended. */
export let walkLevel: i32 = 0;
/** The guest-physical address that the second stage did not allow in the last walk; NO_ADDRESS if that was not the reason. */
export let walkOutside: u64 = NO_ADDRESS;
/** What was to be done at that address, ACCESS_*; and whether a page table of the guest lies there rather than the target of the access. */
export let walkOutsideAccess: i32 = 0;
export let walkOutsideTable: bool = false;

/** Size of the host's RAM in bytes. */
let ramBytes: u64 = 0;
export function walkInit(bytes: u64): void {
  ramBytes = bytes;
}

// @ts-ignore: decorator
@inline
function isRam(address: u64): bool {
  return address < ramBytes && address != 0;
}

/**
 * Walks for `lin` in a space of one stage; `key` is the result of spaceKey(). Returns the machine address of the 4 KiB page, or NO_ADDRESS with
 * walkError set. `update`: sets accessed and dirty bits on success.
 */
export function walkTables(key: u64, lin: u64, access: i32, update: bool): u64 {
  if ((key & (SPACE_PAGING | SPACE_2_LEVELS | SPACE_3_LEVELS)) == SPACE_PAGING)
    return walkLevels(4, 0, key & ADDRESS, key, lin, access, update);
  return walkSpace(levelsOf(key), 0, rootOf(key), key, lin, access, update);
}

/** The same in a space with a second stage, whose root is at machine address `second`. See walkSpace() for how the second stage reports a failure. */
export function walkBothStages(key: u64, second: u64, lin: u64, access: i32, update: bool): u64 {
  return walkSpace(levelsOf(key), second, rootOf(key), key, lin, access, update);
}

/**
 * The same in any space. `levels` is 2, 3 or 4, and is ignored without SPACE_PAGING in `flags` (SPACE_*); `root` is as in CR3; `second` is the
 * machine address of the second stage's root, 0 if there is none. If the second stage does not allow something, walkOutside is set, with its own
 * error in walkError.
 */
export function walkSpace(levels: i32, second: u64, root: u64, flags: u64, lin: u64, access: i32, update: bool): u64 {
  walkOutside = NO_ADDRESS;
  if (!(flags & SPACE_PAGING)) return flat(lin, second, access, update);
  if (levels == 4) return walkLevels(4, second, root & ADDRESS, flags, lin, access, update);
  if (levels == 3) return walkLevels(3, second, root & 0xffffffe0, flags, lin, access, update);
  return walkLevels(2, second, root & 0xfffff000, flags, lin, access, update);
}

/** Without paging, a linear address is a physical one of 32 bits. */
function flat(lin: u64, second: u64, access: i32, update: bool): u64 {
  walkLevel = 1;
  walkError = PF_PRESENT | PF_RESERVED;
  const page = lin & 0xfffff000;
  if (lin >> 32) return NO_ADDRESS;
  if (second) return pageThroughSecond(second, lin, access, update);
  return isRam(page) ? page : NO_ADDRESS;
}

/** Returns the machine address for guest-physical address `address`, translated as a user's access, as processors do it. */
function throughSecond(second: u64, address: u64, access: i32, update: bool): u64 {
  const level = walkLevel;
  // A second stage of 4 levels has 48 bits; higher addresses would begin again at 0.
  const page =
    address >> 48
      ? NO_ADDRESS
      : walkTables(
          SPACE_PAGING | SPACE_USER | SPACE_WP | SPACE_NX | (second & ADDRESS),
          address & ~(<u64>0xfff),
          access,
          update,
        );
  if (page == NO_ADDRESS) {
    walkOutside = address;
    walkOutsideAccess = access;
  }
  walkLevel = level;
  return page == NO_ADDRESS ? page : page | (address & 0xfff);
}

function pageThroughSecond(second: u64, address: u64, access: i32, update: bool): u64 {
  walkOutsideTable = false;
  const through = throughSecond(second, address, access, update);
  return through == NO_ADDRESS ? through : through & ~(<u64>0xfff);
}

// Inlined for each number of levels, so that none pays for the others.
// @ts-ignore: decorator
@inline
function walkLevels(levels: i32, second: u64, root: u64, key: u64, lin: u64, access: i32, update: bool): u64 {
  const wide = levels > 2;
  const nx = wide && (key & SPACE_NX) != 0;
  const user = (key & SPACE_USER) != 0;
  let error: u32 = 0;
  if (access == ACCESS_WRITE) error |= PF_WRITE;
  if (access == ACCESS_EXECUTE && (nx || key & SPACE_SMEP)) error |= PF_FETCH;
  if (user) error |= PF_USER;

  const indexBits: i32 = wide ? 9 : 10;
  let table = root;
  let all: u64 = PTE_WRITE | PTE_USER;
  let any: u64 = 0;
  let page: u64 = 0;
  let leaf: usize = 0;
  let leafEntry: u64 = 0;
  let level: i32 = levels;
  // Entries on the way whose accessed bit is still clear; there are at most three.
  let clear0: usize = 0;
  let clear1: usize = 0;
  let clear2: usize = 0;
  while (true) {
    walkLevel = level;
    const index = (<usize>(lin >> (12 + indexBits * (level - 1)))) & ((1 << indexBits) - 1);
    let at: usize;
    if (second) {
      // A processor reads a guest's tables as if it wrote to them. A walk that marks nothing only reads them.
      const looks = update ? ACCESS_WRITE : ACCESS_READ;
      const through = throughSecond(second, table + ((<u64>index) << (wide ? 3 : 2)), looks, update);
      if (through == NO_ADDRESS) {
        walkOutsideTable = true;
        return NO_ADDRESS;
      }
      at = <usize>through;
    } else {
      if (!isRam(table)) {
        walkError = error | PF_PRESENT | PF_RESERVED;
        return NO_ADDRESS;
      }
      at = <usize>table + (index << (wide ? 3 : 2));
    }
    const entry: u64 = wide ? load<u64>(at) : <u64>load<u32>(at);
    if (!(entry & PTE_PRESENT)) {
      walkError = error;
      return NO_ADDRESS;
    }
    // The four entries at the top of 3 levels have no rights, and get no accessed bit.
    const isDirectory = levels == 3 && level == 3;
    const large = level > 1 && (entry & PTE_LARGE) != 0 && (wide || (key & SPACE_PSE) != 0);
    if (
      (wide && entry & PTE_NX && (!nx || isDirectory)) ||
      (large && level == 4) ||
      (isDirectory && entry & DIRECTORY_RESERVED) ||
      (levels == 3 && entry & HIGH)
    ) {
      walkError = error | PF_PRESENT | PF_RESERVED;
      return NO_ADDRESS;
    }
    if (!isDirectory) {
      all &= entry;
      any |= entry;
    }
    if (level == 1 || large) {
      leaf = at;
      leafEntry = entry;
      const low = ((<u64>1) << (12 + indexBits * (level - 1))) - 1;
      // Bit 12 of a large entry is PAT, the rest of the low address bits are reserved.
      if (level > 1 && entry & (wide ? ADDRESS & low & ~(<u64>0x1000) : LARGE32_RESERVED)) {
        walkError = error | PF_PRESENT | PF_RESERVED;
        return NO_ADDRESS;
      }
      page = (entry & ADDRESS & ~low) | (lin & low & ADDRESS);
      if (!second && !isRam(page)) {
        walkError = error | PF_PRESENT | PF_RESERVED;
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
    if (!(entry & PTE_ACCESSED) && !isDirectory) {
      clear2 = clear1;
      clear1 = clear0;
      clear0 = at;
    }
    table = entry & ADDRESS;
    level--;
  }

  walkError = error | PF_PRESENT;
  const userPage = (all & PTE_USER) != 0;
  if (user) {
    if (!userPage) return NO_ADDRESS;
  } else if (userPage) {
    if (access == ACCESS_EXECUTE ? key & SPACE_SMEP : key & SPACE_SMAP) return NO_ADDRESS;
  }
  if (access == ACCESS_WRITE && !(all & PTE_WRITE) && (user || key & SPACE_WP)) return NO_ADDRESS;
  if (access == ACCESS_EXECUTE && any & PTE_NX) return NO_ADDRESS;
  if (second) {
    page = pageThroughSecond(second, page | (lin & 0xfff), access, update);
    if (page == NO_ADDRESS) return NO_ADDRESS;
  }

  if (update) {
    if (clear0) setAccessed(clear0, wide);
    if (clear1) setAccessed(clear1, wide);
    if (clear2) setAccessed(clear2, wide);
    if (leaf) {
      const marked = leafEntry | (access == ACCESS_WRITE ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED);
      // If another processor has changed the entry meanwhile, no bits are set in it, and the new entry decides.
      const same = wide
        ? atomic.cmpxchg<u64>(leaf, leafEntry, marked) == leafEntry
        : atomic.cmpxchg<u32>(leaf, <u32>leafEntry, <u32>marked) == <u32>leafEntry;
      // The same holds if the entry is no longer on the way. So who takes a table away finds every mark in it of those who came to it in time.
      const there = levels < 4 || second != 0 || entryAt(root, lin, level) == leaf;
      if (!same || !there) return walkAgain(levels, second, root, key, lin, access);
      frameWritten(<u32>(leaf >> 12));
    }
  }
  return page;
}

/** How deep walks are nested, and how deep they may be: a guest that owns its tables may keep changing an entry on another processor. */
let again: i32 = 0;
const MOST_AGAIN: i32 = 64;
/** An entry that keeps changing counts as not present at this moment. */
function walkAgain(levels: i32, second: u64, root: u64, key: u64, lin: u64, access: i32): u64 {
  if (again == MOST_AGAIN) {
    walkError &= ~PF_PRESENT;
    return NO_ADDRESS;
  }
  again++;
  const page = walkSpace(levels, second, root, key, lin, access, true);
  again--;
  return page;
}

/** Only for an entry that is still present. One that changes at this moment keeps what it was changed to. */
// @ts-ignore: decorator
@inline
function setAccessed(at: usize, wide: bool): void {
  if (wide) setAccessed64(at);
  else setAccessed32(at);
  frameWritten(<u32>(at >> 12));
}
function setAccessed64(at: usize): void {
  const entry = atomic.load<u64>(at);
  if (entry & PTE_PRESENT) atomic.cmpxchg<u64>(at, entry, entry | PTE_ACCESSED);
}
function setAccessed32(at: usize): void {
  const entry = atomic.load<u32>(at);
  if (entry & (<u32>PTE_PRESENT)) atomic.cmpxchg<u32>(at, entry, entry | (<u32>PTE_ACCESSED));
}

/**
 * Returns where the entry of `level` for `lin` stands under the 4-level tables at `root`, whatever it contains; 0 if there is no table of that level.
 * This is for looking at tables and not for accesses: rights are ignored and nothing is marked.
 */
export function entryAt(root: u64, lin: u64, level: i32): usize {
  let table = root & ADDRESS;
  for (let above: i32 = 4; isRam(table); above--) {
    const at = <usize>table + (((<usize>(lin >> (12 + 9 * (above - 1)))) & 0x1ff) << 3);
    if (above == level) return at;
    const entry = atomic.load<u64>(at);
    if (!(entry & PTE_PRESENT) || entry & PTE_LARGE) return 0;
    table = entry & ADDRESS;
  }
  return 0;
}

/** Returns how many bytes an entry of `level` maps if it maps a page; 0 if it does not. */
export function mappedBy(entry: u64, level: i32): u64 {
  if (!(entry & PTE_PRESENT) || level > 3) return 0;
  return level == 1 || entry & PTE_LARGE ? (<u64>4096) << (9 * (level - 1)) : 0;
}
