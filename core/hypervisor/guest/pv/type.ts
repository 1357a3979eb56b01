/** The structure of 64-bit PV guests. */
import * as domctl from "../../abi/domctl";
import { Domain } from "../../domain/domain";
import { GuestType, TRAITS_PV } from "../type";
import { guestRangeOk, pvTranslate } from "./address";
import { VM_ASSISTS_PV64 } from "./assists";
import { pvBeforeEnter, pvHandleExit, pvSwitchFrom, pvSwitchTo } from "./entry";
import { pvGetExtContext, pvSetExtContext } from "./ext_context";
import { countHeldByPv } from "./held";
import { pvFillHypercallPage } from "./hypercall_page";
import { pvColumn } from "./hypercalls";
import { showRegisters } from "./show_registers";
import { pvGetContext, pvSetContext, pvVcpuDestroy, pvVcpuInit } from "./vcpu";

export function describePv64(type: GuestType): void {
  type.traits = TRAITS_PV;
  type.addressSize = 64;
  type.vmAssists = VM_ASSISTS_PV64;
  type.accepts = accepts;
  type.release = release;
  type.countHeld = countHeldByPv;
  type.fillHypercallPage = pvFillHypercallPage;
  type.initVcpu = pvVcpuInit;
  type.releaseVcpu = pvVcpuDestroy;
  type.setContext = pvSetContext;
  type.getContext = pvGetContext;
  type.setExtContext = pvSetExtContext;
  type.getExtContext = pvGetExtContext;
  type.showRegisters = showRegisters;
  type.enter = pvSwitchTo;
  type.leave = pvSwitchFrom;
  type.beforeEnter = pvBeforeEnter;
  type.handleExit = pvHandleExit;
  type.hypercall = pvColumn;
  type.rangeOk = guestRangeOk;
  type.translate = pvTranslate;
}

/** No hardware assistance, no IOMMU, no nested anything, no devices emulated by Xen. */
function accepts(config: usize): bool {
  if (load<u32>(config, domctl.CREATE_FLAGS) & ~(<u32>domctl.CDF_xs_domain)) return false;
  if (load<u32>(config, domctl.CREATE_IOMMU_OPTS) || load<u32>(config, domctl.CREATE_EMULATION_FLAGS)) return false;
  if (load<u32>(config, domctl.CREATE_VMTRACE_SIZE)) return false;
  return !(load<u32>(config, domctl.CREATE_MISC_FLAGS) & ~(<u32>domctl.XEN_X86_MSR_RELAXED));
}
/** All is its vCPUs'. */
function release(d: Domain): void {}
