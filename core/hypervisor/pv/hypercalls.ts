/** Hypercalls that only PV guests make. */
import { SEGBASE_FS, SEGBASE_GS_KERNEL, SEGBASE_GS_USER, SEGBASE_GS_USER_SEL } from "../../abi/arch_x86";
import { EINVAL, ENOSYS } from "../../abi/errno";
import * as nr from "../../abi/xen";
import { isCanonical } from "../../machine/cpu/mmu";
import { refreshMode } from "../../machine/cpu/mode";
import { CPU_KERNEL_GS_BASE, FS, GS, SEG_BASE } from "../../machine/cpu/state";
import { currentVcpu } from "../domain/domain";
import { doCallbackOp, doNmiOp, doSetCallbacks, doSetTrapTable, doStackSwitch } from "./callbacks";
import { getDebugRegister, setDebugRegister } from "./debugreg";
import { doSetGdt, doUpdateDescriptor } from "./gdt";
import { doIret } from "./iret";
import { setTaskSwitched } from "./state";
import { loadUserGs, segmentOf } from "./segments";

/** The current vCPU is a PV guest's, in kernel mode. */
export function pvOnlyHypercall(number: u32, a0: u64, a1: u64, a2: u64): i64 {
  const v = currentVcpu;
  switch (number) {
    case nr.HYPERVISOR_set_trap_table:
      return doSetTrapTable(v, a0);
    case nr.HYPERVISOR_set_gdt:
      return doSetGdt(v, a0, <u32>a1);
    case nr.HYPERVISOR_stack_switch:
      return doStackSwitch(v, a0, a1);
    case nr.HYPERVISOR_set_callbacks:
      return doSetCallbacks(v, a0, a1, a2);
    case nr.HYPERVISOR_fpu_taskswitch:
      setTaskSwitched(v, a0 != 0);
      return 0;
    case nr.HYPERVISOR_set_debugreg:
      return setDebugRegister(v, <u32>a0, a1);
    case nr.HYPERVISOR_get_debugreg:
      return getDebugRegister(v, <u32>a0);
    case nr.HYPERVISOR_update_descriptor:
      return doUpdateDescriptor(v, a0, a1);
    case nr.HYPERVISOR_iret:
      return doIret(v);
    case nr.HYPERVISOR_set_segment_base:
      return setSegmentBase(a0, a1);
    case nr.HYPERVISOR_nmi_op:
      return doNmiOp(a0, a1);
    case nr.HYPERVISOR_callback_op:
      return doCallbackOp(v, a0, a1);
    default:
      return -ENOSYS;
  }
}

function setSegmentBase(which: u64, base: u64): i64 {
  const v = currentVcpu;
  if (which == SEGBASE_GS_USER_SEL) {
    refreshMode();
    loadUserGs(v, (<u32>base) & 0xffff);
    return 0;
  }
  if (!isCanonical(base)) return -EINVAL;
  switch (<u32>which) {
    case SEGBASE_FS:
      store<u64>(segmentOf(v.cpu, FS), base, SEG_BASE);
      return 0;
    case SEGBASE_GS_USER:
      store<u64>(v.cpu, base, CPU_KERNEL_GS_BASE);
      return 0;
    case SEGBASE_GS_KERNEL:
      store<u64>(segmentOf(v.cpu, GS), base, SEG_BASE);
      return 0;
    default:
      return -EINVAL;
  }
}
