/**
 * The formats of page tables (Intel's manual volume 3, chapter 4): the number of levels, the meaning of an entry's bits, and which entries map a
 * page. An address space consists of a root and those parts of the processor's mode that decide about translations, as bits SPACE_*.
 */
import {
  PTE_PRESENT_BIT,
  PTE_WRITE_BIT,
  PTE_USER_BIT,
  PTE_ACCESSED_BIT,
  PTE_DIRTY_BIT,
  PTE_LARGE_BIT,
  PTE_NX_BIT,
} from "../bit_numbers";

export const PTE_PRESENT: u64 = 1 << PTE_PRESENT_BIT;
export const PTE_WRITE: u64 = 1 << PTE_WRITE_BIT;
export const PTE_USER: u64 = 1 << PTE_USER_BIT;
export const PTE_ACCESSED: u64 = 1 << PTE_ACCESSED_BIT;
export const PTE_DIRTY: u64 = 1 << PTE_DIRTY_BIT;
export const PTE_LARGE: u64 = 1 << PTE_LARGE_BIT;
export const PTE_NX: u64 = 1 << PTE_NX_BIT;
/** The machine address in an entry, or in a root. */
export const ADDRESS: u64 = 0x000ffffffffff000;

/** Bits of a space: user rights; CR0.WP, CR4.SMEP, SMAP (not while EFLAGS.AC suspends it), EFER.NXE, CR0.PG; CR4.PSE, for 2 levels. */
export const SPACE_USER: u64 = 1;
export const SPACE_WP: u64 = 2;
export const SPACE_SMEP: u64 = 4;
export const SPACE_SMAP: u64 = 8;
export const SPACE_NX: u64 = 16;
export const SPACE_PAGING: u64 = 32;
export const SPACE_PSE: u64 = 64;
/** A space with paging has 2 or 3 levels (PAE), or 4 if neither bit is set. */
export const SPACE_2_LEVELS: u64 = 128;
export const SPACE_3_LEVELS: u64 = 256;
/** The root of 3 levels is a multiple of 32. Its bits 5 to 11, where the flags are, are moved this much higher. */
const ROOT_3_SHIFT: u64 = 47;
const ROOT_3_LOW: u64 = 0xfe0;
const ADDRESS_32: u64 = 0xfffff000;

/** Returns the part of a key that is its root, for CR3 and the number of levels in `flags`. */
export function keyedRoot(cr3: u64, flags: u64): u64 {
  if (flags & SPACE_3_LEVELS) return (cr3 & ADDRESS_32) | ((cr3 & ROOT_3_LOW) << ROOT_3_SHIFT);
  return cr3 & (flags & SPACE_2_LEVELS ? ADDRESS_32 : ADDRESS);
}
/** Returns the address of the top table of the space with this key. */
export function rootOf(key: u64): u64 {
  return key & SPACE_3_LEVELS ? (key & ADDRESS_32) | ((key >> ROOT_3_SHIFT) & ROOT_3_LOW) : key & ADDRESS;
}
export function levelsOf(key: u64): i32 {
  return key & SPACE_3_LEVELS ? 3 : key & SPACE_2_LEVELS ? 2 : 4;
}

export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
export const ACCESS_EXECUTE = 2;

/** Returns whether `lin` has 48 significant bits. */
// @ts-ignore: decorator
@inline
export function isCanonical(lin: u64): bool {
  return <u64>((<i64>(lin << 16)) >> 16) == lin;
}
