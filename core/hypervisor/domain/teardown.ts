/**
 * How a domain is destroyed, in steps of bounded length, so that destroydomain can be continued: first event channels and what its vCPUs hold, then
 * its memory. As long as other domains hold frames of it (grants that they have mapped) it stays as a zombie, "dying". When they have let go it
 * disappears, and its structures are reused after a grace time.
 */
import { EBUSY, ERESTART } from "../../abi/errno";
import { VIRQ_DOM_EXC } from "../../abi/xen";
import { evtchnDomainDestroy, evtchnDomainFree, sendGlobalVirq } from "../event/channels";
import { freeXenheapPages } from "../memory/allocator";
import { DomainMemory } from "../memory/domain_memory";
import { memoryDomainFree } from "../memory/domain_books";
import { putPageAndType } from "../memory/page_type";
import { unshareXenPage } from "../memory/share";
import { markDying, memoryDomainGone, relinquishMemory } from "../memory/teardown";
import { typeOf } from "../guest/type";
import { systemTime } from "../sched/clock";
import { ROOT_PARKED } from "../sched/accounting";
import { spinLock, spinTryLock, spinUnlock } from "../sched/lock";
import { Pcpu } from "../sched/pcpu";
import { Timer, timerStop, vcpuTimer } from "../sched/timer";
import { domainPause } from "../sched/vcpu";
import {
  DOMAIN_PAGE_ORDER,
  DOMAIN_WATCHDOG_TIMERS,
  DOMDYING_alive,
  DOMDYING_dead,
  DOMDYING_dying,
  Domain,
  ROOT_QUARANTINE,
  ROOT_QUARANTINE_LOCK,
  ROOT_ZOMBIES,
  THREAD_NONE,
  THREAD_REFUSED,
  VCPU_PAGE_ORDER,
  VPF_parked,
  Vcpu,
  firstDomain,
  nextDomain,
  vcpuOf,
} from "./domain";
import { unpublish } from "./lifecycle";

/** Longer than any pCPU stays in the hypervisor at a time, ns. */
const QUARANTINE_NS: u64 = 2_000_000_000;

const STEP_EVENTS: u32 = 0;
const STEP_VCPUS: u32 = 1;
const STEP_MEMORY: u32 = 2;
const STEP_DONE: u32 = 3;

/**
 * From now on no thread becomes a vCPU of the domain. Returns false if one is a thread that has not ended: it may still use what the domain has and
 * what it has mapped. Then nothing has changed, because a domain with a thread has one vCPU.
 */
function refuseThreads(d: Domain): bool {
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (!v) continue;
    const attached = changetype<usize>(v) + offsetof<Vcpu>("attached");
    if (atomic.cmpxchg<u32>(attached, THREAD_NONE, THREAD_REFUSED) != THREAD_NONE) return false;
  }
  return true;
}

/**
 * One step of destroying a domain: 0 when it is dead, -ERESTART if there is more to do, -EBUSY while it has a thread (see NATIVE_thread_ended).
 * The domctl lock is held; not for the caller's own domain.
 */
export function domainKill(d: Domain): i32 {
  if (d.dying == DOMDYING_dead) return 0;
  if (d.dying == DOMDYING_alive) {
    if (!refuseThreads(d)) return -EBUSY;
    domainPause(d);
    d.dying = DOMDYING_dying;
    markDying(changetype<DomainMemory>(d.memory));
    d.teardownStep = STEP_EVENTS;
    stopTimers(d);
  }
  switch (d.teardownStep) {
    case STEP_EVENTS:
      if (!evtchnDomainDestroy(d)) return -ERESTART;
      d.teardownStep = STEP_VCPUS;
      return -ERESTART;
    case STEP_VCPUS:
      for (let i: u32 = 0; i < d.maxVcpus; i++) {
        const v = vcpuOf(d, i);
        if (v) releaseVcpu(v);
      }
      typeOf(d).release(d);
      d.teardownStep = STEP_MEMORY;
      return -ERESTART;
    case STEP_MEMORY: {
      if (relinquishMemory(d.domid)) return -ERESTART;
      d.teardownStep = STEP_DONE;
      break;
    }
    default:
      break;
  }
  unshareXenPage(d.sharedInfoMfn);
  d.dying = DOMDYING_dead;
  atomic.add<u32>(ROOT_ZOMBIES, 1);
  sendGlobalVirq(VIRQ_DOM_EXC);
  reapZombies();
  return 0;
}

function stopTimers(d: Domain): void {
  for (let i: usize = 0; i < 2; i++)
    timerStop(changetype<Timer>(changetype<usize>(d) + DOMAIN_WATCHDOG_TIMERS + i * 48));
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (v) for (let t: u32 = 0; t < 4; t++) timerStop(vcpuTimer(v, t));
  }
}

function releaseVcpu(v: Vcpu): void {
  if (v.vcpuInfoMfn) {
    const mfn = v.vcpuInfoMfn;
    v.vcpuInfo = 0;
    v.vcpuInfoMfn = 0;
    putPageAndType(mfn);
  }
  v.runstateGuest = 0;
  v.timeInfoGuest = 0;
  if (atomic.and<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseFlags"), ~VPF_parked) & VPF_parked)
    atomic.sub<u32>(ROOT_PARKED, 1);
  typeOf(v.domain).releaseVcpu(v);
}

/** Removes dead domains whose frames nobody references any more, and frees structures whose grace time is over. Any thread may call it at any time. */
export function reapZombies(): void {
  if (!spinTryLock(ROOT_QUARANTINE_LOCK)) return;
  let d = firstDomain();
  while (d) {
    const next = nextDomain(d);
    if (d.dying == DOMDYING_dead) {
      if (memoryDomainGone(d.domid)) {
        unpublish(d);
        d.retiredAt = systemTime();
        // The list link is free to use now; who walks the list may still follow it, to a structure that is kept.
        d.teardownStep = load<u32>(ROOT_QUARANTINE);
        store<u32>(ROOT_QUARANTINE, <u32>changetype<usize>(d));
        sendGlobalVirq(VIRQ_DOM_EXC);
      }
    }
    d = next;
  }
  freeRetired(systemTime());
  spinUnlock(ROOT_QUARANTINE_LOCK);
}

/** Frees structures whose grace time is over. Quarantine lock held. */
function freeRetired(now: u64): void {
  let link: usize = ROOT_QUARANTINE;
  while (load<u32>(link)) {
    const d = changetype<Domain>(<usize>load<u32>(link));
    const after = changetype<usize>(d) + offsetof<Domain>("teardownStep");
    if (now - d.retiredAt < QUARANTINE_NS) {
      link = after;
      continue;
    }
    store<u32>(link, load<u32>(after));
    freeStructures(d);
    atomic.sub<u32>(ROOT_ZOMBIES, 1);
  }
}

function freeStructures(d: Domain): void {
  evtchnDomainFree(d);
  memoryDomainFree(d.domid);
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (!v) continue;
    if (v.nativePcpu) {
      const scratch = changetype<Pcpu>(v.nativePcpu).scratch;
      if (scratch) freeXenheapPages(<u32>(scratch >> 12), 1);
      freeXenheapPages(<u32>(v.nativePcpu >> 12), 0);
    }
    freeXenheapPages(<u32>(changetype<usize>(v) >> 12), VCPU_PAGE_ORDER);
  }
  freeXenheapPages(<u32>(changetype<usize>(d) >> 12), DOMAIN_PAGE_ORDER);
}

/** True while the old structures of `domid` wait for reuse: no new domain may get this number yet. */
export function domidInQuarantine(domid: u32): bool {
  let found = false;
  spinLock(ROOT_QUARANTINE_LOCK);
  let at = load<u32>(ROOT_QUARANTINE);
  while (at) {
    const d = changetype<Domain>(<usize>at);
    if (d.domid == domid) found = true;
    at = d.teardownStep;
  }
  spinUnlock(ROOT_QUARANTINE_LOCK);
  return found;
}
