/** GNTTABOP_copy: copies bytes between frames that are the caller's own or granted to it. */
import {
  GNTCOPY_dest_gref,
  GNTCOPY_source_gref,
  GNTMAP_host_map,
  GNTMAP_readonly,
  GNTST_bad_copy_arg,
  GNTST_bad_domain,
  GNTST_bad_page,
  GNTST_eagain,
  GNTST_general_error,
  GNTST_okay,
  GNTST_permission_denied,
  GNTTAB_COPY_DEST,
  GNTTAB_COPY_FLAGS,
  GNTTAB_COPY_LEN,
  GNTTAB_COPY_PTR_DOMID,
  GNTTAB_COPY_PTR_OFFSET,
  GNTTAB_COPY_SOURCE,
} from "../../abi/grant_table";
import { DOMID_SELF } from "../../abi/xen";
import { currentVcpu } from "../domain/domain";
import { frameWritten } from "../../machine/cpu/frames/written";
import { domainMemory } from "../memory/domain_memory";
import { PGT_writable_page, frameAddress } from "../memory/frames";
import { putPage } from "../memory/references";
import { getPageType, putPageType } from "../memory/page_type";
import { isSearching, takeFrame } from "../p2m/guest_frame";
import { PIN_TO_COPY, pinGrant, pinnedLength, pinnedMfn, pinnedStart, unpinGrant } from "./pin";

/** The frame of the side that takeSide() took last. */
let takenMfn: u32 = 0;

/** Carries out one struct gnttab_copy at `op` in hypervisor memory. Returns GNTST_*. */
export function copyGrant(op: usize): i32 {
  const length = <u32>load<u16>(op, GNTTAB_COPY_LEN);
  const flags = <u32>load<u16>(op, GNTTAB_COPY_FLAGS);
  const from = <u32>load<u16>(op + GNTTAB_COPY_SOURCE, GNTTAB_COPY_PTR_OFFSET);
  const to = <u32>load<u16>(op + GNTTAB_COPY_DEST, GNTTAB_COPY_PTR_OFFSET);
  if (from + length > 4096 || to + length > 4096) return GNTST_bad_copy_arg;
  const sourceGrant = (flags & GNTCOPY_source_gref) != 0;
  const destGrant = (flags & GNTCOPY_dest_gref) != 0;
  let status = takeSide(op + GNTTAB_COPY_SOURCE, sourceGrant, true, from, length);
  if (status != GNTST_okay) return status;
  const sourceMfn = takenMfn;
  status = takeSide(op + GNTTAB_COPY_DEST, destGrant, false, to, length);
  if (status == GNTST_okay) {
    const destMfn = takenMfn;
    if (getPageType(destMfn, PGT_writable_page)) status = GNTST_general_error;
    else {
      memory.copy(frameAddress(destMfn) + to, frameAddress(sourceMfn) + from, length);
      frameWritten(destMfn);
      putPageType(destMfn);
    }
    dropSide(op + GNTTAB_COPY_DEST, destGrant, false, destMfn);
  }
  dropSide(op + GNTTAB_COPY_SOURCE, sourceGrant, true, sourceMfn);
  return status;
}

function sideDomain(pointer: usize): u32 {
  const domid = <u32>load<u16>(pointer, GNTTAB_COPY_PTR_DOMID);
  return domid == <u32>DOMID_SELF ? currentVcpu.domid : domid;
}

function copyUse(readonly: bool): u32 {
  return GNTMAP_host_map | PIN_TO_COPY | (readonly ? GNTMAP_readonly : 0);
}

/** Takes a reference of one side's frame, takenMfn, and pins it if it is a grant. */
function takeSide(pointer: usize, grant: bool, readonly: bool, offset: u32, length: u32): i32 {
  const own = <u32>load<u16>(pointer, GNTTAB_COPY_PTR_DOMID) == <u32>DOMID_SELF;
  if (!own && !grant) return GNTST_permission_denied;
  const domid = sideDomain(pointer);
  if (domainMemory(domid) == null) return GNTST_bad_domain;
  if (!grant) {
    takenMfn = takeFrame(load<u64>(pointer), domid);
    return takenMfn ? GNTST_okay : isSearching ? GNTST_eagain : GNTST_bad_page;
  }
  const ref = load<u32>(pointer);
  const status = pinGrant(domid, ref, currentVcpu.domid, copyUse(readonly));
  if (status != GNTST_okay) return status;
  takenMfn = pinnedMfn;
  if (offset < pinnedStart || offset + length > pinnedStart + pinnedLength) {
    dropSide(pointer, true, readonly, takenMfn);
    return GNTST_general_error;
  }
  return GNTST_okay;
}

function dropSide(pointer: usize, grant: bool, readonly: bool, mfn: u32): void {
  if (grant) unpinGrant(sideDomain(pointer), load<u32>(pointer), copyUse(readonly));
  putPage(mfn);
}
