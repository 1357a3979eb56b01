/** CPUID of PV guests: what all guests have, and Xen's own leaves. */
import { CR4_OSXSAVE } from "../../../machine/cpu/control_bits";
import { Vcpu } from "../../domain/domain";
import { XEN_CPUID_FIRST_LEAF } from "../../../abi/cpuid";
import { answer, processorLeaf, tscLeaf } from "../cpuid";

/** Computes leaf `leaf`, subleaf `sub` for the vCPU into cpuidA..D (../cpuid.ts). */
export function pvCpuid(v: Vcpu, leaf: u32, sub: u32): void {
  if (leaf >= <u32>XEN_CPUID_FIRST_LEAF && leaf < <u32>XEN_CPUID_FIRST_LEAF + 0x10000)
    xenLeaf(v, leaf - XEN_CPUID_FIRST_LEAF, sub);
  else processorLeaf(v, leaf, sub, (v.cr4 & CR4_OSXSAVE) != 0);
}

function xenLeaf(v: Vcpu, leaf: u32, sub: u32): void {
  switch (leaf) {
    case 0:
      // "XenVMMXenVMM"
      answer(XEN_CPUID_FIRST_LEAF + 5, 0x566e6558, 0x65584d4d, 0x4d4d566e);
      return;
    case 1:
      answer((4 << 16) | 17, 0, 0, 0);
      return;
    case 2:
      // One hypercall page, its MSR, XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD.
      answer(1, XEN_CPUID_FIRST_LEAF, 1, 0);
      return;
    case 3:
      tscLeaf(v, sub);
      return;
    case 5:
      answer(0, 32, 0, 0);
      return;
    default:
      answer(0, 0, 0, 0);
  }
}
