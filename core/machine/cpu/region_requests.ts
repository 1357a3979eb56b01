/** The requests of regions that pCPUs write into a ring in shared memory (../layout.ts), which the translator's thread empties. */
import {
  REQUEST_BLOCKS,
  REQUEST_EXTENT,
  REQUEST_LINEAR,
  REQUEST_MODE,
  REQUEST_SECOND,
  REQUEST_SIZE,
  REQUEST_SPACE,
  TRANSLATOR_BELL,
  TRANSLATOR_HEAD,
  TRANSLATOR_REQUESTS,
  TRANSLATOR_RING,
  TRANSLATOR_TAIL,
} from "../layout";
import { cpu } from "./machine";
import { spaceKey } from "./paging/space";
import { CPU_SECOND_ROOT } from "./state";

/** Sets of this pCPU's decoded blocks, which show what code has run. */
let decodedBlocks: usize = 0;

export function requestsInit(sets: usize): void {
  decodedBlocks = sets;
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
