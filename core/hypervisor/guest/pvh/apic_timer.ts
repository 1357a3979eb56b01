/**
 * The local APIC's timer (Intel's manual volume 3, 10.5.4) as Xen's guests have it. It counts a bus of 100 MHz, once or periodically, or waits for a
 * value of the TSC. What comes due while it is masked is lost. Ticks for which the vCPU had no pCPU are delivered one after the other once it has
 * one, as with Xen's default timer_mode.
 * The pCPU that runs the vCPU owns all of this. The pCPU on which the timer fires only sets apicTimerDue; when the vCPU runs next, timerWasDue counts
 * what it has missed.
 */
import { CPU_TSC_OFFSET } from "../../../machine/cpu/state";
import { TIMER_APIC, Vcpu } from "../../domain/domain";
import { systemTime } from "../../sched/clock";
import { TIMER_KIND_APIC, timerSet, timerStop, vcpuTimer } from "../../sched/timer";
import { readDomainTsc } from "../tsc";
import { isApicOn, raiseVector, register, setRegister } from "./apic";
import {
  APIC_LVT_TIMER,
  APIC_TIMER_DIVIDE,
  APIC_TIMER_INITIAL,
  ERROR_RECEIVED_VECTOR,
  LVT_MASKED,
  LVT_TIMER_MODE,
  LVT_TIMER_PERIODIC,
  LVT_TIMER_TSC_DEADLINE,
} from "./apic_offsets";
import { hvm } from "./state";

const BUS_CYCLE_NS: u64 = 10;
/** Xen's shortest period. With a shorter one a guest would do nothing but handle ticks, and its pCPU little else. */
const LEAST_PERIOD_NS: u64 = 100_000;
/** 73 years, so that no sum of times overflows. A PVH domain's TSC counts nanoseconds, since it is not emulated (../tsc.ts). */
const LONGEST_WAIT_NS: u64 = 1 << 61;

// @ts-ignore: decorator
@inline
function entry(v: Vcpu): u32 {
  return register(v, APIC_LVT_TIMER);
}
function isPeriodic(lvt: u32): bool {
  return (lvt & LVT_TIMER_MODE) == LVT_TIMER_PERIODIC;
}
function counts(lvt: u32): bool {
  return (lvt & LVT_TIMER_MODE) <= LVT_TIMER_PERIODIC;
}
function waitsForTsc(lvt: u32): bool {
  return (lvt & LVT_TIMER_MODE) == LVT_TIMER_TSC_DEADLINE;
}

/** Returns what the bus clock is divided by according to APIC_TIMER_DIVIDE: 2, 4, … 128, or 1. */
export function timerDivisor(v: Vcpu): u32 {
  const bits = register(v, APIC_TIMER_DIVIDE);
  return (<u32>1) << ((((bits & 3) | ((bits & 8) >> 1)) + 1) & 7);
}

function periodOf(count: u32, divisor: u32): u64 {
  return <u64>count * BUS_CYCLE_NS * <u64>divisor;
}

/** Stops the timer and forgets what was due. */
export function stopTimer(v: Vcpu): void {
  const h = hvm(v);
  // The timer is stopped before apicTimerDue is cleared, because it may be firing.
  timerStop(vcpuTimer(v, TIMER_APIC));
  atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("apicTimerDue"), 0);
  h.timerStarted = 0;
  h.timerDeadline = 0;
  h.timerPending = 0;
  h.tscDeadline = 0;
}

function startAt(v: Vcpu, deadline: u64): void {
  hvm(v).timerDeadline = deadline;
  timerSet(vcpuTimer(v, TIMER_APIC), deadline, TIMER_KIND_APIC, changetype<usize>(v));
}

/** Starts counting with `left` nanoseconds to go. `started` is when it would have begun with its whole count. */
function begin(v: Vcpu, now: u64, left: u64, started: u64): void {
  stopTimer(v);
  hvm(v).timerStarted = started;
  startAt(v, now + left);
}

/** Returns the nanoseconds until the timer reaches its end, at least 1; 0 if it does not count. */
function leftAt(v: Vcpu, now: u64, period: u64): u64 {
  const started = hvm(v).timerStarted;
  if (!started || !period) return 0;
  let passed = now - started;
  if (isPeriodic(entry(v))) passed %= period;
  return passed < period ? period - passed : 0;
}

/** APIC_TIMER_CURRENT. */
export function currentCount(v: Vcpu): u32 {
  const divisor = timerDivisor(v);
  const left = leftAt(v, systemTime(), periodOf(register(v, APIC_TIMER_INITIAL), divisor));
  const tick = BUS_CYCLE_NS * <u64>divisor;
  return <u32>((left + tick - 1) / tick);
}

/** Carries out a write of APIC_TIMER_INITIAL, which starts the timer anew. */
export function writeInitialCount(v: Vcpu, count: u32): void {
  const lvt = entry(v);
  if (!counts(lvt)) return;
  setRegister(v, APIC_TIMER_INITIAL, count);
  const period = periodOf(count, timerDivisor(v));
  const now = systemTime();
  if (period) begin(v, now, period, now);
  else stopTimer(v);
}

/** Carries out a write of APIC_TIMER_DIVIDE: the rest of the count continues at the new rate. */
export function writeDivide(v: Vcpu, value: u32): void {
  const before = timerDivisor(v);
  const now = systemTime();
  const left = leftAt(v, now, periodOf(register(v, APIC_TIMER_INITIAL), before));
  setRegister(v, APIC_TIMER_DIVIDE, value & 11);
  if (counts(entry(v))) goOn(v, now, (left * <u64>timerDivisor(v)) / <u64>before);
}

/** Called before the timer's entry of the local vector table becomes `lvt`. */
export function writeTimerEntry(v: Vcpu, lvt: u32): void {
  const now = systemTime();
  if (waitsForTsc(entry(v)) != waitsForTsc(lvt)) {
    setRegister(v, APIC_TIMER_INITIAL, 0);
    setRegister(v, APIC_LVT_TIMER, lvt);
    stopTimer(v);
    return;
  }
  const left = leftAt(v, now, periodOf(register(v, APIC_TIMER_INITIAL), timerDivisor(v)));
  setRegister(v, APIC_LVT_TIMER, lvt);
  if (counts(lvt)) goOn(v, now, left);
  else if (!waitsForTsc(lvt)) stopTimer(v);
}

function goOn(v: Vcpu, now: u64, left: u64): void {
  const period = periodOf(register(v, APIC_TIMER_INITIAL), timerDivisor(v));
  // A one-shot timer that has reached its end stays there until its count is written.
  if (left) begin(v, now, left, now - (period - min<u64>(left, period)));
  else stopTimer(v);
}

/** IA32_TSC_DEADLINE. */
export function tscDeadline(v: Vcpu): u64 {
  return waitsForTsc(entry(v)) ? hvm(v).tscDeadline : 0;
}
/** Has no effect in another mode. A time in the past is due at once; 0 stops the timer. */
export function writeTscDeadline(v: Vcpu, value: u64): void {
  if (!isApicOn(v) || !waitsForTsc(entry(v))) return;
  stopTimer(v);
  if (!value) return;
  const tsc = readDomainTsc(v.domain) + load<u64>(v.cpu, CPU_TSC_OFFSET);
  if (value > tsc) hvm(v).tscDeadline = value;
  startAt(v, systemTime() + (value > tsc ? min<u64>(value - tsc, LONGEST_WAIT_NS) : 0));
}

/** Takes IA32_TSC_DEADLINE from a record, which may come before or after the record that has the mode. */
export function restoreTscDeadline(v: Vcpu, value: u64): void {
  hvm(v).tscDeadline = value;
  if (waitsForTsc(entry(v))) writeTscDeadline(v, value);
}
/** Starts the timer after its registers were restored. It begins with its whole count, as Xen's does. */
export function restartTimer(v: Vcpu): void {
  if (waitsForTsc(entry(v))) writeTscDeadline(v, hvm(v).tscDeadline);
  else writeInitialCount(v, register(v, APIC_TIMER_INITIAL));
}

// ---- before the vCPU runs --------------------------------------------------------------------------------------

/** Finds out how often the timer has come due, and when it is due next. */
export function timerWasDue(v: Vcpu): void {
  const h = hvm(v);
  atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("apicTimerDue"), 0);
  const now = systemTime();
  const deadline = h.timerDeadline;
  // It came due under an earlier setting.
  if (!deadline || now < deadline) return;
  const lvt = entry(v);
  h.timerDeadline = 0;
  h.tscDeadline = 0;
  let ticks: u64 = 1;
  if (isPeriodic(lvt)) {
    const period = max<u64>(periodOf(register(v, APIC_TIMER_INITIAL), timerDivisor(v)), LEAST_PERIOD_NS);
    ticks += (now - deadline) / period;
    startAt(v, deadline + ticks * period);
  }
  if (!(lvt & LVT_MASKED)) h.timerPending = <u32>min<u64>(<u64>h.timerPending + ticks, <u64>u32.MAX_VALUE);
}

/** Requests the interrupt of a tick that waits. */
export function requestTick(v: Vcpu): void {
  const h = hvm(v);
  const lvt = entry(v);
  const vector = lvt & 0xff;
  if (!(lvt & LVT_MASKED) && vector >= 16) {
    raiseVector(v, vector);
    return;
  }
  // Vectors 0 to 15 are not allowed for interrupts.
  if (!(lvt & LVT_MASKED)) h.apicErrors |= ERROR_RECEIVED_VECTOR;
  h.timerPending = 0;
}

/** Called when `vector` goes to the processor: if it is the timer's, a tick is taken. */
export function tickTaken(v: Vcpu, vector: u32): void {
  const h = hvm(v);
  if (!h.timerPending || vector != (entry(v) & 0xff)) return;
  if (--h.timerPending) requestTick(v);
}
