/**
 * Bits of the control registers, EFER, debug registers, RFLAGS and of page faults' error codes that several files use. Intel's manual volume 3, 2.3,
 * 2.5, 4.7, 17.2.
 */
import {
  CR0_PE_BIT,
  CR0_EM_BIT,
  CR0_TS_BIT,
  CR0_ET_BIT,
  CR0_WP_BIT,
  CR0_NW_BIT,
  CR0_CD_BIT,
  CR0_PG_BIT,
  CR4_VME_BIT,
  CR4_PVI_BIT,
  CR4_DE_BIT,
  CR4_PSE_BIT,
  CR4_PAE_BIT,
  CR4_OSFXSR_BIT,
  CR4_OSXMMEXCPT_BIT,
  CR4_PCIDE_BIT,
  CR4_OSXSAVE_BIT,
  CR4_SMEP_BIT,
  CR4_SMAP_BIT,
  EFER_SCE_BIT,
  EFER_LME_BIT,
  EFER_LMA_BIT,
  EFER_NXE_BIT,
} from "./bit_numbers";

export const CR0_PE: u64 = 1 << CR0_PE_BIT;
export const CR0_EM: u64 = 1 << CR0_EM_BIT;
export const CR0_TS: u64 = 1 << CR0_TS_BIT;
export const CR0_ET: u64 = 1 << CR0_ET_BIT;
export const CR0_WP: u64 = 1 << CR0_WP_BIT;
export const CR0_NW: u64 = 1 << CR0_NW_BIT;
export const CR0_CD: u64 = 1 << CR0_CD_BIT;
export const CR0_PG: u64 = 1 << CR0_PG_BIT;

export const CR4_VME: u64 = 1 << CR4_VME_BIT;
export const CR4_PVI: u64 = 1 << CR4_PVI_BIT;
export const CR4_DE: u64 = 1 << CR4_DE_BIT;
export const CR4_PSE: u64 = 1 << CR4_PSE_BIT;
export const CR4_PAE: u64 = 1 << CR4_PAE_BIT;
export const CR4_OSFXSR: u64 = 1 << CR4_OSFXSR_BIT;
export const CR4_OSXMMEXCPT: u64 = 1 << CR4_OSXMMEXCPT_BIT;
export const CR4_PCIDE: u64 = 1 << CR4_PCIDE_BIT;
export const CR4_OSXSAVE: u64 = 1 << CR4_OSXSAVE_BIT;
export const CR4_SMEP: u64 = 1 << CR4_SMEP_BIT;
export const CR4_SMAP: u64 = 1 << CR4_SMAP_BIT;

export const EFER_SCE: u64 = 1 << EFER_SCE_BIT;
export const EFER_LME: u64 = 1 << EFER_LME_BIT;
export const EFER_LMA: u64 = 1 << EFER_LMA_BIT;
export const EFER_NXE: u64 = 1 << EFER_NXE_BIT;

/** Error code of a page fault. */
export const PF_PRESENT: u32 = 1;
export const PF_WRITE: u32 = 2;
export const PF_USER: u32 = 4;
export const PF_RESERVED: u32 = 8;
export const PF_FETCH: u32 = 16;

/** BS: the trap was caused by TF. */
export const DR6_SINGLE_STEP: u32 = 0x4000;

/** General detect: the next access to a debug register traps. */
export const DR7_GD: u64 = 1 << 13;

export const RFLAGS_IF: u64 = 1 << 9;
export const RFLAGS_IOPL: u64 = 3 << 12;
/** Virtual-8086 mode. */
export const RFLAGS_VM: u64 = 1 << 17;
