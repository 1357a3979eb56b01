/**
 * Values that guests and toolstacks rely on although Xen's public headers define no number for them: they stand there in a macro or a comment, or
 * only in Xen's own sources.
 */

/** What `version` of xen_version answers. */
export const XEN_MAJOR = 4;
export const XEN_MINOR = 17;

/** memory_op: the low bits of the command are the operation, the bits above are the number of extents done so far (xen/include/xen/hypercall.h). */
export const MEMOP_EXTENT_SHIFT = 6;
export const MEMOP_CMD_MASK = 63;
/** mmu_update and mmuext_op: the bit of the count that marks a continued call (xen/arch/x86/mm.c). */
export const MMU_UPDATE_PREEMPTED = -0x80000000;

/** Flags in struct trap_info: which rings may raise the trap by a software interrupt, and whether events are masked on entry (TI_GET_DPL, TI_GET_IF). */
export const TI_DPL = 3;
export const TI_IF = 4;

/** Limit of the whole GDT, including Xen's own page. */
export const LAST_RESERVED_GDT_BYTE = 0xefff;

/** The most ports that one SCHEDOP_poll may name (xen/common/sched/core.c). */
export const SCHED_POLL_MOST = 128;

/** tsc_mode of struct xen_domctl_tsc_info (xen/arch/x86/include/asm/time.h). */
export const TSC_MODE_DEFAULT = 0;
export const TSC_MODE_ALWAYS_EMULATE = 1;
export const TSC_MODE_NEVER_EMULATE = 2;

/** The number of frames that one getpageframeinfo3 may ask about (xen/arch/x86/domctl.c). */
export const PFINFO_MOST = 1024;

/** `magic` of struct start_info, for 64-bit guests. */
export const START_INFO_MAGIC_TEXT = "xen-3.0-x86_64";
