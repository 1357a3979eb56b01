/** HYPERVISOR_sched_op and its older form: what a vCPU tells the scheduler. */
import { VCPU_INFO_EVTCHN_UPCALL_MASK } from "../../abi/xen";
import { runsOnPcpus } from "../guest/type";
import { EBUSY, EFAULT, EINVAL, ENOSPC, ENOSYS, EPERM, ESRCH } from "../../abi/errno";
import {
  SCHEDOP_block,
  SCHEDOP_pin_override,
  SCHEDOP_poll,
  SCHEDOP_remote_shutdown,
  SCHEDOP_shutdown,
  SCHEDOP_shutdown_code,
  SCHEDOP_watchdog,
  SCHEDOP_yield,
  SCHED_POLL_NR_PORTS,
  SCHED_POLL_SIZE,
  SCHED_POLL_TIMEOUT,
  SCHED_REMOTE_SHUTDOWN_DOMAIN_ID,
  SCHED_REMOTE_SHUTDOWN_REASON,
  SCHED_WATCHDOG_ID,
  SCHED_WATCHDOG_TIMEOUT,
} from "../../abi/sched";
import { SCHED_POLL_MOST } from "../abi/implied";
import { LOG_G_INFO } from "../abi/log";
import { logBegin, logDec, logEnd, logText } from "../console/console";
import {
  DOMAIN_HARDWARE,
  DOMAIN_WATCHDOG_TIMERS,
  Domain,
  SHUTDOWN_CODE_INVALID,
  VPF_blocked,
  VPF_polling,
  Vcpu,
  currentVcpu,
  domainById,
  isPrivileged,
} from "../domain/domain";
import { domainShutdown } from "../domain/lifecycle";
import { evtchnPortPending, vcpuEventPending } from "../event/channels";
import { systemTime } from "../sched/clock";
import { vcpuMigrate, vcpuYield } from "../sched/wake";
import { spinLock, spinUnlock } from "../sched/lock";
import { onlinePcpus, pcpuCount, threadScratch } from "../sched/pcpu";
import { TIMER_KIND_WATCHDOG, Timer, timerSet, timerStop } from "../sched/timer";
import { startPollTimer, vcpuBlock, vcpuUnblock } from "../sched/vcpu";
import { clearGuestFault, copyFromGuest, guestFault, readGuest32 } from "./guest_access";

function block(v: Vcpu): void {
  if (v.vcpuInfo) atomic.store<u8>(v.vcpuInfo + VCPU_INFO_EVTCHN_UPCALL_MASK, 0);
  // A vCPU that is a thread of its own waits by itself, on its event word.
  if (!runsOnPcpus(v.domain)) return;
  vcpuBlock(v);
  // The local APIC's timer may have fired on another pCPU meanwhile.
  if (vcpuEventPending(v) || v.apicTimerDue) vcpuUnblock(v);
}

function poll(v: Vcpu, arg: u64): i64 {
  const request = threadScratch();
  if (!copyFromGuest(request, arg, SCHED_POLL_SIZE)) return -EFAULT;
  const count = load<u32>(request, SCHED_POLL_NR_PORTS);
  return pollPorts(v, load<u64>(request), count, load<u64>(request, SCHED_POLL_TIMEOUT));
}

/** SCHEDOP_poll of the `count` ports listed at `ports`. */
export function pollPorts(v: Vcpu, ports: u64, count: u32, timeout: u64): i64 {
  if (count > <u32>SCHED_POLL_MOST) return -EINVAL;
  const waits = runsOnPcpus(v.domain);
  if (waits) {
    v.pollPort = -1;
    // This is announced before the ports are looked at, so that an event in between ends the poll.
    atomic.add<u32>(changetype<usize>(v.domain) + offsetof<Domain>("pollers"), 1);
    atomic.or<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseFlags"), VPF_blocked | VPF_polling);
  }
  let result: i32 = 0;
  let ready = vcpuEventPending(v) || v.apicTimerDue != 0;
  for (let i: u32 = 0; i < count && !ready; i++) {
    clearGuestFault();
    const port = readGuest32(ports + <u64>i * 4);
    result = guestFault ? -EFAULT : evtchnPortPending(v.domain, port);
    if (result) ready = true;
    else if (count == 1 && waits) v.pollPort = <i32>port;
  }
  if (!waits) return result < 0 ? result : 0;
  if (!ready && timeout && timeout <= systemTime()) ready = true;
  if (ready) vcpuUnblock(v);
  else if (timeout) startPollTimer(v, timeout);
  return result < 0 ? result : 0;
}

function watchdogTimer(d: Domain, index: u32): Timer {
  return changetype<Timer>(changetype<usize>(d) + DOMAIN_WATCHDOG_TIMERS + <usize>index * 48);
}

/** With id 0 takes a free watchdog and returns its number. Other ids restart that watchdog, or stop it with a time-out of 0 s. */
function watchdog(d: Domain, id: u32, timeout: u32): i32 {
  if (id > 2) return -EINVAL;
  const lock = changetype<usize>(d) + offsetof<Domain>("lock");
  spinLock(lock);
  let result: i32 = 0;
  let index = id;
  if (id == 0) {
    if (d.watchdogInUse == 3) result = -ENOSPC;
    else {
      index = d.watchdogInUse & 1 ? 2 : 1;
      d.watchdogInUse |= 1 << (index - 1);
      result = <i32>index;
    }
  } else if (!((d.watchdogInUse >> (id - 1)) & 1)) result = -EINVAL;
  if (result >= 0) {
    const timer = watchdogTimer(d, index - 1);
    // A new watchdog of 0 s is due at once.
    if (timeout || !id)
      timerSet(timer, systemTime() + <u64>timeout * 1_000_000_000, TIMER_KIND_WATCHDOG, changetype<usize>(d));
    else {
      timerStop(timer);
      d.watchdogInUse &= ~(1 << (index - 1));
    }
  }
  spinUnlock(lock);
  return result;
}

function pinOverride(v: Vcpu, pcpu: i32): i32 {
  if (!(v.domain.flags & DOMAIN_HARDWARE)) return -EPERM;
  if (pcpu < 0) {
    if (v.savedAffinity) v.hardAffinity = v.savedAffinity;
    v.savedAffinity = 0;
  } else {
    if (<u32>pcpu >= pcpuCount() || !((onlinePcpus() >> (<u64>pcpu)) & 1)) return -EINVAL;
    if (v.savedAffinity) return -EBUSY;
    v.savedAffinity = v.hardAffinity;
    v.hardAffinity = (<u64>1) << (<u64>pcpu);
  }
  vcpuMigrate(v);
  return 0;
}

export function doSchedOp(cmd: u64, arg: u64): i64 {
  const v = currentVcpu;
  const d = v.domain;
  clearGuestFault();
  switch (<u32>cmd) {
    case SCHEDOP_yield:
      vcpuYield(v);
      return 0;
    case SCHEDOP_block:
      block(v);
      return 0;
    case SCHEDOP_shutdown: {
      const reason = readGuest32(arg);
      if (guestFault) return -EFAULT;
      domainShutdown(d, reason & 0xff);
      return 0;
    }
    case SCHEDOP_shutdown_code: {
      const reason = readGuest32(arg);
      if (guestFault) return -EFAULT;
      const lock = changetype<usize>(d) + offsetof<Domain>("shutdownLock");
      spinLock(lock);
      if (d.shutdownCode == SHUTDOWN_CODE_INVALID) d.shutdownCode = reason & 0xff;
      spinUnlock(lock);
      return 0;
    }
    case SCHEDOP_poll:
      return poll(v, arg);
    case SCHEDOP_remote_shutdown: {
      const domid = readGuest32(arg + SCHED_REMOTE_SHUTDOWN_DOMAIN_ID) & 0xffff;
      const reason = readGuest32(arg + SCHED_REMOTE_SHUTDOWN_REASON);
      if (guestFault) return -EFAULT;
      const target = domainById(domid);
      if (!target) return -ESRCH;
      if (!isPrivileged(d)) return -EPERM;
      domainShutdown(target, reason & 0xff);
      return 0;
    }
    case SCHEDOP_watchdog: {
      const id = readGuest32(arg + SCHED_WATCHDOG_ID);
      const timeout = readGuest32(arg + SCHED_WATCHDOG_TIMEOUT);
      if (guestFault) return -EFAULT;
      const result = watchdog(d, id, timeout);
      // Xen 4.17 computes this result as an unsigned number of 32 bits, so a 64-bit guest sees 0xffffffe4.
      return result == -ENOSPC ? <i64>(<u32>result) : result;
    }
    case SCHEDOP_pin_override: {
      const pcpu = <i32>readGuest32(arg);
      if (guestFault) return -EFAULT;
      return pinOverride(v, pcpu);
    }
    default:
      return -ENOSYS;
  }
}

/** The form before Xen 3.1, in which shutdown's argument is the reason itself. */
export function doSchedOpCompat(cmd: u64, arg: u64): i64 {
  const v = currentVcpu;
  switch (<u32>cmd) {
    case SCHEDOP_yield:
      vcpuYield(v);
      return 0;
    case SCHEDOP_block:
      block(v);
      return 0;
    case SCHEDOP_shutdown:
      logBegin(LOG_G_INFO);
      logText("d");
      logDec(v.domid);
      logText(" domain-initiated shutdown");
      logEnd();
      domainShutdown(v.domain, (<u32>arg) & 0xff);
      return 0;
    default:
      return -ENOSYS;
  }
}
