/**
 * Hypercalls of 32-bit code of a PVH guest (a boot loader, a kernel before it is in long mode). Most structures are the same for it, since Xen's headers align
 * them alike; those that have pointers or frame numbers are taken in their 32-bit layout here (public/memory.h, sched.h with 32-bit handles).
 * What else is different for 32-bit guests is answered by -ENOSYS.
 */
import { EFAULT, ENOSYS, EPERM, ESRCH } from "../../../abi/errno";
import {
  ADD_TO_PHYSMAP_GPFN,
  ADD_TO_PHYSMAP_IDX,
  ADD_TO_PHYSMAP_SIZE_MEMBER,
  ADD_TO_PHYSMAP_SPACE,
  XENMEM_add_to_physmap,
  XENMEM_current_reservation,
  XENMEM_maximum_gpfn,
  XENMEM_maximum_ram_page,
  XENMEM_maximum_reservation,
  XENMEM_memory_map,
  XENMEM_remove_from_physmap,
} from "../../../abi/memory";
import { SCHEDOP_poll } from "../../../abi/sched";
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

/** struct xen_memory_map: entries, handle. */
const MEMORY_MAP32_BUFFER: usize = 4;
const MEMORY_MAP32_SIZE: u32 = 8;
/** struct xen_add_to_physmap: domid, size, space, index, guest frame. */
const ADD32_SIZE_MEMBER: usize = 2;
const ADD32_SPACE: usize = 4;
const ADD32_IDX: usize = 8;
const ADD32_GPFN: usize = 12;
const ADD32_SIZE: u32 = 16;
/** struct xen_remove_from_physmap: domid, guest frame. */
const REMOVE32_GPFN: usize = 4;
const REMOVE32_SIZE: u32 = 8;
/** struct sched_poll: handle, ports, and 64 bits of time-out. */
const POLL32_NR_PORTS: usize = 4;
const POLL32_TIMEOUT: usize = 8;
const POLL32_SIZE: u32 = 16;

export function pvhColumn32(number: u64, a0: u64, a1: u64, a2: u64): i64 {
  if (number >= <u64>NR_HYPERCALLS) return -ENOSYS;
  switch (<u32>number) {
    case nr.HYPERVISOR_memory_op:
      return memoryOp(a0, a1);
    case nr.HYPERVISOR_sched_op:
      return <u32>a0 == <u32>SCHEDOP_poll ? poll(a1) : doSchedOp(a0, a1);
    default:
      return sameColumn(number, a0, a1, a2);
  }
}

/**
 * What is the same in both: VCPUOP_initialise's structure tells by itself. The areas of vcpu_op, which have pointers in them, are the guest's own, which
 * it gives to have in 64-bit code.
 */
export function sameColumn(number: u64, a0: u64, a1: u64, a2: u64): i64 {
  switch (<u32>number) {
    case nr.HYPERVISOR_set_timer_op:
      return doSetTimerOp(a0);
    case nr.HYPERVISOR_xen_version:
      return doXenVersion(a0, a1);
    case nr.HYPERVISOR_console_io:
      return doConsoleIo(a0, a1, a2);
    case nr.HYPERVISOR_vm_assist:
      return doVmAssist(a0, a1);
    case nr.HYPERVISOR_vcpu_op:
      return doVcpuOp(a0, <u32>a1, a2);
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
  if (!copyFromGuest(request, arg, POLL32_SIZE)) return -EFAULT;
  return pollPorts(
    currentVcpu,
    load<u32>(request),
    load<u32>(request, POLL32_NR_PORTS),
    load<u64>(request, POLL32_TIMEOUT),
  );
}

function memoryOp(command: u64, arg: u64): i64 {
  const operation = (<u32>command) & MEMOP_CMD_MASK;
  const start = command >> MEMOP_EXTENT_SHIFT;
  switch (operation) {
    // Of a domid, or nothing.
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
  if (!copyFromGuest(a, arg, MEMORY_MAP32_SIZE)) return -EFAULT;
  const count = memoryMapTo(load<u32>(a), load<u32>(a, MEMORY_MAP32_BUFFER));
  if (count < 0) return count;
  return writeGuest32(arg, <u32>count) ? 0 : -EFAULT;
}

function addFrames(arg: u64, start: u64): i64 {
  const given = scratch(SCRATCH_EXTENTS);
  if (!copyFromGuest(given, arg, ADD32_SIZE)) return -EFAULT;
  const d = domainByAnyId(load<u16>(given));
  if (d == null) return -ESRCH;
  if (foreignDenied(d)) return -EPERM;
  const a = scratch(SCRATCH_MEMOP);
  store<u16>(a, load<u16>(given));
  store<u16>(a, load<u16>(given, ADD32_SIZE_MEMBER), ADD_TO_PHYSMAP_SIZE_MEMBER);
  store<u32>(a, load<u32>(given, ADD32_SPACE), ADD_TO_PHYSMAP_SPACE);
  store<u64>(a, load<u32>(given, ADD32_IDX), ADD_TO_PHYSMAP_IDX);
  store<u64>(a, load<u32>(given, ADD32_GPFN), ADD_TO_PHYSMAP_GPFN);
  return addToPhysmap(d, a, arg, start);
}

function removeFrame(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, REMOVE32_SIZE)) return -EFAULT;
  const d = domainByAnyId(load<u16>(a));
  if (d == null) return -ESRCH;
  return foreignDenied(d) ? -EPERM : removeFromPhysmap(d, load<u32>(a, REMOVE32_GPFN));
}
