/**
 * General references of frames. Who holds one may rely on the frame not being given to somebody else. With the last one, the frame goes back to the
 * heap.
 */
import { DOMID_XEN } from "../../abi/xen";
import { giveBlock, growClaim } from "./buddy";
import { DomainMemory, domainMemory, lockOf, pageListOf } from "./domain_memory";
import {
  COUNT_LIMIT,
  COUNT_MASK,
  OWNER_SHIFT,
  PGC_allocated,
  PGC_broken,
  PGC_xen_heap,
  ROOT_XENHEAP_PAGES,
  frameInfo,
  mfnValid,
  pageFlag,
  pageListRemove,
  pageOwner,
} from "./frames";
import { spinLock, spinUnlock } from "../sched/lock";
import { INVALID_M2P_ENTRY, m2pSet } from "./m2p";
import { tlbStamp } from "./tlb";

/** Takes a reference if the frame is `domid`'s and in use. Returns false for any mfn that is not. */
export function getPage(mfn: u64, domid: u32): bool {
  if (!mfnValid(mfn)) return false;
  const at = frameInfo(<u32>mfn);
  let seen = atomic.load<u64>(at);
  while (true) {
    const count = seen & COUNT_MASK;
    if (count == 0 || count >= COUNT_LIMIT || ((<u32>(seen >> OWNER_SHIFT)) & 0xffff) != domid) return false;
    const was = atomic.cmpxchg<u64>(at, seen, seen + 1);
    if (was == seen) return true;
    seen = was;
  }
}

/** Takes a reference whoever owns the frame. Returns the owner's domid, or -1 if the frame is not in use. */
export function getPageOwner(mfn: u64): i32 {
  if (!mfnValid(mfn)) return -1;
  const at = frameInfo(<u32>mfn);
  let seen = atomic.load<u64>(at);
  while (true) {
    const count = seen & COUNT_MASK;
    if (count == 0 || count >= COUNT_LIMIT) return -1;
    const was = atomic.cmpxchg<u64>(at, seen, seen + 1);
    if (was == seen) return <i32>((seen >> OWNER_SHIFT) & 0xffff);
    seen = was;
  }
}

/** Takes one more reference of a frame of which the caller holds one. */
export function refPage(mfn: u32): void {
  atomic.add<u64>(frameInfo(mfn), 1);
}

/** Drops a reference. With the last one, the frame goes back to the allocator. */
export function putPage(mfn: u32): void {
  if ((atomic.sub<u64>(frameInfo(mfn), 1) & COUNT_MASK) == 1) freeLastReference(mfn);
}

/** Drops the owner's own reference, once. Returns false if that was done before. The caller holds another reference. */
export function putAllocRef(mfn: u32): bool {
  const at = frameInfo(mfn);
  if ((atomic.and<u64>(at, ~PGC_allocated) & PGC_allocated) == 0) return false;
  putPage(mfn);
  return true;
}

/** The last reference has gone: the frame leaves its owner and becomes free. */
function freeLastReference(mfn: u32): void {
  const owner = pageOwner(mfn);
  if (pageFlag(mfn, PGC_xen_heap)) {
    if (owner != <u32>DOMID_XEN) {
      const sharer = domainMemory(owner);
      if (sharer != null) atomic.sub<u32>(changetype<usize>(sharer) + offsetof<DomainMemory>("xenheapPages"), 1);
    }
    atomic.sub<u32>(ROOT_XENHEAP_PAGES, 1);
  } else {
    const d = domainMemory(owner);
    if (d != null) {
      spinLock(lockOf(d));
      pageListRemove(pageListOf(d), mfn);
      d.totPages--;
      growClaim(d);
      spinUnlock(lockOf(d));
    }
  }
  m2pSet(mfn, INVALID_M2P_ENTRY);
  if (pageFlag(mfn, PGC_broken)) return;
  giveBlock(mfn, 0, tlbStamp());
}
