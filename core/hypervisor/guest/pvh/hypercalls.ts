/** What PVH guests may ask of the hypervisor. */
import { ENOSYS, EPERM } from "../../../abi/errno";
import { XENMEM_machine_memory_map, XENMEM_machphys_mapping } from "../../../abi/memory";
import * as nr from "../../../abi/xen";
import { MEMOP_CMD_MASK } from "../../abi/implied";
import { NR_HYPERCALLS } from "../../abi/native";
import { doDomctl } from "../../control/domctl";
import { doSysctl } from "../../control/sysctl";
import { currentVcpu, isPrivileged } from "../../domain/domain";
import { doGrantTableOp } from "../../grant/grant_op";
import { doMulticall } from "../../hypercall/dispatch";
import { doSchedOp } from "../../hypercall/sched_op";
import { doSetTimerOp, doVcpuOp } from "../../hypercall/vcpu_op";
import { doXenVersion } from "../../hypercall/xen_version";
import { doMemoryOp } from "../../memory/memory_op";
import { sameColumn } from "./hypercalls32";

/** The hypercall column of PVH guests. The current vCPU belongs to one and is in long mode. Page tables and traps are the guest's own. */
export function pvhColumn(number: u64, a0: u64, a1: u64, a2: u64, a3: u64): i64 {
  if (number >= <u64>NR_HYPERCALLS) return -ENOSYS;
  switch (<u32>number) {
    case nr.HYPERVISOR_memory_op:
      return memoryOp(a0, a1);
    case nr.HYPERVISOR_sched_op:
      return doSchedOp(a0, a1);
    case nr.HYPERVISOR_set_timer_op:
      return doSetTimerOp(a0);
    case nr.HYPERVISOR_xen_version:
      return doXenVersion(a0, a1);
    case nr.HYPERVISOR_vcpu_op:
      return doVcpuOp(a0, <u32>a1, a2);
    case nr.HYPERVISOR_multicall:
      return doMulticall(a0, <u32>a1);
    case nr.HYPERVISOR_grant_table_op:
      return doGrantTableOp(<u32>a0, a1, <u32>a2);
    case nr.HYPERVISOR_domctl:
      return doDomctl(a0);
    case nr.HYPERVISOR_sysctl:
      return doSysctl(a0);
    case nr.HYPERVISOR_platform_op:
      return isPrivileged(currentVcpu.domain) ? -ENOSYS : -EPERM;
    default:
      return sameColumn(number, a0, a1, a2);
  }
}

/** Such a guest is told nothing of machine frames. */
function memoryOp(command: u64, arg: u64): i64 {
  const operation = (<u32>command) & MEMOP_CMD_MASK;
  if (operation == <u32>XENMEM_machine_memory_map || operation == <u32>XENMEM_machphys_mapping) return -ENOSYS;
  return doMemoryOp(command, arg);
}
