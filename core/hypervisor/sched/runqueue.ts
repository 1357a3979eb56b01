/**
 * Each pCPU's queue of vCPUs that want to run, in order of priority.
 *
 * A vCPU's runstate, queue links, priority and `processor` change under the queue lock of its `processor`. A native domain's vCPU is a thread
 * of its own and never on a queue.
 */
import { RUNSTATE_blocked, RUNSTATE_offline, RUNSTATE_runnable } from "../../abi/vcpu";
import { Domain, VPF_blocked, VPF_down, VPF_parked, Vcpu } from "../domain/domain";
import { IPI_RESCHEDULE, sendIpi } from "./ipi";
import { spinLock, spinUnlock } from "./lock";
import { NO_PCPU, Pcpu, pcpuAt, pcpuCount, self } from "./pcpu";
import { mayRunOn, prefers } from "./placement";

/** The vCPU has credit and has just woken. */
export const PRIORITY_BOOST: i32 = 0;
/** The vCPU has credit. */
export const PRIORITY_UNDER: i32 = -1;
/** The vCPU has no credit. */
export const PRIORITY_OVER: i32 = -2;
export const PRIORITY_IDLE: i32 = -64;

// @ts-ignore: decorator
@inline
export function queueLock(p: Pcpu): usize {
  return changetype<usize>(p) + offsetof<Pcpu>("queueLock");
}

/** Locks the queue of the vCPU's processor. Returns its Pcpu; the caller unlocks it with unlockQueue. */
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

/** Whether nothing keeps the vCPU from running. */
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
export function idleRunstate(v: Vcpu): u32 {
  const flags = v.pauseFlags;
  if (flags & VPF_down) return RUNSTATE_offline;
  if (flags & VPF_blocked) return RUNSTATE_blocked;
  return flags & VPF_parked ? RUNSTATE_runnable : RUNSTATE_offline;
}

export function enqueue(p: Pcpu, v: Vcpu): void {
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

export function dequeue(p: Pcpu, v: Vcpu): void {
  if (v.queuePrev) changetype<Vcpu>(v.queuePrev).queueNext = v.queueNext;
  else p.queueFirst = v.queueNext;
  if (v.queueNext) changetype<Vcpu>(v.queueNext).queuePrev = v.queuePrev;
  else p.queueLast = v.queuePrev;
  v.queueNext = 0;
  v.queuePrev = 0;
  v.onQueue = 0;
  p.queueLength--;
}

/** Makes a pCPU look at its queue: the queue's own pCPU if what it runs has a lower priority, else another pCPU of which that is true. */
export function tickle(p: Pcpu, v: Vcpu): void {
  const priority = v.priority;
  if (priority > p.currentPriority) {
    // This pCPU's loop looks before it enters a guest or sleeps; a running slice ends at once.
    if (p.id == self.id) p.sliceEnd = 0;
    else sendIpi(p.id, IPI_RESCHEDULE);
    return;
  }
  if (priority <= PRIORITY_OVER) return;
  const count = pcpuCount();
  let found = NO_PCPU;
  for (let i: u32 = 1; i < count; i++) {
    const other = pcpuAt((p.id + i) % count);
    if (priority <= other.currentPriority || !mayRunOn(v, other.id)) continue;
    const isPreferred = prefers(v, other.id);
    if (found == NO_PCPU || isPreferred) found = other.id;
    if (isPreferred) break;
  }
  if (found == NO_PCPU) return;
  if (found == self.id) self.sliceEnd = 0;
  else sendIpi(found, IPI_RESCHEDULE);
}
