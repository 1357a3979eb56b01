/**
 * How far a guest runs before its pCPU looks at the clock. Instructions are what the engine can count on its way, so they stand
 * for time: a pCPU keeps how many of them lately took LOOK_NS, and lets a guest run as many as take it to its next timer or the end
 * of its slice. What others want of the pCPU comes through its mailbox, at which the engine looks on every backward branch.
 */
import { Pcpu } from "./pcpu";

/** Between two looks at the clock, at most, about: code that turns out five times slower must not be late by a millisecond. */
const LOOK_NS: u64 = 150_000;
const PACE_MIN: u32 = 2_000;
const PACE_MAX: u32 = 1_500_000;
export const PACE_START: u32 = 15_000;

/** Instructions that are interpreted between two looks, at most: at 20 to 100 of them a microsecond. */
export const INTERPRETED: i32 = 8_192;

/** Instructions until the pCPU is to look at the clock. */
export function allow(p: Pcpu, now: u64): i32 {
  const until = min<u64>(p.sliceEnd, p.nextTimer);
  const ns = until > now ? min<u64>(until - now, LOOK_NS) : 0;
  return max<i32>(<i32>PACE_MIN, <i32>((<u64>p.pace * ns) / LOOK_NS));
}

/** Instructions took so long. A pace is taken up by halves and given up at once, but for a thread that was not let run. */
export function learnPace(p: Pcpu, instructions: i32, took: u64): void {
  const measured = (<u64>instructions * LOOK_NS) / max<u64>(took, 1);
  const pace = <u64>p.pace;
  p.pace = <u32>min<u64>(PACE_MAX, max<u64>(PACE_MIN, min<u64>(max<u64>(measured, pace / 4), pace + pace / 2)));
}
