/** vCPUs that become runnable or stop being runnable, move to another pCPU, or yield. */
import { RUNSTATE_blocked, RUNSTATE_offline, RUNSTATE_runnable } from "../../abi/vcpu";
import { runsOnPcpus } from "../guest/type";
import { Vcpu } from "../domain/domain";
import { systemTime } from "./clock";
import { IPI_RESCHEDULE, sendIpi } from "./ipi";
import { Pcpu, onlinePcpus, pcpuAt, pcpuCount, self } from "./pcpu";
import { choosePcpu, hasBetterPlace, isIdle, mayRunOn } from "./placement";
import {
  PRIORITY_BOOST,
  PRIORITY_OVER,
  PRIORITY_UNDER,
  dequeue,
  enqueue,
  idleRunstate,
  lockQueueOf,
  setRunstate,
  tickle,
  unlockQueue,
  vcpuRunnable,
} from "./runqueue";

/** Puts a vCPU that became runnable on a queue. Does nothing if it can't run, is on a queue already, or is running: then its pCPU queues it. */
export function vcpuWake(v: Vcpu): void {
  if (!runsOnPcpus(v.domain)) return;
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

/** Takes a vCPU that must not run off its queue. If it is running, its pCPU is told to stop it. */
export function vcpuSleepNosync(v: Vcpu): void {
  if (!runsOnPcpus(v.domain)) return;
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

/** Applies a new affinity: a queued vCPU moves, a running one leaves a pCPU it may not be on, or leaves for an idle one that it prefers. */
export function vcpuMigrate(v: Vcpu): void {
  if (!runsOnPcpus(v.domain)) return;
  const p = lockQueueOf(v);
  const wrong = !mayRunOn(v, v.processor) || hasBetterPlace(v, v.processor);
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

/** SCHEDOP_yield: the rest of the slice goes to others of the same priority. */
export function vcpuYield(v: Vcpu): void {
  if (!runsOnPcpus(v.domain)) return;
  if (v.priority == PRIORITY_BOOST) v.priority = PRIORITY_UNDER;
  self.sliceEnd = 0;
}

/** Start values of a new vCPU. */
export function schedInitVcpu(v: Vcpu): void {
  v.hardAffinity = onlinePcpus();
  v.softAffinity = 0xffffffffffffffff;
  v.priority = PRIORITY_UNDER;
  v.processor = v.vcpuId % pcpuCount();
  v.runstate = runsOnPcpus(v.domain) ? RUNSTATE_offline : RUNSTATE_blocked;
  v.runstateSince = systemTime();
}

/** Makes an idle pCPU look, if there is one where the vCPU, which waits on p's queue, may run. Under that queue's lock. */
export function wakeIdleFor(p: Pcpu, v: Vcpu): void {
  const count = pcpuCount();
  for (let i: u32 = 1; i < count; i++) {
    const other = pcpuAt((p.id + i) % count);
    if (!isIdle(other) || !mayRunOn(v, other.id)) continue;
    if (other.id != self.id) sendIpi(other.id, IPI_RESCHEDULE);
    return;
  }
}
