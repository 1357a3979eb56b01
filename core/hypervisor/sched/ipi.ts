/**
 * Interrupts between pCPUs: bits in the target's mailbox word, which the engine polls and an idle pCPU waits on.
 */
import { beginTranslations } from "../../machine/cpu/frames/written";
import { hostWait } from "../../machine/cpu/machine";
import { tlbDropWrites, tlbFlushAll, tlbFlushSpace } from "../../machine/cpu/tlb";
import {
  NO_PCPU,
  Pcpu,
  enterGuestAccess,
  leaveGuestAccess,
  mailbox,
  onlinePcpus,
  pcpuAt,
  pcpuCount,
  self,
} from "./pcpu";

/** The host's power state changed (the host sets this bit too). */
export const IPI_POWER: u32 = 1;
/** Look at the runqueue. */
export const IPI_RESCHEDULE: u32 = 2;
/** Flush the TLB before guest execution goes on. */
export const IPI_TLB_FLUSH: u32 = 4;
/** Look at the running vCPU's events. */
export const IPI_EVENT: u32 = 8;
/** A timer was set that is earlier than the others. */
export const IPI_TIMER: u32 = 16;
/** Flush the running vCPU's second stage before guest execution goes on. */
export const IPI_SECOND_FLUSH: u32 = 32;

/** Sends `bits` to a pCPU and wakes it if it waits. */
export function sendIpi(pcpu: u32, bits: u32): void {
  const box = mailbox(pcpu);
  if ((atomic.or<u32>(box, bits) & bits) == bits) return;
  atomic.add<u64>(changetype<usize>(pcpuAt(pcpu)) + offsetof<Pcpu>("ipis"), 1);
  atomic.notify(box, 1);
}

/**
 * Returns when no pCPU will use a translation that was in its TLB before: those in the hypervisor or idle flush before
 * they enter a guest again, those in a guest are waited for. Two may do this at once: a pCPU that waits here counts as
 * being in the hypervisor. Callers may hold locks, for nobody in guest execution or guest access waits for any.
 */
export function flushTlbAllPcpus(): void {
  flushTlb(true);
}
/** The same for the other pCPUs. */
export function flushTlbOthers(): void {
  flushTlb(false);
}

function flushTlb(ownToo: bool): void {
  const own = self.id;
  const count = pcpuCount();
  // Set all bits first, so that the others leave their guests at the same time.
  // An idle pCPU sleeps on and flushes when it is woken for something.
  for (let id: u32 = 0; id < count; id++) if (id != own) atomic.or<u32>(mailbox(id), IPI_TLB_FLUSH);
  if (ownToo && own != NO_PCPU) tlbFlushAll();
  for (let id: u32 = 0; id < count; id++) if (id != own) waitForExit(id, IPI_TLB_FLUSH);
}

/** Returns when a pCPU that was sent `bit` is in no guest any more, or has come to its mailbox. */
function waitForExit(id: u32, bit: u32): void {
  const mode = changetype<usize>(pcpuAt(id)) + offsetof<Pcpu>("guestMode");
  const seen = atomic.load<u32>(mode);
  if (!(seen & 1)) return;
  let spins = 0;
  while (atomic.load<u32>(mode) == seen && atomic.load<u32>(mailbox(id)) & bit) {
    if (++spins > 1000) {
      spins = 0;
      hostWait(mode, seen, 20_000);
    }
  }
}

// ---- one second stage ------------------------------------------------------------------------------------------
// `stale` is the address of a word of its domain's: a bit for each pCPU that flushes the second stage before it uses it again.

// @ts-ignore: decorator
@inline
function secondOf(pcpu: u32): usize {
  return changetype<usize>(pcpuAt(pcpu)) + offsetof<Pcpu>("second");
}

/**
 * Returns when no pCPU will use a translation that was made through the second stage `id` before: those that run one of its vCPUs flush before they enter
 * the guest again and are waited for as in flushTlb(), and the others flush when they come to one. What they have of other address spaces stays.
 */
export function flushSecondStage(id: u32, stale: usize): void {
  const own = self.id;
  const count = pcpuCount();
  const others = (<u32>onlinePcpus()) & ~(own == NO_PCPU ? 0 : (<u32>1) << own);
  // Who loads one of its vCPUs after this finds the bit; of who has loaded one before, this finds the id.
  atomic.or<u32>(stale, others);
  if (own != NO_PCPU) tlbFlushSpace(id);
  let running: u32 = 0;
  for (let pcpu: u32 = 0; pcpu < count; pcpu++) {
    if (pcpu == own || atomic.load<u32>(secondOf(pcpu)) != id) continue;
    running |= (<u32>1) << pcpu;
    atomic.or<u32>(mailbox(pcpu), IPI_SECOND_FLUSH);
  }
  for (let pcpu: u32 = 0; pcpu < count; pcpu++) if ((running >> pcpu) & 1) waitForExit(pcpu, IPI_SECOND_FLUSH);
}

/** This pCPU begins to use the second stage of the vCPU that it has loaded. */
export function loadSecondStage(id: u32, stale: usize): void {
  self.secondStale = stale;
  atomic.store<u32>(secondOf(self.id), id);
  flushIfStale();
}
/** It will use none. */
export function unloadSecondStage(): void {
  atomic.store<u32>(secondOf(self.id), 0);
}
/** To be called on IPI_SECOND_FLUSH. */
export function flushIfStale(): void {
  const bit = (<u32>1) << self.id;
  if (!self.second || !(atomic.load<u32>(self.secondStale) & bit)) return;
  // The bit goes first, so that a change that comes meanwhile sets it again.
  atomic.and<u32>(self.secondStale, ~bit);
  tlbFlushSpace(self.second);
}

/**
 * As enterGuestAccess, for accesses through the engine's TLB outside of run(): a flush that did not wait for this pCPU, as it
 * was in the hypervisor, is made now. (The bit stays: the pCPU's loop takes it.)
 */
export function enterGuestTlb(): void {
  enterGuestAccess();
  const bits = atomic.load<u32>(mailbox(self.id));
  if (bits & IPI_TLB_FLUSH) tlbFlushAll();
  if (bits & IPI_SECOND_FLUSH) flushIfStale();
  beginTranslations();
}
export function leaveGuestTlb(): void {
  leaveGuestAccess();
}

/** Forgets this pCPU's translations for writing to the frame at `host`. */
export function dropWritesLocal(host: usize): void {
  if (self.id != NO_PCPU) tlbDropWrites(host);
}
