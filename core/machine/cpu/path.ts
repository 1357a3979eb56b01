/**
 * The path of a cluster (../translator/cluster.ts): which decoded blocks this pCPU executes, one after the other, from the moment on when a region was
 * entered very often. Until the path has its length, the interpreter executes that address space, and notes each block. One path is recorded at a time on
 * a host: whoever claims TRANSLATOR_PATH_OWNER writes it, and the translator lets it go.
 */
import { EXTENT_CLUSTER, PATH_LENGTH, PATH_TRANSLATED, TRANSLATOR_PATH, TRANSLATOR_PATH_OWNER } from "../layout";
import { codeMode } from "./mode";
import { MODE_64 } from "./mode_bits";
import { requestRegion } from "./region_requests";
import { spaceTag } from "./tlb";

/** Whether this pCPU records a path. */
export let recording = false;
let pathHost: u32 = 0;
let pathLinear: u64 = 0;
let pathSpace: u64 = 0;
let pathMode: u32 = 0;
let pathLength: u32 = 0;
/** Blocks that are still looked at before it is given up: the address space may never run again. */
let pathPatience: u32 = 0;
const PATIENCE: u32 = 65536;
/** Code that lies farther away is not taken in, as it may lie elsewhere in another process that has mapped the same file. */
const FAR: i64 = 8 << 20;

/** This pCPU as an owner: the address of its table of regions. */
let self: u32 = 0;
/** How often in a row another pCPU had the path. One that has stopped in the middle of it is not waited for. */
let refused: u32 = 0;
const MOST_REFUSED: u32 = 64;

/** Begins to record which blocks are executed, unless another region's path is being recorded or translated. */
export function beginPath(own: u32, host: u32, lin: u64): void {
  if (codeMode != MODE_64 || recording) return;
  self = own;
  const owner = atomic.cmpxchg<u32>(TRANSLATOR_PATH_OWNER, 0, self);
  if (owner) {
    if (owner == <u32>PATH_TRANSLATED || ++refused < MOST_REFUSED) return;
    if (atomic.cmpxchg<u32>(TRANSLATOR_PATH_OWNER, owner, self) != owner) return;
  }
  refused = 0;
  recording = true;
  pathHost = host;
  pathLinear = lin;
  pathSpace = spaceTag;
  pathMode = codeMode;
  pathLength = 0;
  pathPatience = PATIENCE;
}

/** Returns whether this pCPU, which records a path, executes code of that path's address space. */
// @ts-ignore: decorator
@inline
export function isOnPath(): bool {
  return codeMode == pathMode && spaceTag == pathSpace;
}

/** Called before the block at `lin` is executed, while this pCPU records. Returns whether the interpreter has to execute it, and it alone. */
export function recordBlock(lin: u64): bool {
  if (!--pathPatience || atomic.load<u32>(TRANSLATOR_PATH_OWNER) != self) {
    recording = false;
    atomic.cmpxchg<u32>(TRANSLATOR_PATH_OWNER, self, 0);
    return false;
  }
  if (!isOnPath()) return false;
  const distance = <i64>(lin - (pathLinear & ~(<u64>0xfff)));
  if (distance < -FAR || distance > FAR) return true;
  store<i32>(TRANSLATOR_PATH + ((<usize>pathLength) << 2), <i32>distance);
  if (++pathLength < <u32>PATH_LENGTH) return true;
  recording = false;
  if (atomic.cmpxchg<u32>(TRANSLATOR_PATH_OWNER, self, PATH_TRANSLATED) != self) return true;
  if (!requestRegion(pathHost, pathMode, pathLinear, EXTENT_CLUSTER)) atomic.store<u32>(TRANSLATOR_PATH_OWNER, 0);
  return true;
}
