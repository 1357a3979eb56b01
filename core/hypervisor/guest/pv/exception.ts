/** Exceptions that guest code has raised. The hypervisor handles some itself; the others go to the guest's trap table. */
import { CR0_TS, PF_PRESENT, PF_WRITE, PF_RESERVED, PF_FETCH } from "../../../machine/cpu/control_bits";
import { TRAP_INFO_ADDRESS, TRAP_INFO_FLAGS } from "../../../abi/arch_x86";
import { read8 } from "../../../machine/cpu/access";
import { hasErrorCode } from "../../../machine/cpu/exceptions";
import {
  VECTOR_BP,
  VECTOR_DB,
  VECTOR_NM,
  VECTOR_OF,
  VECTOR_PF,
  VECTOR_UD,
  clearFault,
  cpu,
  fault,
} from "../../../machine/cpu/machine";
import { CPU_CR0, CPU_EXIT_ADDRESS, CPU_EXIT_ERROR, CPU_EXIT_VECTOR, CPU_RIP } from "../../../machine/cpu/state";
import { VMASST_TYPE_writable_pagetables } from "../../../abi/xen";
import { TI_DPL } from "../../abi/implied";
import { GUEST_TS, Vcpu, trapInfo } from "../../domain/domain";
import { ptwrEmulate } from "../../memory/ptwr";
import { enterGuestTlb, leaveGuestTlb } from "../../sched/ipi";
import { injectGp, injectPageFault, injectTrap, injectUd, markFault } from "./bounce";
import { noteDebugConditions } from "./debugreg";
import { inKernelMode, virtualCpl } from "./mode";
import { executeCpuid, instructionDone } from "./privileged";
import { ldtAddressOfGuest, ldtFaultFixed } from "./segments";

/** Length of INT n. */
const INT_LENGTH: u64 = 2;

export function guestException(v: Vcpu): void {
  const vector = load<u32>(cpu, CPU_EXIT_VECTOR);
  const error = load<u32>(cpu, CPU_EXIT_ERROR);
  if (vector != VECTOR_DB && vector != VECTOR_BP && vector != VECTOR_OF) markFault();
  switch (vector) {
    case VECTOR_PF:
      pageFault(v, load<u64>(cpu, CPU_EXIT_ADDRESS), error);
      return;
    case VECTOR_UD:
      if (!forcedEmulation(v)) injectUd(v);
      return;
    case VECTOR_NM:
      // The guest sees this once, since Xen clears TS together with the exception.
      injectTrap(v, VECTOR_NM, 0, false);
      v.guestFlags &= ~GUEST_TS;
      store<u64>(cpu, load<u64>(cpu, CPU_CR0) & ~CR0_TS, CPU_CR0);
      return;
    case VECTOR_DB:
      noteDebugConditions(v, load<u64>(cpu, CPU_EXIT_ADDRESS));
      injectTrap(v, VECTOR_DB, 0, false);
      return;
    case VECTOR_BP:
    case VECTOR_OF:
      injectTrap(v, vector, 0, false);
      return;
    default:
      injectTrap(v, vector, error, hasErrorCode(vector));
  }
}

function pageFault(v: Vcpu, address: u64, error: u32): void {
  if (ldtFaultFixed(v, address)) return;
  const known = ldtAddressOfGuest(v, address);
  if (known != address) {
    injectPageFault(v, known, error);
    return;
  }
  if (
    (error & (PF_PRESENT | PF_WRITE | PF_RESERVED | PF_FETCH)) == (PF_PRESENT | PF_WRITE) &&
    inKernelMode(v) &&
    (v.domain.vmAssist >> (<u64>VMASST_TYPE_writable_pagetables)) & 1 &&
    ptwrEmulate(v, address)
  )
    return;
  injectPageFault(v, address, error);
}

/** Handles Xen's forced emulation prefix: UD2 and "xen", followed by CPUID, in any mode. Returns true if that was it. */
function forcedEmulation(v: Vcpu): bool {
  const rip = load<u64>(cpu, CPU_RIP);
  enterGuestTlb();
  let matches = byteIs(rip, 0x0f) && byteIs(rip + 1, 0x0b) && byteIs(rip + 2, 0x78) && byteIs(rip + 3, 0x65);
  matches = matches && byteIs(rip + 4, 0x6e) && byteIs(rip + 5, 0x0f) && byteIs(rip + 6, 0xa2);
  leaveGuestTlb();
  if (!matches) return false;
  executeCpuid(v, true);
  instructionDone(v, 7);
  return true;
}

function byteIs(address: u64, value: u32): bool {
  const byte = read8(address);
  if (!fault) return byte == value;
  clearFault();
  return false;
}

/** INT n is allowed if the guest's trap table has the vector with a DPL that its mode reaches. RIP is already after the instruction. */
export function softwareInterrupt(v: Vcpu, vector: u32): void {
  const info = trapInfo(v, vector);
  const dpl = (<u32>load<u8>(info, TRAP_INFO_FLAGS)) & TI_DPL;
  if (load<u64>(info, TRAP_INFO_ADDRESS) && dpl >= virtualCpl(v)) {
    injectTrap(v, vector, 0, false);
    return;
  }
  store<u64>(cpu, load<u64>(cpu, CPU_RIP) - INT_LENGTH, CPU_RIP);
  markFault();
  injectGp(v, (vector << 3) | 2);
}
