/** What the timers of vCPUs and domains do when they are due, and the periodic tick. */
import { SHUTDOWN_watchdog } from "../../abi/sched";
import { VIRQ_TIMER } from "../../abi/xen";
import { Domain, TIMER_PERIODIC, VPF_polling, Vcpu } from "../domain/domain";
import { domainShutdown } from "../domain/lifecycle";
import { sendGuestVirq } from "../event/channels";
import {
  TIMER_KIND_APIC,
  TIMER_KIND_PERIODIC,
  TIMER_KIND_POLL,
  TIMER_KIND_SINGLESHOT,
  Timer,
  timerSet,
  timerStop,
  vcpuTimer,
} from "./timer";
import { vcpuKick, vcpuUnblock } from "./vcpu";

/** Restarts the periodic tick when the vCPU comes onto a pCPU: ticks are not delivered to one that does not run. */
export function startPeriodic(v: Vcpu, now: u64): void {
  const period = v.periodicPeriod;
  if (!period) return;
  const timer = vcpuTimer(v, TIMER_PERIODIC);
  if (now >= v.periodicLast + period) {
    sendGuestVirq(v, VIRQ_TIMER);
    v.periodicLast = now;
  }
  timerSet(timer, v.periodicLast + period, TIMER_KIND_PERIODIC, changetype<usize>(v));
}
export function stopPeriodic(v: Vcpu): void {
  if (v.periodicPeriod) timerStop(vcpuTimer(v, TIMER_PERIODIC));
}

/** What a due timer does. */
export function timerFire(timer: Timer, now: u64): void {
  const v = changetype<Vcpu>(timer.owner);
  switch (timer.kind) {
    case TIMER_KIND_SINGLESHOT:
      sendGuestVirq(v, VIRQ_TIMER);
      break;
    case TIMER_KIND_PERIODIC:
      if (v.isRunning) startPeriodic(v, now);
      break;
    case TIMER_KIND_POLL:
      if (atomic.load<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseFlags")) & VPF_polling) vcpuUnblock(v);
      break;
    case TIMER_KIND_APIC:
      // The vCPU does the rest itself when it runs next.
      atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("apicTimerDue"), 1);
      vcpuKick(v);
      break;
    default:
      // A watchdog timer that was not reset in time. Its owner is the domain.
      domainShutdown(changetype<Domain>(timer.owner), <u32>SHUTDOWN_watchdog);
  }
}
