/** Finishes an instruction that the hypervisor has executed for a PVH guest. */
import { EXIT_OUTSIDE, EXIT_SHUTDOWN } from "../../../machine/cpu/exits";
import { finishInstruction } from "../../../machine/cpu/intercepted";
import { TF } from "../../../machine/cpu/flags";
import { VECTOR_DB, cpu } from "../../../machine/cpu/machine";
import { outsideAddress } from "../../../machine/cpu/outside";
import { CPU_RFLAGS } from "../../../machine/cpu/state";
import { Vcpu } from "../../domain/domain";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { injectExceptionInto, supplied } from "./on_demand";

/**
 * Returns what finishInstruction() returns. A trap of TF is written onto the guest's stack. This counts as an access through the TLB, in which a
 * frame may stand that belongs to somebody else by now, so a flush waits for it.
 */
export function finish(v: Vcpu, op: usize): i32 {
  if (!(load<u64>(cpu, CPU_RFLAGS) & TF)) return finishInstruction(op);
  enterGuestTlb();
  const outcome = finishInstruction(op);
  leaveGuestTlb();
  if (outcome != EXIT_OUTSIDE || !supplied(v, outsideAddress)) return outcome;
  return injectExceptionInto(v, VECTOR_DB) ? -1 : EXIT_SHUTDOWN;
}
