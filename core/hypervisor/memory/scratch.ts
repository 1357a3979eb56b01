/**
 * Two pages for structures that are copied from guests. Each thread (an instance of core.wasm) has its own, whereas static data is shared by all.
 * Each user has its own part, because one call may run inside another (multicall).
 */
import { self } from "../sched/pcpu";
import { allocXenheapPages } from "./allocator";

let page: usize = 0;

export const SCRATCH_MMU: usize = 0; // 1024 bytes
export const SCRATCH_MMUEXT: usize = 1024; // 64
export const SCRATCH_RESULT: usize = 1088; // 64
export const SCRATCH_MEMOP: usize = 1152; // 128
export const SCRATCH_EXTENTS: usize = 1280; // 512
export const SCRATCH_GRANT: usize = 1792; // 256
export const SCRATCH_WALK: usize = 2048; // 64
export const SCRATCH_UNMAPS: usize = 2112; // 384
export const SCRATCH_E820: usize = 4096; // 4096

/** Returns the address of a part of this thread's pages; 0 if the host is out of memory. */
export function scratch(part: usize): usize {
  if (!page) {
    const mfn = allocXenheapPages(1);
    if (!mfn) return 0;
    page = (<usize>mfn) << 12;
    if (changetype<usize>(self)) self.scratch = page;
  }
  return page + part;
}
