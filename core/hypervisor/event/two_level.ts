/** The 2-level ABI: pending and mask bits in shared_info, selector and upcall flag in vcpu_info. All words are the guest's to change. */
import { EVTCHN_2L_NR_CHANNELS } from "../../abi/event_channel";
import {
  SHARED_INFO_EVTCHN_MASK,
  SHARED_INFO_EVTCHN_PENDING,
  VCPU_INFO_EVTCHN_PENDING_SEL,
  VCPU_INFO_EVTCHN_UPCALL_PENDING,
} from "../../abi/xen";
import { Domain, Vcpu } from "../domain/domain";
import { vcpuKick } from "../sched/vcpu";

/** Sets the vCPU's upcall flag and wakes or interrupts it. */
export function markEventsPending(v: Vcpu): void {
  const info = v.vcpuInfo;
  if (!info) return;
  if (atomic.xchg<u8>(info + VCPU_INFO_EVTCHN_UPCALL_PENDING, 1)) return;
  atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("upcallRaised"), 1);
  vcpuKick(v);
}

// @ts-ignore: decorator
@inline
function word(d: Domain, bitmap: usize, port: u32): usize {
  return d.sharedInfo + bitmap + ((<usize>(port >> 6)) << 3);
}
// @ts-ignore: decorator
@inline
function bit(port: u32): u64 {
  return (<u64>1) << (port & 63);
}

function select(v: Vcpu, port: u32): void {
  if (!v.vcpuInfo) return;
  const selector = bit(port >> 6);
  if (!(atomic.or<u64>(v.vcpuInfo + VCPU_INFO_EVTCHN_PENDING_SEL, selector) & selector)) markEventsPending(v);
}

/** True if the port was not pending before. */
export function setPending2l(d: Domain, v: Vcpu, port: u32): bool {
  if (port >= <u32>EVTCHN_2L_NR_CHANNELS) return false;
  if (atomic.or<u64>(word(d, SHARED_INFO_EVTCHN_PENDING, port), bit(port)) & bit(port)) return false;
  if (!(atomic.load<u64>(word(d, SHARED_INFO_EVTCHN_MASK, port)) & bit(port))) select(v, port);
  return true;
}
export function clearPending2l(d: Domain, port: u32): void {
  if (port < <u32>EVTCHN_2L_NR_CHANNELS) atomic.and<u64>(word(d, SHARED_INFO_EVTCHN_PENDING, port), ~bit(port));
}
export function isPending2l(d: Domain, port: u32): bool {
  return (
    port < <u32>EVTCHN_2L_NR_CHANNELS && (atomic.load<u64>(word(d, SHARED_INFO_EVTCHN_PENDING, port)) & bit(port)) != 0
  );
}
export function unmask2l(d: Domain, v: Vcpu, port: u32): void {
  if (port >= <u32>EVTCHN_2L_NR_CHANNELS) return;
  const was = atomic.and<u64>(word(d, SHARED_INFO_EVTCHN_MASK, port), ~bit(port)) & bit(port);
  if (was && isPending2l(d, port)) select(v, port);
}
