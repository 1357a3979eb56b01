/** Page-table entry bits, and the forms that Xen gives to guest entries (Intel SDM 3A 4.5; public/arch-x86; XenWiki PV paging). */
import { PTE_ACCESSED, PTE_DIRTY, PTE_NX, PTE_PRESENT, PTE_USER, PTE_WRITE } from "../../machine/cpu/paging/format";

export { PTE_NX };
/** Bytes of an entry. */
export const PTE_SIZE: usize = 8;
export const PTE_P: u64 = PTE_PRESENT;
export const PTE_RW: u64 = PTE_WRITE;
export const PTE_US: u64 = PTE_USER;
export const PTE_A: u64 = PTE_ACCESSED;
export const PTE_D: u64 = PTE_DIRTY;
const PTE_G: u64 = 0x100;
const PTE_AVAIL: u64 = 0xe00;
/** Bits 52..62 are for software. */
const PTE_AVAIL_HIGH: u64 = 0x7ff0000000000000;
export const PTE_ADDRESS: u64 = 0x000ffffffffff000;
/** Xen's mark on an L1 entry that the guest kernel did not want user-accessible: bit 52. */
const PTE_GUEST_KERNEL: u64 = 0x0010000000000000;

/** Flags a PV guest may not set in L2..L4 entries: PWT, PCD, PSE/PAT, G. */
export const DISALLOW_MASK: u64 = 0x198;
/** In L1 entries: G is allowed, cache attributes are not (no domain here has I/O memory). */
export const L1_DISALLOW_MASK: u64 = 0x98;

/** An entry that changes only in these bits needs no new references. */
export const FASTPATH_FLAGS: u64 = PTE_NX | PTE_AVAIL_HIGH | PTE_AVAIL | PTE_G | PTE_D | PTE_A | PTE_US;

// @ts-ignore: decorator
@inline
export function pteMfn(entry: u64): u64 {
  return (entry & PTE_ADDRESS) >> 12;
}

/**
 * Returns the L1 entry as it is stored. A PV kernel runs in ring 3, so every present entry is user-accessible. Entries that the kernel meant for
 * itself are marked; those of user space are global, since kernel and user tables share them.
 */
export function adjustL1(entry: u64): u64 {
  if (!(entry & PTE_P)) return entry;
  if (!(entry & PTE_US)) return entry | PTE_GUEST_KERNEL | PTE_US;
  if (!(entry & PTE_GUEST_KERNEL)) return entry | PTE_G;
  return entry;
}

/** Returns L2 and L3 entries as they are stored. */
// @ts-ignore: decorator
@inline
export function adjustUpper(entry: u64): u64 {
  return entry & PTE_P ? entry | PTE_US : entry;
}

/**
 * Returns L4 entries as they are stored. Xen copies the L4 table for each pCPU and so is not told of the entries' use; therefore it shows them as
 * accessed from the beginning.
 */
// @ts-ignore: decorator
@inline
export function adjustL4(entry: u64): u64 {
  return entry & PTE_P ? entry | PTE_US | PTE_A : entry;
}

/** The first L4 slot of the hypervisor's. A guest neither sees its own entries in these slots nor changes them. */
export const XEN_FIRST_L4_SLOT: u32 = 256;
export const XEN_LAST_L4_SLOT: u32 = 271;

// @ts-ignore: decorator
@inline
export function isGuestL4Slot(slot: u32): bool {
  return slot < XEN_FIRST_L4_SLOT || slot > XEN_LAST_L4_SLOT;
}
