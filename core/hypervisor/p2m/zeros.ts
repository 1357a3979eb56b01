/**
 * Frames that a domain with memory on demand has left all zero go back to its reserve when that is used up, as with Xen's populate-on-demand: the guest
 * frame gets memory again when it is next touched, and finds the same zeroes. So a guest that clears all its memory before its balloon driver has given
 * back what is above its target goes on.
 *
 * Only a frame that nothing but its entry uses is taken: no grant, no mapping and no registered area, each of which holds a reference. It is taken out
 * first, and then all TLBs that may have it are flushed; after that nobody can write to it, so it is looked at once more. If something was written to it
 * meanwhile, it is put back. Whoever touches it in between waits for onDemandLock, which the caller holds.
 */
import { freeDomheapPages } from "../memory/allocator";
import { APART_OFFSET, DomainMemory, MEM_DYING } from "../memory/domain_memory";
import { PGC_xen_heap, frameAddress, isOwnedWithOneReference, pageFlag } from "../memory/frames";
import { INVALID_M2P_ENTRY, m2pSet } from "../memory/m2p";
import { putPageAndType } from "../memory/page_type";
import { pteMfn } from "../memory/pte";
import { tlbFlushDomain } from "../memory/tlb";
import { PTE_LARGE } from "../../machine/cpu/paging/format";
import { spinLock, spinUnlock } from "../sched/lock";
import { LARGE_FRAMES, P2M_RAM, entryType, p2mEntry, p2mOnDemand } from "./entry";
import { countOnDemand, p2mLock } from "./p2m";
import { leafOf, makeLeaf, partOf } from "./tables";

/** The most frames that are taken with one flush. */
const MOST_TAKEN: u32 = 32;
/** The most steps of one call, each of a guest frame or a piece without memory: a guest must not keep its pCPU for long. */
const MOST_STEPS: u32 = 8192;
/** The same for others than the domain's vCPUs. */
const FEW_STEPS: u32 = 128;
/** What is known of each frame that was taken out, at APART_OFFSET: u32 the machine frame, u64 the guest frame. */
const TAKEN_SIZE: usize = 16;
const TAKEN_GFN: usize = 8;

/** Results of reclaimZeros(). */
export const RECLAIMED: i32 = 0;
/** Nothing was found so far. The search goes on with the next call. */
export const NOT_YET: i32 = 1;
/** The whole domain was looked at since something was last found. */
const NO_ZEROS: i32 = 2;

/**
 * Looks for frames that are all zero, from where the last call has ended, for a vCPU of the domain. The caller holds onDemandLock, and no guest memory is in
 * use.
 */
export function reclaimZeros(d: DomainMemory): i32 {
  const freed = reclaim(d, MOST_STEPS);
  if (!freed && d.zeroLooked <= d.p2mMaxGfn) return NOT_YET;
  d.zeroLooked = 0;
  return freed ? RECLAIMED : NO_ZEROS;
}

/**
 * The same for whoever else needs the frame. That may be dom0 with a grant table locked, once for each grant of a request, so it looks at little; and
 * what it has looked at does not count when a vCPU finds nothing, because it may have become zero since.
 */
export function reclaimFewZeros(d: DomainMemory): i32 {
  const looked = d.zeroLooked;
  const freed = reclaim(d, FEW_STEPS);
  d.zeroLooked = freed ? 0 : looked;
  return freed ? RECLAIMED : NOT_YET;
}

/** Returns whether frames have become free. */
function reclaim(d: DomainMemory, steps: u32): bool {
  const taken = takeOut(d, steps);
  if (taken) tlbFlushDomain(d);
  let freed = false;
  for (let slot: u32 = 0; slot < taken; slot++) if (settle(d, slot)) freed = true;
  return freed;
}

/** Returns how many frames were taken out of the second stage. */
function takeOut(d: DomainMemory, steps: u32): u32 {
  let taken: u32 = 0;
  for (let step: u32 = 0; step < steps && taken < MOST_TAKEN && d.zeroLooked <= d.p2mMaxGfn; step++) {
    if (d.zeroNext > d.p2mMaxGfn) d.zeroNext = 0;
    const gfn = d.zeroNext;
    spinLock(p2mLock(d));
    const at = leafOf(d, gfn);
    const isPiece = !at || (load<u64>(at) & PTE_LARGE && entryType(load<u64>(at)) != P2M_RAM);
    if (!isPiece && takeOne(d, gfn, partOf(at, gfn), taken)) taken++;
    spinUnlock(p2mLock(d));
    d.zeroNext = isPiece ? (gfn | (LARGE_FRAMES - 1)) + 1 : gfn + 1;
    d.zeroLooked += d.zeroNext - gfn;
  }
  return taken;
}

/** Takes out what `entry` maps at `gfn`, if it is such a frame. The caller holds p2mLock. */
function takeOne(d: DomainMemory, gfn: u64, entry: u64, slot: u32): bool {
  const mfn = <u32>pteMfn(entry);
  if (entryType(entry) != P2M_RAM || pageFlag(mfn, PGC_xen_heap) || d.flags & MEM_DYING) return false;
  if (!isUnusedZero(d, mfn)) return false;
  const at = makeLeaf(d, gfn, 1);
  if (!at) return false;
  atomic.store<u64>(at, p2mOnDemand(false));
  m2pSet(mfn, INVALID_M2P_ENTRY);
  countOnDemand(d, 1);
  const known = changetype<usize>(d) + APART_OFFSET + <usize>slot * TAKEN_SIZE;
  store<u32>(known, mfn);
  store<u64>(known, gfn, TAKEN_GFN);
  return true;
}

function isUnusedZero(d: DomainMemory, mfn: u32): bool {
  if (!isOwnedWithOneReference(mfn, d.domid)) return false;
  const start = frameAddress(mfn);
  for (let at = start; at < start + 4096; at += 16) if (v128.any_true(v128.load(at))) return false;
  return true;
}

/** After the flush: frees the frame, or puts it back. Returns whether it is free, in the reserve or, if the guest has given it up, for anybody. */
function settle(d: DomainMemory, slot: u32): bool {
  const known = changetype<usize>(d) + APART_OFFSET + <usize>slot * TAKEN_SIZE;
  const mfn = load<u32>(known);
  const gfn = load<u64>(known, TAKEN_GFN);
  spinLock(p2mLock(d));
  const at = d.flags & MEM_DYING ? 0 : leafOf(d, gfn);
  const back = at != 0 && load<u64>(at) == p2mOnDemand(false) && !isUnusedZero(d, mfn);
  if (back) {
    m2pSet(mfn, gfn);
    atomic.store<u64>(at, p2mEntry(mfn, P2M_RAM));
    countOnDemand(d, -1);
  }
  spinUnlock(p2mLock(d));
  if (back) return false;
  freeDomheapPages(mfn, 0, d.domid);
  putPageAndType(mfn);
  return true;
}
