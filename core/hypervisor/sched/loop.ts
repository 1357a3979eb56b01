/** What a pCPU does from power-on to power-off. */
import { ACTIVITY_HYPERVISOR, ACTIVITY_IDLE, ACTIVITY_INTERPRETER, BOOT_POWER, POWER_ON } from "../../machine/layout";
import { EXIT_POLL } from "../../machine/cpu/exits";
import { endTranslations } from "../../machine/cpu/frames/written";
import { run, setBudget } from "../../machine/cpu/interpreter";
import { hostWait, setActivity, unspent, unspentInterpreted } from "../../machine/cpu/machine";
import { adoptRegions } from "../../machine/cpu/regions";
import { tlbFlushAll } from "../../machine/cpu/tlb";
import { ROOT_ZOMBIES, VCPU_EXIT_COUNTS, Vcpu, setCurrentVcpu } from "../domain/domain";
import { reapZombies } from "../domain/teardown";
import { beforeEnter, handleExit } from "../guest/run";
import { typeOf } from "../guest/type";
import { systemTime } from "./clock";
import { endSliceIfOver, schedule, vcpuSaved } from "./credit";
import { ROOT_PARKED, account, nextAccounting } from "./accounting";
import { vcpuRunnable } from "./runqueue";
import { IPI_SECOND_FLUSH, IPI_TLB_FLUSH, flushIfStale } from "./ipi";
import { Pcpu, enterGuestAccess, leaveGuestAccess, mailbox, self } from "./pcpu";
import { INTERPRETED, allow, learnPace } from "./pace";
import { updateRunstateArea } from "./runstate";
import { NO_DEADLINE, Timer, timerTakeDue } from "./timer";
import { startPeriodic, stopPeriodic, timerFire } from "./guest_timers";

/** Exits between two looks at the clock. */
const EXITS_PER_LOOK: u32 = 8;
/** Time between two looks for dead domains whose structures can be freed, ns. */
const REAP_NS: u64 = 10_000_000;

// @ts-ignore: decorator
@inline
function poweredOn(): bool {
  return atomic.load<u32>(BOOT_POWER) == <u32>POWER_ON;
}

/** Returns at power-off. `self` is the pCPU's. */
export function pcpuLoop(): void {
  const p = self;
  const box = mailbox(p.id);
  let loaded = changetype<Vcpu | null>(0);
  let reapAt: u64 = 0;
  while (poweredOn()) {
    const bits = atomic.xchg<u32>(box, 0);
    if (bits & IPI_TLB_FLUSH) tlbFlushAll();
    if (bits & IPI_SECOND_FLUSH) flushIfStale();
    const now = systemTime();
    for (let due = timerTakeDue(now); due; due = timerTakeDue(now)) timerFire(changetype<Timer>(due), now);
    if (p.current || atomic.load<u32>(ROOT_PARKED)) account(now);
    if (p.id == 0 && atomic.load<u32>(ROOT_ZOMBIES) && now >= reapAt) {
      reapZombies();
      reapAt = now + REAP_NS;
    }
    const next = schedule(now);
    if (next != loaded) {
      if (loaded) leave(loaded);
      loaded = next;
      if (next) enter(next, now);
    }
    if (next) {
      runSlice(next, box);
      endTranslations();
    } else idle(box, now, reapAt);
  }
  if (loaded) leave(loaded);
}

function enter(v: Vcpu, now: u64): void {
  setCurrentVcpu(v);
  typeOf(v.domain).enter(v);
  updateRunstateArea(v);
  startPeriodic(v, now);
}

function leave(v: Vcpu): void {
  stopPeriodic(v);
  updateRunstateArea(v);
  typeOf(v.domain).leave(v);
  setCurrentVcpu(changetype<Vcpu>(0));
  vcpuSaved(v);
}

function idle(box: usize, now: u64, reapAt: u64): void {
  const p = self;
  // The vCPU that has just left was woken before it was saved, and queued by this pCPU, which sends itself no interrupt.
  if (p.queueFirst) return;
  let until = p.nextTimer;
  if (atomic.load<u32>(ROOT_PARKED)) until = min<u64>(until, nextAccounting());
  if (p.id == 0 && atomic.load<u32>(ROOT_ZOMBIES)) until = min<u64>(until, reapAt);
  if (adoptRegions()) return;
  p.idleSince = now;
  setActivity(ACTIVITY_IDLE);
  atomic.store<u32>(changetype<usize>(p) + offsetof<Pcpu>("idle"), 1);
  if (until == NO_DEADLINE) hostWait(box, 0, -1);
  else if (until > now) hostWait(box, 0, <f64>(until - now));
  atomic.store<u32>(changetype<usize>(p) + offsetof<Pcpu>("idle"), 0);
  setActivity(ACTIVITY_HYPERVISOR);
  p.idleTime += systemTime() - p.idleSince;
}

/** Executes the vCPU until something else is to be looked at. */
function runSlice(v: Vcpu, box: usize): void {
  const p = self;
  let exits: u32 = 0;
  let looked = systemTime();
  let allowed = allow(p, looked);
  let left = allowed;
  let interpreted = INTERPRETED;
  while (vcpuRunnable(v) && beforeEnter(v)) {
    enterGuestAccess();
    if (atomic.load<u32>(box)) {
      leaveGuestAccess();
      return;
    }
    setActivity(ACTIVITY_INTERPRETER);
    setBudget(left, interpreted);
    const reason = run();
    setActivity(ACTIVITY_HYPERVISOR);
    leaveGuestAccess();
    const count = changetype<usize>(v) + VCPU_EXIT_COUNTS + ((<usize>reason) << 3);
    store<u64>(count, load<u64>(count) + 1);
    handleExit(v, reason);
    if (atomic.load<u32>(box) || p.sliceEnd == 0) return;
    left = unspent;
    interpreted = unspentInterpreted;
    if (reason != EXIT_POLL && left > 0 && interpreted > 0 && ++exits < EXITS_PER_LOOK) continue;
    exits = 0;
    const now = systemTime();
    if (left <= 0 && <u32>allowed >= p.pace >> 1) learnPace(p, allowed - left, now - looked);
    looked = now;
    account(now);
    endSliceIfOver(v, now);
    if (now >= p.sliceEnd || now >= p.nextTimer) return;
    allowed = allow(p, now);
    left = allowed;
    interpreted = INTERPRETED;
  }
}
