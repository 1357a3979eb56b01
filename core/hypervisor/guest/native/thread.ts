/** The thread of a native domain's vCPU: TypeScript that makes hypercalls through its own instance of core.wasm. */
import { RUNSTATE_blocked, RUNSTATE_running } from "../../../abi/vcpu";
import { EBUSY, EINVAL, ENOMEM, ESRCH } from "../../../abi/errno";
import { POWER_CRASHED } from "../../../machine/layout";
import { hostWait } from "../../../machine/cpu/machine";
import { LOG_ERR } from "../../abi/log";
import { initPcpu, useMemory } from "../../boot/threads";
import { log } from "../../console/console";
import {
  DOMAIN_HARDWARE,
  Domain,
  THREAD_ENTERING,
  THREAD_INSIDE,
  THREAD_NONE,
  THREAD_OUTSIDE,
  THREAD_REFUSED,
  Vcpu,
  domainById,
  setCurrentVcpu,
  vcpuOf,
} from "../../domain/domain";
import { domainCrash, setPower } from "../../domain/lifecycle";
import { allocXenheapPages } from "../../memory/allocator";
import { frameAddress } from "../../memory/frames";
import { systemTime } from "../../sched/clock";
import { NO_PCPU, Pcpu, setSelf } from "../../sched/pcpu";
import { setRunstate } from "../../sched/runqueue";
import { GUEST_NATIVE, isOfType } from "../type";

// @ts-ignore: decorator
@inline
function attachedAt(v: Vcpu): usize {
  return changetype<usize>(v) + offsetof<Vcpu>("attached");
}

/** native_attach: makes this instance the thread of a native domain's vCPU. 0 or -errno. */
export function becomeNative(domid: u32, vcpuId: u32): i32 {
  const d = domainById(domid);
  if (!d) return -ESRCH;
  if (!isOfType(d, GUEST_NATIVE)) return -EINVAL;
  const found = vcpuOf(d, vcpuId);
  if (!found) return -ESRCH;
  const v = found as Vcpu;
  // A domain that is being destroyed refuses: this and domainKill() change the same word, so that only one of them succeeds.
  const was = atomic.cmpxchg<u32>(attachedAt(v), THREAD_NONE, THREAD_OUTSIDE);
  if (was != THREAD_NONE) return was == THREAD_REFUSED ? -ESRCH : -EBUSY;
  if (!v.nativePcpu) {
    const page = allocXenheapPages(0);
    if (!page) {
      atomic.store<u32>(attachedAt(v), THREAD_NONE);
      return -ENOMEM;
    }
    v.nativePcpu = frameAddress(page);
  }
  const p = changetype<Pcpu>(v.nativePcpu);
  initPcpu(p, NO_PCPU);
  setSelf(p);
  useMemory();
  setCurrentVcpu(v);
  return 0;
}

/** Returns the address of the counter because of which the vCPU may not run; 0 if it may. */
function pausedBy(v: Vcpu): usize {
  const domain = changetype<usize>(v.domain) + offsetof<Domain>("pauseCount");
  if (atomic.load<u32>(domain)) return domain;
  const own = changetype<usize>(v) + offsetof<Vcpu>("pauseCount");
  return atomic.load<u32>(own) ? own : 0;
}

/**
 * Called by the thread when it begins a hypercall. A domain that is paused, has shut down or is being destroyed does not get into the hypervisor: its
 * thread waits here, where it holds nothing and may be ended. Whoever pauses it waits until it is outside (vcpuSync). The control domain, which
 * nobody could let go on, is not kept. The time is accounted as running during hypercalls and as blocked otherwise.
 *
 * A thread that is paused is never INSIDE, whenever it is ended: who pauses it changes the counters first, and then makes OUTSIDE of ENTERING. So a
 * thread that has read the counters before can't change ENTERING into INSIDE any more.
 */
export function nativeBegin(v: Vcpu): void {
  for (;;) {
    atomic.store<u32>(attachedAt(v), THREAD_ENTERING);
    const word: usize = v.domain.flags & DOMAIN_HARDWARE ? 0 : pausedBy(v);
    if (!word) {
      if (atomic.cmpxchg<u32>(attachedAt(v), THREAD_ENTERING, THREAD_INSIDE) == THREAD_ENTERING) break;
      continue;
    }
    atomic.store<u32>(attachedAt(v), THREAD_OUTSIDE);
    const count = atomic.load<u32>(word);
    if (count) hostWait(word, count, -1);
  }
  setRunstate(v, RUNSTATE_running, systemTime());
}
export function nativeEnd(v: Vcpu): void {
  setRunstate(v, RUNSTATE_blocked, systemTime());
  atomic.store<u32>(attachedAt(v), THREAD_OUTSIDE);
}

/** NATIVE_thread_ended: 0, -ESRCH, or -EINVAL for a domain that is no native one or has no thread. */
export function nativeThreadEnded(domid: u32, meant: bool): i32 {
  const d = domainById(domid);
  if (!d) return -ESRCH;
  if (!isOfType(d, GUEST_NATIVE) || d.flags & DOMAIN_HARDWARE) return -EINVAL;
  const v = vcpuOf(d, 0);
  if (!v) return -EINVAL;
  const was = atomic.load<u32>(attachedAt(v));
  if (was == THREAD_NONE || was == THREAD_REFUSED) return -EINVAL;
  // The thread changes nothing any more.
  atomic.store<u32>(attachedAt(v), THREAD_NONE);
  if (was == THREAD_INSIDE) {
    // It may have held locks, which nobody will ever release, or have left structures half changed.
    log(LOG_ERR, "A native domain's thread has ended inside the hypervisor");
    setPower(POWER_CRASHED);
    return 0;
  }
  if (!meant) domainCrash(d);
  return 0;
}
