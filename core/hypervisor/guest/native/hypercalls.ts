/** What native domains may ask of the hypervisor. */
import { PHYSDEVOP_set_iobitmap, PHYSDEVOP_set_iopl } from "../../../abi/physdev";
import { EINVAL, ENOENT, ENOSYS, EOPNOTSUPP, EPERM } from "../../../abi/errno";
import {
  VCPUOP_down,
  VCPUOP_initialise,
  VCPUOP_register_runstate_memory_area,
  VCPUOP_register_vcpu_time_memory_area,
  VCPUOP_send_nmi,
  VCPUOP_up,
} from "../../../abi/vcpu";
import * as nr from "../../../abi/xen";
import { NR_HYPERCALLS } from "../../abi/native";
import { doDomctl } from "../../control/domctl";
import { doSysctl } from "../../control/sysctl";
import { currentVcpu, isPrivileged, vcpuOf } from "../../domain/domain";
import { doEventChannelOp, doEventChannelOpCompat } from "../../event/channels";
import { doGrantTableOp } from "../../grant/grant_op";
import { doConsoleIo } from "../../hypercall/console_io";
import { doMulticall, hypercall } from "../../hypercall/dispatch";
import { doHvmOp } from "../../hypercall/hvm_op";
import { doPhysdevOp } from "../../hypercall/physdev_op";
import { doSchedOp, doSchedOpCompat } from "../../hypercall/sched_op";
import { doSetTimerOp, doVcpuOp } from "../../hypercall/vcpu_op";
import { doVmAssist } from "../../hypercall/vm_assist";
import { doXenVersion } from "../../hypercall/xen_version";
import { doMemoryOp } from "../../memory/memory_op";
import { doMmuUpdate } from "../../memory/mmu_update";
import { doMmuextOp } from "../../memory/mmuext";
import {
  HYPERCALL_CONTINUE,
  beginHypercall,
  nextArg0,
  nextArg1,
  nextArg2,
  nextArg3,
  nextArg4,
  nextArg5,
} from "../../hypercall/continuation";
import { doNativeOp } from "./native_op";

/** The hypercall column of native domains. */
export function nativeColumn(number: u64, a0: u64, a1: u64, a2: u64, a3: u64): i64 {
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
      return vcpuOp(a0, <u32>a1, a2);
    case nr.HYPERVISOR_mmuext_op:
      return doMmuextOp(a0, <u32>a1, a2, <u32>a3);
    case nr.HYPERVISOR_sched_op:
      return doSchedOp(a0, a1);
    case nr.HYPERVISOR_event_channel_op:
      return doEventChannelOp(<u32>a0, a1);
    case nr.HYPERVISOR_physdev_op:
      return physdevOp(<u32>a0, a1);
    case nr.HYPERVISOR_domctl:
      return doDomctl(a0);
    case nr.HYPERVISOR_sysctl:
      return doSysctl(a0);
    case nr.HYPERVISOR_platform_op:
      // Only a control domain may ask for this, and this machine does not have it.
      return isPrivileged(currentVcpu.domain) ? -ENOSYS : -EPERM;
    case nr.HYPERVISOR_hvm_op:
      return doHvmOp(a0, a1);
    case nr.HYPERVISOR_arch_7:
      return doNativeOp(a0, a1, a2, a3);
    default:
      return -ENOSYS;
  }
}

/** The vCPUs of a native domain are threads: they have no registers that could be set, cannot be stopped, and share no areas other than vcpu_info. */
function vcpuOp(cmd: u64, vcpuId: u32, arg: u64): i64 {
  if (!vcpuOf(currentVcpu.domain, vcpuId)) return -ENOENT;
  switch (<u32>cmd) {
    case VCPUOP_up:
      return 0;
    case VCPUOP_initialise:
    case VCPUOP_down:
    case VCPUOP_register_runstate_memory_area:
    case VCPUOP_send_nmi:
    case VCPUOP_register_vcpu_time_memory_area:
      return -EOPNOTSUPP;
    default:
      return doVcpuOp(cmd, vcpuId, arg);
  }
}

/** A native domain executes no I/O instructions. */
function physdevOp(cmd: u32, arg: u64): i64 {
  return cmd == PHYSDEVOP_set_iopl || cmd == PHYSDEVOP_set_iobitmap ? -EINVAL : doPhysdevOp(cmd, arg);
}

/** Carries out a native domain's hypercall to its end. */
export function nativeHypercall(number: u64, a0: u64, a1: u64, a2: u64, a3: u64, a4: u64): i64 {
  beginHypercall();
  let result = hypercall(number, a0, a1, a2, a3, a4, 0);
  while (result == HYPERCALL_CONTINUE)
    result = hypercall(number, nextArg0, nextArg1, nextArg2, nextArg3, nextArg4, nextArg5);
  return result;
}
