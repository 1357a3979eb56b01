/** Where a vCPU may run (hard affinity), where it prefers to run (soft affinity), and which pCPU it queues on when it becomes runnable. */
import { BOOT_WEAK_ORDER } from "../../machine/layout";
import { Vcpu } from "../domain/domain";
import { NO_PCPU, Pcpu, onlinePcpus, pcpuAt, pcpuCount } from "./pcpu";

/**
 * By affinity; or, where the host's memory order is not x86's, on the one pCPU of its domain: vCPUs that share memory then never
 * run at once, whatever their affinity says.
 */
// @ts-ignore: decorator
@inline
export function mayRunOn(v: Vcpu, pcpu: u32): bool {
  if (load<u32>(BOOT_WEAK_ORDER)) return pcpu == v.domid % pcpuCount();
  return ((v.hardAffinity >> pcpu) & 1) != 0;
}

/**
 * Whether the vCPU prefers this pCPU (soft affinity). As in Xen, a soft affinity that has no pCPU in common with the hard affinity does not
 * count.
 */
// @ts-ignore: decorator
@inline
export function prefers(v: Vcpu, pcpu: u32): bool {
  const soft = v.softAffinity;
  if ((soft >> pcpu) & 1) return true;
  return (soft & v.hardAffinity & onlinePcpus()) == 0;
}

/** Whether the vCPU is on a pCPU that it does not prefer while one that it prefers is idle. */
export function hasBetterPlace(v: Vcpu, pcpu: u32): bool {
  if (prefers(v, pcpu)) return false;
  const count = pcpuCount();
  for (let id: u32 = 0; id < count; id++)
    if (id != pcpu && mayRunOn(v, id) && prefers(v, id) && isIdle(pcpuAt(id))) return true;
  return false;
}

export function isIdle(p: Pcpu): bool {
  return atomic.load<usize>(changetype<usize>(p) + offsetof<Pcpu>("current")) == 0 && p.queueLength == 0;
}

/**
 * The pCPU where a vCPU that became runnable should queue: its last one or another that is idle, first of those that it prefers, then of
 * all where it may run; if none is idle, the one with the shortest queue.
 */
export function choosePcpu(v: Vcpu): u32 {
  const last = v.processor;
  const count = pcpuCount();
  let idle = NO_PCPU;
  let best = NO_PCPU;
  let shortest: u32 = 0xffffffff;
  for (let i: u32 = 0; i < count; i++) {
    const id = (last + i) % count;
    if (!mayRunOn(v, id)) continue;
    const p = pcpuAt(id);
    if (isIdle(p)) {
      if (prefers(v, id)) return id;
      if (idle == NO_PCPU) idle = id;
      continue;
    }
    const length = p.queueLength + (p.current ? 1 : 0);
    if (length < shortest || (length == shortest && !prefers(v, best) && prefers(v, id))) {
      shortest = length;
      best = id;
    }
  }
  if (idle != NO_PCPU) return idle;
  return best == NO_PCPU ? last : best;
}
