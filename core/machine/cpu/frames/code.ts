/** Versions of the code in frames: a decoded block is valid only while its frame has the version at which it was decoded. */
import { isFrameOf } from "../region_pages";
import { changesWord, versionOf } from "./tables";

/** The version of a frame that was written so often that what is decoded from it can't be kept. */
export const VERSION_LAST: u32 = 0xffffffff;

/** The frame of the running block, or the running region (0: none), and whether that was written to, so that it must be left. */
let runningFrame: u32 = 0;
let runningRegion: u32 = 0;
export let codeChanged: i32 = 0;
export function setRunningFrame(frame: u32): void {
  runningFrame = frame;
  runningRegion = 0;
}
export function setRunningRegion(index: u32): void {
  runningRegion = index;
}
export function clearCodeChanged(): void {
  codeChanged = 0;
}

// @ts-ignore: decorator
@inline
export function codeVersion(frame: u32): u32 {
  return atomic.load<u32>(versionOf(frame));
}

/** Returns a word that changes whenever the version of any frame does. */
// @ts-ignore: decorator
@inline
export function codeChanges(): u64 {
  return atomic.load<u64>(changesWord());
}

/** Invalidates what was decoded from the frame, on every pCPU. */
export function voidCode(frame: u32): void {
  raiseVersion(versionOf(frame));
  atomic.add<u64>(changesWord(), 1);
  leaveIfRunning(frame);
}
/** What runs is left after its instruction if it is from the frame. */
export function leaveIfRunning(frame: u32): void {
  if (runningRegion ? isFrameOf(runningRegion, frame) : frame == runningFrame) codeChanged = 1;
}

function raiseVersion(at: usize): void {
  let version = atomic.load<u32>(at);
  while (version != VERSION_LAST) {
    const was = atomic.cmpxchg<u32>(at, version, version + 1);
    if (was == version) return;
    version = was;
  }
}
