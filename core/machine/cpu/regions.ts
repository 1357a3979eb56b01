/**
 * Translated code of one pCPU: regions of hot guest code, made WebAssembly functions by ../translator, called from the run
 * loop between blocks. A region is entered at its first byte only, in 64-bit mode, and does whole instructions: wherever it
 * comes back, the vCPU's state is that of an instruction boundary. What it can't do (a fault, a privileged instruction, an
 * access across pages) it leaves undone and says so (CPU_BAILED): the interpreter does that instruction.
 *
 * Found by the host address of the first byte, in a direct-mapped table of this pCPU: u32 host address, u32 index in the
 * instance's function table, u32 code version of the frame (code_frames.ts). A region counts while its frame has that version.
 *
 * Requests go through a ring in shared memory (layout.ts) that the translator's thread empties; what it made is adopted by
 * this pCPU's JavaScript when TRANSLATOR_READY has changed.
 */
import { translate } from "./access";
import { codeVersion, followGeneration, setRunningFrame } from "./code_frames";
import { clearFault, cpu } from "./machine";
import { ACCESS_EXECUTE, isCanonical } from "./mmu";
import { CPU_BAILED, CPU_RIP, CPU_TLB_TAG } from "./state";
import {
  TRANSLATOR_BELL,
  TRANSLATOR_HEAD,
  TRANSLATOR_READY,
  TRANSLATOR_REQUESTS,
  TRANSLATOR_RING,
  TRANSLATOR_TAIL,
} from "../layout";
import { TLB_EXECUTE, spaceTag, tlbBase, tlbLookup, tlbTag } from "./tlb";

const ENTRIES: u32 = 65536;
export const REGION_TABLE_BYTES = 65536 * 16;
const ENTRY_INDEX = 4;
const ENTRY_VERSION = 8;

/** A block is asked for when it was reached so often by a lookup or a backward branch, and again at every doubling. */
const HEAT_ASKED: u32 = 2048;

let table: usize = 0;
let seenReady: u32 = 0;

// @ts-ignore: decorator
@external("env", "adopt")
/** JavaScript takes over what the translator made: fills the function table and calls regionAdopt() and regionDrop(). */
declare function adopt(): void;

export function regionsInit(address: usize): void {
  table = address;
  memory.fill(address, 0, REGION_TABLE_BYTES);
}

// @ts-ignore: decorator
@inline
function entryOf(host: u32): usize {
  return table + (((host ^ (host >> 16)) & (ENTRIES - 1)) << 4);
}

/** From now on the region at machine address `host` is function `index`, as long as its frame has code version `version`. */
export function regionAdopt(host: u32, index: u32, version: u32): void {
  const entry = entryOf(host);
  store<u32>(entry, host);
  store<u32>(entry, index, ENTRY_INDEX);
  store<u32>(entry, version, ENTRY_VERSION);
}

/** Forgets the region at `host` if it is still function `index`. */
export function regionDrop(host: u32, index: u32): void {
  const entry = entryOf(host);
  if (load<u32>(entry) == host && load<u32>(entry, ENTRY_INDEX) == index) store<u32>(entry, 0);
}

// @ts-ignore: decorator
@inline
export function adoptRegions(): void {
  const ready = atomic.load<u32>(TRANSLATOR_READY);
  if (ready == seenReady) return;
  seenReady = ready;
  adopt();
}

/** Whether there is a region at `host`, of the frame's present code. */
export function hasRegion(host: u32): bool {
  const entry = entryOf(host);
  return load<u32>(entry) == host && load<u32>(entry, ENTRY_VERSION) == codeVersion(host >> 12);
}

/** Asks the translator for the region at machine address `host`. */
export function requestRegion(host: u32): void {
  const head = atomic.load<u32>(TRANSLATOR_HEAD);
  if (head - atomic.load<u32>(TRANSLATOR_TAIL) >= <u32>TRANSLATOR_REQUESTS) return;
  const slot = atomic.add<u32>(TRANSLATOR_HEAD, 1) & (<u32>TRANSLATOR_REQUESTS - 1);
  atomic.store<u32>(TRANSLATOR_RING + ((<usize>slot) << 2), host);
  atomic.add<u32>(TRANSLATOR_BELL, 1);
  atomic.notify(TRANSLATOR_BELL, 1);
}

/** Whether a block that was reached `heat` times is to be asked for now. */
// @ts-ignore: decorator
@inline
export function isAskedFor(heat: u32): bool {
  return heat >= HEAT_ASKED && (heat & (heat - 1)) == 0;
}

/** Index of the region at linear address `lin` of the current address space, 0 if there is none. */
// @ts-ignore: decorator
@inline
function regionAt(lin: u64): u32 {
  let host = <u32>tlbLookup(TLB_EXECUTE, lin);
  if (!host) {
    if (!isCanonical(lin)) return 0;
    host = <u32>translate(lin, ACCESS_EXECUTE);
    clearFault();
    if (!host) return 0;
  }
  const entry = entryOf(host);
  if (load<u32>(entry) != host) return 0;
  if (load<u32>(entry, ENTRY_VERSION) != codeVersion(host >> 12)) return 0;
  setRunningFrame(host >> 12);
  return load<u32>(entry, ENTRY_INDEX);
}

/**
 * Runs regions from CPU_RIP on until one is not there, bails out, or it is time to look up; nothing if there is none. Returns
 * what is left of the instructions. To be called between blocks, in 64-bit mode, with nothing to be looked at one by one.
 */
export function runRegions(left: i32, poll: usize): i32 {
  const s = cpu;
  store<u32>(s, 0, CPU_BAILED);
  if (tlbTag != spaceTag) return left;
  let index = regionAt(load<u64>(s, CPU_RIP));
  if (!index) return left;
  store<u64>(s, tlbTag, CPU_TLB_TAG);
  do {
    left = call_indirect<i32>(index, s, left, tlbBase, poll);
    if (load<u32>(s, CPU_BAILED) || left <= 0 || atomic.load<u32>(poll)) break;
    followGeneration();
    index = regionAt(load<u64>(s, CPU_RIP));
  } while (index);
  return left;
}
