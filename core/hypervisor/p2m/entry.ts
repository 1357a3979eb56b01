/**
 * The content of an entry of a second stage. It is a page-table entry as processors have them, so that the engine walks both stages with one walk:
 * present, for users, marked accessed and dirty from the beginning (so that no walk changes it), and writable or not. The software bits, 9 to 11, say
 * what kind of frame it maps. An entry that maps nothing is 0, or says that memory is given on demand: an access to it leaves the guest.
 */
import { PTE_LARGE } from "../../machine/cpu/paging/format";
import { PTE_A, PTE_D, PTE_P, PTE_RW, PTE_US, pteMfn } from "../memory/pte";

/** Memory of the domain's own, or a frame of the Xen heap that is shared with it (shared info, grant table). */
export const P2M_RAM: u32 = 1;
/** A grant of another domain, mapped writable or read-only. */
export const P2M_GRANT_RW: u32 = 2;
export const P2M_GRANT_RO: u32 = 3;
/** Memory that the domain gets when it first touches it (on_demand.ts). The entry maps nothing. */
export const P2M_ON_DEMAND: u32 = 4;
/** A frame that several domains have, mapped read-only: who writes to it gets a frame of its own (sharing.ts). Level 1 only. */
export const P2M_SHARED: u32 = 5;

const KIND_SHIFT: u64 = 9;
const KIND_MASK: u64 = 7;

/** The number of frames that an entry of level 2 maps. */
export const LARGE_FRAMES: u32 = 512;
export const LARGE_ORDER: u32 = 9;
/** The same of level 3. Its large entries have a bit that says so, which the processor's walks ignore. */
const HUGE_FRAMES: u32 = 512 * 512;
export const HUGE_ORDER: u32 = 18;
const HUGE: u64 = (<u64>1) << 52;

/** Returns an entry of level 1 that maps machine frame `mfn` as P2M_*. */
export function p2mEntry(mfn: u32, type: u32): u64 {
  const writable: u64 = type == P2M_GRANT_RO || type == P2M_SHARED ? 0 : PTE_RW;
  return ((<u64>mfn) << 12) | PTE_P | PTE_US | PTE_A | PTE_D | writable | ((<u64>type) << KIND_SHIFT);
}
/** The same for level 3: HUGE_FRAMES frames from `mfn` on, which is a multiple of that. */
export function p2mHugeEntry(mfn: u32, type: u32): u64 {
  return p2mLargeEntry(mfn, type) | HUGE;
}
/** The same for level 2: LARGE_FRAMES frames from `mfn` on, which is a multiple of that. */
export function p2mLargeEntry(mfn: u32, type: u32): u64 {
  return p2mEntry(mfn, type) | PTE_LARGE;
}
/** Returns the entry of a guest frame, or of LARGE_FRAMES of them, that gets memory on demand. */
export function p2mOnDemand(large: bool): u64 {
  return ((<u64>P2M_ON_DEMAND) << KIND_SHIFT) | (large ? PTE_LARGE : 0);
}
/** Returns how many guest frames an entry that leads to no table stands for. */
export function framesOf(entry: u64): u32 {
  if (!(entry & PTE_LARGE)) return 1;
  return entry & HUGE ? HUGE_FRAMES : LARGE_FRAMES;
}
/** Returns what a large entry says of its frame `i`, as an entry of level 1. */
export function p2mPart(large: u64, i: u32): u64 {
  const type = entryType(large);
  return type == P2M_ON_DEMAND ? p2mOnDemand(false) : p2mEntry(<u32>pteMfn(large) + i, type);
}
/** Returns what a large entry says as entry `i` of a table that takes its place. */
export function p2mBelow(large: u64, i: u32): u64 {
  return large & HUGE ? p2mLargeEntry(<u32>pteMfn(large) + i * LARGE_FRAMES, entryType(large)) : p2mPart(large, i);
}
/** Returns the entry of a table of level 2 or more that leads to another table. */
export function p2mTableEntry(table: u32): u64 {
  return ((<u64>table) << 12) | PTE_P | PTE_US | PTE_A | PTE_RW;
}

// @ts-ignore: decorator
@inline
export function entryType(entry: u64): u32 {
  return <u32>((entry >> KIND_SHIFT) & KIND_MASK);
}
/** Whether the domain has a frame in reserve for what the entry stands for. */
// @ts-ignore: decorator
@inline
export function isReserved(entry: u64): bool {
  const type = entryType(entry);
  return type == P2M_ON_DEMAND || type == P2M_SHARED;
}
// @ts-ignore: decorator
@inline
export function isGrant(entry: u64): bool {
  const type = entryType(entry);
  return type == P2M_GRANT_RW || type == P2M_GRANT_RO;
}
