/** HYPERVISOR_grant_table_op: dispatch, and the calls about tables rather than mappings. */
import {
  CACHE_FLUSH_SIZE,
  CACHE_FLUSH_length,
  CACHE_FLUSH_offset,
  CACHE_FLUSH_op,
  COPY_SIZE,
  COPY_status,
  DUMP_SIZE,
  DUMP_status,
  GET_VERSION_SIZE,
  GET_VERSION_version,
  GNTST_bad_domain,
  GNTST_bad_gntref,
  GNTST_bad_virt_addr,
  GNTST_eagain,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
  GNTTABOP_cache_flush,
  GNTTABOP_copy,
  GNTTABOP_dump_table,
  GNTTABOP_get_status_frames,
  GNTTABOP_get_version,
  GNTTABOP_map_grant_ref,
  GNTTABOP_query_size,
  GNTTABOP_set_version,
  GNTTABOP_setup_table,
  GNTTABOP_swap_grant_ref,
  GNTTABOP_transfer,
  GNTTABOP_unmap_and_replace,
  GNTTABOP_unmap_grant_ref,
  GNTTAB_NR_RESERVED_ENTRIES,
  GRANT_V1_SIZE,
  GRANT_V1_frame,
  GRANT_V2_frame,
  GTF_permit_access,
  GTF_reading,
  GTF_transitive,
  GTF_type_mask,
  GTF_writing,
  MAP_SIZE,
  MAP_status,
  QUERY_SIZE,
  QUERY_max_nr_frames,
  QUERY_nr_frames,
  QUERY_status,
  REPLACE_SIZE,
  REPLACE_handle,
  REPLACE_new_addr,
  REPLACE_status,
  SETUP_SIZE,
  SETUP_frame_list,
  SETUP_nr_frames,
  SETUP_status,
  STATUS_SIZE,
  STATUS_dom,
  STATUS_frame_list,
  STATUS_nr_frames,
  STATUS_status,
  SWAP_SIZE,
  SWAP_ref_a,
  SWAP_ref_b,
  SWAP_status,
  TRANSFER_SIZE,
  TRANSFER_status,
  UNMAP_SIZE,
  UNMAP_dev_bus_addr,
  UNMAP_handle,
  UNMAP_status,
} from "../abi/grant_table";
import { EBUSY, EFAULT, EINVAL, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM, ERANGE, ESRCH } from "../abi/errno";
import { LOG_G_INFO } from "../abi/log";
import { logBegin, logDec, logDomain, logEnd, logText } from "../console/console";
import { currentVcpu } from "../domain/domain";
import { continueWith, preemptCheck } from "../hypercall/continuation";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import { frameAddress } from "../memory/frames";
import { foreignDenied } from "../memory/mmu_update";
import { domainByAnyId } from "../memory/reservation";
import { SCRATCH_EXTENTS, SCRATCH_GRANT, scratch } from "../memory/scratch";
import { spinLock, spinUnlock } from "../sched/lock";
import { copyGrant } from "./copy";
import { completeUnmaps, mapGrantRef, unmapGrantRef } from "./map";
import {
  ACTIVE_PIN,
  GrantTable,
  activeEntry,
  dropStatus,
  dropUnmappedStatus,
  grantEntries,
  grantTableOf,
  growGrantTable,
  growStatus,
  sharedEntry,
  sharedFrame,
  statusEntry,
  statusFrame,
  tableLock,
} from "./table";

/** Operation number; Xen keeps continuation state above. */
const COMMAND_MASK: u32 = 63;

/** grant_table_op(cmd, uop, count): `count` structures, each with its own status. 0 or -errno. */
export function doGrantTableOp(command: u32, uop: u64, count: u32): i64 {
  if (<i32>count < 0) return -(<i64>EINVAL);
  const operation = command & COMMAND_MASK;
  const op = scratch(SCRATCH_GRANT);
  if (!op) return -(<i64>ENOMEM);
  switch (operation) {
    case GNTTABOP_map_grant_ref:
      return batch(operation, uop, count, MAP_SIZE, MAP_status);
    case GNTTABOP_unmap_grant_ref:
      return batch(operation, uop, count, UNMAP_SIZE, UNMAP_status);
    case GNTTABOP_unmap_and_replace:
      return batch(operation, uop, count, REPLACE_SIZE, REPLACE_status);
    case GNTTABOP_copy:
      return batch(operation, uop, count, COPY_SIZE, COPY_status);
    case GNTTABOP_transfer:
      return batch(operation, uop, count, TRANSFER_SIZE, TRANSFER_status);
    case GNTTABOP_swap_grant_ref:
      return batch(operation, uop, count, SWAP_SIZE, SWAP_status);
    case GNTTABOP_setup_table:
      return count == 1 ? setupTable(uop) : -(<i64>EINVAL);
    case GNTTABOP_query_size:
      return count == 1 ? querySize(uop) : -(<i64>EINVAL);
    case GNTTABOP_dump_table:
      return count == 1 ? dumpTable(uop) : -(<i64>EINVAL);
    case GNTTABOP_set_version:
      return count == 1 ? setVersion(uop) : -(<i64>EINVAL);
    case GNTTABOP_get_version:
      return count == 1 ? getVersion(uop) : -(<i64>EINVAL);
    case GNTTABOP_get_status_frames:
      return getStatusFrames(uop, count);
    case GNTTABOP_cache_flush:
      return cacheFlush(uop, count);
  }
  return -(<i64>ENOSYS);
}

function batch(operation: u32, uop: u64, count: u32, size: u32, statusOffset: u32): i64 {
  const op = scratch(SCRATCH_GRANT);
  let result: i64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const guest = uop + <u64>i * size;
    if (i && (i & 15) == 0 && preemptCheck()) {
      result = continueWith(operation, guest, <u64>count - i);
      break;
    }
    if (!copyFromGuest(op, guest, size)) {
      result = -(<i64>EFAULT);
      break;
    }
    store<u16>(op + statusOffset, <u16>one(operation, op));
    if (!copyToGuest(guest, op, size)) {
      result = -(<i64>EFAULT);
      break;
    }
  }
  // Promised: after a batch of unmaps no stale mapping remains in any TLB, and the granter has its frames back.
  completeUnmaps();
  return result;
}

/** One structure of a batch; its status. */
function one(operation: u32, op: usize): i32 {
  switch (operation) {
    case GNTTABOP_map_grant_ref:
      return mapGrantRef(op);
    case GNTTABOP_unmap_grant_ref:
      return unmapGrantRef(load<u32>(op, UNMAP_handle), load<u64>(op), load<u64>(op, UNMAP_dev_bus_addr), 0);
    case GNTTABOP_unmap_and_replace:
      return unmapGrantRef(load<u32>(op, REPLACE_handle), load<u64>(op), 0, load<u64>(op, REPLACE_new_addr));
    case GNTTABOP_copy:
      return copyGrant(op);
    case GNTTABOP_swap_grant_ref:
      return swapRefs(load<u32>(op, SWAP_ref_a), load<u32>(op, SWAP_ref_b));
    default:
      // Page transfer is not offered (like Xen's gnttab=transfer:0): the frame stays where it is.
      return GNTST_general_error;
  }
}

function setupTable(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, SETUP_SIZE)) return -(<i64>EFAULT);
  store<u16>(op, <u16>setupFor(op), SETUP_status);
  return copyToGuest(uop, op, SETUP_SIZE) ? 0 : -(<i64>EFAULT);
}

function setupFor(op: usize): i32 {
  const d = domainByAnyId(load<u16>(op));
  if (d == null) return GNTST_bad_domain;
  if (foreignDenied(d)) return GNTST_permission_denied;
  const t = grantTableOf(d.domid);
  const frames = load<u32>(op, SETUP_nr_frames);
  if (t == null || frames > t.maxFrames) return GNTST_general_error;
  spinLock(tableLock(t));
  const ok = growGrantTable(t, max<u32>(frames, t.nrFrames));
  spinUnlock(tableLock(t));
  if (!ok) return GNTST_general_error;
  const list = load<u64>(op, SETUP_frame_list);
  const at = scratch(SCRATCH_EXTENTS);
  for (let i: u32 = 0; i < frames; i++) {
    store<u64>(at, sharedFrame(t, i));
    if (!copyToGuest(list + <u64>i * 8, at, 8)) return GNTST_bad_virt_addr;
  }
  return GNTST_okay;
}

function querySize(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, QUERY_SIZE)) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(op));
  let status: i32 = GNTST_okay;
  if (d == null) status = GNTST_bad_domain;
  else if (foreignDenied(d)) status = GNTST_permission_denied;
  else {
    const t = grantTableOf(d.domid);
    if (t == null) status = GNTST_general_error;
    else {
      store<u32>(op, t.nrFrames, QUERY_nr_frames);
      store<u32>(op, t.maxFrames, QUERY_max_nr_frames);
    }
  }
  store<u16>(op, <u16>status, QUERY_status);
  return copyToGuest(uop, op, QUERY_SIZE) ? 0 : -(<i64>EFAULT);
}

/** A summary line on the Xen console, for control domains. */
function dumpTable(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, DUMP_SIZE)) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(op));
  let status: i32 = GNTST_okay;
  if (d == null) status = GNTST_bad_domain;
  else if (foreignDenied(d)) status = GNTST_permission_denied;
  else {
    const t = grantTableOf(d.domid);
    if (t != null) {
      logBegin(LOG_G_INFO);
      logText("grant-table for remote ");
      logDomain(d.domid);
      logText(" (v");
      logDec(t.version);
      logText(") frames ");
      logDec(t.nrFrames);
      logText(" pinned ");
      logDec(t.pinned);
      logText(" mapped ");
      logDec(t.mapped);
      logEnd();
    }
  }
  store<u16>(op, <u16>status, DUMP_status);
  return copyToGuest(uop, op, DUMP_SIZE) ? 0 : -(<i64>EFAULT);
}

function setVersion(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, 4)) return -(<i64>EFAULT);
  const version = load<u32>(op);
  const t = grantTableOf(currentVcpu.domid);
  if (t == null) return -(<i64>EINVAL);
  spinLock(tableLock(t));
  let error: i32 = 0;
  if (version != 1 && version != 2) error = -EINVAL;
  // As before the call was there.
  else if (version == 2 && currentVcpu.domain.grantVersion == 1) error = -ENOSYS;
  else if (t.version != version) error = version == 2 ? toVersion2(t) : toVersion1(t);
  // Refused or not, the guest hears which version it has.
  store<u32>(op, t.version);
  spinUnlock(tableLock(t));
  return copyToGuest(uop, op, 4) ? <i64>error : -(<i64>EFAULT);
}

/** True if entries other than the reserved ones (console, xenstore), which control domains keep mapped, are in use. */
function othersPinned(t: GrantTable): bool {
  let reserved: u32 = 0;
  for (let ref: u32 = 0; ref < <u32>GNTTAB_NR_RESERVED_ENTRIES; ref++)
    if (load<u32>(activeEntry(t, ref), ACTIVE_PIN)) reserved++;
  return t.pinned > reserved;
}

function clearShared(t: GrantTable): void {
  for (let i: u32 = 0; i < t.nrFrames; i++) memory.fill(frameAddress(sharedFrame(t, i)), 0, 4096);
}

const MARKS: u32 = GTF_reading | GTF_writing;

/** The reserved entries in version 2's form, their marks in the status words; all others are cleared. Caller holds the lock. */
function toVersion2(t: GrantTable): i32 {
  if (othersPinned(t)) return -EBUSY;
  if (!growStatus(t, t.nrFrames)) {
    dropStatus(t);
    return -ENOMEM;
  }
  const kept = scratch(SCRATCH_EXTENTS);
  memory.copy(kept, sharedEntry(t, 0), GNTTAB_NR_RESERVED_ENTRIES * GRANT_V1_SIZE);
  clearShared(t);
  t.version = 2;
  for (let ref: u32 = 0; ref < <u32>GNTTAB_NR_RESERVED_ENTRIES; ref++) {
    const header = load<u32>(kept + ref * GRANT_V1_SIZE);
    const entry = sharedEntry(t, ref);
    store<u64>(entry, load<u32>(kept + ref * GRANT_V1_SIZE, GRANT_V1_frame), GRANT_V2_frame);
    atomic.store<u16>(statusEntry(t, ref), <u16>(header & MARKS));
    atomic.store<u32>(entry, header & ~MARKS);
  }
  return 0;
}

/** The way back: -ERANGE for a reserved entry that version 1 has no form for, -EBUSY while a status frame is mapped. */
function toVersion1(t: GrantTable): i32 {
  if (othersPinned(t)) return -EBUSY;
  const kept = scratch(SCRATCH_EXTENTS);
  for (let ref: u32 = 0; ref < <u32>GNTTAB_NR_RESERVED_ENTRIES; ref++) {
    const entry = sharedEntry(t, ref);
    let header = atomic.load<u32>(entry);
    let frame = load<u64>(entry, GRANT_V2_frame);
    const type = header & GTF_type_mask;
    if (type == <u32>GTF_transitive || (type == <u32>GTF_permit_access && frame >> 32)) return -ERANGE;
    if (type == <u32>GTF_permit_access) header |= load<u16>(statusEntry(t, ref));
    else {
      header = 0;
      frame = 0;
    }
    store<u32>(kept + ref * GRANT_V1_SIZE, header);
    store<u32>(kept + ref * GRANT_V1_SIZE, <u32>frame, GRANT_V1_frame);
  }
  if (!dropUnmappedStatus(t)) return -EBUSY;
  clearShared(t);
  t.version = 1;
  for (let ref: u32 = 0; ref < <u32>GNTTAB_NR_RESERVED_ENTRIES; ref++) {
    const entry = sharedEntry(t, ref);
    store<u32>(entry, load<u32>(kept + ref * GRANT_V1_SIZE, GRANT_V1_frame), GRANT_V1_frame);
    atomic.store<u32>(entry, load<u32>(kept + ref * GRANT_V1_SIZE));
  }
  return 0;
}

function getVersion(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, GET_VERSION_SIZE)) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(op));
  if (d == null) return -(<i64>ESRCH);
  if (foreignDenied(d)) return -(<i64>EPERM);
  const t = grantTableOf(d.domid);
  if (t == null) return -(<i64>ESRCH);
  store<u32>(op, t.version, GET_VERSION_version);
  return copyToGuest(uop, op, GET_VERSION_SIZE) ? 0 : -(<i64>EFAULT);
}

function getStatusFrames(uop: u64, count: u32): i64 {
  if (count != 1) return -(<i64>EINVAL);
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, STATUS_SIZE)) return -(<i64>EFAULT);
  store<u16>(op, <u16>statusFramesFor(op), STATUS_status);
  return copyToGuest(uop, op, STATUS_SIZE) ? 0 : -(<i64>EFAULT);
}

function statusFramesFor(op: usize): i32 {
  const d = domainByAnyId(load<u16>(op, STATUS_dom));
  if (d == null) return GNTST_bad_domain;
  if (foreignDenied(d)) return GNTST_permission_denied;
  const t = grantTableOf(d.domid);
  const frames = load<u32>(op, STATUS_nr_frames);
  if (t == null || t.version != 2 || frames > t.nrStatusFrames) return GNTST_general_error;
  const list = load<u64>(op, STATUS_frame_list);
  const at = scratch(SCRATCH_EXTENTS);
  for (let i: u32 = 0; i < frames; i++) {
    store<u64>(at, statusFrame(t, i));
    if (!copyToGuest(list + <u64>i * 8, at, 8)) return GNTST_bad_virt_addr;
  }
  return GNTST_okay;
}

function swapRefs(a: u32, b: u32): i32 {
  const t = grantTableOf(currentVcpu.domid);
  if (t == null) return GNTST_general_error;
  spinLock(tableLock(t));
  let status: i32 = GNTST_okay;
  if (a >= grantEntries(t) || b >= grantEntries(t)) status = GNTST_bad_gntref;
  else if (a != b) {
    if (load<u32>(activeEntry(t, a), ACTIVE_PIN) || load<u32>(activeEntry(t, b), ACTIVE_PIN)) status = GNTST_eagain;
    else {
      const first = sharedEntry(t, a);
      const second = sharedEntry(t, b);
      for (let i: u32 = 0; i < (t.version == 1 ? <u32>8 : <u32>16); i += 8) {
        const value = load<u64>(first + i);
        store<u64>(first + i, load<u64>(second + i));
        store<u64>(second + i, value);
      }
      if (t.version == 2) {
        const value = load<u16>(statusEntry(t, a));
        store<u16>(statusEntry(t, a), load<u16>(statusEntry(t, b)));
        store<u16>(statusEntry(t, b), value);
      }
    }
  }
  spinUnlock(tableLock(t));
  return status;
}

/** Memory is coherent here, so once the arguments are in order there is nothing to do. */
function cacheFlush(uop: u64, count: u32): i64 {
  const op = scratch(SCRATCH_GRANT);
  for (let i: u32 = 0; i < count; i++) {
    const at = uop + <u64>i * CACHE_FLUSH_SIZE;
    if (i && (i & 15) == 0 && preemptCheck()) return continueWith(GNTTABOP_cache_flush, at, <u64>count - i);
    if (!copyFromGuest(op, at, CACHE_FLUSH_SIZE)) return -(<i64>EFAULT);
    const offset = <u32>load<u16>(op, CACHE_FLUSH_offset);
    const length = <u32>load<u16>(op, CACHE_FLUSH_length);
    const what = load<u32>(op, CACHE_FLUSH_op);
    if (offset >= 4096 || length > 4096 || offset + length > 4096) return -(<i64>EINVAL);
    if (what & ~(<u32>0x80000003)) return -(<i64>EINVAL);
    if (length == 0 || (what & 3) == 0) continue;
    // Discarding cached data is not possible on x86 (Xen answers the same).
    if (what & 2) return -(<i64>EOPNOTSUPP);
  }
  return 0;
}
