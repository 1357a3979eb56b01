/** The end of an instruction that the hypervisor has executed for a PVH guest. */
import { EXIT_OUTSIDE, EXIT_SHUTDOWN } from "../../../machine/cpu/exits";
import { finishInstruction } from "../../../machine/cpu/intercepted";
import { TF } from "../../../machine/cpu/flags";
import { VECTOR_DB, cpu } from "../../../machine/cpu/machine";
import { outsideAddress } from "../../../machine/cpu/outside";
import { CPU_RFLAGS } from "../../../machine/cpu/state";
import { Vcpu } from "../../domain/domain";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { injectExceptionInto, supplied } from "./on_demand";

/** What finishInstruction() says. A trap of TF's is written onto the guest's stack, of which the TLB may hold a frame that is somebody else's by now. */
export function finish(v: Vcpu, op: usize): i32 {
  if (!(load<u64>(cpu, CPU_RFLAGS) & TF)) return finishInstruction(op);
  enterGuestTlb();
  const outcome = finishInstruction(op);
  leaveGuestTlb();
  if (outcome != EXIT_OUTSIDE || !supplied(v, outsideAddress)) return outcome;
  return injectExceptionInto(v, VECTOR_DB) ? -1 : EXIT_SHUTDOWN;
}
