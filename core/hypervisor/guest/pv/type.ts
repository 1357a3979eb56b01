/** Describes 64-bit PV guests. */
import { VCPU_GUEST_CONTEXT_SIZE, XEN_X86_MSR_RELAXED } from "../../../abi/arch_x86";
import {
  DOMCTL_CREATEDOMAIN_EMULATION_FLAGS,
  DOMCTL_CREATEDOMAIN_FLAGS,
  DOMCTL_CREATEDOMAIN_IOMMU_OPTS,
  DOMCTL_CREATEDOMAIN_MISC_FLAGS,
  DOMCTL_CREATEDOMAIN_VMTRACE_SIZE,
  XEN_DOMCTL_CDF_xs_domain,
} from "../../../abi/domctl";
import { Domain, Vcpu } from "../../domain/domain";
import { showRegisters } from "../show_registers";
import { GuestType, TRAITS_PV, noMoreFeatures, suppliesNothing } from "../type";
import { guestRangeOk, pvTranslate } from "./address";
import { VM_ASSISTS_PV64 } from "./assists";
import { pvBeforeEnter, pvHandleExit, pvSwitchFrom, pvSwitchTo } from "./entry";
import { pvGetExtContext, pvSetExtContext } from "./ext_context";
import { countHeldByPv } from "./held";
import { pvFillHypercallPage } from "./hypercall_page";
import { pvColumn } from "./hypercalls";
import { upcallMask } from "./state";
import { pvGetContext, pvSetContext, pvVcpuDestroy, pvVcpuInit } from "./vcpu";

export function describePv64(type: GuestType): void {
  type.traits = TRAITS_PV;
  type.addressSize = 64;
  type.vmAssists = VM_ASSISTS_PV64;
  type.accepts = accepts;
  type.release = release;
  type.countHeld = countHeldByPv;
  type.moreFeatures = noMoreFeatures;
  type.fillHypercallPage = pvFillHypercallPage;
  type.initVcpu = pvVcpuInit;
  type.releaseVcpu = pvVcpuDestroy;
  type.contextSize = VCPU_GUEST_CONTEXT_SIZE;
  type.setContext = pvSetContext;
  type.getContext = pvGetContext;
  type.setExtContext = pvSetExtContext;
  type.getExtContext = pvGetExtContext;
  type.showRegisters = show;
  type.enter = pvSwitchTo;
  type.leave = pvSwitchFrom;
  type.beforeEnter = pvBeforeEnter;
  type.handleExit = pvHandleExit;
  type.hypercall = pvColumn;
  type.rangeOk = guestRangeOk;
  type.translate = pvTranslate;
  type.supply = suppliesNothing;
}

/** Accepts no hardware assistance, no IOMMU, nothing nested, and no devices emulated by Xen. */
function accepts(config: usize): bool {
  if (load<u32>(config, DOMCTL_CREATEDOMAIN_FLAGS) & ~(<u32>XEN_DOMCTL_CDF_xs_domain)) return false;
  if (load<u32>(config, DOMCTL_CREATEDOMAIN_IOMMU_OPTS) || load<u32>(config, DOMCTL_CREATEDOMAIN_EMULATION_FLAGS))
    return false;
  if (load<u32>(config, DOMCTL_CREATEDOMAIN_VMTRACE_SIZE)) return false;
  return !(load<u32>(config, DOMCTL_CREATEDOMAIN_MISC_FLAGS) & ~(<u32>XEN_X86_MSR_RELAXED));
}
/** Everything that the domain holds is held by its vCPUs. */
function release(d: Domain): void {}
function show(v: Vcpu): void {
  showRegisters(v, "pv guest", upcallMask(v) ? 1 : 0, v.cr0, v.trapCr2, v.cr3Loaded, v.cr4);
}
