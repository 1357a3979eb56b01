/**
 * When stale TLB entries matter. A frame that lost its last reference or its last type reference may still be in some
 * pCPU's TLB. `tlbStamp` dates that moment; before the frame gets another use, `tlbFlushSince(stamp)` flushes every pCPU
 * unless a full flush has begun after that moment. (Xen's tlbflush clock, with one stamp for all pCPUs.)
 */
import { dropWritesLocal, flushTlbAllPcpus, flushTlbOthers } from "../sched/ipi";
import { self } from "../sched/pcpu";
import { PGT_writable_page, ROOT_TLB_CLOCK, ROOT_TLB_FLUSHED, frameAddress, pageStamp } from "./frames";

/** The clock's present value; flushes that begin later cover this moment. */
export function tlbStamp(): u32 {
  return atomic.load<u32>(ROOT_TLB_CLOCK);
}

export function tlbClockInit(): void {
  atomic.store<u32>(ROOT_TLB_CLOCK, 1);
  atomic.store<u32>(ROOT_TLB_FLUSHED, 1);
}

/** Flushes the TLBs of all pCPUs and returns when all have done so. */
export function tlbFlushAll(): void {
  const start = atomic.add<u32>(ROOT_TLB_CLOCK, 1) + 1;
  flushTlbAllPcpus();
  let seen = atomic.load<u32>(ROOT_TLB_FLUSHED);
  while (seen < start) {
    const was = atomic.cmpxchg<u32>(ROOT_TLB_FLUSHED, seen, start);
    if (was == seen) break;
    seen = was;
  }
}

/** Flushes unless that happened since `stamp`. A stamp of 0 belongs to a frame that was never used. */
export function tlbFlushSince(stamp: u32): void {
  if (stamp >= atomic.load<u32>(ROOT_TLB_FLUSHED)) tlbFlushAll();
}

/**
 * A frame that had no references of a type has become one of `type`. Of the translations from before, what matters is: that nobody
 * writes any more to what is a page table or holds descriptors now; and that no other pCPU is still walking a page table that may be written
 * now. This pCPU walks none, so all else that its TLB holds may stay: page tables come and go with every process.
 */
export function tlbFlushForType(mfn: u32, type: u32): void {
  const stamp = pageStamp(mfn);
  if (stamp < atomic.load<u32>(ROOT_TLB_FLUSHED)) return;
  if (type != PGT_writable_page) dropWritesLocal(frameAddress(mfn));
  if (stamp < self.othersFlushed) return;
  const start = atomic.add<u32>(ROOT_TLB_CLOCK, 1) + 1;
  flushTlbOthers();
  self.othersFlushed = start;
}
