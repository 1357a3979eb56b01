/** Tells where the memory side keeps its tables, for those who may read the machine's memory and show them. */
import { EINVAL } from "../../abi/errno";
import {
  MEMORY_first_heap_frame,
  MEMORY_frame_table,
  MEMORY_frames,
  MEMORY_m2p,
  MEMORY_m2p_frames,
  MEMORY_xenheap_frames,
} from "../abi/native";
import { xenheapPages } from "./allocator";
import { FRAME_TABLE, ROOT_FIRST_HEAP_FRAME, totalFrames } from "./frames";
import { m2pFirstFrame, m2pFrames } from "./m2p";

/** NATIVE_memory: the value of MEMORY_*, or -EINVAL. */
export function memoryReport(which: u64): i64 {
  if (which == MEMORY_frame_table) return <i64>FRAME_TABLE;
  if (which == MEMORY_m2p) return (<i64>m2pFirstFrame()) << 12;
  if (which == MEMORY_frames) return totalFrames();
  if (which == MEMORY_m2p_frames) return m2pFrames();
  if (which == MEMORY_xenheap_frames) return xenheapPages();
  if (which == MEMORY_first_heap_frame) return load<u32>(ROOT_FIRST_HEAP_FRAME);
  return -EINVAL;
}
