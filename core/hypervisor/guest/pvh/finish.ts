/** The end of an instruction that the hypervisor has executed for a PVH guest. */
import { finishInstruction } from "../../../machine/cpu/intercepted";
import { TF } from "../../../machine/cpu/flags";
import { cpu } from "../../../machine/cpu/machine";
import { CPU_RFLAGS } from "../../../machine/cpu/state";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";

/** What finishInstruction() says. A trap of TF's is written onto the guest's stack, of which the TLB may hold a frame that is somebody else's by now. */
export function finish(op: usize): i32 {
  if (!(load<u64>(cpu, CPU_RFLAGS) & TF)) return finishInstruction(op);
  enterGuestTlb();
  const outcome = finishInstruction(op);
  leaveGuestTlb();
  return outcome;
}
