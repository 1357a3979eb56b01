/**
 * When stale TLB entries matter. A frame that has lost its last reference or its last type reference may still be in some pCPU's TLB. `tlbStamp`
 * dates that moment. Before the frame gets another use, `tlbFlushSince(stamp)` flushes every pCPU unless a full flush has begun after that moment.
 * (This is Xen's tlbflush clock, with one stamp for all pCPUs.)
 * The clock has 64 bits and does not wrap. A stamp is its low half and stands for the latest moment up to now that has these low bits. That is the
 * moment at which it was taken or, for a frame that was left alone for 2^32 flushes, a later one: then there is a flush too many. A stamp of 0 says
 * that the frame was never used; the clock leaves out the moments whose low half is 0.
 */
import { dropWritesLocal, flushSecondStage, flushTlbAllPcpus, flushTlbOthers } from "../sched/ipi";
import { self } from "../sched/pcpu";
import { DomainMemory } from "./domain_memory";
import { PGT_writable_page, ROOT_TLB_CLOCK, ROOT_TLB_FLUSHED, frameAddress, pageStamp } from "./frames";

/** Returns the clock's present value; flushes that begin later cover this moment. */
export function tlbStamp(): u32 {
  let stamp = <u32>atomic.load<u64>(ROOT_TLB_CLOCK);
  // Somebody is just about to advance the clock.
  while (!stamp) stamp = <u32>atomic.load<u64>(ROOT_TLB_CLOCK);
  return stamp;
}

/** Returns the moment that a stamp stands for. */
function momentOf(stamp: u32): u64 {
  if (!stamp) return 0;
  const now = atomic.load<u64>(ROOT_TLB_CLOCK);
  const age: u32 = <u32>now - stamp;
  return now - <u64>age;
}

/** The later one of two stamps. */
export function laterStamp(a: u32, b: u32): u32 {
  return momentOf(a) > momentOf(b) ? a : b;
}

/** Advances the clock, and returns the moment at which a flush begins that begins now. */
function nextMoment(): u64 {
  let moment = atomic.add<u64>(ROOT_TLB_CLOCK, 1) + 1;
  if (!(<u32>moment)) moment = atomic.add<u64>(ROOT_TLB_CLOCK, 1) + 1;
  return moment;
}

export function tlbClockInit(): void {
  atomic.store<u64>(ROOT_TLB_CLOCK, 1);
  atomic.store<u64>(ROOT_TLB_FLUSHED, 1);
}

/** Flushes the TLBs of all pCPUs and returns when all have done so. */
export function tlbFlushAll(): void {
  const start = nextMoment();
  flushTlbAllPcpus();
  let seen = atomic.load<u64>(ROOT_TLB_FLUSHED);
  while (seen < start) {
    const was = atomic.cmpxchg<u64>(ROOT_TLB_FLUSHED, seen, start);
    if (was == seen) break;
    seen = was;
  }
}

/**
 * Returns when no pCPU uses a translation that was made through the domain's second stage before. No stamp is older for it: they are of all TLBs.
 */
export function tlbFlushDomain(d: DomainMemory): void {
  flushSecondStage(d.p2mId, changetype<usize>(d) + offsetof<DomainMemory>("p2mStale"));
}

/** Returns whether whoever takes the frame with this stamp flushes first. */
export function isFlushDue(stamp: u32): bool {
  return momentOf(stamp) >= atomic.load<u64>(ROOT_TLB_FLUSHED);
}

/** Flushes unless a flush has happened since `stamp`. A stamp of 0 belongs to a frame that was never used. */
export function tlbFlushSince(stamp: u32): void {
  if (isFlushDue(stamp)) tlbFlushAll();
}

/**
 * Flushes for a frame that had no type references and has become one of `type`. Of the earlier translations two kinds matter: nobody may still write
 * to what is a page table or holds descriptors now, and no other pCPU may still walk a page table that may be written now. This pCPU walks none, so
 * all else that its TLB holds may stay, which matters because page tables come and go with every process.
 */
export function tlbFlushForType(mfn: u32, type: u32): void {
  const moment = momentOf(pageStamp(mfn));
  if (moment < atomic.load<u64>(ROOT_TLB_FLUSHED)) return;
  if (type != PGT_writable_page) dropWritesLocal(frameAddress(mfn));
  if (moment < self.othersFlushed) return;
  const start = nextMoment();
  flushTlbOthers();
  self.othersFlushed = start;
}
