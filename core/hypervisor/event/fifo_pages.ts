/** Layout of the pages that Domain.evtchnFifo and Vcpu.evtchnFifo point at, and which guest frames they hold. */
import { Domain, vcpuOf } from "../domain/domain";
import { expectHeldFrame } from "../memory/check";

/** Domain's page: u32 lock (leaf), u32 number of pages, then u32 machine addresses. */
export const FIFO_LOCK: usize = 0;
export const FIFO_PAGES: usize = 4;
export const FIFO_ADDRESSES: usize = 8;
/** vCPU's page: u32 address of the control block, then u32 tails, 0 = empty. */
export const CONTROL: usize = 0;
export const TAILS: usize = 8;

/** For the invariant checker: the guest frames held here. */
export function countFifoFrames(d: Domain): void {
  if (!d.evtchnFifo) return;
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (v && v.evtchnFifo && load<u32>(v.evtchnFifo, CONTROL))
      expectHeldFrame(load<u32>(v.evtchnFifo, CONTROL) >> 12, true);
  }
  const pages = load<u32>(d.evtchnFifo, FIFO_PAGES);
  for (let i: u32 = 0; i < pages; i++) expectHeldFrame(load<u32>(d.evtchnFifo + FIFO_ADDRESSES + i * 4) >> 12, true);
}
