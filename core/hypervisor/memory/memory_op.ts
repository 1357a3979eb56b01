/** HYPERVISOR_memory_op: the dispatch, and the calls that only ask. */
import { SHARED_INFO_MAX_PFN } from "../../abi/xen";
import { domainById } from "../domain/domain";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import {
  E820ENTRY_ADDR,
  E820ENTRY_SIZE,
  E820ENTRY_SIZE_MEMBER,
  E820ENTRY_TYPE,
  E820MAX,
  E820_RAM,
} from "../../abi/e820";
import { EACCES, EFAULT, EINVAL, ENOENT, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM, ESRCH } from "../../abi/errno";
import {
  ADD_TO_PHYSMAP_BATCH_SIZE,
  ADD_TO_PHYSMAP_SIZE,
  FOREIGN_MEMORY_MAP_MAP,
  FOREIGN_MEMORY_MAP_SIZE,
  MACHPHYS_MAPPING_MAX_MFN,
  MACHPHYS_MAPPING_SIZE,
  MACHPHYS_MAPPING_V_END,
  MACHPHYS_MAPPING_V_START,
  MACHPHYS_MFN_LIST_EXTENT_START,
  MACHPHYS_MFN_LIST_NR_EXTENTS,
  MACHPHYS_MFN_LIST_SIZE,
  MEMORY_MAP_BUFFER,
  MEMORY_MAP_SIZE,
  MEMORY_RESERVATION_DOMID,
  MEMORY_RESERVATION_EXTENT_ORDER,
  MEMORY_RESERVATION_EXTENT_START,
  MEMORY_RESERVATION_MEM_FLAGS,
  MEMORY_RESERVATION_NR_EXTENTS,
  MEMORY_RESERVATION_SIZE,
  MEM_ACQUIRE_RESOURCE_DOMID,
  MEM_ACQUIRE_RESOURCE_FRAME,
  MEM_ACQUIRE_RESOURCE_FRAME_LIST,
  MEM_ACQUIRE_RESOURCE_ID,
  MEM_ACQUIRE_RESOURCE_NR_FRAMES,
  MEM_ACQUIRE_RESOURCE_PAD,
  MEM_ACQUIRE_RESOURCE_SIZE,
  MEM_ACQUIRE_RESOURCE_TYPE,
  POD_TARGET_DOMID,
  POD_TARGET_POD_CACHE_PAGES,
  POD_TARGET_POD_ENTRIES,
  POD_TARGET_SIZE,
  POD_TARGET_TARGET_PAGES,
  POD_TARGET_TOT_PAGES,
  REMOVE_FROM_PHYSMAP_GPFN,
  REMOVE_FROM_PHYSMAP_SIZE,
  VNUMA_TOPOLOGY_INFO_PAD,
  VNUMA_TOPOLOGY_INFO_SIZE,
  XENMEM_acquire_resource,
  XENMEM_add_to_physmap,
  XENMEM_add_to_physmap_batch,
  XENMEM_claim_pages,
  XENMEM_current_reservation,
  XENMEM_decrease_reservation,
  XENMEM_exchange,
  XENMEM_get_pod_target,
  XENMEM_get_sharing_freed_pages,
  XENMEM_get_sharing_shared_pages,
  XENMEM_get_vnumainfo,
  XENMEM_increase_reservation,
  XENMEM_machine_memory_map,
  XENMEM_machphys_mapping,
  XENMEM_machphys_mfn_list,
  XENMEM_maximum_gpfn,
  XENMEM_maximum_ram_page,
  XENMEM_maximum_reservation,
  XENMEM_memory_map,
  XENMEM_populate_physmap,
  XENMEM_remove_from_physmap,
  XENMEM_resource_grant_table,
  XENMEM_set_memory_map,
  XENMEM_set_pod_target,
} from "../../abi/memory";
import { MEMOP_CMD_MASK, MEMOP_EXTENT_SHIFT } from "../abi/implied";
import { grantTableFrame } from "../grant/table";
import { reserveOf, setClaim, setReserve } from "./buddy";
import { callerDomid } from "./current";
import { DomainMemory, E820_OFFSET, MEM_PRIVILEGED, domainMemory, lockOf } from "./domain_memory";
import { PAGE_SHIFT, totalFrames } from "./frames";
import { getPage, putPage } from "./references";
import { spinLock, spinUnlock } from "../sched/lock";
import { MACH2PHYS_VIRT_START, m2pFirstFrame, m2pFrames } from "./m2p";
import { foreignDenied } from "./mmu_update";
import { changeReservation, domainByAnyId, exchangeMemory } from "./reservation";
import { isTranslated, settleP2m } from "../p2m/p2m";
import { addToPhysmap, addToPhysmapBatch, removeFromPhysmap } from "../p2m/physmap";
import { SCRATCH_E820, SCRATCH_EXTENTS, SCRATCH_MEMOP, scratch } from "./scratch";

const MACH2PHYS_VIRT_END: u64 = 0xffff804000000000;

/** memory_op(cmd, arg). Returns the number of extents done, the number that was asked for, 0, or -errno. */
export function doMemoryOp(command: u64, arg: u64): i64 {
  const result = memoryOp(command, arg);
  settleP2m();
  return result;
}

function memoryOp(command: u64, arg: u64): i64 {
  const start = command >> MEMOP_EXTENT_SHIFT;
  const operation = (<u32>command) & MEMOP_CMD_MASK;
  if (!scratch(0)) return -(<i64>ENOMEM);
  switch (operation) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
      return changeReservation(operation, arg, start);
  }
  if (operation == <u32>XENMEM_add_to_physmap || operation == <u32>XENMEM_add_to_physmap_batch)
    return physmap(operation, arg, start);
  if (start) return -(<i64>EINVAL);
  switch (operation) {
    case XENMEM_exchange:
      return exchangeMemory(arg);
    case XENMEM_maximum_ram_page:
      return <i64>totalFrames();
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
      return aboutDomain(operation, arg);
    case XENMEM_machphys_mfn_list:
      return machphysMfnList(arg);
    case XENMEM_machphys_mapping:
      return machphysMapping(arg);
    case XENMEM_memory_map:
      return getMemoryMap(arg);
    case XENMEM_machine_memory_map:
      return machineMemoryMap(arg);
    case XENMEM_set_memory_map:
      return setMemoryMap(arg);
    case XENMEM_claim_pages:
      return claimPages(arg);
    case XENMEM_remove_from_physmap:
      return physmap(operation, arg, 0);
    case XENMEM_get_vnumainfo:
      return vnuma(arg);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
      return 0;
    case XENMEM_acquire_resource:
      return acquireResource(arg);
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
      return podTarget(operation, arg);
    default:
      // Xen here has no paging, access control or sharing of memory; the rest is unknown.
      return -(<i64>ENOSYS);
  }
}

function aboutDomain(operation: u32, arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, 2)) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(a));
  if (d == null) return -(<i64>ESRCH);
  if (foreignDenied(d)) return -(<i64>EPERM);
  if (operation == <u32>XENMEM_current_reservation) return <i64>(d.totPages + reserveOf(d));
  if (operation == <u32>XENMEM_maximum_reservation) return <i64>d.maxPages;
  if (isTranslated(d)) return <i64>d.p2mMaxGfn;
  // A PV domain reports itself, in its shared info, how many guest frames it has.
  const domain = domainById(d.domid);
  const maxPfn = domain != null && domain.sharedInfo ? load<u64>(domain.sharedInfo + SHARED_INFO_MAX_PFN) : 0;
  return <i64>(maxPfn ? maxPfn - 1 : 0);
}

/** Returns the mfns of the table's 2 MiB pieces. */
function machphysMfnList(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, MACHPHYS_MFN_LIST_SIZE)) return -(<i64>EFAULT);
  const most = load<u32>(a);
  const list = load<u64>(a, MACHPHYS_MFN_LIST_EXTENT_START);
  const extents = m2pFrames() >> 9;
  let i: u32 = 0;
  const at = scratch(SCRATCH_EXTENTS);
  for (; i < extents && i < most; i++) {
    store<u64>(at, <u64>(m2pFirstFrame() + (i << 9)));
    if (!copyToGuest(list + <u64>i * 8, at, 8)) return -(<i64>EFAULT);
  }
  store<u32>(a, i, MACHPHYS_MFN_LIST_NR_EXTENTS);
  return copyToGuest(arg, a, MACHPHYS_MFN_LIST_SIZE) ? 0 : -(<i64>EFAULT);
}

function machphysMapping(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  store<u64>(a, MACH2PHYS_VIRT_START, MACHPHYS_MAPPING_V_START);
  store<u64>(a, MACH2PHYS_VIRT_END, MACHPHYS_MAPPING_V_END);
  store<u64>(a, <u64>totalFrames() - 1, MACHPHYS_MAPPING_MAX_MFN);
  return copyToGuest(arg, a, MACHPHYS_MAPPING_SIZE) ? 0 : -(<i64>EFAULT);
}

function getMemoryMap(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, MEMORY_MAP_SIZE)) return -(<i64>EFAULT);
  const count = memoryMapTo(load<u32>(a), load<u64>(a, MEMORY_MAP_BUFFER));
  if (count < 0) return count;
  store<u32>(a, <u32>count);
  return copyToGuest(arg, a, MEMORY_MAP_SIZE) ? 0 : -(<i64>EFAULT);
}
/**
 * Copies the caller's memory map to `buffer`, which has room for `most` entries. Returns the number of entries, or -errno. The map is consistent even
 * if somebody sets it meanwhile.
 */
export function memoryMapTo(most: u32, buffer: u64): i64 {
  const d = domainMemory(callerDomid());
  if (d == null) return -(<i64>ESRCH);
  const map = scratch(SCRATCH_E820);
  spinLock(lockOf(d));
  const entries = d.e820Entries;
  const count = min<u32>(most, entries);
  memory.copy(map, changetype<usize>(d) + E820_OFFSET, count * E820ENTRY_SIZE);
  spinUnlock(lockOf(d));
  if (!entries) return -(<i64>ENOSYS);
  return copyToGuest(buffer, map, count * E820ENTRY_SIZE) ? <i64>count : -(<i64>EFAULT);
}

/** The host's own map, RAM from 0 to its end. For privileged domains. */
function machineMemoryMap(arg: u64): i64 {
  const d = domainMemory(callerDomid());
  if (d == null || !(d.flags & MEM_PRIVILEGED)) return -(<i64>EPERM);
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, MEMORY_MAP_SIZE)) return -(<i64>EFAULT);
  const most = load<u32>(a);
  if (most < 1) return -(<i64>EINVAL);
  const entry = scratch(SCRATCH_E820);
  store<u64>(entry, 0, E820ENTRY_ADDR);
  store<u64>(entry, (<u64>totalFrames()) << PAGE_SHIFT, E820ENTRY_SIZE_MEMBER);
  store<u32>(entry, E820_RAM, E820ENTRY_TYPE);
  if (!copyToGuest(load<u64>(a, MEMORY_MAP_BUFFER), entry, E820ENTRY_SIZE)) return -(<i64>EFAULT);
  store<u32>(a, 1);
  return copyToGuest(arg, a, MEMORY_MAP_SIZE) ? 0 : -(<i64>EFAULT);
}

function setMemoryMap(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, FOREIGN_MEMORY_MAP_SIZE)) return -(<i64>EFAULT);
  const count = load<u32>(a, FOREIGN_MEMORY_MAP_MAP);
  const buffer = load<u64>(a, FOREIGN_MEMORY_MAP_MAP + MEMORY_MAP_BUFFER);
  if (count > <u32>E820MAX) return -(<i64>EINVAL);
  const d = domainByAnyId(load<u16>(a));
  if (d == null) return -(<i64>ESRCH);
  if (foreignDenied(d)) return -(<i64>EPERM);
  const map = scratch(SCRATCH_E820);
  if (!copyFromGuest(map, buffer, count * E820ENTRY_SIZE)) return -(<i64>EFAULT);
  spinLock(lockOf(d));
  memory.copy(changetype<usize>(d) + E820_OFFSET, map, count * E820ENTRY_SIZE);
  d.e820Entries = count;
  spinUnlock(lockOf(d));
  return 0;
}

/** The domain is named by its number. As in Xen, DOMID_SELF is not accepted. */
function claimPages(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, MEMORY_RESERVATION_SIZE)) return -(<i64>EFAULT);
  if (load<u64>(a, MEMORY_RESERVATION_EXTENT_START) || load<u32>(a, MEMORY_RESERVATION_EXTENT_ORDER))
    return -(<i64>EINVAL);
  if (load<u32>(a, MEMORY_RESERVATION_MEM_FLAGS)) return -(<i64>EINVAL);
  const d = domainMemory(load<u16>(a, MEMORY_RESERVATION_DOMID));
  if (d == null) return -(<i64>EINVAL);
  const caller = domainMemory(callerDomid());
  if (caller == null || !(caller.flags & MEM_PRIVILEGED)) return -(<i64>EPERM);
  return <i64>setClaim(d, load<u64>(a, MEMORY_RESERVATION_NR_EXTENTS));
}

/** Sets or reads how much memory a domain with memory on demand is to have in total, and how much of it is there. For control domains. */
function podTarget(operation: u32, arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, POD_TARGET_SIZE)) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(a, POD_TARGET_DOMID));
  if (d == null) return -(<i64>ESRCH);
  const caller = domainMemory(callerDomid());
  if (caller == null || !(caller.flags & MEM_PRIVILEGED)) return -(<i64>EPERM);
  if (!isTranslated(d)) return -(<i64>EINVAL);
  if (operation == <u32>XENMEM_set_pod_target) {
    const error = setReserve(d, load<u64>(a, POD_TARGET_TARGET_PAGES));
    if (error) return error;
  }
  // As in Xen, the reserve counts as the domain's.
  store<u64>(a, <u64>d.totPages + reserveOf(d), POD_TARGET_TOT_PAGES);
  store<u64>(a, reserveOf(d), POD_TARGET_POD_CACHE_PAGES);
  store<u64>(a, d.onDemand, POD_TARGET_POD_ENTRIES);
  return copyToGuest(arg, a, POD_TARGET_SIZE) ? 0 : -(<i64>EFAULT);
}

function physmapSize(operation: u32): u32 {
  if (operation == <u32>XENMEM_remove_from_physmap) return REMOVE_FROM_PHYSMAP_SIZE;
  return operation == <u32>XENMEM_add_to_physmap ? ADD_TO_PHYSMAP_SIZE : ADD_TO_PHYSMAP_BATCH_SIZE;
}

/** Moves frames within a translated memory map, which PV domains do not have. */
function physmap(operation: u32, arg: u64, start: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, physmapSize(operation))) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(a));
  if (d == null) return -(<i64>ESRCH);
  if (foreignDenied(d)) return -(<i64>EPERM);
  if (isTranslated(d)) {
    if (operation == <u32>XENMEM_add_to_physmap) return addToPhysmap(d, a, arg, start);
    if (operation == <u32>XENMEM_add_to_physmap_batch) return addToPhysmapBatch(d, a, arg, start);
    return removeFromPhysmap(d, load<u64>(a, REMOVE_FROM_PHYSMAP_GPFN));
  }
  if (operation != <u32>XENMEM_remove_from_physmap) return -(<i64>EACCES);
  const mfn = load<u64>(a, REMOVE_FROM_PHYSMAP_GPFN);
  if (!getPage(mfn, d.domid)) return -(<i64>ENOENT);
  putPage(<u32>mfn);
  return 0;
}

function vnuma(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, VNUMA_TOPOLOGY_INFO_SIZE)) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(a));
  if (d == null) return -(<i64>ESRCH);
  if (foreignDenied(d)) return -(<i64>EPERM);
  if (load<u16>(a, VNUMA_TOPOLOGY_INFO_PAD)) return -(<i64>EINVAL);
  return -(<i64>EOPNOTSUPP);
}

/** Returns frames of another domain's grant table, for a control domain that fills it. */
function acquireResource(arg: u64): i64 {
  const a = scratch(SCRATCH_MEMOP);
  if (!copyFromGuest(a, arg, MEM_ACQUIRE_RESOURCE_SIZE)) return -(<i64>EFAULT);
  if (load<u32>(a, MEM_ACQUIRE_RESOURCE_PAD)) return -(<i64>EINVAL);
  const target: DomainMemory | null = domainMemory(load<u16>(a, MEM_ACQUIRE_RESOURCE_DOMID));
  if (target == null) return -(<i64>ESRCH);
  // As in Xen, it must be another domain's, never the caller's own (rcu_lock_remote_domain_by_id).
  if (target.domid == callerDomid() || foreignDenied(target)) return -(<i64>EPERM);
  if (load<u16>(a, MEM_ACQUIRE_RESOURCE_TYPE) != <u32>XENMEM_resource_grant_table) return -(<i64>EOPNOTSUPP);
  const id = load<u32>(a, MEM_ACQUIRE_RESOURCE_ID);
  const count = load<u32>(a, MEM_ACQUIRE_RESOURCE_NR_FRAMES);
  const list = load<u64>(a, MEM_ACQUIRE_RESOURCE_FRAME_LIST);
  const first = load<u64>(a, MEM_ACQUIRE_RESOURCE_FRAME);
  if (id > 1) return -(<i64>EINVAL);
  if (!list) {
    if (count) return -(<i64>EINVAL);
    store<u32>(a, grantTableFrame(target.domid, id, 0xffffffff), MEM_ACQUIRE_RESOURCE_NR_FRAMES);
    return copyToGuest(arg, a, MEM_ACQUIRE_RESOURCE_SIZE) ? 0 : -(<i64>EFAULT);
  }
  if (first + count > 0xffffff || first + count < first) return -(<i64>EINVAL);
  const at = scratch(SCRATCH_EXTENTS);
  for (let i: u32 = 0; i < count; i++) {
    const mfn = grantTableFrame(target.domid, id, <u32>first + i);
    if (!mfn) return -(<i64>EINVAL);
    store<u64>(at, mfn);
    if (!copyToGuest(list + <u64>i * 8, at, 8)) return -(<i64>EFAULT);
  }
  return 0;
}
