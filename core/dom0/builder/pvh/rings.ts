/** What a PVH domain, new or restored, is told of its xenstore and console rings, and the grants by which dom0 maps them. */
import {
  HVM_PARAM_CONSOLE_EVTCHN,
  HVM_PARAM_CONSOLE_PFN,
  HVM_PARAM_STORE_EVTCHN,
  HVM_PARAM_STORE_PFN,
  HVM_PARAM_TRIPLE_FAULT_REASON,
} from "../../../abi/hvm_params.ts";
import { SHUTDOWN_reboot } from "../../../abi/sched.ts";
import type { HvmHypercalls } from "../../kernel/hvm.ts";
import type { PhysicalMemory } from "../../kernel/memory.ts";
import type { ForeignFrames } from "../../kernel/native.ts";
import { writeReservedGrants } from "../reserved-grants.ts";
import { PASSING_PAGE } from "./layout.ts";

/** `storePage` and `consolePage` are guest frame numbers. The domain has its memory already. */
export function connectRings(
  hypercalls: HvmHypercalls,
  frames: ForeignFrames,
  memory: PhysicalMemory,
  { domid, storePort, consolePort }: { domid: number; storePort: number; consolePort: number },
  storePage: number,
  consolePage: number,
): void {
  for (const [parameter, value] of [
    [HVM_PARAM_STORE_PFN, storePage],
    [HVM_PARAM_STORE_EVTCHN, storePort],
    [HVM_PARAM_CONSOLE_PFN, consolePage],
    [HVM_PARAM_CONSOLE_EVTCHN, consolePort],
    [HVM_PARAM_TRIPLE_FAULT_REASON, SHUTDOWN_reboot],
  ] as const)
    hypercalls.setParameter(domid, parameter, value);
  hypercalls.withGrantTable(domid, PASSING_PAGE, (gfn) =>
    frames.with(domid, gfn, (address) => writeReservedGrants(memory, address, storePage, consolePage)),
  );
}
