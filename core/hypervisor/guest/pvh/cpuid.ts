/** CPUID of PVH guests: what all guests have, what only a guest that owns its processor's state can use, and Xen's own leaves. */
import { CR4_OSXSAVE } from "../../../machine/cpu/control_bits";
import { CPU_CR4 } from "../../../machine/cpu/state";
import {
  XEN_CPUID_FIRST_LEAF,
  XEN_CPUID_SIGNATURE_EBX,
  XEN_CPUID_SIGNATURE_ECX,
  XEN_CPUID_SIGNATURE_EDX,
  XEN_HVM_CPUID_DOMID_PRESENT,
  XEN_HVM_CPUID_IOMMU_MAPPINGS,
  XEN_HVM_CPUID_UPCALL_VECTOR,
  XEN_HVM_CPUID_VCPU_ID_PRESENT,
} from "../../../abi/cpuid";
import { XEN_MAJOR, XEN_MINOR } from "../../abi/implied";
import { Vcpu } from "../../domain/domain";
import { answer, processorLeaf, tscLeaf } from "../cpuid";
import { VME, WORD_1C, WORD_1D, WORD_7B, WORD_E1D } from "../features";

/** CPUID.1:ECX: x2APIC, the APIC timer's TSC deadline. EDX: VME PSE MCE MTRR PGE MCA. 7:EBX: TSC_ADJUST SMEP SMAP. 80000001:EDX: 1 GiB pages. */
const MORE_1C: u32 = (1 << 21) | (1 << 24);
const MORE_1D: u32 = VME | (1 << 3) | (1 << 7) | (1 << 12) | (1 << 13) | (1 << 14);
const MORE_7B: u32 = (1 << 1) | (1 << 7) | (1 << 20);
const MORE_E1D: u32 = 1 << 26;

/** What only a guest that owns its processor's state can have (../features.ts). */
export function pvhFeatures(word: u32): u32 {
  if (word == WORD_1C) return MORE_1C;
  if (word == WORD_1D) return MORE_1D;
  if (word == WORD_7B) return MORE_7B;
  return word == WORD_E1D ? MORE_E1D : 0;
}

/** Computes leaf `leaf`, subleaf `sub` for the vCPU into cpuidA..D (../cpuid.ts). */
export function pvhCpuid(v: Vcpu, leaf: u32, sub: u32): void {
  if (leaf >= <u32>XEN_CPUID_FIRST_LEAF && leaf < <u32>XEN_CPUID_FIRST_LEAF + 0x10000)
    xenLeaf(v, leaf - XEN_CPUID_FIRST_LEAF, sub);
  else {
    const osxsave = (load<u64>(v.cpu, CPU_CR4) & CR4_OSXSAVE) != 0;
    processorLeaf(v, leaf, sub, osxsave);
  }
}

function xenLeaf(v: Vcpu, leaf: u32, sub: u32): void {
  switch (leaf) {
    case 0:
      answer(XEN_CPUID_FIRST_LEAF + 5, XEN_CPUID_SIGNATURE_EBX, XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX);
      return;
    case 1:
      answer((XEN_MAJOR << 16) | XEN_MINOR, 0, 0, 0);
      return;
    case 2:
      // One hypercall page, and its MSR.
      answer(1, XEN_CPUID_FIRST_LEAF, 0, 0);
      return;
    case 3:
      tscLeaf(v, sub);
      return;
    case 4:
      answer(
        XEN_HVM_CPUID_IOMMU_MAPPINGS |
          XEN_HVM_CPUID_VCPU_ID_PRESENT |
          XEN_HVM_CPUID_DOMID_PRESENT |
          XEN_HVM_CPUID_UPCALL_VECTOR,
        v.vcpuId,
        v.domid,
        0,
      );
      return;
    default:
      answer(0, 0, 0, 0);
  }
}
