/**
 * Which machine frames hold code that some pCPU has decoded, shared by all pCPUs.
 *
 * versions: u32 per frame. A write into a frame with decoded code increments it; a block is good only while the version is the
 * one it was decoded with. flags: u8 per frame, CODE: somebody decoded from it since the last increment; WRITTEN: it may
 * be in some pCPU's write TLB. Frames 0 to 2 are never a guest's, so their versions serve as shared words:
 * versions[0] = generation, incremented when a frame gets CODE while it may be in write TLBs (the others then drop theirs
 * before they go on, and count the frame as written, for they may have written in between);
 * versions[1] = lock of locked accesses that wasm's atomics can't do (misaligned, 16 bytes);
 * versions[2] = count of all increments of all frames.
 *
 * The order that makes it safe: a writer sets WRITTEN, then looks at CODE; a decoder sets CODE, then looks at WRITTEN.
 */
import { TLB_ENTRIES, TLB_WRITE, entryFrame, tlbBase, tlbDropWrites } from "./tlb";

const CODE: u8 = 1;
const WRITTEN: u8 = 2;

export let codeVersions: usize = 0;
let codeFlags: usize = 0;
let codeFrameCount: u32 = 0;
let seenGeneration: u32 = 0;

/** Frame that the running block lies in, and whether that one was written to: the block must be left. */
export let runningFrame: u32 = 0;
/** As the running frame: code of several frames runs. */
export const ANY_FRAME: u32 = 0xffffffff;
export let codeChanged: i32 = 0;
export function setRunningFrame(frame: u32): void {
  runningFrame = frame;
}
export function clearCodeChanged(): void {
  codeChanged = 0;
}

/** `versions`: u32 per machine frame; `flags`: u8 per machine frame (rounded up to 4); all zero, one set for all pCPUs. */
export function setCodeTables(versions: usize, flags: usize, frames: u32): void {
  codeVersions = versions;
  codeFlags = flags;
  codeFrameCount = frames;
}

// @ts-ignore: decorator
@inline
export function codeVersion(frame: u32): u32 {
  return atomic.load<u32>(codeVersions + ((<usize>frame) << 2));
}

/** Changes when any frame's version does. */
// @ts-ignore: decorator
@inline
export function codeChanges(): u32 {
  return atomic.load<u32>(codeVersions + 8);
}

/** Address of the lock word for accesses that must look atomic but can't be done with one wasm atomic. */
// @ts-ignore: decorator
@inline
export function splitLock(): usize {
  return codeVersions + 4;
}

/**
 * Something other than the engine's instructions has written into the frame (copies by the hypervisor or a device): code
 * decoded from it is dropped, on every pCPU.
 */
export function codeFrameWritten(frame: u32): void {
  if (frame >= codeFrameCount) return;
  const flag = codeFlags + frame;
  if (!(atomic.load<u8>(flag) & CODE)) return;
  atomic.and<u8>(flag, ~CODE);
  atomic.add<u32>(codeVersions + ((<usize>frame) << 2), 1);
  atomic.add<u32>(codeVersions + 8, 1);
  if (frame == runningFrame || runningFrame == ANY_FRAME) codeChanged = 1;
}

/** To be called before a host page is entered into this pCPU's write TLB or written to around it. */
export function beforeWrites(host: usize): void {
  const frame = <u32>(host >> 12);
  if (frame >= codeFrameCount) return;
  const old = atomic.or<u8>(codeFlags + frame, WRITTEN);
  if (old & CODE) codeFrameWritten(frame);
}

/** To be called before decoding from a host page; true if nobody had decoded from it. */
export function beforeDecode(host: usize): void {
  const frame = <u32>(host >> 12);
  if (frame >= codeFrameCount) return;
  const old = atomic.or<u8>(codeFlags + frame, CODE);
  if (old & CODE || !(old & WRITTEN)) return;
  tlbDropWrites(host & ~(<usize>0xfff));
  // Own entries are gone; the increment makes the others drop theirs.
  const before = atomic.add<u32>(codeVersions, 1);
  if (before == seenGeneration) seenGeneration = before + 1;
}

/** Whether what was decoded since beforeDecode() may be kept: nobody has written in between. */
export function decodeHolds(host: usize): bool {
  const frame = <u32>(host >> 12);
  if (frame >= codeFrameCount) return false;
  return (atomic.load<u8>(codeFlags + frame) & CODE) != 0;
}

/** Drops this pCPU's write translations to frames that others have begun to execute from. Cheap when there are none. */
// @ts-ignore: decorator
@inline
export function followGeneration(): void {
  if (atomic.load<u32>(codeVersions) != seenGeneration) dropWritesToCode();
}

function dropWritesToCode(): void {
  seenGeneration = atomic.load<u32>(codeVersions);
  const base = tlbBase + TLB_WRITE;
  for (let i: usize = 0; i < TLB_ENTRIES; i++) {
    const entry = base + (i << 4);
    if (!load<u64>(entry)) continue;
    const frame = entryFrame(entry);
    if (frame < codeFrameCount && atomic.load<u8>(codeFlags + frame) & CODE) {
      store<u64>(entry, 0);
      codeFrameWritten(frame);
    }
  }
  // This is between blocks: the next one is looked up anew.
  codeChanged = 0;
}
