/**
 * The numbers of bits of the control registers, of EFER and of page-table entries (Intel's manual volume 3, 2.2.1, 2.5 and 4.3 to 4.5) that code in
 * both languages uses: AssemblyScript makes u64 masks of them (control_bits.ts, paging/format.ts), and TypeScript makes bigints.
 */

export const CR0_PE_BIT = 0;
export const CR0_EM_BIT = 2;
export const CR0_TS_BIT = 3;
export const CR0_ET_BIT = 4;
export const CR0_WP_BIT = 16;
export const CR0_NW_BIT = 29;
export const CR0_CD_BIT = 30;
export const CR0_PG_BIT = 31;

export const CR4_VME_BIT = 0;
export const CR4_PVI_BIT = 1;
export const CR4_DE_BIT = 3;
export const CR4_PSE_BIT = 4;
export const CR4_PAE_BIT = 5;
export const CR4_OSFXSR_BIT = 9;
export const CR4_OSXMMEXCPT_BIT = 10;
export const CR4_PCIDE_BIT = 17;
export const CR4_OSXSAVE_BIT = 18;
export const CR4_SMEP_BIT = 20;
export const CR4_SMAP_BIT = 21;

export const EFER_SCE_BIT = 0;
export const EFER_LME_BIT = 8;
export const EFER_LMA_BIT = 10;
export const EFER_NXE_BIT = 11;

export const PTE_PRESENT_BIT = 0;
export const PTE_WRITE_BIT = 1;
export const PTE_USER_BIT = 2;
export const PTE_ACCESSED_BIT = 5;
export const PTE_DIRTY_BIT = 6;
/** The entry maps a page although its level is above 1. */
export const PTE_LARGE_BIT = 7;
export const PTE_NX_BIT = 63;
