/**
 * Which machine frames hold code that some pCPU has decoded, shared by all pCPUs.
 *
 * versions: u32 per frame. A write into a frame with decoded code increments it; a block is good only while the version is the
 * one it was decoded with. A version does not wrap: a frame that has come to the last one is decoded anew for ever.
 * flags: u8 per frame. CODE: somebody has decoded from it since the last increment. WRITTEN: it may be in some pCPU's write TLB.
 *
 * The first frames are never a guest's, so their versions serve as words that all pCPUs share:
 * GENERATION (u64) is incremented when a frame gets CODE while it may be in write TLBs: the other pCPUs then drop their entries for it before
 *   they go on, and count the frame as written, for they may have written in between.
 * CHANGES (u64) counts the increments of all frames' versions.
 * LOCK (u32) is taken for locked accesses that wasm's atomics can't do (misaligned ones, 16 bytes), and by who marks a written frame as code.
 *
 * The order that makes it safe: a writer sets WRITTEN, then looks at CODE; a decoder sets CODE, then looks at WRITTEN. From a frame that is
 * WRITTEN another pCPU may write on without a look, through its TLB or a window of translated code, until it follows the generation (at
 * the next block, or when translated code comes back). So what is decoded from such a frame is kept only after every pCPU that executes has
 * followed: until then it is decoded anew each time, and a processor that has serialised sees what another one wrote before.
 */
import { ACTIVITY, ACTIVITY_EXECUTES, ACTIVITY_FOLLOWED, ACTIVITY_SIZE, MAX_PCPUS } from "../layout";
import { activity } from "./machine";
import { TLB_ENTRIES, TLB_WRITE, entryFrame, tlbBase, tlbDropWrites } from "./tlb";

const CODE: u8 = 1;
const WRITTEN: u8 = 2;
/** Offsets of the shared words. */
const GENERATION: usize = 0;
const CHANGES: usize = 8;
const LOCK: usize = 16;
const VERSION_LAST: u32 = 0xffffffff;

let codeVersions: usize = 0;
let codeFlags: usize = 0;
let codeFrameCount: u32 = 0;
let seenGeneration: u64 = 0;
/** A generation that all others had followed, or will before they execute. */
let settledGeneration: u64 = 0;

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
export function codeChanges(): u64 {
  return atomic.load<u64>(codeVersions + CHANGES);
}

/** Address of the lock word for accesses that must look atomic but can't be done with one wasm atomic. */
// @ts-ignore: decorator
@inline
export function splitLock(): usize {
  return codeVersions + LOCK;
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
  raiseVersion(codeVersions + ((<usize>frame) << 2));
  atomic.add<u64>(codeVersions + CHANGES, 1);
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

/** To be called before a host page is entered into this pCPU's write TLB or written to around it. */
export function beforeWrites(host: usize): void {
  const frame = <u32>(host >> 12);
  if (frame >= codeFrameCount) return;
  const old = atomic.or<u8>(codeFlags + frame, WRITTEN);
  if (old & CODE) codeFrameWritten(frame);
}

/** To be called before decoding from a host page: from now on, whoever writes to it says so. */
export function beforeDecode(host: usize): void {
  const frame = <u32>(host >> 12);
  if (frame >= codeFrameCount) return;
  const flag = codeFlags + frame;
  if (atomic.load<u8>(flag) == CODE) return;
  // Who finds CODE set must find the generation incremented too.
  while (atomic.cmpxchg<u32>(splitLock(), 0, 1)) {}
  const old = atomic.or<u8>(flag, CODE);
  const marks = !(old & CODE) && (old & WRITTEN) != 0;
  const before = marks ? atomic.add<u64>(codeVersions + GENERATION, 1) : 0;
  atomic.store<u32>(splitLock(), 0);
  if (marks && before == seenGeneration) {
    // Nothing but this frame's entry to forget. The increment makes the others forget theirs.
    tlbDropWrites(host & ~(<usize>0xfff));
    follow(before + 1);
  } else followGeneration();
}

/** Whether what was decoded since beforeDecode() may be kept: nobody has written in between, nor will unnoticed. */
export function decodeHolds(host: usize): bool {
  const frame = <u32>(host >> 12);
  if (frame >= codeFrameCount) return false;
  // In this order: who follows counts what it may have written first.
  if (atomic.load<u8>(codeFlags + frame) & WRITTEN && !othersFollowed()) return false;
  return (atomic.load<u8>(codeFlags + frame) & CODE) != 0 && codeVersion(frame) != VERSION_LAST;
}

/** Whether every other pCPU that executes has followed the present generation. */
function othersFollowed(): bool {
  const generation = atomic.load<u64>(codeVersions + GENERATION);
  if (generation == settledGeneration) return true;
  for (let id: usize = 0; id < <usize>MAX_PCPUS; id++) {
    const other = <usize>ACTIVITY + id * ACTIVITY_SIZE;
    if (other == activity || !atomic.load<u32>(other, ACTIVITY_EXECUTES)) continue;
    if (atomic.load<u64>(other, ACTIVITY_FOLLOWED) != generation) return false;
  }
  settledGeneration = generation;
  return true;
}

function follow(generation: u64): void {
  seenGeneration = generation;
  atomic.store<u64>(activity, generation, ACTIVITY_FOLLOWED);
}

/**
 * To be called before translations of this pCPU are used, by run() and by a hypervisor that accesses guest memory through the TLB.
 * The pCPU counts as executing until endTranslations(): over the exits of a guest too, which are short, for each of the two stores
 * costs a full barrier. Until it follows, what others decode from frames that were written is not kept.
 */
export function beginTranslations(): void {
  // First this, then the look at the generation: who increments it finds this pCPU executing, or this pCPU finds the increment.
  // Nobody else writes this word.
  if (!load<u32>(activity, ACTIVITY_EXECUTES)) atomic.store<u32>(activity, 1, ACTIVITY_EXECUTES);
  followGeneration();
}
/** To be called when this pCPU may use none for a while: at the end of a vCPU's slice, before it is idle. */
export function endTranslations(): void {
  atomic.store<u32>(activity, 0, ACTIVITY_EXECUTES);
}

/** Drops this pCPU's write translations to frames that others have begun to execute from. Cheap when there are none. */
// @ts-ignore: decorator
@inline
export function followGeneration(): void {
  if (atomic.load<u64>(codeVersions + GENERATION) != seenGeneration) dropWritesToCode();
}

function dropWritesToCode(): void {
  const generation = atomic.load<u64>(codeVersions + GENERATION);
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
  follow(generation);
}
