/**
 * Bits of the control registers, EFER, debug registers, RFLAGS and of page faults' error codes that several files use. Intel's manual volume 3, 2.3,
 * 2.5, 4.7, 17.2.
 */

export const CR0_PE: u64 = 1;
export const CR0_EM: u64 = 1 << 2;
export const CR0_TS: u64 = 1 << 3;
export const CR0_ET: u64 = 1 << 4;
export const CR0_WP: u64 = 1 << 16;
export const CR0_NW: u64 = 1 << 29;
export const CR0_CD: u64 = 1 << 30;
export const CR0_PG: u64 = 1 << 31;

export const CR4_DE: u64 = 1 << 3;
export const CR4_PSE: u64 = 1 << 4;
export const CR4_PAE: u64 = 1 << 5;
export const CR4_OSFXSR: u64 = 1 << 9;
export const CR4_OSXMMEXCPT: u64 = 1 << 10;
export const CR4_PCIDE: u64 = 1 << 17;
export const CR4_OSXSAVE: u64 = 1 << 18;
export const CR4_SMEP: u64 = 1 << 20;
export const CR4_SMAP: u64 = 1 << 21;

export const EFER_SCE: u64 = 1;
export const EFER_LME: u64 = 1 << 8;
export const EFER_LMA: u64 = 1 << 10;
export const EFER_NXE: u64 = 1 << 11;

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
