/** HYPERVISOR_grant_table_op: the dispatch, and the calls that are about tables rather than mappings. */
import { EBUSY, EFAULT, EINVAL, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM, ERANGE, ESRCH } from "../../abi/errno";
import {
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
  GNTTAB_CACHE_FLUSH_LENGTH,
  GNTTAB_CACHE_FLUSH_OFFSET,
  GNTTAB_CACHE_FLUSH_OP,
  GNTTAB_CACHE_FLUSH_SIZE,
  GNTTAB_COPY_SIZE,
  GNTTAB_COPY_STATUS,
  GNTTAB_DUMP_TABLE_SIZE,
  GNTTAB_DUMP_TABLE_STATUS,
  GNTTAB_GET_STATUS_FRAMES_DOM,
  GNTTAB_GET_STATUS_FRAMES_FRAME_LIST,
  GNTTAB_GET_STATUS_FRAMES_NR_FRAMES,
  GNTTAB_GET_STATUS_FRAMES_SIZE,
  GNTTAB_GET_STATUS_FRAMES_STATUS,
  GNTTAB_GET_VERSION_SIZE,
  GNTTAB_GET_VERSION_VERSION,
  GNTTAB_MAP_GRANT_REF_SIZE,
  GNTTAB_MAP_GRANT_REF_STATUS,
  GNTTAB_NR_RESERVED_ENTRIES,
  GNTTAB_QUERY_SIZE_MAX_NR_FRAMES,
  GNTTAB_QUERY_SIZE_NR_FRAMES,
  GNTTAB_QUERY_SIZE_SIZE,
  GNTTAB_QUERY_SIZE_STATUS,
  GNTTAB_SETUP_TABLE_FRAME_LIST,
  GNTTAB_SETUP_TABLE_NR_FRAMES,
  GNTTAB_SETUP_TABLE_SIZE,
  GNTTAB_SETUP_TABLE_STATUS,
  GNTTAB_SWAP_GRANT_REF_REF_A,
  GNTTAB_SWAP_GRANT_REF_REF_B,
  GNTTAB_SWAP_GRANT_REF_SIZE,
  GNTTAB_SWAP_GRANT_REF_STATUS,
  GNTTAB_TRANSFER_SIZE,
  GNTTAB_TRANSFER_STATUS,
  GNTTAB_UNMAP_AND_REPLACE_HANDLE,
  GNTTAB_UNMAP_AND_REPLACE_NEW_ADDR,
  GNTTAB_UNMAP_AND_REPLACE_SIZE,
  GNTTAB_UNMAP_AND_REPLACE_STATUS,
  GNTTAB_UNMAP_GRANT_REF_DEV_BUS_ADDR,
  GNTTAB_UNMAP_GRANT_REF_HANDLE,
  GNTTAB_UNMAP_GRANT_REF_SIZE,
  GNTTAB_UNMAP_GRANT_REF_STATUS,
  GRANT_ENTRY_V1_FRAME,
  GRANT_ENTRY_V1_SIZE,
  GRANT_ENTRY_V2_FULL_PAGE_FRAME,
  GTF_permit_access,
  GTF_reading,
  GTF_transitive,
  GTF_type_mask,
  GTF_writing,
} from "../../abi/grant_table";
import { LOG_G_INFO } from "../abi/log";
import { logBegin, logDec, logDomain, logEnd, logText } from "../console/console";
import { currentVcpu } from "../domain/domain";
import { continueWith, preemptCheck } from "../hypercall/continuation";
import { copyFromGuest, copyToGuest } from "../hypercall/guest_access";
import { frameAddress } from "../memory/frames";
import { INVALID_M2P_ENTRY } from "../memory/m2p";
import { DomainMemory } from "../memory/domain_memory";
import { foreignDenied } from "../memory/mmu_update";
import { gfnOf, isTranslated } from "../p2m/p2m";
import { P2M_GFNS } from "../p2m/tables";
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

/** Mask of the operation number; above it Xen keeps the state of a continuation. */
const COMMAND_MASK: u32 = 63;

/** grant_table_op(cmd, uop, count) on `count` structures, each of which gets its own status. 0 or -errno. */
export function doGrantTableOp(command: u32, uop: u64, count: u32): i64 {
  if (<i32>count < 0) return -(<i64>EINVAL);
  const operation = command & COMMAND_MASK;
  const op = scratch(SCRATCH_GRANT);
  if (!op) return -(<i64>ENOMEM);
  switch (operation) {
    case GNTTABOP_map_grant_ref:
      return batch(operation, uop, count, GNTTAB_MAP_GRANT_REF_SIZE, GNTTAB_MAP_GRANT_REF_STATUS);
    case GNTTABOP_unmap_grant_ref:
      return batch(operation, uop, count, GNTTAB_UNMAP_GRANT_REF_SIZE, GNTTAB_UNMAP_GRANT_REF_STATUS);
    case GNTTABOP_unmap_and_replace:
      return batch(operation, uop, count, GNTTAB_UNMAP_AND_REPLACE_SIZE, GNTTAB_UNMAP_AND_REPLACE_STATUS);
    case GNTTABOP_copy:
      return batch(operation, uop, count, GNTTAB_COPY_SIZE, GNTTAB_COPY_STATUS);
    case GNTTABOP_transfer:
      return batch(operation, uop, count, GNTTAB_TRANSFER_SIZE, GNTTAB_TRANSFER_STATUS);
    case GNTTABOP_swap_grant_ref:
      return batch(operation, uop, count, GNTTAB_SWAP_GRANT_REF_SIZE, GNTTAB_SWAP_GRANT_REF_STATUS);
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
  // The ABI promises that after a batch of unmaps no TLB has a stale mapping, and the granter has its frames back.
  completeUnmaps();
  return result;
}

/** Carries out one structure of a batch. Returns its status. */
function one(operation: u32, op: usize): i32 {
  switch (operation) {
    case GNTTABOP_map_grant_ref:
      return mapGrantRef(op);
    case GNTTABOP_unmap_grant_ref:
      return unmapGrantRef(
        load<u32>(op, GNTTAB_UNMAP_GRANT_REF_HANDLE),
        load<u64>(op),
        load<u64>(op, GNTTAB_UNMAP_GRANT_REF_DEV_BUS_ADDR),
        0,
      );
    case GNTTABOP_unmap_and_replace:
      return unmapGrantRef(
        load<u32>(op, GNTTAB_UNMAP_AND_REPLACE_HANDLE),
        load<u64>(op),
        0,
        load<u64>(op, GNTTAB_UNMAP_AND_REPLACE_NEW_ADDR),
      );
    case GNTTABOP_copy:
      return copyGrant(op);
    case GNTTABOP_swap_grant_ref:
      return swapRefs(load<u32>(op, GNTTAB_SWAP_GRANT_REF_REF_A), load<u32>(op, GNTTAB_SWAP_GRANT_REF_REF_B));
    default:
      // Page transfer is not offered, as with Xen's gnttab=transfer:0, and the frame stays where it is.
      return GNTST_general_error;
  }
}

function setupTable(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, GNTTAB_SETUP_TABLE_SIZE)) return -(<i64>EFAULT);
  store<u16>(op, <u16>setupFor(op), GNTTAB_SETUP_TABLE_STATUS);
  return copyToGuest(uop, op, GNTTAB_SETUP_TABLE_SIZE) ? 0 : -(<i64>EFAULT);
}

/** Returns what the caller is told of a frame of its table: in a translated domain, the place where it has mapped it. */
function frameNumber(d: DomainMemory, mfn: u32): u64 {
  if (!isTranslated(d)) return mfn;
  const gfn = gfnOf(d, mfn);
  return gfn < P2M_GFNS ? gfn : INVALID_M2P_ENTRY;
}

function setupFor(op: usize): i32 {
  const d = domainByAnyId(load<u16>(op));
  if (d == null) return GNTST_bad_domain;
  if (foreignDenied(d)) return GNTST_permission_denied;
  const t = grantTableOf(d.domid);
  const frames = load<u32>(op, GNTTAB_SETUP_TABLE_NR_FRAMES);
  if (t == null || frames > t.maxFrames) return GNTST_general_error;
  spinLock(tableLock(t));
  const ok = growGrantTable(t, max<u32>(frames, t.nrFrames));
  spinUnlock(tableLock(t));
  if (!ok) return GNTST_general_error;
  const list = load<u64>(op, GNTTAB_SETUP_TABLE_FRAME_LIST);
  const at = scratch(SCRATCH_EXTENTS);
  for (let i: u32 = 0; i < frames; i++) {
    store<u64>(at, frameNumber(d, sharedFrame(t, i)));
    if (!copyToGuest(list + <u64>i * 8, at, 8)) return GNTST_bad_virt_addr;
  }
  return GNTST_okay;
}

function querySize(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, GNTTAB_QUERY_SIZE_SIZE)) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(op));
  let status: i32 = GNTST_okay;
  if (d == null) status = GNTST_bad_domain;
  else if (foreignDenied(d)) status = GNTST_permission_denied;
  else {
    const t = grantTableOf(d.domid);
    if (t == null) status = GNTST_general_error;
    else {
      store<u32>(op, t.nrFrames, GNTTAB_QUERY_SIZE_NR_FRAMES);
      store<u32>(op, t.maxFrames, GNTTAB_QUERY_SIZE_MAX_NR_FRAMES);
    }
  }
  store<u16>(op, <u16>status, GNTTAB_QUERY_SIZE_STATUS);
  return copyToGuest(uop, op, GNTTAB_QUERY_SIZE_SIZE) ? 0 : -(<i64>EFAULT);
}

/** Prints a summary line on the Xen console, for control domains. */
function dumpTable(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, GNTTAB_DUMP_TABLE_SIZE)) return -(<i64>EFAULT);
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
  store<u16>(op, <u16>status, GNTTAB_DUMP_TABLE_STATUS);
  return copyToGuest(uop, op, GNTTAB_DUMP_TABLE_SIZE) ? 0 : -(<i64>EFAULT);
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
  // As if this call did not exist.
  else if (version == 2 && currentVcpu.domain.grantVersion == 1) error = -ENOSYS;
  else if (t.version != version) error = version == 2 ? toVersion2(t) : toVersion1(t);
  // Whether it is refused or not, the guest is told which version it has.
  store<u32>(op, t.version);
  spinUnlock(tableLock(t));
  return copyToGuest(uop, op, 4) ? <i64>error : -(<i64>EFAULT);
}

/** Returns whether entries are in use other than the reserved ones (console, xenstore), which control domains keep mapped. */
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

/** Rewrites the reserved entries in version 2's form, with their marks in the status words, and clears all others. The caller holds the lock. */
function toVersion2(t: GrantTable): i32 {
  if (othersPinned(t)) return -EBUSY;
  if (!growStatus(t, t.nrFrames)) {
    dropStatus(t);
    return -ENOMEM;
  }
  const kept = scratch(SCRATCH_EXTENTS);
  memory.copy(kept, sharedEntry(t, 0), GNTTAB_NR_RESERVED_ENTRIES * GRANT_ENTRY_V1_SIZE);
  clearShared(t);
  t.version = 2;
  for (let ref: u32 = 0; ref < <u32>GNTTAB_NR_RESERVED_ENTRIES; ref++) {
    const header = load<u32>(kept + ref * GRANT_ENTRY_V1_SIZE);
    const entry = sharedEntry(t, ref);
    store<u64>(
      entry,
      load<u32>(kept + ref * GRANT_ENTRY_V1_SIZE, GRANT_ENTRY_V1_FRAME),
      GRANT_ENTRY_V2_FULL_PAGE_FRAME,
    );
    atomic.store<u16>(statusEntry(t, ref), <u16>(header & MARKS));
    atomic.store<u32>(entry, header & ~MARKS);
  }
  return 0;
}

/** Goes back to version 1. -ERANGE for a reserved entry that version 1 has no form for, -EBUSY while a status frame is mapped. */
function toVersion1(t: GrantTable): i32 {
  if (othersPinned(t)) return -EBUSY;
  const kept = scratch(SCRATCH_EXTENTS);
  for (let ref: u32 = 0; ref < <u32>GNTTAB_NR_RESERVED_ENTRIES; ref++) {
    const entry = sharedEntry(t, ref);
    let header = atomic.load<u32>(entry);
    let frame = load<u64>(entry, GRANT_ENTRY_V2_FULL_PAGE_FRAME);
    const type = header & GTF_type_mask;
    if (type == <u32>GTF_transitive || (type == <u32>GTF_permit_access && frame >> 32)) return -ERANGE;
    if (type == <u32>GTF_permit_access) header |= load<u16>(statusEntry(t, ref));
    else {
      header = 0;
      frame = 0;
    }
    store<u32>(kept + ref * GRANT_ENTRY_V1_SIZE, header);
    store<u32>(kept + ref * GRANT_ENTRY_V1_SIZE, <u32>frame, GRANT_ENTRY_V1_FRAME);
  }
  if (!dropUnmappedStatus(t)) return -EBUSY;
  clearShared(t);
  t.version = 1;
  for (let ref: u32 = 0; ref < <u32>GNTTAB_NR_RESERVED_ENTRIES; ref++) {
    const entry = sharedEntry(t, ref);
    store<u32>(entry, load<u32>(kept + ref * GRANT_ENTRY_V1_SIZE, GRANT_ENTRY_V1_FRAME), GRANT_ENTRY_V1_FRAME);
    atomic.store<u32>(entry, load<u32>(kept + ref * GRANT_ENTRY_V1_SIZE));
  }
  return 0;
}

function getVersion(uop: u64): i64 {
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, GNTTAB_GET_VERSION_SIZE)) return -(<i64>EFAULT);
  const d = domainByAnyId(load<u16>(op));
  if (d == null) return -(<i64>ESRCH);
  if (foreignDenied(d)) return -(<i64>EPERM);
  const t = grantTableOf(d.domid);
  if (t == null) return -(<i64>ESRCH);
  store<u32>(op, t.version, GNTTAB_GET_VERSION_VERSION);
  return copyToGuest(uop, op, GNTTAB_GET_VERSION_SIZE) ? 0 : -(<i64>EFAULT);
}

function getStatusFrames(uop: u64, count: u32): i64 {
  if (count != 1) return -(<i64>EINVAL);
  const op = scratch(SCRATCH_GRANT);
  if (!copyFromGuest(op, uop, GNTTAB_GET_STATUS_FRAMES_SIZE)) return -(<i64>EFAULT);
  store<u16>(op, <u16>statusFramesFor(op), GNTTAB_GET_STATUS_FRAMES_STATUS);
  return copyToGuest(uop, op, GNTTAB_GET_STATUS_FRAMES_SIZE) ? 0 : -(<i64>EFAULT);
}

function statusFramesFor(op: usize): i32 {
  const d = domainByAnyId(load<u16>(op, GNTTAB_GET_STATUS_FRAMES_DOM));
  if (d == null) return GNTST_bad_domain;
  if (foreignDenied(d)) return GNTST_permission_denied;
  const t = grantTableOf(d.domid);
  const frames = load<u32>(op, GNTTAB_GET_STATUS_FRAMES_NR_FRAMES);
  if (t == null || t.version != 2 || frames > t.nrStatusFrames) return GNTST_general_error;
  const list = load<u64>(op, GNTTAB_GET_STATUS_FRAMES_FRAME_LIST);
  const at = scratch(SCRATCH_EXTENTS);
  for (let i: u32 = 0; i < frames; i++) {
    store<u64>(at, frameNumber(d, statusFrame(t, i)));
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

/** Memory is coherent here, so once the arguments are valid there is nothing to do. */
function cacheFlush(uop: u64, count: u32): i64 {
  const op = scratch(SCRATCH_GRANT);
  for (let i: u32 = 0; i < count; i++) {
    const at = uop + <u64>i * GNTTAB_CACHE_FLUSH_SIZE;
    if (i && (i & 15) == 0 && preemptCheck()) return continueWith(GNTTABOP_cache_flush, at, <u64>count - i);
    if (!copyFromGuest(op, at, GNTTAB_CACHE_FLUSH_SIZE)) return -(<i64>EFAULT);
    const offset = <u32>load<u16>(op, GNTTAB_CACHE_FLUSH_OFFSET);
    const length = <u32>load<u16>(op, GNTTAB_CACHE_FLUSH_LENGTH);
    const what = load<u32>(op, GNTTAB_CACHE_FLUSH_OP);
    if (offset >= 4096 || length > 4096 || offset + length > 4096) return -(<i64>EINVAL);
    if (what & ~(<u32>0x80000003)) return -(<i64>EINVAL);
    if (length == 0 || (what & 3) == 0) continue;
    // Discarding cached data is not possible on x86 (Xen answers the same).
    if (what & 2) return -(<i64>EOPNOTSUPP);
  }
  return 0;
}
