/** Versions of the code in frames: a decoded block is good only while the version of its frame is the one it was decoded at. */
import { changesWord, versionOf } from "./tables";

/** A frame with this version was written to so often that what is decoded from it can't be kept. */
export const VERSION_LAST: u32 = 0xffffffff;

/** Frame that the running block lies in, and whether that one was written to: the block must be left. */
let runningFrame: u32 = 0;
/** As the running frame: code of several frames runs. */
export const ANY_FRAME: u32 = 0xffffffff;
export let codeChanged: i32 = 0;
export function setRunningFrame(frame: u32): void {
  runningFrame = frame;
}
export function clearCodeChanged(): void {
  codeChanged = 0;
}

// @ts-ignore: decorator
@inline
export function codeVersion(frame: u32): u32 {
  return atomic.load<u32>(versionOf(frame));
}

/** Changes when any frame's version does. */
// @ts-ignore: decorator
@inline
export function codeChanges(): u64 {
  return atomic.load<u64>(changesWord());
}

/** What was decoded from the frame is void, on every pCPU. */
export function voidCode(frame: u32): void {
  raiseVersion(versionOf(frame));
  atomic.add<u64>(changesWord(), 1);
  if (frame == runningFrame || runningFrame == ANY_FRAME) codeChanged = 1;
}

function raiseVersion(at: usize): void {
  let version = atomic.load<u32>(at);
  while (version != VERSION_LAST) {
    const was = atomic.cmpxchg<u32>(at, version, version + 1);
    if (was == version) return;
    version = was;
  }
}
