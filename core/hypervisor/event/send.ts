/** An event reaches a port: from another port, a virtual interrupt or an IPI. */
import { EINVAL } from "../../abi/errno";
import { VCPU_INFO_EVTCHN_UPCALL_MASK, VCPU_INFO_EVTCHN_UPCALL_PENDING } from "../../abi/xen";
import { Domain, VCPU_VIRQ_PORTS, Vcpu, domainById, vcpuOf } from "../domain/domain";
import { spinLock, spinUnlock } from "../sched/lock";
import { checkPollers, clearPendingFifo, isPendingFifo, setPendingFifo, unmaskFifo, usesFifo } from "./fifo";
import {
  ECS_INTERDOMAIN,
  ECS_IPI,
  ECS_UNBOUND,
  Port,
  lockPorts,
  portOf,
  portUsable,
  portValid,
  unlockPorts,
} from "./port";
import { clearPending2l, isPending2l, setPending2l, unmask2l } from "./two_level";

/** Makes a bound port pending for the vCPU it notifies. A lock that keeps it bound is held. */
export function setPending(d: Domain, port: u32): void {
  const p = portOf(d, port);
  const v = vcpuOf(d, p.notifyVcpu);
  if (!v) return;
  atomic.add<u32>(changetype<usize>(p) + offsetof<Port>("events"), 1);
  let fresh: bool;
  if (usesFifo(d)) fresh = setPendingFifo(d, v, port);
  else {
    fresh = setPending2l(d, v, port);
    // The domain may have changed to FIFO in between, and have read its 2-level words before this bit was set.
    if (usesFifo(d)) setPendingFifo(d, v, port);
  }
  atomic.add<u64>(changetype<usize>(d) + offsetof<Domain>("eventsReceived"), 1);
  if (fresh) checkPollers(d, port);
}
export function clearPending(d: Domain, port: u32): void {
  if (usesFifo(d)) clearPendingFifo(d, port);
  else clearPending2l(d, port);
}
function isPending(d: Domain, port: u32): bool {
  return usesFifo(d) ? isPendingFifo(d, port) : isPending2l(d, port);
}

/** EVTCHNOP_send. A port nobody is bound to swallows it. */
export function send(d: Domain, port: u32): i32 {
  if (!portValid(d, port)) return -EINVAL;
  let error: i32 = 0;
  lockPorts(d);
  const p = portOf(d, port);
  if (p.state == ECS_INTERDOMAIN) {
    const remote = domainById(p.remoteDomid);
    atomic.add<u64>(changetype<usize>(d) + offsetof<Domain>("eventsSent"), 1);
    if (remote) setPending(remote, p.remotePort);
  } else if (p.state == ECS_IPI) {
    atomic.add<u64>(changetype<usize>(d) + offsetof<Domain>("eventsSent"), 1);
    setPending(d, port);
  } else if (p.state != ECS_UNBOUND) error = -EINVAL;
  unlockPorts(d);
  return error;
}

/** EVTCHNOP_unmask. The ports' lock is held. */
export function unmask(d: Domain, port: u32): i32 {
  if (!portUsable(portOf(d, port))) return 0;
  const v = vcpuOf(d, portOf(d, port).notifyVcpu);
  if (!v) return 0;
  if (usesFifo(d)) unmaskFifo(d, v, port);
  else unmask2l(d, v, port);
  return 0;
}

// @ts-ignore: decorator
@inline
export function virqPort(v: Vcpu, virq: u32): usize {
  return changetype<usize>(v) + VCPU_VIRQ_PORTS + <usize>virq * 4;
}
// @ts-ignore: decorator
@inline
export function virqLock(v: Vcpu): usize {
  return changetype<usize>(v) + offsetof<Vcpu>("virqLock");
}

/** Raises a virtual interrupt of the vCPU; nothing happens if the guest has not bound it. Any thread. */
export function sendGuestVirq(v: Vcpu, virq: u32): void {
  spinLock(virqLock(v));
  const port = load<u32>(virqPort(v, virq));
  if (port) setPending(v.domain, port);
  spinUnlock(virqLock(v));
}

/** 1 pending, 0 not, -EINVAL no such port, or a free one. Takes the ports' lock: another vCPU may be leaving the FIFO ABI. */
export function evtchnPortPending(d: Domain, port: u32): i32 {
  if (!portValid(d, port)) return -EINVAL;
  lockPorts(d);
  let result: i32 = -EINVAL;
  if (portUsable(portOf(d, port))) result = isPending(d, port) ? 1 : 0;
  unlockPorts(d);
  return result;
}

/** Something is pending for the vCPU and events are not masked. */
export function vcpuEventPending(v: Vcpu): bool {
  const info = v.vcpuInfo;
  return (
    info != 0 && load<u8>(info, VCPU_INFO_EVTCHN_UPCALL_PENDING) != 0 && !load<u8>(info, VCPU_INFO_EVTCHN_UPCALL_MASK)
  );
}
