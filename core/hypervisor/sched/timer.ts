/**
 * Timers: a pairing heap per pCPU, linked through the Timer structures themselves, so that setting one needs no memory.
 * A timer fires on the pCPU in whose heap it is, from the pCPU's loop.
 */
import { VCPU_TIMERS, Vcpu } from "../domain/domain";
import { IPI_TIMER, sendIpi } from "./ipi";
import { spinLock, spinUnlock } from "./lock";
import { NO_PCPU, Pcpu, pcpuAt, self } from "./pcpu";

/** What a timer does, `kind`. */
export const TIMER_KIND_SINGLESHOT: u32 = 1;
export const TIMER_KIND_PERIODIC: u32 = 2;
export const TIMER_KIND_POLL: u32 = 3;
export const TIMER_KIND_WATCHDOG: u32 = 4;
export const TIMER_KIND_APIC: u32 = 5;

/** 8-aligned, zero = never set. */
@unmanaged
export class Timer {
  deadline: u64;
  /** Heap links: first child, next sibling, and previous sibling or parent (whose first child this is). */
  child: usize;
  sibling: usize;
  previous: usize;
  /** 1 + pCPU whose heap it is in, 0 = not set. Changes under that heap's lock. */
  heap: u32;
  kind: u32;
  /** Vcpu or Domain. */
  owner: usize;
  /** Taken by whoever sets or stops the timer, before the heap's lock. */
  lock: u32;
  pad1: u32;
}
export const TIMER_SIZE: usize = offsetof<Timer>();
export const NO_DEADLINE: u64 = 0xffffffffffffffff;

function at(address: usize): Timer {
  return changetype<Timer>(address);
}

/** Joins two heaps, whose roots have no siblings. Returns the root of the result. */
function meld(a: usize, b: usize): usize {
  if (!a) return b;
  if (!b) return a;
  let root = a;
  let other = b;
  if (at(b).deadline < at(a).deadline) {
    root = b;
    other = a;
  }
  const first = at(root).child;
  at(other).sibling = first;
  if (first) at(first).previous = other;
  at(other).previous = root;
  at(root).child = other;
  return root;
}

/** Makes one heap of a list of siblings: pairs from the left, then all from the right. */
function meldSiblings(first: usize): usize {
  let pairs: usize = 0;
  let next = first;
  while (next) {
    const a = next;
    const b = at(a).sibling;
    next = b ? at(b).sibling : 0;
    at(a).sibling = 0;
    at(a).previous = 0;
    if (b) {
      at(b).sibling = 0;
      at(b).previous = 0;
    }
    const pair = meld(a, b);
    at(pair).sibling = pairs;
    pairs = pair;
  }
  let root: usize = 0;
  while (pairs) {
    const pair = pairs;
    pairs = at(pair).sibling;
    at(pair).sibling = 0;
    root = meld(root, pair);
  }
  if (root) at(root).previous = 0;
  return root;
}

function insert(p: Pcpu, timer: Timer): void {
  timer.child = 0;
  timer.sibling = 0;
  timer.previous = 0;
  p.timers = meld(p.timers, changetype<usize>(timer));
  timer.heap = p.id + 1;
  publish(p);
}

function remove(p: Pcpu, timer: Timer): void {
  const address = changetype<usize>(timer);
  const rest = meldSiblings(timer.child);
  if (p.timers == address) p.timers = rest;
  else {
    const previous = at(timer.previous);
    if (previous.child == address) previous.child = timer.sibling;
    else previous.sibling = timer.sibling;
    if (timer.sibling) at(timer.sibling).previous = timer.previous;
    timer.sibling = 0;
    timer.previous = 0;
    p.timers = meld(p.timers, rest);
  }
  timer.child = 0;
  timer.heap = 0;
  publish(p);
}

function publish(p: Pcpu): void {
  const next = p.timers ? at(p.timers).deadline : NO_DEADLINE;
  atomic.store<u64>(changetype<usize>(p) + offsetof<Pcpu>("nextTimer"), next);
}

// @ts-ignore: decorator
@inline
function lockOf(p: Pcpu): usize {
  return changetype<usize>(p) + offsetof<Pcpu>("timerLock");
}

/** Stops the timer. It may be firing on another pCPU right now. */
export function timerStop(timer: Timer): void {
  const own = changetype<usize>(timer) + offsetof<Timer>("lock");
  spinLock(own);
  takeOut(timer);
  spinUnlock(own);
}

function takeOut(timer: Timer): void {
  for (;;) {
    const heap = atomic.load<u32>(changetype<usize>(timer) + offsetof<Timer>("heap"));
    if (!heap) return;
    const p = pcpuAt(heap - 1);
    spinLock(lockOf(p));
    const same = timer.heap == heap;
    if (same) remove(p, timer);
    spinUnlock(lockOf(p));
    if (same) return;
  }
}

/** (Re)starts the timer for `deadline` on the caller's pCPU (pCPU 0 when a native thread sets it). */
export function timerSet(timer: Timer, deadline: u64, kind: u32, owner: usize): void {
  const own = changetype<usize>(timer) + offsetof<Timer>("lock");
  spinLock(own);
  takeOut(timer);
  const p = self.id == NO_PCPU ? pcpuAt(0) : self;
  spinLock(lockOf(p));
  timer.deadline = deadline;
  timer.kind = kind;
  timer.owner = owner;
  insert(p, timer);
  const first = p.timers == changetype<usize>(timer);
  spinUnlock(lockOf(p));
  spinUnlock(own);
  if (first && self.id != p.id) sendIpi(p.id, IPI_TIMER);
}

/** Takes a due timer out of this pCPU's heap; 0 if none is due. */
export function timerTakeDue(now: u64): usize {
  const p = self;
  if (p.nextTimer > now) return 0;
  spinLock(lockOf(p));
  const due = p.timers && at(p.timers).deadline <= now ? p.timers : 0;
  if (due) remove(p, at(due));
  spinUnlock(lockOf(p));
  return due;
}

/** The n-th timer of a Vcpu (TIMER_*). */
export function vcpuTimer(v: Vcpu, index: u32): Timer {
  return changetype<Timer>(changetype<usize>(v) + VCPU_TIMERS + <usize>index * TIMER_SIZE);
}
