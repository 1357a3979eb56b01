/**
 * The log of writes: which of the logged frames were written to since their entry in the log was last taken. Who keeps a log takes the entries of all
 * its frames, calls settleLog(), waits until logIsWhole(), and only then reads the frames. A write that was missing in the entries is then in the
 * frame that is read, or in the next log, or in both, but never in neither.
 * Nothing in the product keeps a log yet: the hypervisor has no log-dirty mode (../../../hypervisor/p2m/README.md).
 */
import { DIRTY, WATCHED_LOG, flagsOf, tableFrames } from "./tables";
import { nextGeneration, othersFollowed } from "./written";

/** Takes the frame's entry, and logs the frame from settleLog() on. Returns whether it was written to; false the first time. */
export function takeLogged(frame: u32): bool {
  if (frame >= tableFrames) return false;
  return (change(frame, DIRTY, WATCHED_LOG) & DIRTY) != 0;
}

/** Returns whether the frame was written to, and changes nothing. */
export function isLogged(frame: u32): bool {
  return frame < tableFrames && (atomic.load<u8>(flagsOf(frame)) & DIRTY) != 0;
}

/** Ends the logging of the frame. */
export function endLogged(frame: u32): void {
  if (frame < tableFrames) change(frame, DIRTY | WATCHED_LOG, 0);
}

/**
 * Called once after the entries of all frames of a log were taken. This pCPU and the others follow the new generation before they use translations
 * again.
 */
export function settleLog(): void {
  nextGeneration();
}

/** Returns whether all pCPUs know which frames are logged. Until then, one that executes may write unnoticed. */
export function logIsWhole(): bool {
  return othersFollowed();
}

/** Clears and sets flags of a frame in one step. Returns the earlier flags. */
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
