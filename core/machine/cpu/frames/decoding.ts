/** Called by a decoder before and after its work, so that writes into the code are noticed. */
import { tlbDropWrites } from "../tlb";
import { VERSION_LAST, codeVersion } from "./code";
import { WAS_CODE, WATCHED_CODE, WRITTEN, flagsOf, splitLock, tableFrames } from "./tables";
import { follow, followGeneration, hasFollowed, nextGeneration, othersFollowed } from "./written";

/**
 * To be called before anything is read from a host page to be decoded: from now on, whoever writes to it reports that. Returns whether everybody does so already.
 * Another pCPU that has not followed may write unnoticed to what is read now, even through translated code's address of a page that its TLB no longer has.
 */
export function beforeDecode(host: usize): bool {
  const frame = <u32>(host >> 12);
  if (frame >= tableFrames) return false;
  const flags = flagsOf(frame);
  if ((atomic.load<u8>(flags) & (WATCHED_CODE | WRITTEN)) == WATCHED_CODE) return true;
  let old = mark(host, frame);
  // To follow somebody else's mark has taken this one away if this pCPU had an entry of the frame, which it has no more.
  if (!(atomic.load<u8>(flags) & WATCHED_CODE)) old |= mark(host, frame);
  return !(old & WRITTEN) || othersFollowed();
}

/** Marks the frame as one that code is read from, and forgets this pCPU's entry of it. Returns the flags before. */
function mark(host: usize, frame: u32): u8 {
  // Who finds WATCHED_CODE set must also find the generation incremented.
  while (atomic.cmpxchg<u32>(splitLock(), 0, 1)) {}
  const old = atomic.or<u8>(flagsOf(frame), WATCHED_CODE | WAS_CODE);
  const marks = !(old & WATCHED_CODE) && (old & WRITTEN) != 0;
  const before = marks ? nextGeneration() : 0;
  atomic.store<u32>(splitLock(), 0);
  if (marks && hasFollowed(before)) {
    // This pCPU only has to forget the entry of this frame. The increment makes the others forget theirs.
    tlbDropWrites(host & ~(<usize>0xfff));
    follow(before + 1);
  } else followGeneration();
  return old;
}

/** Returns whether what was decoded since beforeDecode(), which has returned true, may be kept: nobody has written in between. */
export function decodeHolds(host: usize): bool {
  const frame = <u32>(host >> 12);
  return (atomic.load<u8>(flagsOf(frame)) & WATCHED_CODE) != 0 && codeVersion(frame) != VERSION_LAST;
}
