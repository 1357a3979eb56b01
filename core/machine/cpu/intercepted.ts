/** For the hypervisor, when it has itself executed an instruction that run() has left to it (EXIT_PRIVILEGED, EXIT_VMCALL). */
import { DR6_SINGLE_STEP } from "./control_bits";
import { debugTrap } from "./faults";
import { TF } from "./flags";
import { clearFault, cpu } from "./machine";
import { OP_LENGTH } from "./op";
import { inLongMode } from "./operands";
import { CPU_RFLAGS, CPU_RIP, CPU_SHADOW } from "./state";

/**
 * Finishes the instruction of `op` (CPU_EXIT_OP): moves RIP to the next instruction, ends the interrupt shadow of the one before, and raises the trap
 * of TF. Returns -1, or what run() would return (EXIT_SHUTDOWN).
 */
export function finishInstruction(op: usize): i32 {
  const next = load<u64>(cpu, CPU_RIP) + load<u8>(op, OP_LENGTH);
  store<u64>(cpu, inLongMode() ? next : next & 0xffffffff, CPU_RIP);
  store<u32>(cpu, 0, CPU_SHADOW);
  if (!(load<u64>(cpu, CPU_RFLAGS) & TF)) return -1;
  clearFault();
  return debugTrap(DR6_SINGLE_STEP);
}
