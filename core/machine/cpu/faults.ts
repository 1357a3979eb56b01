/** Handles faults and debug traps: either the guest's own handler runs, or run() returns with an exit. */
import { deliverFault } from "./exceptions";
import { EXIT_EXCEPTION, EXIT_OUTSIDE, EXIT_PRIVILEGED, EXIT_SHUTDOWN, EXIT_VMCALL } from "./exits";
import { outsideAccess, outsideAddress } from "./outside";
import {
  FAULT_OUTSIDE,
  FAULT_PRIVILEGED,
  FAULT_VMCALL,
  VECTOR_DB,
  clearFault,
  cpu,
  fault,
  faultAddress,
  faultError,
  raise,
} from "./machine";
import { codeLinear, codeMode } from "./mode";
import { CPU_DEPRIVILEGED, CPU_DR, CPU_EXIT_ADDRESS, CPU_EXIT_ERROR, CPU_EXIT_OP, CPU_EXIT_VECTOR } from "./state";

/** Makes the exit that reports the exception in `fault`, which the instruction of `op` has raised; 0 if none did. */
function exceptionExit(op: usize): i32 {
  store<u32>(cpu, <u32>op, CPU_EXIT_OP);
  store<u32>(cpu, <u32>(fault - 1), CPU_EXIT_VECTOR);
  store<u32>(cpu, faultError, CPU_EXIT_ERROR);
  store<u64>(cpu, faultAddress, CPU_EXIT_ADDRESS);
  clearFault();
  return EXIT_EXCEPTION;
}

/** Handles `fault`. Returns -1 to continue (it was delivered to the guest's own handler), otherwise the exit. CPU_RIP is the value to push. */
export function settleFault(op: usize): i32 {
  if (fault & FAULT_PRIVILEGED) {
    store<u32>(cpu, <u32>(fault & 0xff), CPU_EXIT_ERROR);
    store<u32>(cpu, <u32>(fault & 0xff), CPU_EXIT_VECTOR);
    store<u32>(cpu, <u32>op, CPU_EXIT_OP);
    clearFault();
    return EXIT_PRIVILEGED;
  }
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) return exceptionExit(op);
  if (fault == FAULT_VMCALL) {
    store<u32>(cpu, <u32>op, CPU_EXIT_OP);
    clearFault();
    return EXIT_VMCALL;
  }
  if (fault < FAULT_OUTSIDE && deliverFault()) return -1;
  if (fault >= FAULT_OUTSIDE) {
    // This also holds for a fault during delivery: the instruction is executed again, and raises again. A debug trap is different, since its
    // instruction is done; debugTrap() marks it.
    store<u32>(cpu, 0, CPU_EXIT_VECTOR);
    store<u32>(cpu, <u32>op, CPU_EXIT_OP);
    store<u64>(cpu, outsideAddress, CPU_EXIT_ADDRESS);
    store<u32>(cpu, <u32>outsideAccess, CPU_EXIT_ERROR);
    clearFault();
    return EXIT_OUTSIDE;
  }
  return EXIT_SHUTDOWN;
}

/** Raises #DB with the DR6 bits `bits`. The exit of a deprivileged vCPU has them in ADDRESS. */
export function debugTrap(bits: u32): i32 {
  raise(VECTOR_DB, 0, bits);
  if (!load<u32>(cpu, CPU_DEPRIVILEGED)) store<u64>(cpu, load<u64>(cpu, CPU_DR + 6 * 8) | bits, CPU_DR + 6 * 8);
  const exit = settleFault(0);
  if (exit == EXIT_OUTSIDE) store<u32>(cpu, VECTOR_DB, CPU_EXIT_VECTOR);
  return exit;
}

/** Returns the DR6 bits of instruction breakpoints at the next instruction. */
export function instructionBreakpoints(): u32 {
  const dr7 = load<u64>(cpu, CPU_DR + 7 * 8);
  const lin = codeLinear(codeMode);
  let hits: u32 = 0;
  for (let i = 0; i < 4; i++)
    if ((dr7 >> (2 * i)) & 3 && !((dr7 >> (16 + 4 * i)) & 3) && load<u64>(cpu + ((<usize>i) << 3), CPU_DR) == lin)
      hits |= 1 << i;
  return hits;
}
