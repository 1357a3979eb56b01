/** What a native domain has instead of page tables: references of other domains' frames (hypercall arch_7). */
import { EINVAL, EPERM, ESRCH } from "../../abi/errno";
import { Domain } from "../domain/domain";
import { nativeHold, nativeRelease } from "../domain/native_frames";
import { invalidateCodeFrame } from "./code_frames";
import { MEM_PRIVILEGED, domainMemory } from "./domain_memory";
import { getPage, putPage } from "./references";

/**
 * NATIVE_map_frame: a reference of `domid`'s frame `mfn` for native domain `d`, which must be privileged or name itself.
 * 0, -ESRCH, -EPERM, -EINVAL (not that domain's frame), or what nativeHold says.
 */
export function nativeMapFrame(d: Domain, domid: u32, mfn: u64): i32 {
  const caller = domainMemory(d.domid);
  if (caller == null || domainMemory(domid) == null) return -ESRCH;
  if (domid != d.domid && !(caller.flags & MEM_PRIVILEGED)) return -EPERM;
  if (!getPage(mfn, domid)) return -EINVAL;
  const error = nativeHold(d, <u32>mfn);
  if (error) putPage(<u32>mfn);
  return error;
}

/** NATIVE_unmap_frame: 0 or -EINVAL. */
export function nativeUnmapFrame(d: Domain, mfn: u64): i32 {
  if (mfn >> 32) return -EINVAL;
  // It may have been written without the engine seeing that.
  invalidateCodeFrame(<u32>mfn);
  return nativeRelease(d, <u32>mfn);
}
