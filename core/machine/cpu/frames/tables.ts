/**
 * The tables of machine frames that all pCPUs share, and how a write into a frame is noticed (written.ts, which everybody who writes calls).
 *
 * Flags: u8 a frame. A frame is watched for reasons, a bit each; the first write after the bit was set takes it away and does what the reason
 * is for:
 * - WATCHED_CODE: somebody has decoded instructions from it. A write raises the frame's version, and blocks decoded before are void (code.ts).
 * - WATCHED_LOG: writes to it are logged. A write sets DIRTY (log.ts).
 * WRITTEN is no reason: it says that the frame may be in some pCPU's write TLB. It stays for good.
 *
 * Versions: u32 a frame, of its code. A version does not wrap: a frame that has come to the last one is decoded anew for ever. The first frames
 * are never a guest's, so the places of their versions hold words that all pCPUs share:
 * - GENERATION (u64) is incremented when a frame that may be in write TLBs becomes a watched one. The other pCPUs then drop their entries for
 *   watched frames before they go on.
 * - CHANGES (u64) counts the increments of all frames' versions.
 * - LOCK (u32) is taken for locked accesses that wasm's atomics can't do (misaligned ones, 16 bytes), and by who marks a written frame as code.
 *
 * The order that makes it safe: a writer sets WRITTEN, then looks at the reasons; who watches sets a reason, then looks at WRITTEN. Into a frame
 * that is WRITTEN another pCPU may write on without a look, through its TLB or a window of translated code, until it follows the generation
 * (at the next block, or when translated code comes back). So who watches waits until every pCPU that executes has followed: code that was
 * decoded before is not kept, and a log is not taken for whole.
 */
export const WATCHED_CODE: u8 = 1;
export const WRITTEN: u8 = 2;
export const WATCHED_LOG: u8 = 4;
export const DIRTY: u8 = 8;
export const WATCHED: u8 = 5;

/** Offsets of the shared words. */
const GENERATION: usize = 0;
const CHANGES: usize = 8;
const LOCK: usize = 16;

let versionTable: usize = 0;
let flagTable: usize = 0;
/** Frames that the tables have places for; what lies behind is no memory of guests. */
export let tableFrames: u32 = 0;

/** `versions`: u32 per machine frame; `flags`: u8 per machine frame (rounded up to 4); all zero, one set for all pCPUs. */
export function setFrameTables(versions: usize, flags: usize, frames: u32): void {
  versionTable = versions;
  flagTable = flags;
  tableFrames = frames;
}

/** Address of the flags of a frame below tableFrames. */
// @ts-ignore: decorator
@inline
export function flagsOf(frame: u32): usize {
  return flagTable + frame;
}

/** Address of its version. */
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

/** Address of the lock word for accesses that must look atomic but can't be done with one wasm atomic. */
// @ts-ignore: decorator
@inline
export function splitLock(): usize {
  return versionTable + LOCK;
}
