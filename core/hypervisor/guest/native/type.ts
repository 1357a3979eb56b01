/** Describes native domains: their vCPUs are threads of TypeScript, their pointers are machine addresses. */
import {
  DOMCTL_CREATEDOMAIN_EMULATION_FLAGS,
  DOMCTL_CREATEDOMAIN_FLAGS,
  DOMCTL_CREATEDOMAIN_IOMMU_OPTS,
  DOMCTL_CREATEDOMAIN_MAX_VCPUS,
  DOMCTL_CREATEDOMAIN_MISC_FLAGS,
  DOMCTL_CREATEDOMAIN_VMTRACE_SIZE,
} from "../../../abi/domctl";
import { EINVAL } from "../../../abi/errno";
import { CDF_native } from "../../abi/native";
import { Vcpu } from "../../domain/domain";
import { VM_ASSISTS_PV64 } from "../pv/assists";
import { GuestType, TRAITS_NATIVE, noMoreFeatures, suppliesNothing } from "../type";
import { countNativeHolds, nativeRangeOk, nativeReleaseAll, nativeTranslate } from "./frames";
import { nativeColumn } from "./hypercalls";

/** The functions for vCPUs on pCPUs are left out: those who call them ask runsOnPcpus first. */
export function describeNative(type: GuestType): void {
  type.traits = TRAITS_NATIVE;
  type.addressSize = 64;
  type.vmAssists = VM_ASSISTS_PV64;
  type.accepts = accepts;
  type.release = nativeReleaseAll;
  type.countHeld = countNativeHolds;
  type.moreFeatures = noMoreFeatures;
  type.initVcpu = initVcpu;
  type.releaseVcpu = releaseVcpu;
  type.setExtContext = noContext;
  type.getExtContext = noContext;
  type.hypercall = nativeColumn;
  type.rangeOk = nativeRangeOk;
  type.translate = nativeTranslate;
  type.supply = suppliesNothing;
}

/** One vCPU, whose thread makes no x86 instruction and so needs nothing of what guests are given. (The hypervisor makes the control domain itself.) */
function accepts(config: usize): bool {
  if (load<u32>(config, DOMCTL_CREATEDOMAIN_FLAGS) != <u32>CDF_native) return false;
  if (load<u32>(config, DOMCTL_CREATEDOMAIN_MAX_VCPUS) != 1) return false;
  if (load<u32>(config, DOMCTL_CREATEDOMAIN_IOMMU_OPTS) || load<u32>(config, DOMCTL_CREATEDOMAIN_EMULATION_FLAGS))
    return false;
  return !load<u32>(config, DOMCTL_CREATEDOMAIN_VMTRACE_SIZE) && !load<u32>(config, DOMCTL_CREATEDOMAIN_MISC_FLAGS);
}
function initVcpu(v: Vcpu): i32 {
  return 0;
}
function releaseVcpu(v: Vcpu): void {}
function noContext(v: Vcpu, context: usize): i32 {
  return -EINVAL;
}
