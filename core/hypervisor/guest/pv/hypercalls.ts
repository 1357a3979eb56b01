/** What 64-bit PV guests may ask of the hypervisor. */
import { SEGBASE_FS, SEGBASE_GS_KERNEL, SEGBASE_GS_USER, SEGBASE_GS_USER_SEL } from "../../../abi/arch_x86";
import { EINVAL, ENOSYS, EPERM } from "../../../abi/errno";
import * as nr from "../../../abi/xen";
import { NR_HYPERCALLS } from "../../abi/native";
import { isCanonical } from "../../../machine/cpu/paging/format";
import { refreshMode } from "../../../machine/cpu/mode";
import { CPU_KERNEL_GS_BASE, FS, GS, SEG_BASE } from "../../../machine/cpu/state";
import { doDomctl } from "../../control/domctl";
import { doSysctl } from "../../control/sysctl";
import { currentVcpu, isPrivileged } from "../../domain/domain";
import { doEventChannelOp, doEventChannelOpCompat } from "../../event/channels";
import { doGrantTableOp } from "../../grant/grant_op";
import { doConsoleIo } from "../../hypercall/console_io";
import { doMulticall } from "../../hypercall/dispatch";
import { doPhysdevOp } from "../../hypercall/physdev_op";
import { doSchedOp, doSchedOpCompat } from "../../hypercall/sched_op";
import { doSetTimerOp, doVcpuOp } from "../../hypercall/vcpu_op";
import { doVmAssist } from "../../hypercall/vm_assist";
import { doXenVersion } from "../../hypercall/xen_version";
import { doMemoryOp } from "../../memory/memory_op";
import { doMmuUpdate, doUpdateVaMapping, doUpdateVaMappingOtherdomain } from "../../memory/mmu_update";
import { doMmuextOp } from "../../memory/mmuext";
import { doCallbackOp, doNmiOp, doSetCallbacks, doSetTrapTable, doStackSwitch } from "./callbacks";
import { getDebugRegister, setDebugRegister } from "./debugreg";
import { doSetGdt, doUpdateDescriptor } from "./gdt";
import { doIret } from "./iret";
import { setTaskSwitched } from "./state";
import { loadUserGs, segmentOf } from "./segments";

/**
 * The hypercall column of 64-bit PV guests. The current vCPU belongs to one and is in kernel mode. As in a Xen built without them, these do not
 * exist: hvm_op, xsm_op (no FLASK), dm_op, kexec, tmem, argo, xenoprof, xenpmu, hypfs, physdev_op_compat.
 */
export function pvColumn(number: u64, a0: u64, a1: u64, a2: u64, a3: u64): i64 {
  const v = currentVcpu;
  if (number >= <u64>NR_HYPERCALLS) return -ENOSYS;
  switch (<u32>number) {
    case nr.HYPERVISOR_mmu_update:
      return doMmuUpdate(a0, <u32>a1, a2, <u32>a3);
    case nr.HYPERVISOR_sched_op_compat:
      return doSchedOpCompat(a0, a1);
    case nr.HYPERVISOR_memory_op:
      return doMemoryOp(a0, a1);
    case nr.HYPERVISOR_multicall:
      return doMulticall(a0, <u32>a1);
    case nr.HYPERVISOR_update_va_mapping:
      return doUpdateVaMapping(a0, a1, a2);
    case nr.HYPERVISOR_update_va_mapping_otherdomain:
      return doUpdateVaMappingOtherdomain(a0, a1, a2, <u32>a3);
    case nr.HYPERVISOR_set_timer_op:
      return doSetTimerOp(a0);
    case nr.HYPERVISOR_event_channel_op_compat:
      return doEventChannelOpCompat(a0);
    case nr.HYPERVISOR_xen_version:
      return doXenVersion(a0, a1);
    case nr.HYPERVISOR_console_io:
      return doConsoleIo(a0, a1, a2);
    case nr.HYPERVISOR_grant_table_op:
      return doGrantTableOp(<u32>a0, a1, <u32>a2);
    case nr.HYPERVISOR_vm_assist:
      return doVmAssist(a0, a1);
    case nr.HYPERVISOR_vcpu_op:
      return doVcpuOp(a0, <u32>a1, a2);
    case nr.HYPERVISOR_mmuext_op:
      return doMmuextOp(a0, <u32>a1, a2, <u32>a3);
    case nr.HYPERVISOR_sched_op:
      return doSchedOp(a0, a1);
    case nr.HYPERVISOR_event_channel_op:
      return doEventChannelOp(<u32>a0, a1);
    case nr.HYPERVISOR_physdev_op:
      return doPhysdevOp(<u32>a0, a1);
    case nr.HYPERVISOR_domctl:
      return doDomctl(a0);
    case nr.HYPERVISOR_sysctl:
      return doSysctl(a0);
    case nr.HYPERVISOR_platform_op:
      // Only a control domain may ask for this, and this machine does not have it.
      return isPrivileged(currentVcpu.domain) ? -ENOSYS : -EPERM;
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
