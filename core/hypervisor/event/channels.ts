/** HYPERVISOR_event_channel_op, and how a domain's event channels begin and end. */
import { EACCES, EAGAIN, EBUSY, EFAULT, EINVAL, ENOSYS, EPERM, ESRCH } from "../../abi/errno";
import * as abi from "../../abi/event_channel";
import { DOMID_SELF } from "../../abi/xen";
import { Domain, Vcpu, currentVcpu, domainOrSelf, isPrivileged } from "../domain/domain";
import { continueWith, preemptCheck } from "../hypercall/continuation";
import { copyFromGuest, copyToGuest, readGuest32, clearGuestFault, guestFault } from "../hypercall/guest_access";
import { threadScratch } from "../sched/pcpu";
import { allocUnbound, bindInterdomain, bindIpi, bindVcpu, bindVirq, closePort } from "./bind";
import { expandArray, initControl, resetFifo, usesFifo } from "./fifo";
import {
  ECS_FREE,
  ECS_INTERDOMAIN,
  ECS_IPI,
  ECS_UNBOUND,
  ECS_VIRQ,
  lockPorts,
  portOf,
  portUsable,
  portValid,
  portsFree,
  portsInit,
  unlockPorts,
} from "./port";
import { clearGlobalVirqHandlers } from "./global_virq";
import { send, unmask } from "./send";

export { sendGlobalVirq, setGlobalVirqHandler } from "./global_virq";
export { evtchnPortPending, sendGuestVirq, vcpuEventPending } from "./send";

/** Ports closed before a look at what else is to be done. */
const CLOSE_BATCH: u32 = 64;

// ---- life ----

export function evtchnDomainInit(d: Domain): i32 {
  return portsInit(d);
}
/** A vCPU starts without queues and virtual interrupts: its page is zero. */
export function evtchnVcpuInit(v: Vcpu): i32 {
  v.evtchnFifo = 0;
  return 0;
}

/** Closes ports from `first` on, a batch. The first port not looked at yet, 0 if that was all. */
function closeSome(d: Domain, first: u32): u32 {
  let closed: u32 = 0;
  for (let port = first; port < d.evtchnValid; port++) {
    if (closed == CLOSE_BATCH) return port;
    if (portOf(d, port).state == ECS_FREE) continue;
    if (!closePort(d, port)) closed++;
  }
  return 0;
}

/** Closes the ports of a dying domain, a batch at a time. True: all closed, its FIFO pages are given back. */
export function evtchnDomainDestroy(d: Domain): bool {
  if (!d.evtchnNextDestroy) {
    clearGlobalVirqHandlers(d);
    // Who is just taking a port has not seen that the domain dies: wait, so that its port is seen here.
    lockPorts(d);
    d.evtchnNextDestroy = 1;
    unlockPorts(d);
  }
  const next = closeSome(d, d.evtchnNextDestroy);
  if (next) d.evtchnNextDestroy = next;
  if (next) return false;
  lockPorts(d);
  resetFifo(d);
  unlockPorts(d);
  return true;
}
export function evtchnDomainFree(d: Domain): void {
  portsFree(d);
}

// ---- operations ----

/** Xen's XSM_TARGET: itself, the domain it is the device model of, or any if privileged. */
function mayControl(d: Domain): bool {
  const caller = currentVcpu.domain;
  return d == caller || caller.target == <i32>d.domid || isPrivileged(caller);
}
/** The domain an operation is about; the caller needs privilege for another than itself. Null with opError set. */
let opError: i32 = 0;
function subject(domid: u32): Domain | null {
  const d = domainOrSelf(domid);
  opError = -ESRCH;
  if (!d) return null;
  opError = -EPERM;
  return mayControl(d) ? d : null;
}
function domidOf(domid: u32): u32 {
  return domid == <u32>DOMID_SELF ? currentVcpu.domid : domid;
}

function argumentSize(cmd: u32): u32 {
  switch (cmd) {
    case abi.EVTCHNOP_alloc_unbound:
    case abi.EVTCHNOP_bind_ipi:
    case abi.EVTCHNOP_bind_vcpu:
    case abi.EVTCHNOP_expand_array:
    case abi.EVTCHNOP_set_priority:
      return 8;
    case abi.EVTCHNOP_bind_interdomain:
    case abi.EVTCHNOP_bind_virq:
    case abi.EVTCHNOP_bind_pirq:
      return 12;
    case abi.EVTCHNOP_close:
    case abi.EVTCHNOP_send:
    case abi.EVTCHNOP_unmask:
      return 4;
    case abi.EVTCHNOP_status:
    case abi.EVTCHNOP_init_control:
      return 24;
    case abi.EVTCHNOP_reset:
    case abi.EVTCHNOP_reset_cont:
      return 2;
    default:
      return 0;
  }
}

/** Whether the operation writes a result into its argument. */
function answers(cmd: u32): bool {
  return (
    cmd == <u32>abi.EVTCHNOP_alloc_unbound ||
    cmd == <u32>abi.EVTCHNOP_bind_interdomain ||
    cmd == <u32>abi.EVTCHNOP_bind_virq ||
    cmd == <u32>abi.EVTCHNOP_bind_ipi ||
    cmd == <u32>abi.EVTCHNOP_status ||
    cmd == <u32>abi.EVTCHNOP_init_control
  );
}

export function doEventChannelOp(cmd: u32, arg: u64): i64 {
  if (cmd == <u32>abi.EVTCHNOP_send) {
    clearGuestFault();
    const port = readGuest32(arg);
    return guestFault ? -EFAULT : send(currentVcpu.domain, port);
  }
  const size = argumentSize(cmd);
  if (!size) return -ENOSYS;
  const a = threadScratch();
  if (!copyFromGuest(a, arg, size)) return -EFAULT;
  if (cmd == <u32>abi.EVTCHNOP_reset || cmd == <u32>abi.EVTCHNOP_reset_cont) return reset(cmd, arg, load<u16>(a));
  const result = operate(cmd, a);
  if (result) return result;
  if (answers(cmd) && !copyToGuest(arg, a, size)) return -EFAULT;
  return 0;
}

/** event_channel_op_compat(struct evtchn_op): the command, then its argument. */
export function doEventChannelOpCompat(arg: u64): i64 {
  clearGuestFault();
  const cmd = readGuest32(arg);
  if (guestFault) return -EFAULT;
  return cmd <= <u32>abi.EVTCHNOP_unmask ? doEventChannelOp(cmd, arg + abi.EVTCHN_OP_U) : -ENOSYS;
}

/** Stores a port in the structure's field, or passes the error on. */
function port(result: i32, at: usize): i32 {
  if (result < 0) return result;
  store<u32>(at, result);
  return 0;
}

function operate(cmd: u32, a: usize): i32 {
  const d = currentVcpu.domain;
  switch (cmd) {
    case abi.EVTCHNOP_alloc_unbound: {
      const owner = subject(load<u16>(a, abi.EVTCHN_ALLOC_UNBOUND_DOM));
      if (!owner) return opError;
      const remote = domidOf(load<u16>(a, abi.EVTCHN_ALLOC_UNBOUND_REMOTE_DOM));
      return port(allocUnbound(owner, remote), a + abi.EVTCHN_ALLOC_UNBOUND_PORT);
    }
    case abi.EVTCHNOP_bind_interdomain: {
      const remote = domainOrSelf(load<u16>(a, abi.EVTCHN_BIND_INTERDOMAIN_REMOTE_DOM));
      if (!remote) return -ESRCH;
      const remotePort = load<u32>(a, abi.EVTCHN_BIND_INTERDOMAIN_REMOTE_PORT);
      return port(bindInterdomain(d, remote, remotePort), a + abi.EVTCHN_BIND_INTERDOMAIN_LOCAL_PORT);
    }
    case abi.EVTCHNOP_bind_virq:
      return port(
        bindVirq(d, load<u32>(a, abi.EVTCHN_BIND_VIRQ_VIRQ), load<u32>(a, abi.EVTCHN_BIND_VIRQ_VCPU)),
        a + abi.EVTCHN_BIND_VIRQ_PORT,
      );
    case abi.EVTCHNOP_bind_ipi:
      return port(bindIpi(d, load<u32>(a, abi.EVTCHN_BIND_IPI_VCPU)), a + abi.EVTCHN_BIND_IPI_PORT);
    case abi.EVTCHNOP_bind_pirq:
      // There are no physical interrupts to bind.
      return -EPERM;
    case abi.EVTCHNOP_close:
      return closePort(d, load<u32>(a, abi.EVTCHN_CLOSE_PORT));
    case abi.EVTCHNOP_bind_vcpu:
      return bindVcpu(d, load<u32>(a, abi.EVTCHN_BIND_VCPU_PORT), load<u32>(a, abi.EVTCHN_BIND_VCPU_VCPU));
    case abi.EVTCHNOP_status: {
      const owner = domainOrSelf(load<u16>(a, abi.EVTCHN_STATUS_DOM));
      return owner ? status(owner, load<u32>(a, abi.EVTCHN_STATUS_PORT), a) : -ESRCH;
    }
    default:
      break;
  }
  lockPorts(d);
  const result = lockedOperation(d, cmd, a);
  unlockPorts(d);
  return result;
}

function lockedOperation(d: Domain, cmd: u32, a: usize): i32 {
  switch (cmd) {
    case abi.EVTCHNOP_unmask:
      return portValid(d, load<u32>(a)) ? unmask(d, load<u32>(a)) : -EINVAL;
    case abi.EVTCHNOP_init_control: {
      const error = initControl(
        d,
        load<u32>(a, abi.EVTCHN_INIT_CONTROL_VCPU),
        load<u64>(a, abi.EVTCHN_INIT_CONTROL_CONTROL_GFN),
        load<u32>(a, abi.EVTCHN_INIT_CONTROL_OFFSET),
      );
      store<u8>(a, abi.EVTCHN_FIFO_LINK_BITS, abi.EVTCHN_INIT_CONTROL_LINK_BITS);
      return error;
    }
    case abi.EVTCHNOP_expand_array:
      return expandArray(d, load<u64>(a, abi.EVTCHN_EXPAND_ARRAY_ARRAY_GFN));
    case abi.EVTCHNOP_set_priority: {
      const number = load<u32>(a, abi.EVTCHN_SET_PRIORITY_PORT);
      const priority = load<u32>(a, abi.EVTCHN_SET_PRIORITY_PRIORITY);
      if (!portValid(d, number)) return -EINVAL;
      if (!usesFifo(d)) return -ENOSYS;
      if (!portUsable(portOf(d, number))) return -EACCES;
      if (priority > <u32>abi.EVTCHN_FIFO_PRIORITY_MIN) return -EINVAL;
      portOf(d, number).priority = <u16>priority;
      return 0;
    }
    default:
      return -ENOSYS;
  }
}

function status(d: Domain, number: u32, a: usize): i32 {
  if (!portValid(d, number)) return -EINVAL;
  if (!mayControl(d)) return -EPERM;
  lockPorts(d);
  const p = portOf(d, number);
  let state: u32 = abi.EVTCHNSTAT_closed;
  if (p.state == ECS_UNBOUND) {
    state = abi.EVTCHNSTAT_unbound;
    store<u16>(a, <u16>p.remoteDomid, abi.EVTCHN_STATUS_UNBOUND_DOM);
  } else if (p.state == ECS_INTERDOMAIN) {
    state = abi.EVTCHNSTAT_interdomain;
    store<u16>(a, <u16>p.remoteDomid, abi.EVTCHN_STATUS_INTERDOMAIN_DOM);
    store<u32>(a, p.remotePort, abi.EVTCHN_STATUS_INTERDOMAIN_PORT);
  } else if (p.state == ECS_VIRQ) {
    state = abi.EVTCHNSTAT_virq;
    store<u32>(a, p.virq, abi.EVTCHN_STATUS_VIRQ);
  } else if (p.state == ECS_IPI) state = abi.EVTCHNSTAT_ipi;
  store<u32>(a, state, abi.EVTCHN_STATUS_STATUS);
  store<u32>(a, p.notifyVcpu, abi.EVTCHN_STATUS_VCPU);
  unlockPorts(d);
  return 0;
}

/** Where a reset starts; -EBUSY if another is unfinished, or there is none to continue. */
function beginReset(d: Domain, resuming: bool): i32 {
  lockPorts(d);
  const next = d.evtchnNextReset;
  if (!resuming && !next) d.evtchnNextReset = 1;
  unlockPorts(d);
  if (resuming) return next ? <i32>next : -EBUSY;
  return next ? -EBUSY : 1;
}

/**
 * Closes all ports and goes back to the 2-level ABI; continued while there are many. Another domain must be paused by
 * the toolstack. A port bound meanwhile by another vCPU keeps the ABI that it lives in: -EAGAIN.
 */
function reset(cmd: u32, arg: u64, domid: u32): i64 {
  const d = subject(domid);
  if (!d) return opError;
  if (d != currentVcpu.domain && !d.controllerPauseCount) return -EINVAL;
  let next = beginReset(d, cmd == <u32>abi.EVTCHNOP_reset_cont);
  if (next < 0) return next;
  while (next) {
    next = <i32>closeSome(d, <u32>next);
    if (next && preemptCheck()) {
      d.evtchnNextReset = <u32>next;
      return continueWith(abi.EVTCHNOP_reset_cont, arg);
    }
  }
  lockPorts(d);
  d.evtchnNextReset = 0;
  const active = d.evtchnActive;
  if (!active) resetFifo(d);
  unlockPorts(d);
  return active ? -EAGAIN : 0;
}
