/**
 * Kernel and user mode of a PV vCPU. Both run in ring 3; they differ in page tables and GS base (Xen's toggle_guest_mode). The vCPU is the one that
 * this pCPU runs.
 */
import { CPU_CR3, CPU_KERNEL_GS_BASE, CPU_SEG, GS, SEG_BASE, SEG_SIZE } from "../../../machine/cpu/state";
import { GUEST_KERNEL_MODE, Vcpu } from "../../domain/domain";

const GS_BASE: usize = CPU_SEG + GS * SEG_SIZE + SEG_BASE;

// @ts-ignore: decorator
@inline
export function inKernelMode(v: Vcpu): bool {
  return (v.guestFlags & GUEST_KERNEL_MODE) != 0;
}

/** Returns the privilege level that the guest's descriptors and I/O privilege level are compared with: 3 in user mode, 1 (or 0) in kernel mode. */
export function virtualCpl(v: Vcpu, kernelLevel: u32 = 1): u32 {
  return inKernelMode(v) ? kernelLevel : 3;
}

/** Enters the other mode. The engine switches to the new tables before it runs the next time, or by refreshMode(). */
export function toggleGuestMode(v: Vcpu): void {
  const cpu = v.cpu;
  v.guestFlags ^= GUEST_KERNEL_MODE;
  const base = load<u64>(cpu, GS_BASE);
  store<u64>(cpu, load<u64>(cpu, CPU_KERNEL_GS_BASE), GS_BASE);
  store<u64>(cpu, base, CPU_KERNEL_GS_BASE);
  const root = v.guestFlags & GUEST_KERNEL_MODE ? v.kernelCr3 : v.userCr3;
  v.cr3Loaded = (<u64>root) << 12;
  store<u64>(cpu, v.cr3Loaded, CPU_CR3);
}
