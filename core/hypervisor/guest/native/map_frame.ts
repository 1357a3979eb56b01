/** What a native domain has instead of page tables: references of other domains' frames (hypercall arch_7). */
import { EINVAL, EPERM, ESRCH } from "../../abi/errno";
import { Domain } from "../../domain/domain";
import { HOLD_WRITABLE, nativeHold, nativeRelease } from "./frames";
import { invalidateCodeFrame } from "../../memory/code_frames";
import { MEM_PRIVILEGED, domainMemory } from "../../memory/domain_memory";
import { getPage, putPage } from "../../memory/references";
import { PGT_writable_page } from "../../memory/frames";
import { getPageAndType, putPageAndType } from "../../memory/page_type";

/** Whether native domain `d`, which must be privileged or name itself, may hold frames of `domid`: 0, -ESRCH or -EPERM. */
function mayHold(d: Domain, domid: u32): i32 {
  const caller = domainMemory(d.domid);
  if (caller == null || domainMemory(domid) == null) return -ESRCH;
  return domid != d.domid && !(caller.flags & MEM_PRIVILEGED) ? -EPERM : 0;
}

/** NATIVE_map_frame: a reference of `domid`'s frame `mfn`. 0, what mayHold says, -EINVAL (not that domain's frame), or what nativeHold says. */
export function nativeMapFrame(d: Domain, domid: u32, mfn: u64): i32 {
  let error = mayHold(d, domid);
  if (error) return error;
  if (!getPage(mfn, domid)) return -EINVAL;
  error = nativeHold(d, <u32>mfn);
  if (error) putPage(<u32>mfn);
  return error;
}

/** NATIVE_map_frame_writable: as above, and as long as it is held the frame is nothing but writable memory: -EINVAL while it is a table. */
export function nativeMapFrameWritable(d: Domain, domid: u32, mfn: u64): i32 {
  let error = mayHold(d, domid);
  if (!error) error = getPageAndType(mfn, domid, PGT_writable_page);
  if (error) return error;
  error = nativeHold(d, (<u32>mfn) | HOLD_WRITABLE);
  if (error) putPageAndType(<u32>mfn);
  return error;
}

/** NATIVE_unmap_frame: 0 or -EINVAL. */
export function nativeUnmapFrame(d: Domain, mfn: u64): i32 {
  if (mfn >> 31) return -EINVAL;
  // It may have been written without the engine seeing that.
  invalidateCodeFrame(<u32>mfn);
  return nativeRelease(d, <u32>mfn);
}

/** NATIVE_unmap_frame_writable: 0 or -EINVAL. */
export function nativeUnmapFrameWritable(d: Domain, mfn: u64): i32 {
  if (mfn >> 31) return -EINVAL;
  invalidateCodeFrame(<u32>mfn);
  return nativeRelease(d, (<u32>mfn) | HOLD_WRITABLE);
}
