/**
 * Credit: every ACCOUNTING_NS, the time of all pCPUs is shared out among the domains that ran, by weight and at most up to their caps. The
 * vCPUs of a domain that has used up its cap are parked until they have credit again.
 */
import { runsOnPcpus } from "../guest/type";
import { Domain, ROOT_DOMAIN_LIST_LOCK, VPF_parked, Vcpu, domainList, vcpuOf } from "../domain/domain";
import { HYPERVISOR_ROOT } from "../memory/root";
import { spinLock, spinTryLock, spinUnlock } from "./lock";
import { pcpuCount } from "./pcpu";
import {
  PRIORITY_BOOST,
  PRIORITY_OVER,
  PRIORITY_UNDER,
  dequeue,
  enqueue,
  lockQueueOf,
  tickle,
  unlockQueue,
} from "./runqueue";
import { vcpuSleepNosync, vcpuWake } from "./wake";

export const DEFAULT_WEIGHT: u32 = 256;
const ACCOUNTING_NS: u64 = 30_000_000;
/** The most periods that one accounting makes up for, and the most that credit or debt may amount to. */
const MOST_PERIODS: u64 = 4;

/** u64: the system time at which credit is shared out next. */
const ROOT_NEXT_ACCOUNTING: usize = HYPERVISOR_ROOT + 0xc0;
/** u32: vCPUs parked because their domain's cap is used up. */
export const ROOT_PARKED: usize = HYPERVISOR_ROOT + 0xc8;
const ROOT_ACCOUNTING_LOCK: usize = HYPERVISOR_ROOT + 0xcc;

export function nextAccounting(): u64 {
  return atomic.load<u64>(ROOT_NEXT_ACCOUNTING);
}

/** Shares out credit if it is time. The first pCPU to notice calls it. */
export function account(now: u64): void {
  if (now < nextAccounting()) return;
  if (!spinTryLock(ROOT_ACCOUNTING_LOCK)) return;
  if (now >= nextAccounting()) {
    // The time that has really passed is shared out, because this may run late on a busy machine: with less, every vCPU would run into
    // debt and weights would mean nothing. After a long idle time there is nothing to catch up with.
    const passed = now - (nextAccounting() - ACCOUNTING_NS);
    atomic.store<u64>(ROOT_NEXT_ACCOUNTING, now + ACCOUNTING_NS);
    dealCredit(min<u64>(passed, ACCOUNTING_NS * MOST_PERIODS));
  }
  spinUnlock(ROOT_ACCOUNTING_LOCK);
}

/**
 * Whether the vCPU takes part: it has used credit since the last accounting, is in debt, or wants to run. A running vCPU may not have been
 * charged yet; if it were left out, its domain would lose the vCPU's weight each time a slice begins just after an accounting.
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
    if (!runsOnPcpus(d)) continue;
    d.activeVcpus = countActive(d);
    if (d.activeVcpus) weights += <u64>d.weight * d.activeVcpus;
  }
  const total: u64 = passed * pcpuCount();
  for (let each = domainList(); each; each = changetype<Domain>(each).next) {
    const d = changetype<Domain>(each);
    if (!runsOnPcpus(d) || !d.activeVcpus) continue;
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
