/** Describes PVH guests. */
import { CPU_CR0, CPU_CR2, CPU_CR3, CPU_CR4 } from "../../../machine/cpu/state";
import {
  DOMCTL_CREATEDOMAIN_EMULATION_FLAGS,
  DOMCTL_CREATEDOMAIN_FLAGS,
  DOMCTL_CREATEDOMAIN_IOMMU_OPTS,
  DOMCTL_CREATEDOMAIN_MISC_FLAGS,
  DOMCTL_CREATEDOMAIN_VMTRACE_SIZE,
  XEN_DOMCTL_CDF_hap,
  XEN_DOMCTL_CDF_hvm,
  XEN_DOMCTL_CDF_xs_domain,
} from "../../../abi/domctl";
import { XEN_X86_EMU_LAPIC, XEN_X86_MSR_RELAXED } from "../../../abi/arch_x86";
import { VCPU_HVM_CONTEXT_SIZE } from "../../../abi/hvm_vcpu";
import { VMASST_TYPE_runstate_update_flag } from "../../../abi/xen";
import { Domain, Vcpu } from "../../domain/domain";
import { NO_EVENT_MASK, showRegisters } from "../show_registers";
import { GuestType, TRAITS_PVH } from "../type";
import { pvhRangeOk, pvhTranslate } from "./address";
import { pvhBeforeEnter, pvhHandleExit, pvhSwitchFrom, pvhSwitchTo } from "./entry";
import { pvhGetContext } from "./guest_context";
import { pvhFeatures } from "./cpuid";
import { pvhFillHypercallPage } from "./hypercall_page";
import { pvhGiveRecords, pvhTakeRecord } from "./hvm_context";
import { pvhColumn } from "./hypercalls";
import { pvhSupply } from "./on_demand";
import { pvhNoExtContext, pvhSetContext, pvhSetUpcallVector, pvhVcpuDestroy, pvhVcpuInit } from "./vcpu";

export function describePvh(type: GuestType): void {
  type.traits = TRAITS_PVH;
  type.addressSize = 64;
  type.vmAssists = (<u64>1) << (<u64>VMASST_TYPE_runstate_update_flag);
  type.accepts = accepts;
  type.release = release;
  type.countHeld = countHeld;
  type.moreFeatures = pvhFeatures;
  type.fillHypercallPage = pvhFillHypercallPage;
  type.initVcpu = pvhVcpuInit;
  type.releaseVcpu = pvhVcpuDestroy;
  type.contextSize = VCPU_HVM_CONTEXT_SIZE;
  type.setContext = pvhSetContext;
  type.getContext = pvhGetContext;
  type.setExtContext = pvhNoExtContext;
  type.getExtContext = pvhNoExtContext;
  type.setUpcallVector = pvhSetUpcallVector;
  type.takeHvmRecord = pvhTakeRecord;
  type.giveHvmRecords = pvhGiveRecords;
  type.showRegisters = show;
  type.enter = pvhSwitchTo;
  type.leave = pvhSwitchFrom;
  type.beforeEnter = pvhBeforeEnter;
  type.handleExit = pvhHandleExit;
  type.hypercall = pvhColumn;
  type.rangeOk = pvhRangeOk;
  type.translate = pvhTranslate;
  type.supply = pvhSupply;
}

/** Accepts a domain with a hardware second stage whose only emulated device is the local APIC, which is what libxl asks for with type="pvh". */
function accepts(config: usize): bool {
  const flags = load<u32>(config, DOMCTL_CREATEDOMAIN_FLAGS) & ~(<u32>XEN_DOMCTL_CDF_xs_domain);
  if (flags != <u32>(XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap)) return false;
  if (load<u32>(config, DOMCTL_CREATEDOMAIN_EMULATION_FLAGS) != <u32>XEN_X86_EMU_LAPIC) return false;
  if (load<u32>(config, DOMCTL_CREATEDOMAIN_IOMMU_OPTS) || load<u32>(config, DOMCTL_CREATEDOMAIN_VMTRACE_SIZE))
    return false;
  return !(load<u32>(config, DOMCTL_CREATEDOMAIN_MISC_FLAGS) & ~(<u32>XEN_X86_MSR_RELAXED));
}
/** Everything that the domain holds is held by its second stage. */
function release(d: Domain): void {}
/** p2m/check.ts tells the checker of what the second stage holds. */
function countHeld(d: Domain): void {}
function show(v: Vcpu): void {
  const c = v.cpu;
  const cr2 = load<u64>(c, CPU_CR2);
  const cr3 = load<u64>(c, CPU_CR3);
  showRegisters(v, "hvm guest", NO_EVENT_MASK, load<u64>(c, CPU_CR0), cr2, cr3, load<u64>(c, CPU_CR4));
}
