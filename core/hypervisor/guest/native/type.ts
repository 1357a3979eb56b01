/** Describes native domains: their vCPUs are threads of TypeScript, their pointers are machine addresses. */
import { EINVAL } from "../../../abi/errno";
import { Vcpu } from "../../domain/domain";
import { VM_ASSISTS_PV64 } from "../pv/assists";
import { GuestType, TRAITS_NATIVE, suppliesNothing } from "../type";
import { countNativeHolds, nativeRangeOk, nativeReleaseAll, nativeTranslate } from "./frames";
import { nativeColumn } from "./hypercalls";

/** The functions for vCPUs on pCPUs are left out: those who call them ask runsOnPcpus first. */
export function describeNative(type: GuestType): void {
  type.traits = TRAITS_NATIVE;
  type.addressSize = 64;
  type.vmAssists = VM_ASSISTS_PV64;
  type.accepts = acceptsNone;
  type.release = nativeReleaseAll;
  type.countHeld = countNativeHolds;
  type.initVcpu = initVcpu;
  type.releaseVcpu = releaseVcpu;
  type.setExtContext = noContext;
  type.getExtContext = noContext;
  type.hypercall = nativeColumn;
  type.rangeOk = nativeRangeOk;
  type.translate = nativeTranslate;
  type.supply = suppliesNothing;
}

/** The hypervisor makes the control domain itself, and no other domain is native. */
function acceptsNone(config: usize): bool {
  return false;
}
function initVcpu(v: Vcpu): i32 {
  return 0;
}
function releaseVcpu(v: Vcpu): void {}
function noContext(v: Vcpu, context: usize): i32 {
  return -EINVAL;
}
