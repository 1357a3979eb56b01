/**
 * Hypercalls from 32-bit code of a PVH guest (a boot loader, or a kernel before it enters long mode). Most structures are the same, since Xen's
 * headers align them alike. Those that have pointers or frame numbers are taken here in their 32-bit layout (public/memory.h, sched.h with 32-bit
 * handles). All other differences are answered by -ENOSYS.
 */
import { EFAULT, ENOSYS, EPERM, ESRCH } from "../../../abi/errno";
import {
  ADD_TO_PHYSMAP_GPFN,
  ADD_TO_PHYSMAP_GPFN_32,
  ADD_TO_PHYSMAP_IDX,
  ADD_TO_PHYSMAP_SIZE_32,
  ADD_TO_PHYSMAP_SIZE_MEMBER,
  ADD_TO_PHYSMAP_SPACE,
  MEMORY_MAP_BUFFER_32,
  MEMORY_MAP_SIZE_32,
  REMOVE_FROM_PHYSMAP_GPFN_32,
  REMOVE_FROM_PHYSMAP_SIZE_32,
  XENMEM_add_to_physmap,
  XENMEM_current_reservation,
  XENMEM_maximum_gpfn,
  XENMEM_maximum_ram_page,
  XENMEM_maximum_reservation,
  XENMEM_memory_map,
  XENMEM_remove_from_physmap,
} from "../../../abi/memory";
import { SCHEDOP_poll, SCHED_POLL_NR_PORTS_32, SCHED_POLL_SIZE_32, SCHED_POLL_TIMEOUT_32 } from "../../../abi/sched";
import { VCPUOP_get_runstate_info, VCPUOP_register_runstate_memory_area } from "../../../abi/vcpu";
import { XENVER_platform_parameters } from "../../../abi/version";
import * as nr from "../../../abi/xen";
import { MEMOP_CMD_MASK, MEMOP_EXTENT_SHIFT } from "../../abi/implied";
import { currentVcpu } from "../../domain/domain";
import { doEventChannelOp } from "../../event/channels";
import { doConsoleIo } from "../../hypercall/console_io";
import { copyFromGuest, writeGuest32 } from "../../hypercall/guest_access";
import { doHvmOp } from "../../hypercall/hvm_op";
import { doSchedOp, pollPorts } from "../../hypercall/sched_op";
import { doSetTimerOp, doVcpuOp } from "../../hypercall/vcpu_op";
import { doVmAssist } from "../../hypercall/vm_assist";
import { doXenVersion } from "../../hypercall/xen_version";
import { doMemoryOp, memoryMapTo } from "../../memory/memory_op";
import { foreignDenied } from "../../memory/mmu_update";
import { domainByAnyId } from "../../memory/reservation";
import { SCRATCH_EXTENTS, SCRATCH_MEMOP, scratch } from "../../memory/scratch";
import { settleP2m } from "../../p2m/p2m";
import { addToPhysmap, removeFromPhysmap } from "../../p2m/physmap";
import { threadScratch } from "../../sched/pcpu";
import { NR_HYPERCALLS } from "../../abi/native";

export function pvhColumn32(number: u64, a0: u64, a1: u64, a2: u64): i64 {
  if (number >= <u64>NR_HYPERCALLS) return -ENOSYS;
  switch (<u32>number) {
    case nr.HYPERVISOR_memory_op:
      return memoryOp(a0, a1);
    case nr.HYPERVISOR_sched_op:
      return <u32>a0 == <u32>SCHEDOP_poll ? poll(a1) : doSchedOp(a0, a1);
    case nr.HYPERVISOR_set_timer_op:
      // 64 bits in two registers, of which the first is the low half.
      return doSetTimerOp((a1 << 32) | a0);
    case nr.HYPERVISOR_xen_version:
      // The result has the width of the guest's pointers, and means nothing to a guest with its own address space.
      if (<u32>a0 == <u32>XENVER_platform_parameters) return writeGuest32(a1, 0) ? 0 : -EFAULT;
      return doXenVersion(a0, a1);
    case nr.HYPERVISOR_vcpu_op:
      // struct vcpu_runstate_info has another layout in 32-bit code.
      if (<u32>a0 == <u32>VCPUOP_get_runstate_info || <u32>a0 == <u32>VCPUOP_register_runstate_memory_area)
        return -ENOSYS;
      return doVcpuOp(a0, <u32>a1, a2);
    default:
      return sameColumn(number, a0, a1, a2);
  }
}

/** Calls that take the same arguments from 32-bit and 64-bit code. */
export function sameColumn(number: u64, a0: u64, a1: u64, a2: u64): i64 {
  switch (<u32>number) {
    case nr.HYPERVISOR_console_io:
      return doConsoleIo(a0, a1, a2);
    case nr.HYPERVISOR_vm_assist:
      return doVmAssist(a0, a1);
    case nr.HYPERVISOR_event_channel_op:
      return doEventChannelOp(<u32>a0, a1);
    case nr.HYPERVISOR_hvm_op:
      return doHvmOp(a0, a1);
    default:
      return -ENOSYS;
  }
}

function poll(arg: u64): i64 {
  const request = threadScratch();
  if (!copyFromGuest(request, arg, SCHED_POLL_SIZE_32)) return -EFAULT;
  return pollPorts(
    currentVcpu,
    load<u32>(request),
    load<u32>(request, SCHED_POLL_NR_PORTS_32),
    load<u64>(request, SCHED_POLL_TIMEOUT_32),
  );
}

function memoryOp(command: u64, arg: u64): i64 {
  const operation = (<u32>command) & MEMOP_CMD_MASK;
  const start = command >> MEMOP_EXTENT_SHIFT;
  switch (operation) {
    // These take a domid or nothing.
    case XENMEM_maximum_ram_page:
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
      return doMemoryOp(command, arg);
  }
  if (!scratch(0)) return -ENOSYS;
  let result: i64 = -ENOSYS;
  if (operation == <u32>XENMEM_memory_map && !start) result = memoryMap(arg);
  else if (operation == <u32>XENMEM_add_to_physmap) result = addFrames(arg, start);
  else if (operation == <u32>XENMEM_remove_from_physmap && !start) result = removeFrame(arg);
  settleP2m();
  return result;
}

function memoryMap(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, MEMORY_MAP_SIZE_32)) return -EFAULT;
  const count = memoryMapTo(load<u32>(a), load<u32>(a, MEMORY_MAP_BUFFER_32));
  if (count < 0) return count;
  return writeGuest32(arg, <u32>count) ? 0 : -EFAULT;
}

function addFrames(arg: u64, start: u64): i64 {
  const given = scratch(SCRATCH_EXTENTS);
  if (!copyFromGuest(given, arg, ADD_TO_PHYSMAP_SIZE_32)) return -EFAULT;
  const d = domainByAnyId(load<u16>(given));
  if (d == null) return -ESRCH;
  if (foreignDenied(d)) return -EPERM;
  const a = scratch(SCRATCH_MEMOP);
  store<u16>(a, load<u16>(given));
  store<u16>(a, load<u16>(given, ADD_TO_PHYSMAP_SIZE_MEMBER), ADD_TO_PHYSMAP_SIZE_MEMBER);
  store<u32>(a, load<u32>(given, ADD_TO_PHYSMAP_SPACE), ADD_TO_PHYSMAP_SPACE);
  store<u64>(a, load<u32>(given, ADD_TO_PHYSMAP_IDX), ADD_TO_PHYSMAP_IDX);
  store<u64>(a, load<u32>(given, ADD_TO_PHYSMAP_GPFN_32), ADD_TO_PHYSMAP_GPFN);
  return addToPhysmap(d, a, arg, start);
}

function removeFrame(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, REMOVE_FROM_PHYSMAP_SIZE_32)) return -EFAULT;
  const d = domainByAnyId(load<u16>(a));
  if (d == null) return -ESRCH;
  return foreignDenied(d) ? -EPERM : removeFromPhysmap(d, load<u32>(a, REMOVE_FROM_PHYSMAP_GPFN_32));
}
