/**
 * What CR4.VME and CR4.PVI add for programs of level 3 without I/O privilege: CLI, STI and, in virtual-8086 mode, PUSHF, POPF and IRET use VIF in the
 * place of IF. Intel's manual volume 3, 20.3 and 20.4; volume 2, the instructions.
 */
import { CR4_PVI, CR4_VME } from "./control_bits";
import { IF, IOPL, RF, TF, VIF, VIP, VM, getRflags, setRflags } from "./flags";
import { VECTOR_GP, cpu, raise, setModeStale } from "./machine";
import { inVirtual8086 } from "./protection";
import { CPU_CPL, CPU_CR4, CPU_RFLAGS } from "./state";

/** Whether CLI and STI of the running code, which has no I/O privilege, act on VIF. */
export function hasVirtualIf(): bool {
  const bit = inVirtual8086() ? CR4_VME : CR4_PVI;
  return load<u32>(cpu, CPU_CPL) == 3 && (load<u64>(cpu, CPU_CR4) & bit) != 0;
}

export function clearVirtualIf(): void {
  store<u64>(cpu, load<u64>(cpu, CPU_RFLAGS) & ~(<u64>VIF), CPU_RFLAGS);
}
/** Raises #GP(0) if an interrupt waits, so that the monitor delivers it. */
export function setVirtualIf(): void {
  const flags = load<u64>(cpu, CPU_RFLAGS);
  if (flags & VIP) raise(VECTOR_GP, 0);
  else store<u64>(cpu, flags | VIF, CPU_RFLAGS);
}

/** Whether PUSHF, POPF and IRET with operands of `size` bytes are the virtual ones, in virtual-8086 mode without I/O privilege. */
export function hasVirtualFlags(size: u32): bool {
  return size == 2 && (load<u64>(cpu, CPU_CR4) & CR4_VME) != 0;
}

/** The FLAGS that a program without I/O privilege sees: it seems to have I/O privilege, and VIF is its IF. */
export function virtualFlags(): u64 {
  const flags = getRflags();
  return (flags & ~(<u64>(IF | RF | VM))) | IOPL | (flags & VIF ? IF : 0);
}

/** Returns whether the program may load this image of FLAGS. If not, #GP(0) is raised. */
export function mayLoadVirtualFlags(image: u64): bool {
  const refused = (image & TF) != 0 || ((image & IF) != 0 && (load<u64>(cpu, CPU_RFLAGS) & VIP) != 0);
  if (refused) raise(VECTOR_GP, 0);
  return !refused;
}

/** What POPF and IRET make of the flags: `mask` has the other bits that they may change. */
export function loadVirtualFlags(image: u64, mask: u64): void {
  const changed = mask & 0xffff & ~(<u64>(IF | IOPL));
  const kept = getRflags() & ~(changed | VIF | RF);
  setRflags(kept | (image & changed) | (image & IF ? VIF : 0));
  setModeStale(true);
}
