/**
 * Page tables as Intel's manual has them (volume 3, chapter 4): how many levels, what an entry's bits mean, which entries map a page. An
 * address space is a root and what of the processor's mode decides about translations, in the bits of SPACE_*.
 */

export const PTE_PRESENT: u64 = 1;
export const PTE_WRITE: u64 = 2;
export const PTE_USER: u64 = 4;
export const PTE_ACCESSED: u64 = 0x20;
export const PTE_DIRTY: u64 = 0x40;
export const PTE_LARGE: u64 = 0x80;
export const PTE_NX: u64 = 1 << 63;
/** Machine address in an entry, or in a root. */
export const ADDRESS: u64 = 0x000ffffffffff000;

/** Of a space: with user rights; CR0.WP, CR4.SMEP, SMAP (not while EFLAGS.AC suspends it), EFER.NXE, CR0.PG; CR4.PSE, for 2 levels. */
export const SPACE_USER: u64 = 1;
export const SPACE_WP: u64 = 2;
export const SPACE_SMEP: u64 = 4;
export const SPACE_SMAP: u64 = 8;
export const SPACE_NX: u64 = 16;
export const SPACE_PAGING: u64 = 32;
export const SPACE_PSE: u64 = 64;

export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
export const ACCESS_EXECUTE = 2;

/** Whether `lin` has 48 significant bits. */
// @ts-ignore: decorator
@inline
export function isCanonical(lin: u64): bool {
  return <u64>((<i64>(lin << 16)) >> 16) == lin;
}
