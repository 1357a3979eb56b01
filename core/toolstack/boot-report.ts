/** What the boot has built, read from the structures themselves while the host runs. */
import { NATIVE_own_frames } from "../hypervisor/abi/native.ts";
import {
  HYPERVISOR_arch_7,
  START_INFO_FLAGS,
  START_INFO_MAGIC,
  START_INFO_NR_PAGES,
  START_INFO_SHARED_INFO,
} from "../abi/xen.ts";
import type { FrameTable } from "../dom0/kernel/frame-table.ts";
import type { Hypercalls } from "../dom0/kernel/hypercalls.ts";
import { PAGE_SIZE } from "../dom0/kernel/memory.ts";
import type { BootBuilt } from "./messages.ts";

/** `nodes`: the present number of nodes in xenstore. */
export function bootBuilt(hypercalls: Hypercalls, frames: FrameTable, nodes: number): BootBuilt {
  const { memory } = hypercalls;
  const own = (which: number): number => hypercalls.call("own frames", HYPERVISOR_arch_7, NATIVE_own_frames, which);
  const startInfo = own(2);
  const word = (offset: number): number => Number(memory.get64(startInfo + offset));
  return {
    memory: frames.layout(),
    freeFrames: hypercalls.host.physicalInfo().freePages,
    dom0: {
      from: own(0) * PAGE_SIZE,
      to: (own(0) + own(1)) * PAGE_SIZE,
      startInfo,
      magic: memory.string(startInfo + START_INFO_MAGIC, 32),
      pages: word(START_INFO_NR_PAGES),
      sharedInfo: word(START_INFO_SHARED_INFO),
      flags: memory.get32(startInfo + START_INFO_FLAGS),
    },
    storeNodes: nodes,
  };
}
