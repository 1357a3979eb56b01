/** Blocking, waking, pausing and interrupting vCPUs. */
import { runsOnPcpus } from "../guest/type";
import { hostWait } from "../../machine/cpu/machine";
import {
  Domain,
  THREAD_ENTERING,
  THREAD_INSIDE,
  THREAD_OUTSIDE,
  TIMER_POLL,
  VPF_blocked,
  VPF_polling,
  Vcpu,
  vcpuOf,
} from "../domain/domain";
import { vcpuWake, vcpuSleepNosync } from "./wake";
import { IPI_EVENT, sendIpi } from "./ipi";
import { self } from "./pcpu";
import { TIMER_KIND_POLL, timerSet, timerStop, vcpuTimer } from "./timer";

// @ts-ignore: decorator
@inline
function flagsAt(v: Vcpu): usize {
  return changetype<usize>(v) + offsetof<Vcpu>("pauseFlags");
}

/** Marks the vCPU blocked (the pCPU's loop takes it off); the caller then looks whether an event came before. */
export function vcpuBlock(v: Vcpu): void {
  atomic.or<u32>(flagsAt(v), VPF_blocked);
}

/** Ends the vCPU's blocking, if it is blocked. */
export function vcpuUnblock(v: Vcpu): void {
  const was = atomic.and<u32>(flagsAt(v), ~(VPF_blocked | VPF_polling));
  if (was & VPF_polling) {
    atomic.sub<u32>(changetype<usize>(v.domain) + offsetof<Domain>("pollers"), 1);
    timerStop(vcpuTimer(v, TIMER_POLL));
  }
  if (was & VPF_blocked) vcpuWake(v);
}

/** To be called when an event, or something else that the vCPU has to look at, is there for it: it runs soon and looks. */
export function vcpuKick(v: Vcpu): void {
  if (!runsOnPcpus(v.domain)) {
    const word = changetype<usize>(v) + offsetof<Vcpu>("eventWord");
    atomic.add<u32>(word, 1);
    atomic.notify(word);
    return;
  }
  vcpuUnblock(v);
  const processor = v.processor;
  if (v.isRunning && processor != self.id) sendIpi(processor, IPI_EVENT);
}

/** A port became pending: wakes the vCPUs that poll for it. To be called only when d.pollers is not 0. */
export function pollWake(d: Domain, port: u32): void {
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (!v || !(atomic.load<u32>(flagsAt(v)) & VPF_polling)) continue;
    if (v.pollPort < 0 || <u32>v.pollPort == port) vcpuUnblock(v);
  }
}

/**
 * Waits until no pCPU holds the vCPU's state in use, or its own thread is outside of the hypervisor. The pause counters are changed already. Not for
 * the caller's own vCPU.
 */
function vcpuSync(v: Vcpu): void {
  if (runsOnPcpus(v.domain)) {
    if (self.current != changetype<usize>(v)) waitWhile(changetype<usize>(v) + offsetof<Vcpu>("isRunning"), 1);
    return;
  }
  const attached = changetype<usize>(v) + offsetof<Vcpu>("attached");
  // A thread that is about to enter is sent back, and looks at the counters again. It is not waited for, since it may have ended there.
  atomic.cmpxchg<u32>(attached, THREAD_ENTERING, THREAD_OUTSIDE);
  waitWhile(attached, THREAD_INSIDE);
}
function waitWhile(word: usize, busy: u32): void {
  let spins = 0;
  while (atomic.load<u32>(word) == busy) {
    if (++spins > 1000) {
      spins = 0;
      hostWait(word, busy, 50_000);
    }
  }
}

export function vcpuPauseNosync(v: Vcpu): void {
  atomic.add<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseCount"), 1);
  vcpuSleepNosync(v);
}
export function vcpuPause(v: Vcpu): void {
  vcpuPauseNosync(v);
  vcpuSync(v);
}
export function vcpuUnpause(v: Vcpu): void {
  const word = changetype<usize>(v) + offsetof<Vcpu>("pauseCount");
  if (atomic.sub<u32>(word, 1) != 1) return;
  if (runsOnPcpus(v.domain)) vcpuWake(v);
  else atomic.notify(word);
}

function domainPauseNosync(d: Domain): void {
  atomic.add<u32>(changetype<usize>(d) + offsetof<Domain>("pauseCount"), 1);
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (v) vcpuSleepNosync(v);
  }
}
/** No vCPU of the domain runs when this returns. Not for the caller's own domain. */
export function domainPause(d: Domain): void {
  domainPauseNosync(d);
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (v) vcpuSync(v);
  }
}
export function domainUnpause(d: Domain): void {
  const word = changetype<usize>(d) + offsetof<Domain>("pauseCount");
  if (atomic.sub<u32>(word, 1) != 1) return;
  if (!runsOnPcpus(d)) atomic.notify(word);
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (v) vcpuWake(v);
  }
}

/** Arms SCHEDOP_poll's time-out. */
export function startPollTimer(v: Vcpu, deadline: u64): void {
  timerSet(vcpuTimer(v, TIMER_POLL), deadline, TIMER_KIND_POLL, changetype<usize>(v));
}
