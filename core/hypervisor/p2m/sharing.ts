/**
 * Memory that several domains have, copy-on-write: what Xen calls memory sharing (mem_sharing.c), for copies of a running domain. Frames of a domain
 * become DOMID_COW's (memory/cow.ts), and copies map them too. All map them read-only, so a write leaves the guest; whoever is to write, by whatever
 * way, calls populate() (on_demand.ts), which ends in unshare(): a frame of the domain's own with the same content, out of its reserve, or the shared
 * frame itself where nobody else maps it any more. Who only looks takes a frame by p2mTakeToRead().
 *
 * What is used in any way other than by its one entry, as by a grant, is not shared: a copy gets a frame of its own with that content.
 */
import { EINVAL, ENOMEM } from "../../abi/errno";
import { frameWritten } from "../../machine/cpu/frames/written";
import { copyToZeros } from "../memory/copy_frame";
import { allocDomheapPages, allocOnDemand, freeDomheapPages } from "../memory/allocator";
import { reserveOne, unreserveOne } from "../memory/buddy";
import { FLUSH_FIRST, TAKEN, dropFromCow, giveToCow, takeFromCow } from "../memory/cow";
import { APART_OFFSET, DomainMemory, MEM_DYING, lockOf } from "../memory/domain_memory";
import { PGC_xen_heap, PGT_writable_page, frameAddress, pageFlag } from "../memory/frames";
import { INVALID_M2P_ENTRY, m2pSet } from "../memory/m2p";
import { getPageAndType } from "../memory/page_type";
import { PTE_P, pteMfn } from "../memory/pte";
import { getPage, putPage, refPage } from "../memory/references";
import { tlbFlushAll, tlbFlushDomain } from "../memory/tlb";
import { COPY_MOST } from "../abi/native";
import { spinLock, spinUnlock } from "../sched/lock";
import { LARGE_FRAMES, P2M_ON_DEMAND, P2M_RAM, P2M_SHARED, entryType, p2mEntry, p2mOnDemand } from "./entry";
import { countOnDemand, isTranslated, onDemandLock, p2mAddRam, p2mLock, p2mLook } from "./p2m";
import { P2M_GFNS, entryAt, leafOf, makeLeaf } from "./tables";

/** Returns whether the domain has a shared frame at `gfn`. A domain without a second stage has none. */
export function isShared(d: DomainMemory, gfn: u64): bool {
  return entryType(p2mLook(d, gfn)) == P2M_SHARED;
}

// ---- apart again -----------------------------------------------------------------------------------------------

/** The most guest frames that are taken out at once. */
const MOST_APART: u32 = 32;
/** What is known of each of them, at APART_OFFSET: u32 the shared frame, u32 the domain's own, u64 the guest frame. */
const APART_SIZE: usize = 16;
const APART_OWN: usize = 4;
const APART_GFN: usize = 8;

/**
 * Gives the domain a frame of its own at `gfn`, if it shares one there. Returns false if there is no memory for it, which can only be where the domain
 * has less in reserve than it has on demand and shares. The caller holds onDemandLock, and no guest memory is in use.
 *
 * Who writes to one guest frame after the other gets the next ones at the same time, twice as many each time, so that there is one flush for many. Until
 * it is flushed the domain has nothing there: a vCPU that writes to the copy must not run beside one that still reads the shared frame by its TLB.
 * Whoever touches it meanwhile waits in populate().
 */
export function unshare(d: DomainMemory, gfn: u64): bool {
  let first = takeApart(d, gfn, 0);
  while (first == FLUSH_FIRST) {
    tlbFlushAll();
    first = takeApart(d, gfn, 0);
  }
  if (first == NOT_SHARED) return true;
  if (first == FAILED) return !isShared(d, gfn);
  const most = gfn == <u64>d.apartNext ? min<u32>(max<u32>(d.apartMost, 1) * 2, MOST_APART) : 1;
  let count: u32 = first == WITHDRAWN ? 1 : 0;
  let end = gfn + 1;
  for (; end < gfn + most; end++) {
    const next = takeApart(d, end, count);
    if (next == WITHDRAWN) count++;
    else if (next != TAKEN) break;
  }
  d.apartNext = <u32>end;
  d.apartMost = most;
  if (count) putInPlace(d, count);
  return true;
}

/** Results of takeApart(), besides TAKEN and FLUSH_FIRST. */
const WITHDRAWN: i32 = 3;
const NOT_SHARED: i32 = 4;
const FAILED: i32 = 5;

/**
 * Begins to give the domain a frame of its own. TAKEN: it has the shared frame itself, which nobody else maps. WITHDRAWN: it has nothing there, and entry `slot`
 * at APART_OFFSET says what it gets.
 */
function takeApart(d: DomainMemory, gfn: u64, slot: u32): i32 {
  spinLock(p2mLock(d));
  const at = leafOf(d, gfn);
  const entry: u64 = at ? load<u64>(at) : 0;
  const mfn = <u32>pteMfn(entry);
  let result = NOT_SHARED;
  if (entryType(entry) == P2M_SHARED) {
    result = takeFromCow(d, mfn);
    if (result == TAKEN) {
      // Who reads it by a TLB reads the right frame.
      m2pSet(mfn, gfn);
      atomic.store<u64>(at, p2mEntry(mfn, P2M_RAM));
    } else if (result != FLUSH_FIRST) refPage(mfn);
  }
  spinUnlock(p2mLock(d));
  if (result == TAKEN || result == FLUSH_FIRST || result == NOT_SHARED) return result;
  const own = allocOnDemand(d.domid);
  // Nobody writes to the shared frame while it has two references.
  if (own) memory.copy(frameAddress(own), frameAddress(mfn), 4096);
  if (own && exchange(d, gfn, entry, p2mOnDemand(false))) {
    const known = changetype<usize>(d) + APART_OFFSET + <usize>slot * APART_SIZE;
    store<u32>(known, mfn);
    store<u32>(known, own, APART_OWN);
    store<u64>(known, gfn, APART_GFN);
    return WITHDRAWN;
  }
  putPage(mfn);
  if (own) freeDomheapPages(own, 0, d.domid);
  return FAILED;
}

/** Flushes, and puts the domain's own frames where `count` shared ones were withdrawn. What the domain has given up meanwhile goes back. */
function putInPlace(d: DomainMemory, count: u32): void {
  tlbFlushDomain(d);
  for (let slot: u32 = 0; slot < count; slot++) {
    const known = changetype<usize>(d) + APART_OFFSET + <usize>slot * APART_SIZE;
    const shared = load<u32>(known);
    const own = load<u32>(known, APART_OWN);
    // The entry's reference, and that of takeApart(). No TLB has the frame through this entry any more.
    putPage(shared);
    putPage(shared);
    if (!install(d, load<u64>(known, APART_GFN), own)) freeDomheapPages(own, 0, d.domid);
  }
}

/** Writes an entry of level 1 where there still is this one. */
function exchange(d: DomainMemory, gfn: u64, before: u64, entry: u64): bool {
  spinLock(p2mLock(d));
  const at = leafOf(d, gfn);
  const same = at != 0 && load<u64>(at) == before;
  if (same) atomic.store<u64>(at, entry);
  spinUnlock(p2mLock(d));
  return same;
}

/** Puts a frame of the domain's own where the shared one was withdrawn. False if the domain has given that up meanwhile, or dies. */
function install(d: DomainMemory, gfn: u64, own: u32): bool {
  spinLock(p2mLock(d));
  const at = d.flags & MEM_DYING ? 0 : leafOf(d, gfn);
  const done = at != 0 && load<u64>(at) == p2mOnDemand(false) && !getPageAndType(own, d.domid, PGT_writable_page);
  if (done) {
    frameWritten(own);
    m2pSet(own, gfn);
    atomic.store<u64>(at, p2mEntry(own, P2M_RAM));
    countOnDemand(d, -1);
  }
  spinUnlock(p2mLock(d));
  return done;
}

// ---- together --------------------------------------------------------------------------------------------------

/** Returns the guest frame after `gfn`; or where there is no table for it, the first one for which there may be another. */
function after(d: DomainMemory, gfn: u64): u64 {
  spinLock(p2mLock(d));
  const hasTable = leafOf(d, gfn) != 0;
  spinUnlock(p2mLock(d));
  return hasTable ? gfn + 1 : (gfn | (LARGE_FRAMES - 1)) + 1;
}

/**
 * Makes the domain's own memory at `count` guest frames from `first` on shareable, where it is used in no other way: it is read-only from then on.
 * 0, or -EINVAL with nothing changed. The domain may run; what a vCPU writes meanwhile is in its memory.
 */
export function makeShareable(d: DomainMemory, first: u64, count: u32): i32 {
  if (!isTranslated(d) || count > <u32>COPY_MOST || first + count > P2M_GFNS) return -EINVAL;
  const end = first + count;
  let changed = false;
  for (let gfn = first; gfn < end; gfn = after(d, gfn)) {
    spinLock(p2mLock(d));
    const entry = entryAt(d, gfn);
    const mfn = <u32>pteMfn(entry);
    if (entryType(entry) == P2M_RAM && !pageFlag(mfn, PGC_xen_heap) && !(d.flags & MEM_DYING)) {
      const at = makeLeaf(d, gfn, 1);
      if (at && giveToCow(d, mfn)) {
        m2pSet(mfn, INVALID_M2P_ENTRY);
        atomic.store<u64>(at, p2mEntry(mfn, P2M_SHARED));
        changed = true;
      }
    }
    spinUnlock(p2mLock(d));
  }
  // No copy may map what somebody can still write to. Nobody but the domain has had it in a TLB since it is the domain's, without a reference.
  if (changed) tlbFlushDomain(d);
  return 0;
}

/**
 * Gives `to`, at the same guest frames, where it has nothing, what `from` has at `count` guest frames from `first` on: what is shared it shares, of
 * other memory it gets a copy, and what `from` gets on demand it gets so too. Frames of Xen's and grants are left out. 0; -EINVAL with nothing changed;
 * or with part of it done -ENOMEM.
 */
export function copyMemory(from: DomainMemory, to: DomainMemory, first: u64, count: u32): i32 {
  if (from == to || !isTranslated(from) || !isTranslated(to)) return -EINVAL;
  if (count > <u32>COPY_MOST || first + count > P2M_GFNS) return -EINVAL;
  const end = first + count;
  let error: i32 = 0;
  for (let gfn = first; gfn < end && !error; gfn = after(from, gfn)) error = copyOne(from, to, gfn);
  return error;
}

function copyOne(from: DomainMemory, to: DomainMemory, gfn: u64): i32 {
  // Whoever is just given a frame of the domain's own, as a peer's grant copy may be while the domain stands still, has nothing there for a moment.
  spinLock(onDemandLock(from));
  spinLock(p2mLock(from));
  const entry = entryAt(from, gfn);
  const mfn = <u32>pteMfn(entry);
  const type = entryType(entry);
  let held = type == P2M_SHARED;
  if (held) refPage(mfn);
  else if (type == P2M_RAM && !pageFlag(mfn, PGC_xen_heap)) held = getPage(mfn, from.domid);
  spinUnlock(p2mLock(from));
  spinUnlock(onDemandLock(from));
  if (type == P2M_ON_DEMAND) return addReserved(to, gfn, p2mOnDemand(false));
  if (!held) return 0;
  if (type == P2M_SHARED) {
    const error = addReserved(to, gfn, p2mEntry(mfn, P2M_SHARED));
    if (error) dropFromCow(mfn);
    return error;
  }
  const error = addCopy(to, gfn, mfn);
  putPage(mfn);
  return error;
}

/** Puts an entry for which the domain needs a reserve where there is nothing. Its reference passes to the entry. 0, -EINVAL or -ENOMEM. */
function addReserved(d: DomainMemory, gfn: u64, entry: u64): i32 {
  spinLock(lockOf(d));
  const reserved = <u64>d.totPages + d.claim < <u64>d.maxPages && reserveOne(d);
  spinUnlock(lockOf(d));
  if (!reserved) return -ENOMEM;
  spinLock(p2mLock(d));
  const at = d.flags & MEM_DYING ? 0 : makeLeaf(d, gfn, 1);
  const done = at != 0 && !load<u64>(at);
  if (done) {
    atomic.store<u64>(at, entry);
    if (gfn > <u64>d.p2mMaxGfn) d.p2mMaxGfn = <u32>gfn;
  }
  spinUnlock(p2mLock(d));
  if (done) return 0;
  spinLock(lockOf(d));
  unreserveOne(d);
  spinUnlock(lockOf(d));
  return at ? -EINVAL : -ENOMEM;
}

function addCopy(d: DomainMemory, gfn: u64, mfn: u32): i32 {
  if (p2mLook(d, gfn) & PTE_P) return -EINVAL;
  const own = allocDomheapPages(0, d.domid);
  if (!own) return -ENOMEM;
  // It is the new domain's, which does not run: nobody else uses it yet.
  copyToZeros(own, mfn);
  const error = p2mAddRam(d, gfn, own, 0);
  if (error) freeDomheapPages(own, 0, d.domid);
  return error;
}
