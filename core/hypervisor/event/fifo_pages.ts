/** The pages that Domain.evtchnFifo and Vcpu.evtchnFifo point at: where event words are, which guest frames are held. */
import { EVTCHN_FIFO_LINKED } from "../abi/event_channel";
import { Domain, vcpuOf } from "../domain/domain";
import { expectReference } from "../memory/expected";
import { PGT_writable_page } from "../memory/frames";

/** Domain's page: u32 lock (leaf), u32 number of pages, then u32 machine addresses. */
export const FIFO_LOCK: usize = 0;
export const FIFO_PAGES: usize = 4;
export const FIFO_ADDRESSES: usize = 8;
/** vCPU's page: u32 address of the control block, then u32 tails, 0 = empty. */
export const CONTROL: usize = 0;
export const TAILS: usize = 8;

export const WORDS_PER_PAGE: u32 = 1024;

/** Address of the port's event word; 0 if the guest has given no page for it. The domain uses FIFO and keeps doing so. */
export function eventWord(d: Domain, port: u32): usize {
  const page = port / WORDS_PER_PAGE;
  if (page >= atomic.load<u32>(d.evtchnFifo + FIFO_PAGES)) return 0;
  return <usize>load<u32>(d.evtchnFifo + FIFO_ADDRESSES + page * 4) + <usize>(port % WORDS_PER_PAGE) * 4;
}

/** A closed port is not given out again while the guest still has it in a queue (Xen's evtchn_is_busy). Ports' lock held. */
export function isLinked(d: Domain, port: u32): bool {
  if (!d.evtchnFifo) return false;
  const word = eventWord(d, port);
  return word != 0 && (atomic.load<u32>(word) & (1 << EVTCHN_FIFO_LINKED)) != 0;
}

/** For the invariant checker: the guest frames held here. */
export function countFifoFrames(d: Domain): void {
  if (!d.evtchnFifo) return;
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (v && v.evtchnFifo && load<u32>(v.evtchnFifo, CONTROL))
      expectReference(load<u32>(v.evtchnFifo, CONTROL) >> 12, PGT_writable_page);
  }
  const pages = load<u32>(d.evtchnFifo, FIFO_PAGES);
  for (let i: u32 = 0; i < pages; i++)
    expectReference(load<u32>(d.evtchnFifo + FIFO_ADDRESSES + i * 4) >> 12, PGT_writable_page);
}
