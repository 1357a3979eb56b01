/**
 * Interrupts between pCPUs: bits in the target's mailbox word, which the engine polls and an idle pCPU waits on.
 */
import { beginTranslations } from "../../machine/cpu/frames/written";
import { hostWait } from "../../machine/cpu/machine";
import { tlbDropWrites, tlbFlushAll } from "../../machine/cpu/tlb";
import { NO_PCPU, Pcpu, enterGuestAccess, leaveGuestAccess, mailbox, pcpuAt, pcpuCount, self } from "./pcpu";

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
  for (let id: u32 = 0; id < count; id++) {
    if (id == own) continue;
    const mode = changetype<usize>(pcpuAt(id)) + offsetof<Pcpu>("guestMode");
    const seen = atomic.load<u32>(mode);
    if (!(seen & 1)) continue;
    let spins = 0;
    while (atomic.load<u32>(mode) == seen && atomic.load<u32>(mailbox(id)) & IPI_TLB_FLUSH) {
      if (++spins > 1000) {
        spins = 0;
        hostWait(mode, seen, 20_000);
      }
    }
  }
}

/**
 * As enterGuestAccess, for accesses through the engine's TLB outside of run(): a flush that did not wait for this pCPU, as it
 * was in the hypervisor, is made now. (The bit stays: the pCPU's loop takes it.)
 */
export function enterGuestTlb(): void {
  enterGuestAccess();
  if (atomic.load<u32>(mailbox(self.id)) & IPI_TLB_FLUSH) tlbFlushAll();
  beginTranslations();
}
export function leaveGuestTlb(): void {
  leaveGuestAccess();
}

/** Forgets this pCPU's translations for writing to the frame at `host`. */
export function dropWritesLocal(host: usize): void {
  if (self.id != NO_PCPU) tlbDropWrites(host);
}
