/**
 * XENMEM_add_to_physmap, _batch and remove_from_physmap: a translated domain itself decides where its frames, and those of Xen's for it, are mapped.
 */
import { EFAULT, EINVAL, ENOENT, ENOSYS, EPERM } from "../../abi/errno";
import {
  ADD_TO_PHYSMAP_BATCH_ERRS,
  ADD_TO_PHYSMAP_BATCH_GPFNS,
  ADD_TO_PHYSMAP_BATCH_IDXS,
  ADD_TO_PHYSMAP_BATCH_SIZE_MEMBER,
  ADD_TO_PHYSMAP_BATCH_SPACE,
  ADD_TO_PHYSMAP_BATCH_U,
  ADD_TO_PHYSMAP_GPFN,
  ADD_TO_PHYSMAP_IDX,
  ADD_TO_PHYSMAP_SIZE_MEMBER,
  ADD_TO_PHYSMAP_SPACE,
  XENMAPIDX_grant_table_status,
  XENMAPSPACE_gmfn,
  XENMAPSPACE_gmfn_foreign,
  XENMAPSPACE_gmfn_range,
  XENMAPSPACE_grant_table,
  XENMAPSPACE_shared_info,
  XENMEM_add_to_physmap,
  XENMEM_add_to_physmap_batch,
} from "../../abi/memory";
import { MEMOP_EXTENT_SHIFT } from "../abi/implied";
import { domainById } from "../domain/domain";
import { grantTableFrame } from "../grant/table";
import { continueWith, preemptCheck } from "../hypercall/continuation";
import { clearGuestFault, guestFault, readGuest64, writeGuest32 } from "../hypercall/guest_access";
import { DomainMemory } from "../memory/domain_memory";
import { PGC_xen_heap, pageFlag } from "../memory/frames";
import { putPageAndType } from "../memory/page_type";
import { putAllocRef } from "../memory/references";
import { populate } from "./on_demand";
import { isShared } from "./sharing";
import { ALSO_SHARED, p2mMove, p2mPlace, p2mRemoveRam, replacedFrame } from "./p2m";

/** Maps one frame; the meaning of `index` depends on the space. As in Xen, memory that was at `gfn` is given back to the host. 0 or -errno. */
function addOne(d: DomainMemory, space: u32, index: u64, gfn: u64): i32 {
  let error: i32 = -ENOSYS;
  if (space == <u32>XENMAPSPACE_shared_info) {
    const domain = domainById(d.domid);
    error = index || !domain ? -EINVAL : p2mPlace(d, gfn, domain.sharedInfoMfn);
  } else if (space == <u32>XENMAPSPACE_grant_table) {
    const isStatus = (index & (<u32>XENMAPIDX_grant_table_status)) != 0;
    const mfn =
      index >> 32 ? 0 : grantTableFrame(d.domid, isStatus ? 1 : 0, (<u32>index) & ~(<u32>XENMAPIDX_grant_table_status));
    error = mfn ? p2mPlace(d, gfn, mfn) : -EINVAL;
  } else if (space == <u32>XENMAPSPACE_gmfn || space == <u32>XENMAPSPACE_gmfn_range) {
    populate(d, index);
    error = p2mMove(d, gfn, index);
  }
  if (!error && replacedFrame) giveBack(replacedFrame);
  return error;
}

/** Gives back a frame that was taken out with its references: it goes to the heap, unless it is Xen's. */
export function giveBack(mfn: u32): void {
  if (!pageFlag(mfn, PGC_xen_heap)) putAllocRef(mfn);
  putPageAndType(mfn);
}

/** The call with its structure at `a` in hypervisor memory, and at `arg` in the guest's. `start` is how much a continued call has done. */
export function addToPhysmap(d: DomainMemory, a: usize, arg: u64, start: u64): i64 {
  const space = load<u32>(a, ADD_TO_PHYSMAP_SPACE);
  const index = load<u64>(a, ADD_TO_PHYSMAP_IDX);
  const gfn = load<u64>(a, ADD_TO_PHYSMAP_GPFN);
  // Another domain's frames can be mapped only by the batch call, by those who may have them.
  if (space == <u32>XENMAPSPACE_gmfn_foreign) return -ENOSYS;
  if (space != <u32>XENMAPSPACE_gmfn_range) return start ? -EINVAL : addOne(d, space, index, gfn);
  const size = <u64>load<u16>(a, ADD_TO_PHYSMAP_SIZE_MEMBER);
  for (let done = start; done < size; done++) {
    if (done > start && !(done & 15) && preemptCheck())
      return continueWith((done << MEMOP_EXTENT_SHIFT) | XENMEM_add_to_physmap, arg);
    const error = addOne(d, space, index + done, gfn + done);
    if (error) return error;
  }
  return 0;
}

/** The same for many frames, each of which gets its own error. */
export function addToPhysmapBatch(d: DomainMemory, a: usize, arg: u64, start: u64): i64 {
  const space = <u32>load<u16>(a, ADD_TO_PHYSMAP_BATCH_SPACE);
  const size = <u64>load<u16>(a, ADD_TO_PHYSMAP_BATCH_SIZE_MEMBER);
  const indices = load<u64>(a, ADD_TO_PHYSMAP_BATCH_IDXS);
  const gfns = load<u64>(a, ADD_TO_PHYSMAP_BATCH_GPFNS);
  const errors = load<u64>(a, ADD_TO_PHYSMAP_BATCH_ERRS);
  if (space == <u32>XENMAPSPACE_gmfn_range || start > size) return -EINVAL;
  // Only a control domain could have these, and no control domain is translated.
  if (space == <u32>XENMAPSPACE_gmfn_foreign) return -EPERM;
  if (load<u16>(a, ADD_TO_PHYSMAP_BATCH_U)) return -EINVAL;
  for (let done = start; done < size; done++) {
    if (done > start && !(done & 15) && preemptCheck())
      return continueWith((done << MEMOP_EXTENT_SHIFT) | XENMEM_add_to_physmap_batch, arg);
    clearGuestFault();
    const index = readGuest64(indices + done * 8);
    const gfn = readGuest64(gfns + done * 8);
    if (guestFault) return -EFAULT;
    const error = addOne(d, space, index, gfn);
    if (!writeGuest32(errors + done * 4, <u32>error)) return -EFAULT;
  }
  return 0;
}

/** Unmaps the frame, which stays the domain's: a shared one becomes its own first. 0 or -ENOENT. */
export function removeFromPhysmap(d: DomainMemory, gfn: u64): i64 {
  if (isShared(d, gfn)) populate(d, gfn);
  const mfn = p2mRemoveRam(d, gfn, ALSO_SHARED);
  if (!mfn) return -ENOENT;
  putPageAndType(mfn);
  return 0;
}
