/**
 * Notices writes into frames by the rules of tables.ts: has the functions that everybody who writes calls, and makes pCPUs follow those who begin to
 * watch.
 */
import { ACTIVITY, ACTIVITY_EXECUTES, ACTIVITY_FOLLOWED, ACTIVITY_SIZE, MAX_PCPUS } from "../../layout";
import { activity } from "../machine";
import { entryFrame, nextWritable } from "../tlb";
import { clearCodeChanged, leaveIfRunning, voidCode } from "./code";
import {
  DIRTY,
  WAS_CODE,
  WATCHED,
  WATCHED_CODE,
  WATCHED_LOG,
  WRITTEN,
  flagsOf,
  generationWord,
  noticeLock,
  tableFrames,
} from "./tables";

/** The generation that this pCPU has followed. */
let seenGeneration: u64 = 0;
/** A generation that all others have followed, or will before they execute. */
let settledGeneration: u64 = 0;

/**
 * To be called after something other than the engine's instructions has written into the frame (copies by the hypervisor or a device): code decoded
 * from it is dropped on every pCPU, and the log records it.
 */
export function frameWritten(frame: u32): void {
  if (frame >= tableFrames) return;
  const flags = atomic.load<u8>(flagsOf(frame));
  if (flags & WATCHED) notice(frame, WATCHED);
  if (flags & WAS_CODE) waitForNotice();
}

/** To be called before a host page is entered into this pCPU's write TLB, or is written to without it. */
export function beforeWrites(host: usize): void {
  const frame = <u32>(host >> 12);
  if (frame >= tableFrames) return;
  const flags = atomic.or<u8>(flagsOf(frame), WRITTEN);
  if (flags & WATCHED) notice(frame, WATCHED);
  if (!(flags & WAS_CODE)) return;
  // What this pCPU executes, or has decoded, may be from before somebody else's write ended the watch. A processor sees its own stores all the same.
  waitForNotice();
  leaveIfRunning(frame);
}

/**
 * Clears those of `reasons` for which the frame is watched, and does what they demand. Who finds a frame no longer watched waits for the lock, and then
 * finds its code voided too.
 */
function notice(frame: u32, reasons: u8): void {
  while (atomic.cmpxchg<u32>(noticeLock(), 0, 1)) {}
  if (unwatch(frame, reasons) & WATCHED_CODE) voidCode(frame);
  atomic.store<u32>(noticeLock(), 0);
}

/** When this returns, whoever had taken away a watch before the call has done what it demands. */
function waitForNotice(): void {
  while (atomic.load<u32>(noticeLock())) {}
}

/** Returns those of `reasons` that are cleared. */
function unwatch(frame: u32, reasons: u8): u8 {
  const at = flagsOf(frame);
  let was: u8 = atomic.load<u8>(at);
  let flags: u8 = was;
  let met: u8 = 0;
  // The reason and the dirty bit change in one step. Otherwise who reads the log between two steps would find neither.
  do {
    flags = was;
    met = <u8>(flags & reasons);
    if (!met) return 0;
    was = atomic.cmpxchg<u8>(at, flags, <u8>((flags & ~met) | (met & WATCHED_LOG ? DIRTY : 0)));
  } while (was != flags);
  return met;
}

// ---- generations ----

/**
 * Returns whether every other pCPU that executes has followed the present generation, so that nobody writes unnoticed to what was watched before the
 * call.
 */
export function othersFollowed(): bool {
  const generation = atomic.load<u64>(generationWord());
  if (generation == settledGeneration) return true;
  for (let id: usize = 0; id < <usize>MAX_PCPUS; id++) {
    const other = <usize>ACTIVITY + id * ACTIVITY_SIZE;
    if (other == activity || !atomic.load<u32>(other, ACTIVITY_EXECUTES)) continue;
    if (atomic.load<u64>(other, ACTIVITY_FOLLOWED) != generation) return false;
  }
  settledGeneration = generation;
  return true;
}

/** Makes the others follow. Returns the generation before. */
export function nextGeneration(): u64 {
  return atomic.add<u64>(generationWord(), 1);
}

/** Returns whether this pCPU has followed all generations up to and including `generation`. */
export function hasFollowed(generation: u64): bool {
  return generation == seenGeneration;
}

/** Records that this pCPU's TLB has no write entry for a frame that is watched since this generation or an earlier one. */
export function follow(generation: u64): void {
  seenGeneration = generation;
  atomic.store<u64>(activity, generation, ACTIVITY_FOLLOWED);
}

/**
 * To be called before translations of this pCPU are used: by run(), and by a hypervisor that accesses guest memory through the TLB. The pCPU counts
 * as executing until endTranslations(), also during the exits of a guest: these are short, and each of the two stores costs a full barrier. Until it
 * follows, what others decode from written frames is not kept.
 */
export function beginTranslations(): void {
  // The store comes before the look at the generation. So either who increments the generation finds this pCPU executing, or this pCPU finds the
  // increment. Nobody else writes this word.
  if (!load<u32>(activity, ACTIVITY_EXECUTES)) atomic.store<u32>(activity, 1, ACTIVITY_EXECUTES);
  followGeneration();
}
/** To be called when this pCPU may use no translations for a while: at the end of a vCPU's slice, and before it is idle. */
export function endTranslations(): void {
  atomic.store<u32>(activity, 0, ACTIVITY_EXECUTES);
}

/** Drops this pCPU's write translations to frames that others have begun to watch. This is cheap when there are none. */
// @ts-ignore: decorator
@inline
export function followGeneration(): void {
  if (atomic.load<u64>(generationWord()) != seenGeneration) dropWatchedWrites();
}

function dropWatchedWrites(): void {
  const generation = atomic.load<u64>(generationWord());
  for (let entry = nextWritable(0); entry; entry = nextWritable(entry)) {
    const frame = entryFrame(entry);
    if (frame >= tableFrames || !(atomic.load<u8>(flagsOf(frame)) & WATCHED)) continue;
    store<u64>(entry, 0);
    // The frame may have been written to since, so what was decoded meanwhile is invalid. A log needs no such guess, because who keeps it waits for
    // this pCPU.
    notice(frame, WATCHED_CODE);
  }
  // This runs between blocks, and the next block is looked up anyway.
  clearCodeChanged();
  follow(generation);
}
