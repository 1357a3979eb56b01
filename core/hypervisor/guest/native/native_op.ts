/** __HYPERVISOR_arch_7: what a native domain needs instead of page tables. */
import { EINVAL, ENOSYS, EPERM } from "../../../abi/errno";
import {
  NATIVE_check_invariants,
  NATIVE_copy_frames,
  NATIVE_copy_memory,
  NATIVE_inspect,
  NATIVE_make_shareable,
  NATIVE_map_frame,
  NATIVE_map_frame_to_read,
  NATIVE_map_frame_writable,
  NATIVE_memory,
  NATIVE_own_frames,
  NATIVE_port_bits,
  NATIVE_set_frames,
  NATIVE_statistics,
  NATIVE_thread_ended,
  NATIVE_trace,
  NATIVE_trace_buffers,
  NATIVE_unmap_frame,
  NATIVE_unmap_frame_writable,
} from "../../abi/native";
import { doInspect } from "../../control/inspect";
import { checkInvariants } from "../../control/invariants";
import { currentVcpu, isPrivileged } from "../../domain/domain";
import { portBits } from "../../event/report";
import { HYPERVISOR_ROOT } from "../../memory/frames";
import { makeTraceBuffers, traceDomain } from "../../hypercall/trace";
import { memoryReport } from "../../memory/report";
import { nativeCopyFrames, nativeCopyMemory, nativeMakeShareable } from "./copy";
import {
  nativeMapFrame,
  nativeMapFrameToRead,
  nativeMapFrameWritable,
  nativeUnmapFrame,
  nativeUnmapFrameWritable,
} from "./map_frame";
import { nativeSetFrames } from "./frames";
import { nativeThreadEnded } from "./thread";

export function doNativeOp(operation: u64, a: u64, b: u64, c: u64): i64 {
  const d = currentVcpu.domain;
  switch (<u32>operation) {
    case NATIVE_map_frame:
      return nativeMapFrame(d, <u32>a, b);
    case NATIVE_unmap_frame:
      return nativeUnmapFrame(d, b);
    case NATIVE_map_frame_writable:
      return nativeMapFrameWritable(d, <u32>a, b);
    case NATIVE_unmap_frame_writable:
      return nativeUnmapFrameWritable(d, b);
    case NATIVE_map_frame_to_read:
      return nativeMapFrameToRead(d, <u32>a, b);
    case NATIVE_copy_frames:
      return isPrivileged(d) ? nativeCopyFrames(a, b, c) : -EPERM;
    case NATIVE_make_shareable:
      return isPrivileged(d) ? nativeMakeShareable(a, b, c) : -EPERM;
    case NATIVE_copy_memory:
      return isPrivileged(d) ? nativeCopyMemory(a, b, c) : -EPERM;
    case NATIVE_own_frames:
      if (a == 0) return d.nativeFirstMfn;
      if (a == 1) return d.nativeFrames;
      if (a == 2) return d.startInfo;
      return -EINVAL;
    case NATIVE_statistics:
      return isPrivileged(d) ? <i64>HYPERVISOR_ROOT : -EPERM;
    case NATIVE_check_invariants:
      return isPrivileged(d) ? checkInvariants() : -EPERM;
    case NATIVE_port_bits:
      return isPrivileged(d) ? portBits(<u32>a, <u32>b) : -EPERM;
    case NATIVE_trace_buffers:
      return isPrivileged(d) ? makeTraceBuffers() : -EPERM;
    case NATIVE_trace:
      return isPrivileged(d) ? traceDomain(<u32>a, b != 0) : -EPERM;
    case NATIVE_inspect:
      return isPrivileged(d) ? doInspect(d, <u32>a, b) : -EPERM;
    case NATIVE_set_frames:
      return isPrivileged(d) ? nativeSetFrames(<u32>a, <u32>b, <u32>(b >> 32)) : -EPERM;
    case NATIVE_thread_ended:
      return isPrivileged(d) ? nativeThreadEnded(<u32>a, b != 0) : -EPERM;
    case NATIVE_memory:
      return isPrivileged(d) ? memoryReport(a) : -EPERM;
    default:
      return -ENOSYS;
  }
}
