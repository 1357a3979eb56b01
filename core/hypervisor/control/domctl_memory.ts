/** Domctl operations on a domain's frames. */
import { runsOnPcpus, typeOf } from "../guest/type";
import * as abi from "../abi/domctl";
import { E2BIG, EFAULT, EINVAL, EPERM } from "../abi/errno";
import { Domain } from "../domain/domain";
import { clearGuestFault, guestFault, readGuest64, writeGuest64 } from "../hypercall/guest_access";
import {
  PGT_l1_page_table,
  PGT_l4_page_table,
  PGT_pinned,
  PGT_writable_page,
  frameAddress,
  pageTypeCount,
  pageTypeOf,
  typeWord,
} from "../memory/frames";
import { getPage, putPage } from "../memory/references";
import { invalidateCodeFrame } from "../memory/code_frames";
import { getPageAndType, putPageAndType } from "../memory/page_type";

/** Frames one call may ask about, as Xen limits it. */
const MOST_FRAMES: u64 = 1024;

/** Fills the domain's frame with the hypercall stubs. */
export function fillHypercallPage(d: Domain, mfn: u64): i32 {
  if (!runsOnPcpus(d)) return -EINVAL;
  if (getPageAndType(mfn, d.domid, PGT_writable_page)) return -EPERM;
  typeOf(d).fillHypercallPage(frameAddress(<u32>mfn));
  invalidateCodeFrame(<u32>mfn);
  putPageAndType(<u32>mfn);
  return 0;
}

/** Replaces each of `count` frame numbers at guest address `array` by what the frame is (XEN_DOMCTL_PFINFO_*). */
export function pageFrameInfo(d: Domain, count: u64, array: u64): i32 {
  if (count > MOST_FRAMES) return -E2BIG;
  clearGuestFault();
  for (let i: u64 = 0; i < count; i++) {
    const mfn = readGuest64(array + i * 8);
    if (guestFault) return -EFAULT;
    let info: u64 = (<u64>abi.PFINFO_XTAB_BITS) << (<u64>abi.PFINFO_LTAB_SHIFT);
    if (getPage(mfn, d.domid)) {
      info = 0;
      const type = pageTypeOf(<u32>mfn);
      if (pageTypeCount(<u32>mfn) && type >= PGT_l1_page_table && type <= PGT_l4_page_table)
        info = (<u64>type) << (<u64>abi.PFINFO_LTAB_SHIFT);
      if (typeWord(<u32>mfn) & PGT_pinned) info |= (<u64>1) << (<u64>abi.PFINFO_LPINTAB_BIT);
      putPage(<u32>mfn);
    }
    if (!writeGuest64(array + i * 8, info)) return -EFAULT;
  }
  return 0;
}
