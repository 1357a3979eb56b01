/**
 * The credit scheduler: which vCPU a pCPU runs next. A vCPU that runs pays credit, in nanoseconds of pCPU time; accounting.ts deals it out.
 * Of those that wait, the one of the highest priority comes first: BOOST has credit and has just woken (until it has run a while), UNDER has
 * credit, OVER has none.
 */
import { RUNSTATE_runnable, RUNSTATE_running } from "../../abi/vcpu";
import { Vcpu } from "../domain/domain";
import { spinLock, spinTryLock, spinUnlock } from "./lock";
import { Pcpu, pcpuAt, pcpuCount, self } from "./pcpu";
import { hasBetterPlace, mayRunOn, prefers } from "./placement";
import {
  PRIORITY_BOOST,
  PRIORITY_IDLE,
  PRIORITY_OVER,
  PRIORITY_UNDER,
  dequeue,
  enqueue,
  idleRunstate,
  lockQueueOf,
  queueLock,
  setRunstate,
  unlockQueue,
  vcpuRunnable,
} from "./runqueue";
import { recordSwitch } from "./switches";
import { vcpuWake, wakeIdleFor } from "./wake";

/** Number of the credit scheduler in the ABI, and its name. */

export const TIMESLICE_NS: u64 = 30_000_000;
/** How long a woken vCPU keeps its boost. */
const BOOST_NS: u64 = 10_000_000;
/** No vCPU is taken off its pCPU for lack of credit before it has run this long (Xen's sched_ratelimit_us). */
const RATELIMIT_NS: u64 = 1_000_000;

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

function charge(v: Vcpu, now: u64): void {
  if (now <= v.chargedAt) return;
  v.credit -= <i64>(now - v.chargedAt);
  v.chargedAt = now;
  v.creditActive = 1;
}

/** Whether this pCPU's last look at other queues found a vCPU that prefers another pCPU. */
let passedOver: bool = false;

/**
 * Takes the first vCPU of another pCPU's queue that may run here and has a higher priority than `priority`; null if there is none. A vCPU that
 * prefers another pCPU is taken only when there is no other: it is better off running here than waiting.
 */
function steal(p: Pcpu, priority: i32): Vcpu | null {
  passedOver = false;
  const found = stealOf(p, priority, false);
  return found || !passedOver ? found : stealOf(p, priority, true);
}

/** `anyhow`: also takes vCPUs that prefer another pCPU. */
function stealOf(p: Pcpu, priority: i32, anyhow: bool): Vcpu | null {
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
      if (!v.isRunning && mayRunOn(v, p.id) && vcpuRunnable(v)) {
        if (anyhow || prefers(v, p.id)) break;
        passedOver = true;
      }
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
    // At the end of its slice it may move to a pCPU that it prefers: vcpuSaved() puts it there.
    const leaves = now >= p.sliceEnd && hasBetterPlace(old, p.id);
    const stays = vcpuRunnable(old) && mayRunOn(old, p.id) && !leaves;
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
  // It was preempted. An idle pCPU that could take it is asleep, and has to be told.
  if (queued) wakeIdleFor(p, v);
  unlockQueue(p);
  if (!queued && vcpuRunnable(v)) vcpuWake(v);
}

/** Ends the slice of a running vCPU that has just used up its credit, because vCPUs on this queue or another may have credit left. */
export function endSliceIfOver(v: Vcpu, now: u64): void {
  if (v.priority <= PRIORITY_OVER || v.credit >= <i64>(now - v.chargedAt)) return;
  if (now - v.startedAt >= RATELIMIT_NS) self.sliceEnd = 0;
}
