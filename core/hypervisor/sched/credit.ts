/**
 * The credit scheduler. Each pCPU has a runqueue in order of priority. A vCPU that runs pays credit, in nanoseconds of
 * pCPU time; every ACCOUNTING_NS the time of all pCPUs is dealt out to the domains that ran, by weight, not above their
 * cap. Priorities: UNDER has credit, OVER has none, BOOST has credit and has just woken (until it has run a while).
 *
 * Locks: a vCPU's runstate, queue links, priority and `processor` change under the queue lock of its `processor`.
 * A native domain's vCPU is a thread of its own and never on a queue.
 */
import { RUNSTATE_blocked, RUNSTATE_offline, RUNSTATE_runnable, RUNSTATE_running } from "../../abi/vcpu";
import { BOOT_WEAK_ORDER } from "../../machine/layout";
import {
  Domain,
  ROOT_DOMAIN_LIST_LOCK,
  VPF_blocked,
  VPF_down,
  VPF_parked,
  Vcpu,
  domainList,
  isNative,
  vcpuOf,
} from "../domain/domain";
import { HYPERVISOR_ROOT } from "../memory/frames";
import { systemTime } from "./clock";
import { IPI_RESCHEDULE, sendIpi } from "./ipi";
import { spinLock, spinTryLock, spinUnlock } from "./lock";
import { NO_PCPU, Pcpu, onlinePcpus, pcpuAt, pcpuCount, self } from "./pcpu";
import { recordSwitch } from "./switches";

export const PRIORITY_BOOST: i32 = 0;
export const PRIORITY_UNDER: i32 = -1;
export const PRIORITY_OVER: i32 = -2;
export const PRIORITY_IDLE: i32 = -64;

export const TIMESLICE_NS: u64 = 30_000_000;
const ACCOUNTING_NS: u64 = 30_000_000;
/** Periods that one accounting makes up for, and that credit or debt may amount to. */
const MOST_PERIODS: u64 = 4;
/** A woken vCPU keeps its boost for so long. */
const BOOST_NS: u64 = 10_000_000;
/** Nobody is taken off sooner for lack of credit (Xen's sched_ratelimit_us). */
const RATELIMIT_NS: u64 = 1_000_000;
export const DEFAULT_WEIGHT: u32 = 256;

/** u64: when credit is dealt out next. */
const ROOT_NEXT_ACCOUNTING: usize = HYPERVISOR_ROOT + 0xc0;
/** u32: vCPUs parked because their domain's cap is used up. */
export const ROOT_PARKED: usize = HYPERVISOR_ROOT + 0xc8;
const ROOT_ACCOUNTING_LOCK: usize = HYPERVISOR_ROOT + 0xcc;

// @ts-ignore: decorator
@inline
function queueLock(p: Pcpu): usize {
  return changetype<usize>(p) + offsetof<Pcpu>("queueLock");
}

/** Locks the queue of the vCPU's processor; the Pcpu, whose lock the caller gives back with unlockQueue. */
export function lockQueueOf(v: Vcpu): Pcpu {
  let p = pcpuAt(atomic.load<u32>(changetype<usize>(v) + offsetof<Vcpu>("processor")));
  spinLock(queueLock(p));
  while (v.processor != p.id) {
    spinUnlock(queueLock(p));
    p = pcpuAt(atomic.load<u32>(changetype<usize>(v) + offsetof<Vcpu>("processor")));
    spinLock(queueLock(p));
  }
  return p;
}
export function unlockQueue(p: Pcpu): void {
  spinUnlock(queueLock(p));
}

/** Nothing keeps the vCPU from running. */
// @ts-ignore: decorator
@inline
export function vcpuRunnable(v: Vcpu): bool {
  return (
    (atomic.load<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseFlags")) |
      atomic.load<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseCount")) |
      atomic.load<u32>(changetype<usize>(v.domain) + offsetof<Domain>("pauseCount"))) ==
    0
  );
}

/** Ends the present runstate's time and begins another; under the queue lock. */
export function setRunstate(v: Vcpu, state: u32, now: u64): void {
  if (now > v.runstateSince) {
    const time = changetype<usize>(v) + offsetof<Vcpu>("runstateTime0") + ((<usize>v.runstate) << 3);
    store<u64>(time, load<u64>(time) + (now - v.runstateSince));
    v.runstateSince = now;
  }
  v.runstate = state;
}

/** The runstate of a vCPU that can't run. */
function idleRunstate(v: Vcpu): u32 {
  const flags = v.pauseFlags;
  if (flags & VPF_down) return RUNSTATE_offline;
  if (flags & VPF_blocked) return RUNSTATE_blocked;
  return flags & VPF_parked ? RUNSTATE_runnable : RUNSTATE_offline;
}

// ---- queues ------------------------------------------------------------------------------------------------------

function enqueue(p: Pcpu, v: Vcpu): void {
  let before = p.queueLast;
  while (before && changetype<Vcpu>(before).priority < v.priority) before = changetype<Vcpu>(before).queuePrev;
  const after = before ? changetype<Vcpu>(before).queueNext : p.queueFirst;
  const address = changetype<usize>(v);
  v.queuePrev = before;
  v.queueNext = after;
  if (before) changetype<Vcpu>(before).queueNext = address;
  else p.queueFirst = address;
  if (after) changetype<Vcpu>(after).queuePrev = address;
  else p.queueLast = address;
  v.onQueue = 1;
  p.queueLength++;
}

function dequeue(p: Pcpu, v: Vcpu): void {
  if (v.queuePrev) changetype<Vcpu>(v.queuePrev).queueNext = v.queueNext;
  else p.queueFirst = v.queueNext;
  if (v.queueNext) changetype<Vcpu>(v.queueNext).queuePrev = v.queuePrev;
  else p.queueLast = v.queuePrev;
  v.queueNext = 0;
  v.queuePrev = 0;
  v.onQueue = 0;
  p.queueLength--;
}

/**
 * By affinity; or, where the host's memory order is not x86's, on the one pCPU of its domain: vCPUs that share memory then never
 * run at once, whatever their affinity says.
 */
// @ts-ignore: decorator
@inline
function mayRunOn(v: Vcpu, pcpu: u32): bool {
  if (load<u32>(BOOT_WEAK_ORDER)) return pcpu == v.domid % pcpuCount();
  return ((v.hardAffinity >> pcpu) & 1) != 0;
}

function isIdle(p: Pcpu): bool {
  return atomic.load<usize>(changetype<usize>(p) + offsetof<Pcpu>("current")) == 0 && p.queueLength == 0;
}

/** The pCPU where a vCPU that became runnable should queue: its last one, an idle one, the one with the shortest queue. */
function choosePcpu(v: Vcpu): u32 {
  const last = v.processor;
  if (mayRunOn(v, last) && isIdle(pcpuAt(last))) return last;
  const count = pcpuCount();
  let best = NO_PCPU;
  let shortest: u32 = 0xffffffff;
  for (let i: u32 = 0; i < count; i++) {
    const id = (last + i) % count;
    if (!mayRunOn(v, id)) continue;
    const p = pcpuAt(id);
    if (isIdle(p)) return id;
    const length = p.queueLength + (p.current ? 1 : 0);
    if (length < shortest) {
      shortest = length;
      best = id;
    }
  }
  return best == NO_PCPU ? last : best;
}

/** Makes a pCPU look for something better to run: its own one if that runs something lesser, else another that does. */
function tickle(p: Pcpu, v: Vcpu): void {
  const priority = v.priority;
  if (priority > p.currentPriority) {
    // This pCPU's loop looks before it enters a guest or sleeps; a running slice ends at once.
    if (p.id == self.id) p.sliceEnd = 0;
    else sendIpi(p.id, IPI_RESCHEDULE);
    return;
  }
  if (priority <= PRIORITY_OVER) return;
  const count = pcpuCount();
  for (let i: u32 = 1; i < count; i++) {
    const other = pcpuAt((p.id + i) % count);
    if (priority <= other.currentPriority || !mayRunOn(v, other.id)) continue;
    if (other.id == self.id) other.sliceEnd = 0;
    else sendIpi(other.id, IPI_RESCHEDULE);
    return;
  }
}

/** Something of higher priority waits here, or elsewhere while only one without credit runs here. */
function betterWaits(p: Pcpu, old: Vcpu): bool {
  const first = p.queueFirst;
  if (first && changetype<Vcpu>(first).priority > old.priority) return true;
  if (old.priority > PRIORITY_OVER) return false;
  const count = pcpuCount();
  for (let i: u32 = 1; i < count; i++) {
    // Read without that queue's lock: steal() looks again.
    const waiting = pcpuAt((p.id + i) % count).queueFirst;
    if (waiting && changetype<Vcpu>(waiting).priority > PRIORITY_OVER) return true;
  }
  return false;
}

/** Puts a vCPU that became runnable on a queue. No effect if it can't run, is queued or is running (its pCPU sees to it). */
export function vcpuWake(v: Vcpu): void {
  if (isNative(v.domain)) return;
  let p = lockQueueOf(v);
  if (!v.onQueue && !v.isRunning && vcpuRunnable(v)) {
    const target = choosePcpu(v);
    if (target != p.id) {
      v.processor = target;
      v.migrations++;
      unlockQueue(p);
      p = lockQueueOf(v);
      if (v.onQueue || v.isRunning || !vcpuRunnable(v)) {
        unlockQueue(p);
        return;
      }
    }
    const wasBlocked = v.runstate == RUNSTATE_blocked;
    setRunstate(v, RUNSTATE_runnable, systemTime());
    v.priority = v.credit < 0 ? PRIORITY_OVER : wasBlocked ? PRIORITY_BOOST : PRIORITY_UNDER;
    enqueue(p, v);
    tickle(p, v);
  }
  unlockQueue(p);
}

/** Takes a vCPU that must not run from its queue; a running one is told to stop. */
export function vcpuSleepNosync(v: Vcpu): void {
  if (isNative(v.domain)) return;
  const p = lockQueueOf(v);
  if (!vcpuRunnable(v)) {
    if (v.onQueue) {
      dequeue(p, v);
      setRunstate(v, idleRunstate(v), systemTime());
    } else if (v.isRunning) {
      if (p.id == self.id) p.sliceEnd = 0;
      else sendIpi(p.id, IPI_RESCHEDULE);
    } else setRunstate(v, idleRunstate(v), systemTime());
  }
  unlockQueue(p);
}

/** Applies a new affinity: a queued vCPU moves, a running one leaves a pCPU it may not be on. */
export function vcpuMigrate(v: Vcpu): void {
  if (isNative(v.domain)) return;
  const p = lockQueueOf(v);
  const wrong = !mayRunOn(v, v.processor);
  if (wrong && v.onQueue) {
    dequeue(p, v);
    unlockQueue(p);
    vcpuWake(v);
    return;
  }
  if (wrong && v.isRunning) {
    if (p.id == self.id) p.sliceEnd = 0;
    else sendIpi(p.id, IPI_RESCHEDULE);
  }
  unlockQueue(p);
}

// ---- choosing ----------------------------------------------------------------------------------------------------

function charge(v: Vcpu, now: u64): void {
  if (now <= v.chargedAt) return;
  v.credit -= <i64>(now - v.chargedAt);
  v.chargedAt = now;
  v.creditActive = 1;
}

/** First vCPU of another pCPU's queue that may run here and has more than `priority`; it is taken, or null. */
function steal(p: Pcpu, priority: i32): Vcpu | null {
  const count = pcpuCount();
  for (let i: u32 = 1; i < count; i++) {
    const other = pcpuAt((p.id + i) % count);
    if (!other.queueLength || !spinTryLock(queueLock(other))) continue;
    let found = other.queueFirst;
    while (found) {
      const v = changetype<Vcpu>(found);
      if (v.priority <= priority) {
        found = 0;
        break;
      }
      if (!v.isRunning && mayRunOn(v, p.id) && vcpuRunnable(v)) break;
      found = v.queueNext;
    }
    if (found) {
      const v = changetype<Vcpu>(found);
      dequeue(other, v);
      v.processor = p.id;
      v.migrations++;
      spinUnlock(queueLock(other));
      return v;
    }
    spinUnlock(queueLock(other));
  }
  return null;
}

/**
 * Ends the turn of this pCPU's current vCPU if it is over and chooses the next. The one it returns is marked running.
 * Its caller has saved the old one's context when it differs, and then calls vcpuSaved(old).
 */
export function schedule(now: u64): Vcpu | null {
  const p = self;
  const old = changetype<Vcpu | null>(p.current);
  spinLock(queueLock(p));
  if (old) {
    charge(old, now);
    const stays = vcpuRunnable(old) && mayRunOn(old, p.id);
    if (old.priority == PRIORITY_BOOST && now - old.startedAt > BOOST_NS) old.priority = PRIORITY_UNDER;
    if (old.credit < 0 && old.priority > PRIORITY_OVER) old.priority = PRIORITY_OVER;
    p.currentPriority = old.priority;
    if (stays && now < p.sliceEnd && !betterWaits(p, old)) {
      spinUnlock(queueLock(p));
      return old;
    }
    if (!stays) setRunstate(old, vcpuRunnable(old) ? RUNSTATE_runnable : idleRunstate(old), now);
    else enqueue(p, old);
  }
  let next = changetype<Vcpu | null>(p.queueFirst);
  if (next) {
    if (next.priority == PRIORITY_OVER) {
      const stolen = steal(p, PRIORITY_OVER);
      if (stolen) next = stolen;
      else dequeue(p, next);
    } else dequeue(p, next);
  } else next = steal(p, PRIORITY_IDLE);
  // What was paused since it was queued goes to sleep now.
  while (next && !vcpuRunnable(next)) {
    setRunstate(next, idleRunstate(next), now);
    next = changetype<Vcpu | null>(p.queueFirst);
    if (next) dequeue(p, next);
  }
  if (next != old) {
    if (old && old.onQueue) setRunstate(old, RUNSTATE_runnable, now);
    p.switches++;
    recordSwitch(p, next, now);
  }
  if (next) {
    if (next != old) next.scheduled++;
    next.isRunning = 1;
    next.startedAt = now;
    next.chargedAt = now;
    if (next.runstate != RUNSTATE_running) setRunstate(next, RUNSTATE_running, now);
    p.currentPriority = next.priority;
    p.sliceEnd = now + TIMESLICE_NS;
  } else p.currentPriority = PRIORITY_IDLE;
  atomic.store<usize>(changetype<usize>(p) + offsetof<Pcpu>("current"), changetype<usize>(next));
  spinUnlock(queueLock(p));
  return next;
}

/** The context of a vCPU that left this pCPU is saved: others may run it. It may have been woken meanwhile. */
export function vcpuSaved(v: Vcpu): void {
  const p = lockQueueOf(v);
  v.isRunning = 0;
  const queued = v.onQueue;
  unlockQueue(p);
  if (!queued && vcpuRunnable(v)) vcpuWake(v);
}

/** Ends the slice of a running vCPU that has just used up its credit: others may have some, here or on another queue. */
export function endSliceIfOver(v: Vcpu, now: u64): void {
  if (v.priority <= PRIORITY_OVER || v.credit >= <i64>(now - v.chargedAt)) return;
  if (now - v.startedAt >= RATELIMIT_NS) self.sliceEnd = 0;
}

/** SCHEDOP_yield: the rest of the slice goes to others of the same priority. */
export function vcpuYield(v: Vcpu): void {
  if (isNative(v.domain)) return;
  if (v.priority == PRIORITY_BOOST) v.priority = PRIORITY_UNDER;
  self.sliceEnd = 0;
}

// ---- accounting --------------------------------------------------------------------------------------------------

export function nextAccounting(): u64 {
  return atomic.load<u64>(ROOT_NEXT_ACCOUNTING);
}

/** Deals out credit if it is time. Called by whichever pCPU notices first. */
export function account(now: u64): void {
  if (now < nextAccounting()) return;
  if (!spinTryLock(ROOT_ACCOUNTING_LOCK)) return;
  if (now >= nextAccounting()) {
    // What is dealt out is what has passed, though this may come late on a busy machine: else all would run into debt and
    // weights would mean nothing. After a long idle time there is nothing to catch up with.
    const passed = now - (nextAccounting() - ACCOUNTING_NS);
    atomic.store<u64>(ROOT_NEXT_ACCOUNTING, now + ACCOUNTING_NS);
    dealCredit(min<u64>(passed, ACCOUNTING_NS * MOST_PERIODS));
  }
  spinUnlock(ROOT_ACCOUNTING_LOCK);
}

/**
 * It used credit since the last time, owes some, or wants to run. One that runs may not have been charged yet: were it left out, a
 * slice that begins just after each accounting would cost its domain that vCPU's weight every time.
 */
function isActive(v: Vcpu): bool {
  return v.creditActive != 0 || v.credit < 0 || v.onQueue != 0 || v.isRunning != 0;
}

function countActive(d: Domain): u32 {
  let active: u32 = 0;
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (v && isActive(v)) active++;
  }
  return active;
}

/** Deals out the credit of `passed` nanoseconds on every pCPU. */
function dealCredit(passed: u64): void {
  spinLock(ROOT_DOMAIN_LIST_LOCK);
  let weights: u64 = 0;
  for (let each = domainList(); each; each = changetype<Domain>(each).next) {
    const d = changetype<Domain>(each);
    if (isNative(d)) continue;
    d.activeVcpus = countActive(d);
    if (d.activeVcpus) weights += <u64>d.weight * d.activeVcpus;
  }
  const total: u64 = passed * pcpuCount();
  for (let each = domainList(); each; each = changetype<Domain>(each).next) {
    const d = changetype<Domain>(each);
    if (isNative(d) || !d.activeVcpus) continue;
    let share = (total * ((<u64>d.weight * d.activeVcpus * 65536) / weights)) >> 16;
    const most = <u64>d.activeVcpus * passed;
    if (share > most) share = most;
    if (d.cap) {
      const capped = (passed * d.cap) / 100;
      if (share > capped) share = capped;
    }
    const portion = <i64>(share / d.activeVcpus);
    for (let i: u32 = 0; i < d.maxVcpus; i++) {
      const v = vcpuOf(d, i);
      if (v) dealTo(d, v, portion);
    }
  }
  spinUnlock(ROOT_DOMAIN_LIST_LOCK);
}

function dealTo(d: Domain, v: Vcpu, share: i64): void {
  const p = lockQueueOf(v);
  const active = isActive(v);
  if (active) {
    v.credit += share;
    // Who sleeps saves up no more than one share, though one that comes late is not cut. Who wants to run keeps what a pCPU that
    // stood still for a while owes it, up to what a debt may be: cut on one side only, all would drift into debt together.
    const keeps = v.onQueue || v.isRunning;
    const most = keeps ? <i64>(ACCOUNTING_NS * MOST_PERIODS) : max<i64>(<i64>ACCOUNTING_NS, share);
    if (v.credit > most) v.credit = most;
    // Debts of more than a few periods would starve it for long after the load has gone.
    const least = -(<i64>(ACCOUNTING_NS * MOST_PERIODS));
    if (v.credit < least) v.credit = least;
    v.creditActive = v.isRunning;
  }
  let changed = false;
  if (d.cap && v.credit < 0 && !(v.pauseFlags & VPF_parked) && active) {
    atomic.or<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseFlags"), VPF_parked);
    atomic.add<u32>(ROOT_PARKED, 1);
    changed = true;
  } else if (v.pauseFlags & VPF_parked && (v.credit >= 0 || !d.cap)) {
    atomic.and<u32>(changetype<usize>(v) + offsetof<Vcpu>("pauseFlags"), ~VPF_parked);
    atomic.sub<u32>(ROOT_PARKED, 1);
    changed = true;
  }
  const priority = v.credit < 0 ? PRIORITY_OVER : v.priority == PRIORITY_BOOST ? PRIORITY_BOOST : PRIORITY_UNDER;
  if (v.onQueue && v.priority != priority) {
    dequeue(p, v);
    v.priority = priority;
    enqueue(p, v);
    tickle(p, v);
  } else {
    v.priority = priority;
    if (p.current == changetype<usize>(v)) p.currentPriority = priority;
  }
  unlockQueue(p);
  if (!changed) return;
  if (v.pauseFlags & VPF_parked) vcpuSleepNosync(v);
  else vcpuWake(v);
}

/** Start values of a new vCPU. */
export function schedInitVcpu(v: Vcpu): void {
  v.hardAffinity = onlinePcpus();
  v.softAffinity = 0xffffffffffffffff;
  v.priority = PRIORITY_UNDER;
  v.processor = v.vcpuId % pcpuCount();
  v.runstate = isNative(v.domain) ? RUNSTATE_blocked : RUNSTATE_offline;
  v.runstateSince = systemTime();
}
