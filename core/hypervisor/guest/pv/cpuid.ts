/** CPUID of PV guests: what all guests have, and Xen's own leaves. */
import { CR4_OSXSAVE } from "../../../machine/cpu/control_bits";
import { Vcpu } from "../../domain/domain";
import { XEN_CPUID_FIRST_LEAF } from "../../../abi/cpuid";
import { answer, processorLeaf, tscLeaf } from "../cpuid";
import { hasXsave } from "../features";

/**
 * Computes leaf `leaf`, subleaf `sub` for the vCPU into cpuidA..D (../cpuid.ts). `enlightened`: the guest's kernel asks by Xen's own prefix, and not
 * by CPUID alone. Then it sees OSXSAVE as Xen itself has set it, before it sets its own: that is how Xen leaked it once, and Linux as a PV guest uses XSAVE
 * only if it sees both bits at its start (xen_check_xsave). Programs and a plain CPUID see what the guest's CR4 has.
 */
export function pvCpuid(v: Vcpu, leaf: u32, sub: u32, enlightened: bool): void {
  if (leaf >= <u32>XEN_CPUID_FIRST_LEAF && leaf < <u32>XEN_CPUID_FIRST_LEAF + 0x10000)
    xenLeaf(v, leaf - XEN_CPUID_FIRST_LEAF, sub);
  else processorLeaf(v, leaf, sub, (v.cr4 & CR4_OSXSAVE) != 0 || (enlightened && hasXsave(v.domain)));
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
