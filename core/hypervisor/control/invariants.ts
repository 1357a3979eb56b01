/**
 * `checkInvariants()` runs the invariant checkers of all parts, and is the only way to run them. The control domain may ask for it at any time by
 * NATIVE_check_invariants (toolstack request `checkInvariants`). All guests are paused for it wherever they are, even between two parts of a long
 * hypercall, and the reaper of dead domains waits. Nothing else changes frames meanwhile, because the caller is the only thread of dom0. A pCPU that
 * has no guests may call it too. The guests lose the time that it takes, which grows with the host's memory.
 */
import { runsOnPcpus } from "../guest/type";
import { LOG_ERR } from "../abi/log";
import { logBegin, logDec, logEnd, logText } from "../console/console";
import {
  DOMAIN_HARDWARE,
  Domain,
  ROOT_DOMAIN_LIST_LOCK,
  ROOT_QUARANTINE_LOCK,
  Vcpu,
  domainList,
  vcpuOf,
} from "../domain/domain";
import { checkEventChannels } from "../event/check";
import { checkMemory } from "../memory/check";
import { checkTlbs } from "../memory/check_tlb";
import { spinLock, spinUnlock } from "../sched/lock";
import { Pcpu, pcpuAt, pcpuCount } from "../sched/pcpu";
import { domainPause, domainUnpause } from "../sched/vcpu";

let violations: i32 = 0;

function report(what: string, domid: u32, number: u32): void {
  violations++;
  if (violations > 20) return;
  logBegin(LOG_ERR);
  logText("scheduler check: ");
  logText(what);
  logText(" d");
  logDec(domid);
  logText(" ");
  logDec(number);
  logEnd();
}

function checkQueue(p: Pcpu): void {
  const lock = changetype<usize>(p) + offsetof<Pcpu>("queueLock");
  spinLock(lock);
  let length: u32 = 0;
  let previous: usize = 0;
  for (let at = p.queueFirst; at && length <= p.queueLength; at = changetype<Vcpu>(at).queueNext) {
    const v = changetype<Vcpu>(at);
    length++;
    if (!v.onQueue || v.queuePrev != previous) report("queue links broken", v.domid, v.vcpuId);
    if (v.processor != p.id) report("queued on another pCPU's queue", v.domid, v.vcpuId);
    if (previous && changetype<Vcpu>(previous).priority < v.priority) report("queue order", v.domid, v.vcpuId);
    previous = at;
  }
  if (length != p.queueLength || p.queueLast != previous) report("queue length of pCPU", 0, p.id);
  spinUnlock(lock);
}

function checkDomainList(): void {
  spinLock(ROOT_DOMAIN_LIST_LOCK);
  let last: i32 = -1;
  for (let each = domainList(); each; each = changetype<Domain>(each).next) {
    const d = changetype<Domain>(each);
    if (<i32>d.domid <= last) report("domain list order", d.domid, 0);
    last = <i32>d.domid;
    let vcpus: u32 = 0;
    for (let i: u32 = 0; i < d.maxVcpus; i++) {
      const v = vcpuOf(d, i);
      if (!v) continue;
      vcpus++;
      if (v.domain != d || v.vcpuId != i) report("vCPU of another domain", d.domid, i);
    }
    if (vcpus != d.nrVcpus) report("number of vCPUs", d.domid, vcpus);
  }
  spinUnlock(ROOT_DOMAIN_LIST_LOCK);
}

/** Every domain but the control domain, whose thread looks. */
function standsStill(d: Domain): bool {
  return runsOnPcpus(d) || !(d.flags & DOMAIN_HARDWARE);
}

/** Returns the number of violations. Each of the first ones has a line in the Xen log. */
export function checkInvariants(): i32 {
  // The reaper looks at this lock before it works.
  spinLock(ROOT_QUARANTINE_LOCK);
  violations = 0;
  // The queues are checked before the guests are paused, because paused vCPUs are on no queue.
  for (let i: u32 = 0; i < pcpuCount(); i++) checkQueue(pcpuAt(i));
  for (let each = domainList(); each; each = changetype<Domain>(each).next)
    if (standsStill(changetype<Domain>(each))) domainPause(changetype<Domain>(each));
  checkDomainList();
  const own = violations;
  // The TLBs come first, since taking memory for the other checks may make the pCPUs flush.
  const tlbs = checkTlbs();
  const memory = checkMemory();
  const events = checkEventChannels();
  for (let each = domainList(); each; each = changetype<Domain>(each).next)
    if (standsStill(changetype<Domain>(each))) domainUnpause(changetype<Domain>(each));
  spinUnlock(ROOT_QUARANTINE_LOCK);
  return own + (memory < 0 ? 1 : memory) + tlbs + events;
}
