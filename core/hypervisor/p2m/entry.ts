/**
 * What an entry of a second stage says. It is a page-table entry as processors have them, so that the engine walks both stages with one
 * walk: present, for users, marked as used and written from the first (so no walk ever changes one), writable or not; and in the bits for
 * software, 9 to 11, what kind of frame it maps. An entry that maps nothing is 0, or says that there is memory on demand: whoever touches it
 * leaves the guest.
 */
import { PTE_LARGE } from "../../machine/cpu/paging/format";
import { PTE_A, PTE_D, PTE_P, PTE_RW, PTE_US, pteMfn } from "../memory/pte";

/** Memory of the domain's own, or a frame of the Xen heap that is shared with it (shared info, grant table). */
export const P2M_RAM: u32 = 1;
/** A grant of another domain's, mapped writable or read-only. */
export const P2M_GRANT_RW: u32 = 2;
export const P2M_GRANT_RO: u32 = 3;
/** Memory that the domain is to get when it first touches it (on_demand.ts). It maps nothing. */
export const P2M_ON_DEMAND: u32 = 4;

const KIND_SHIFT: u64 = 9;
const KIND_MASK: u64 = 7;

/** Frames that an entry of level 2 maps. */
export const LARGE_FRAMES: u32 = 512;
export const LARGE_ORDER: u32 = 9;

/** An entry of level 1 that maps machine frame `mfn` as P2M_*. */
export function p2mEntry(mfn: u32, type: u32): u64 {
  const writable: u64 = type == P2M_GRANT_RO ? 0 : PTE_RW;
  return ((<u64>mfn) << 12) | PTE_P | PTE_US | PTE_A | PTE_D | writable | ((<u64>type) << KIND_SHIFT);
}
/** The same of level 2: LARGE_FRAMES frames from `mfn` on, which is a multiple of that. */
export function p2mLargeEntry(mfn: u32, type: u32): u64 {
  return p2mEntry(mfn, type) | PTE_LARGE;
}
/** The entry of a guest frame, or of LARGE_FRAMES of them, that gets memory on demand. */
export function p2mOnDemand(large: bool): u64 {
  return ((<u64>P2M_ON_DEMAND) << KIND_SHIFT) | (large ? PTE_LARGE : 0);
}
/** What a large entry says of its part `i`, as an entry of level 1. */
export function p2mPart(large: u64, i: u32): u64 {
  const type = entryType(large);
  return type == P2M_ON_DEMAND ? p2mOnDemand(false) : p2mEntry(<u32>pteMfn(large) + i, type);
}
/** The entry of a table of level 1 or more that leads to another table. */
export function p2mTableEntry(table: u32): u64 {
  return ((<u64>table) << 12) | PTE_P | PTE_US | PTE_A | PTE_RW;
}

// @ts-ignore: decorator
@inline
export function entryType(entry: u64): u32 {
  return <u32>((entry >> KIND_SHIFT) & KIND_MASK);
}
// @ts-ignore: decorator
@inline
export function isGrant(entry: u64): bool {
  const type = entryType(entry);
  return type == P2M_GRANT_RW || type == P2M_GRANT_RO;
}
