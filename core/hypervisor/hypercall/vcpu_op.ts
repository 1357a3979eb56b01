/** HYPERVISOR_vcpu_op, set_timer_op: a domain's own vCPUs, their timers, and the areas that they share with Xen. */
import { VCPU_GUEST_CONTEXT_FLAGS, VGCF_online } from "../../abi/arch_x86";
import { hasPageTables, typeOf } from "../guest/type";
import { EEXIST, EFAULT, EINVAL, ENOENT, ENOMEM, ENOSYS, ENXIO, ERESTART } from "../../abi/errno";
import { SHUTDOWN_poweroff } from "../../abi/sched";
import {
  VCPUOP_down,
  VCPUOP_get_physid,
  VCPUOP_get_runstate_info,
  VCPUOP_initialise,
  VCPUOP_is_up,
  VCPUOP_register_runstate_memory_area,
  VCPUOP_register_vcpu_info,
  VCPUOP_register_vcpu_time_memory_area,
  VCPUOP_send_nmi,
  VCPUOP_set_periodic_timer,
  VCPUOP_set_singleshot_timer,
  VCPUOP_stop_periodic_timer,
  VCPUOP_stop_singleshot_timer,
  VCPUOP_up,
  VCPU_REGISTER_VCPU_INFO_MFN,
  VCPU_REGISTER_VCPU_INFO_OFFSET,
  VCPU_RUNSTATE_INFO_SIZE,
} from "../../abi/vcpu";
import {
  VCPU_INFO_EVTCHN_PENDING_SEL,
  VCPU_INFO_EVTCHN_UPCALL_MASK,
  VCPU_INFO_EVTCHN_UPCALL_PENDING,
  VCPU_INFO_SIZE,
} from "../../abi/xen";
import {
  Domain,
  GUEST_INITIALISED,
  TIMER_PERIODIC,
  TIMER_SINGLESHOT,
  VPF_down,
  Vcpu,
  currentVcpu,
  vcpuOf,
} from "../domain/domain";
import { domainShutdown } from "../domain/lifecycle";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { frameAddress } from "../memory/frames";
import { continueWith } from "./continuation";
import { takeWritableFrame } from "../p2m/guest_frame";
import { updateVcpuTime } from "../guest/time";
import { systemTime } from "../sched/clock";
import { vcpuSleepNosync, vcpuWake } from "../sched/wake";
import { spinLock, spinUnlock } from "../sched/lock";
import { updateRunstateArea, writeRunstate } from "../sched/runstate";
import { threadScratch } from "../sched/pcpu";
import { TIMER_KIND_SINGLESHOT, timerSet, timerStop, vcpuTimer } from "../sched/timer";
import { vcpuKick } from "../sched/vcpu";
import { startPeriodic } from "../sched/guest_timers";
import { clearGuestFault, copyFromGuest, copyToGuest, guestFault, readGuest32, readGuest64 } from "./guest_access";

const SHORTEST_PERIOD_NS: u64 = 1_000_000;
/** Xen's STIME_DELTA_MAX. */
const LONGEST_NS: u64 = 0x3fffffffffffffff;

/**
 * Makes the context (struct vcpu_guest_context, or vcpu_hvm_context) at guest address `context` the vCPU's. For VCPUOP_initialise and setvcpucontext.
 */
export function setContextFromGuest(v: Vcpu, context: u64): i32 {
  const pages = allocXenheapPages(1);
  if (!pages) return -ENOMEM;
  const at = frameAddress(pages);
  const error = copyFromGuest(at, context, typeOf(v.domain).contextSize) ? typeOf(v.domain).setContext(v, at) : -EFAULT;
  // Only the contexts of PV guests tell this.
  const online = hasPageTables(v.domain) && (load<u64>(at, VCPU_GUEST_CONTEXT_FLAGS) & VGCF_online) != 0;
  freeXenheapPages(pages, 1);
  if (error) return error;
  v.guestFlags |= GUEST_INITIALISED;
  if (online) atomic.and<u32>(flagsAt(v), ~VPF_down);
  else atomic.or<u32>(flagsAt(v), VPF_down);
  if (online) vcpuWake(v);
  return 0;
}

function initialise(v: Vcpu, context: u64): i32 {
  const d = v.domain;
  if (!v.vcpuInfo) return -EINVAL;
  const lock = changetype<usize>(d) + offsetof<Domain>("lock");
  spinLock(lock);
  const busy = v.pausedForContext || v.guestFlags & GUEST_INITIALISED;
  if (!busy) v.pausedForContext = 1;
  spinUnlock(lock);
  if (busy) return -EEXIST;
  const error = setContextFromGuest(v, context);
  v.pausedForContext = 0;
  return error;
}

function flagsAt(v: Vcpu): usize {
  return changetype<usize>(v) + offsetof<Vcpu>("pauseFlags");
}

/** Takes a vCPU down. When the last one goes down, the domain shuts down. */
export function vcpuDown(v: Vcpu): void {
  const d = v.domain;
  const lock = changetype<usize>(d) + offsetof<Domain>("lock");
  spinLock(lock);
  atomic.or<u32>(flagsAt(v), VPF_down);
  let up = false;
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const other = vcpuOf(d, i);
    if (other && !(other.pauseFlags & VPF_down)) up = true;
  }
  spinUnlock(lock);
  if (!up) domainShutdown(d, <u32>SHUTDOWN_poweroff);
  else vcpuSleepNosync(v);
}

/** Moves the vcpu_info into a frame of the guest's, for good. */
function registerVcpuInfo(v: Vcpu, frame: u64, offset: u32): i32 {
  if (offset > 4096 - <u32>VCPU_INFO_SIZE || offset & 7) return -ENXIO;
  if (v.vcpuInfoMfn) return -EINVAL;
  if (v != currentVcpu && !(v.pauseFlags & VPF_down)) return -EINVAL;
  const mfn = takeWritableFrame(frame, v.domid);
  if (!mfn) return -EINVAL;
  const to = frameAddress(mfn) + offset;
  if (v.vcpuInfo) memory.copy(to, v.vcpuInfo, VCPU_INFO_SIZE);
  else {
    memory.fill(to, 0, VCPU_INFO_SIZE);
    // A PV guest begins with events masked. Other types have their processor's interrupt flag for that.
    store<u8>(to + VCPU_INFO_EVTCHN_UPCALL_MASK, hasPageTables(v.domain) ? 1 : 0);
  }
  v.vcpuInfo = to;
  v.vcpuInfoMfn = mfn;
  // Events may have been recorded in the old place after it was copied, so the guest has to look at all of them.
  atomic.store<u8>(to + VCPU_INFO_EVTCHN_UPCALL_PENDING, 1);
  atomic.store<u64>(to + VCPU_INFO_EVTCHN_PENDING_SEL, 0xffffffffffffffff);
  atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("upcallRaised"), 1);
  updateVcpuTime(v);
  if (v != currentVcpu && !(v.pauseFlags & VPF_down)) vcpuKick(v);
  return 0;
}

function setPeriodic(v: Vcpu, period: u64): void {
  v.periodicPeriod = period;
  v.periodicLast = systemTime();
  if (period) startPeriodic(v, v.periodicLast);
  else timerStop(vcpuTimer(v, TIMER_PERIODIC));
}

function singleshot(v: Vcpu, deadline: u64): void {
  timerSet(vcpuTimer(v, TIMER_SINGLESHOT), deadline, TIMER_KIND_SINGLESHOT, changetype<usize>(v));
}

export function doVcpuOp(cmd: u64, vcpuId: u32, arg: u64): i64 {
  const d = currentVcpu.domain;
  if (vcpuId >= d.maxVcpus) return -ENOENT;
  const found = vcpuOf(d, vcpuId);
  if (!found) return -ENOENT;
  const v = found as Vcpu;
  clearGuestFault();
  switch (<u32>cmd) {
    case VCPUOP_initialise: {
      const error = initialise(v, arg);
      return error == -ERESTART ? continueWith(cmd, vcpuId, arg) : error;
    }
    case VCPUOP_up:
      if (!(v.guestFlags & GUEST_INITIALISED)) return -EINVAL;
      if (atomic.and<u32>(flagsAt(v), ~VPF_down) & VPF_down) vcpuWake(v);
      return 0;
    case VCPUOP_down:
      vcpuDown(v);
      return 0;
    case VCPUOP_is_up:
      return v.pauseFlags & VPF_down ? 0 : 1;
    case VCPUOP_get_runstate_info:
      writeRunstate(v, threadScratch());
      return copyToGuest(arg, threadScratch(), VCPU_RUNSTATE_INFO_SIZE) ? 0 : -EFAULT;
    case VCPUOP_register_runstate_memory_area: {
      const area = readGuest64(arg);
      if (guestFault) return -EFAULT;
      if (!typeOf(d).rangeOk(area, VCPU_RUNSTATE_INFO_SIZE)) return -EFAULT;
      v.runstateGuest = area;
      if (v == currentVcpu) updateRunstateArea(v);
      else {
        writeRunstate(v, threadScratch());
        copyToGuest(area, threadScratch(), VCPU_RUNSTATE_INFO_SIZE);
      }
      return 0;
    }
    case VCPUOP_set_periodic_timer: {
      const period = readGuest64(arg);
      if (guestFault) return -EFAULT;
      if (period < SHORTEST_PERIOD_NS || period > LONGEST_NS) return -EINVAL;
      setPeriodic(v, period);
      return 0;
    }
    case VCPUOP_stop_periodic_timer:
      setPeriodic(v, 0);
      return 0;
    case VCPUOP_set_singleshot_timer: {
      if (v != currentVcpu) return -EINVAL;
      const deadline = readGuest64(arg);
      if (guestFault) return -EFAULT;
      // A deadline in the past fires at once, with or without VCPU_SSHOTTMR_future: since 4.17 Xen refuses none.
      singleshot(v, deadline);
      return 0;
    }
    case VCPUOP_stop_singleshot_timer:
      if (v != currentVcpu) return -EINVAL;
      timerStop(vcpuTimer(v, TIMER_SINGLESHOT));
      return 0;
    case VCPUOP_register_vcpu_info: {
      const mfn = readGuest64(arg + VCPU_REGISTER_VCPU_INFO_MFN);
      const offset = readGuest32(arg + VCPU_REGISTER_VCPU_INFO_OFFSET);
      if (guestFault) return -EFAULT;
      const lock = changetype<usize>(d) + offsetof<Domain>("lock");
      spinLock(lock);
      const error = registerVcpuInfo(v, mfn, offset);
      spinUnlock(lock);
      return error;
    }
    case VCPUOP_send_nmi:
      if (arg) return -EINVAL;
      atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("nmiPending"), 1);
      vcpuKick(v);
      return 0;
    case VCPUOP_get_physid:
      // This is only for a hardware domain whose vCPUs are pinned at boot.
      return -EINVAL;
    case VCPUOP_register_vcpu_time_memory_area: {
      const area = readGuest64(arg);
      if (guestFault) return -EFAULT;
      if (!typeOf(d).rangeOk(area, 32)) return -EFAULT;
      v.timeInfoGuest = area;
      updateVcpuTime(v);
      return 0;
    }
    default:
      return -ENOSYS;
  }
}

/** set_timer_op(timeout): an absolute system time; 0 stops the timer. As in Xen, a time too far away wakes the vCPU after 100 ms. */
export function doSetTimerOp(timeout: u64): i64 {
  const v = currentVcpu;
  if (timeout == 0) {
    timerStop(vcpuTimer(v, TIMER_SINGLESHOT));
    return 0;
  }
  const now = systemTime();
  const distance = <i64>(timeout - now);
  if (<i64>timeout < 0 || (distance > 0 && distance >> 50)) singleshot(v, now + 100_000_000);
  else singleshot(v, timeout);
  return 0;
}
