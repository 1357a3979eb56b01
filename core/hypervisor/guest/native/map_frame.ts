/** What a native domain has instead of page tables: references to other domains' frames (hypercall arch_7). */
import { EINVAL, EPERM, ESRCH } from "../../../abi/errno";
import { Domain } from "../../domain/domain";
import { HOLD_WRITABLE, nativeHold, nativeRelease } from "./frames";
import { frameWritten } from "../../../machine/cpu/frames/written";
import { MEM_PRIVILEGED, domainMemory } from "../../memory/domain_memory";
import { putPage } from "../../memory/references";
import { putPageAndType } from "../../memory/page_type";
import { takeFrame, takeFrameToRead, takeWritableFrame } from "../../p2m/guest_frame";

/** Whether native domain `d` may hold frames of `domid`: it must be privileged, or name itself. 0, -ESRCH or -EPERM. */
function mayHold(d: Domain, domid: u32): i32 {
  const caller = domainMemory(d.domid);
  if (caller == null || domainMemory(domid) == null) return -ESRCH;
  return domid != d.domid && !(caller.flags & MEM_PRIVILEGED) ? -EPERM : 0;
}

/**
 * NATIVE_map_frame: takes a reference of what `domid` calls frame `frame`. Returns the machine frame; or an error of mayHold, -EINVAL if the domain
 * has no such frame, or an error of nativeHold.
 */
export function nativeMapFrame(d: Domain, domid: u32, frame: u64): i32 {
  let error = mayHold(d, domid);
  if (error) return error;
  const mfn = takeFrame(frame, domid);
  if (!mfn) return -EINVAL;
  error = nativeHold(d, mfn);
  if (error) putPage(mfn);
  return error ? error : <i32>mfn;
}

/** NATIVE_map_frame_to_read: as above, but what the domain shares stays shared. */
export function nativeMapFrameToRead(d: Domain, domid: u32, frame: u64): i32 {
  let error = mayHold(d, domid);
  if (error) return error;
  const mfn = takeFrameToRead(frame, domid);
  if (!mfn) return -EINVAL;
  error = nativeHold(d, mfn);
  if (error) putPage(mfn);
  return error ? error : <i32>mfn;
}

/** NATIVE_map_frame_writable: as NATIVE_map_frame. As long as it is held, the frame is nothing but writable memory; -EINVAL while it is a table. */
export function nativeMapFrameWritable(d: Domain, domid: u32, frame: u64): i32 {
  let error = mayHold(d, domid);
  if (error) return error;
  const mfn = takeWritableFrame(frame, domid);
  if (!mfn) return -EINVAL;
  error = nativeHold(d, mfn | HOLD_WRITABLE);
  if (error) putPageAndType(mfn);
  return error ? error : <i32>mfn;
}

/** NATIVE_unmap_frame: 0 or -EINVAL. */
export function nativeUnmapFrame(d: Domain, mfn: u64): i32 {
  if (mfn >> 31) return -EINVAL;
  // It may have been written without the engine's noticing.
  frameWritten(<u32>mfn);
  return nativeRelease(d, <u32>mfn);
}

/** NATIVE_unmap_frame_writable: 0 or -EINVAL. */
export function nativeUnmapFrameWritable(d: Domain, mfn: u64): i32 {
  if (mfn >> 31) return -EINVAL;
  frameWritten(<u32>mfn);
  return nativeRelease(d, (<u32>mfn) | HOLD_WRITABLE);
}
