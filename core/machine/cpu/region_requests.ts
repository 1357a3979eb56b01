/** The requests of regions that pCPUs write into a ring in shared memory (../layout.ts), which the translator's thread empties. */
import { codeVersion } from "./frames/code";
import {
  EXTENT_KNOWN,
  REQUEST_BLOCKS,
  REQUEST_EXTENT,
  REQUEST_LINEAR,
  REQUEST_MODE,
  REQUEST_SECOND,
  REQUEST_SIZE,
  REQUEST_SPACE,
  TRANSLATOR_BELL,
  TRANSLATOR_HEAD,
  TRANSLATOR_KNOWS,
  TRANSLATOR_REQUESTS,
  TRANSLATOR_RING,
  TRANSLATOR_TAIL,
} from "../layout";
import { cpu } from "./machine";
import { spaceKey } from "./paging/space";
import { CPU_SECOND_ROOT } from "./state";

/** Sets of this pCPU's decoded blocks, which show what code has run. */
let decodedBlocks: usize = 0;

export function requestsInit(sets: usize, room: usize): void {
  decodedBlocks = sets;
  asked = room;
  memory.fill(room, 0, ASKED_BYTES);
}

/**
 * Requests the region at machine address `host`, which is linear address `lin` of the present address space, from the translator, as code of `mode`, with
 * an extent (EXTENT_*). Returns false if there is no room for another request.
 */
export function requestRegion(host: u32, mode: u32, lin: u64, extent: u32): bool {
  let head = atomic.load<u32>(TRANSLATOR_HEAD);
  while (true) {
    if (head - atomic.load<u32>(TRANSLATOR_TAIL) >= <u32>TRANSLATOR_REQUESTS) return false;
    // If two pCPUs took the last place, the translator would find one request where it waits for two, for ever.
    const was = atomic.cmpxchg<u32>(TRANSLATOR_HEAD, head, head + 1);
    if (was == head) break;
    head = was;
  }
  const slot = head & (<u32>TRANSLATOR_REQUESTS - 1);
  const request = TRANSLATOR_RING + <usize>slot * REQUEST_SIZE;
  store<u16>(request, <u16>extent, REQUEST_EXTENT);
  store<u16>(request, <u16>mode, REQUEST_MODE);
  store<u64>(request, lin, REQUEST_LINEAR);
  store<u64>(request, spaceKey(), REQUEST_SPACE);
  store<u32>(request, <u32>decodedBlocks, REQUEST_BLOCKS);
  store<u32>(request, <u32>load<u64>(cpu, CPU_SECOND_ROOT), REQUEST_SECOND);
  atomic.store<u32>(request, host);
  atomic.add<u32>(TRANSLATOR_BELL, 1);
  atomic.notify(TRANSLATOR_BELL, 1);
  return true;
}

/** Pages that were asked for, by their number, modulo how many are remembered: u32 number of the frame, u32 its code version. */
const ASKED: u32 = 4096;
const ASKED_VERSION = 4;
export const ASKED_BYTES: usize = 4096 * 8;
let asked: usize = 0;
/** So many places of the ring are left to requests of regions: a guest that makes new code for ever asks for each page after 64 turns, and for a region after 4,096. */
const LEFT_TO_REGIONS: u32 = 512;
/** Requests what the cache on disk has of the page at `host`, unless that was done before, or there is no cache. */
export function askWhatIsKnown(host: u32, mode: u32, lin: u64): void {
  if (!load<u32>(TRANSLATOR_KNOWS)) return;
  const waiting = atomic.load<u32>(TRANSLATOR_HEAD) - atomic.load<u32>(TRANSLATOR_TAIL);
  if (waiting + LEFT_TO_REGIONS >= <u32>TRANSLATOR_REQUESTS) return;
  const frame = host >> 12;
  const entry = asked + ((frame & (ASKED - 1)) << 3);
  const version = codeVersion(frame);
  if (load<u32>(entry) == frame && load<u32>(entry, ASKED_VERSION) == version) return;
  if (!requestRegion(host, mode, lin, EXTENT_KNOWN)) return;
  store<u32>(entry, frame);
  store<u32>(entry, version, ASKED_VERSION);
}
