/**
 * Where the memory side keeps its shared words. This file imports nothing else of the memory side, because constants that other files' constants are
 * computed from must not wait for a circle of imports.
 */
import { XEN_HEAP_START } from "../../machine/layout";

export const PAGE_SHIFT: u32 = 12;

/** Shared words of the memory side, in the first page of the Xen heap. The next 15 pages are the hypervisor's root. */
const MEMORY_ROOT: usize = XEN_HEAP_START;
/** The root of the rest of the hypervisor: 15 pages that the memory side never touches. */
export const HYPERVISOR_ROOT: usize = XEN_HEAP_START + 0x1000;
export const FRAME_TABLE: usize = XEN_HEAP_START + 0x10000;

export const ROOT_TOTAL_FRAMES: usize = MEMORY_ROOT;
export const ROOT_M2P: usize = MEMORY_ROOT + 4;
export const ROOT_HEAP_LOCK: usize = MEMORY_ROOT + 8;
export const ROOT_FREE_PAGES: usize = MEMORY_ROOT + 12;
export const ROOT_FIRST_HEAP_FRAME: usize = MEMORY_ROOT + 24;
export const ROOT_M2P_L3: usize = MEMORY_ROOT + 28;
export const ROOT_GDT_FRAME: usize = MEMORY_ROOT + 32;
export const ROOT_XENHEAP_PAGES: usize = MEMORY_ROOT + 36;
export const ROOT_CLAIMED_PAGES: usize = MEMORY_ROOT + 40;
export const ROOT_M2P_FRAMES: usize = MEMORY_ROOT + 44;
export const ROOT_ZERO_FRAME: usize = MEMORY_ROOT + 48;
/** u32: address of the table of DomainMemory addresses by domid. */
export const ROOT_DOMAIN_TABLE: usize = MEMORY_ROOT + 52;
/** u64 (tlb.ts) */
export const ROOT_TLB_CLOCK: usize = MEMORY_ROOT + 56;
export const ROOT_TLB_FLUSHED: usize = MEMORY_ROOT + 64;
/** u64: number of second stages that were made; its low half was the p2mId of the last one. */
export const ROOT_SECOND_STAGES: usize = MEMORY_ROOT + 72;
/** u32: lock of those who let go of frames that domains share (cow.ts). */
export const ROOT_COW_LOCK: usize = MEMORY_ROOT + 80;
/** u32 list head per order. */
export const ROOT_FREE_LISTS: usize = MEMORY_ROOT + 0x100;
