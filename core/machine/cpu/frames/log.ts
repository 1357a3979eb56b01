/**
 * The log of writes: which of the logged frames were written to since their entry in the log was last taken. Who keeps a log takes the entries
 * of all its frames, calls settleLog(), waits until logIsWhole(), and reads the frames only then: a write that was not in what was taken is in
 * the frame that is read, or in the next log, or in both. No write is in neither.
 *
 * Nothing in the product keeps a log yet: the hypervisor has no log-dirty mode (../../../hypervisor/p2m/README.md).
 */
import { DIRTY, WATCHED_LOG, flagsOf, tableFrames } from "./tables";
import { nextGeneration, othersFollowed } from "./written";

/** Takes the frame's entry, and logs it from settleLog() on: whether it was written to. The first time for a frame, that is nothing. */
export function takeLogged(frame: u32): bool {
  if (frame >= tableFrames) return false;
  return (change(frame, DIRTY, WATCHED_LOG) & DIRTY) != 0;
}

/** Whether the frame was written to, and nothing changes. */
export function isLogged(frame: u32): bool {
  return frame < tableFrames && (atomic.load<u8>(flagsOf(frame)) & DIRTY) != 0;
}

/** The frame is logged no more. */
export function endLogged(frame: u32): void {
  if (frame < tableFrames) change(frame, DIRTY | WATCHED_LOG, 0);
}

/** After the frames of a log were taken, once for all of them. This pCPU follows before it uses translations again, as the others do. */
export function settleLog(): void {
  nextGeneration();
}

/** Whether all pCPUs know which frames are logged: until then one that executes may write unnoticed. */
export function logIsWhole(): bool {
  return othersFollowed();
}

/** Clears and sets flags of a frame in one step; what they were. */
function change(frame: u32, clear: u8, set: u8): u8 {
  const at = flagsOf(frame);
  let was: u8 = atomic.load<u8>(at);
  let flags: u8 = was;
  do {
    flags = was;
    was = atomic.cmpxchg<u8>(at, flags, <u8>((flags & ~clear) | set));
  } while (was != flags);
  return flags;
}
