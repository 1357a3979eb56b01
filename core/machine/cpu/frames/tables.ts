/**
 * The tables of machine frames that all pCPUs share, and how a write into a frame is noticed (by written.ts, which everybody who writes calls).
 * Flags: a u8 for each frame. A frame is watched for reasons, with one bit for each. The first write after the bit was set clears it, and does what
 * the reason demands:
 * - WATCHED_CODE: somebody has decoded instructions from the frame. A write raises the frame's version, which invalidates the blocks decoded before
 *   (code.ts).
 * - WATCHED_LOG: writes to the frame are logged. A write sets DIRTY (log.ts).
 * WRITTEN and WAS_CODE are not reasons, and are never cleared: the frame may be in some pCPU's write TLB; it was WATCHED_CODE once, so what a pCPU executes
 * may be from it even if it is not watched now, because another pCPU's write has ended that.
 * Versions: a u32 for each frame, of its code. A version does not wrap: a frame that has reached the last one is decoded anew each time. The first
 * frames never belong to a guest, so the places of their versions hold words that all pCPUs share:
 * - GENERATION (u64) is incremented when a frame that may be in write TLBs becomes a watched one. The other pCPUs then drop their entries for
 *   watched frames before they go on.
 * - CHANGES (u64) counts the increments of all frames' versions.
 * - LOCK (u32) is taken for locked accesses that wasm's atomics can't do (misaligned ones, 16 bytes), and to mark a written frame as code.
 * - NOTICE_LOCK (u32) is taken while a write clears a reason's bit and does what that demands, so that for others both happen at once.
 * The order that makes this safe: a writer sets WRITTEN and then looks at the reasons; who watches sets a reason and then looks at WRITTEN. Another
 * pCPU may go on writing into a frame that is WRITTEN without a look, through its TLB or a window of translated code, until it follows the generation
 * (at the next block, or when translated code returns). So who watches waits until every pCPU that executes has followed: code that was decoded
 * before is not kept, and a log does not count as whole.
 */
export const WATCHED_CODE: u8 = 1;
export const WRITTEN: u8 = 2;
export const WATCHED_LOG: u8 = 4;
export const DIRTY: u8 = 8;
export const WAS_CODE: u8 = 16;
export const WATCHED: u8 = 5;

/** Offsets of the shared words. */
const GENERATION: usize = 0;
const CHANGES: usize = 8;
const LOCK: usize = 16;
const NOTICE_LOCK: usize = 20;

let versionTable: usize = 0;
let flagTable: usize = 0;
/** The number of frames for which the tables have entries; memory beyond them does not belong to guests. */
export let tableFrames: u32 = 0;

/** `versions` has a u32 for each machine frame, `flags` a u8 (rounded up to 4). Both are zero at first; all pCPUs use the same tables. */
export function setFrameTables(versions: usize, flags: usize, frames: u32): void {
  versionTable = versions;
  flagTable = flags;
  tableFrames = frames;
}

/** Returns the address of the flags of a frame below tableFrames. */
// @ts-ignore: decorator
@inline
export function flagsOf(frame: u32): usize {
  return flagTable + frame;
}

/** Returns the address of its version. */
// @ts-ignore: decorator
@inline
export function versionOf(frame: u32): usize {
  return versionTable + ((<usize>frame) << 2);
}

// @ts-ignore: decorator
@inline
export function generationWord(): usize {
  return versionTable + GENERATION;
}

// @ts-ignore: decorator
@inline
export function changesWord(): usize {
  return versionTable + CHANGES;
}

/** Returns the address of the lock word for accesses that must look atomic but can't be done with one wasm atomic. */
// @ts-ignore: decorator
@inline
export function splitLock(): usize {
  return versionTable + LOCK;
}

/** Returns the address of the word that is 1 while somebody takes a frame's WATCHED_* away and does what that demands. */
// @ts-ignore: decorator
@inline
export function noticeLock(): usize {
  return versionTable + NOTICE_LOCK;
}
