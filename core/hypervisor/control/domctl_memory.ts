/** Domctl operations on a domain's frames. */
import {
  XEN_DOMCTL_PFINFO_LPINTAB,
  XEN_DOMCTL_PFINFO_LTAB_SHIFT,
  XEN_DOMCTL_PFINFO_XALLOC,
  XEN_DOMCTL_PFINFO_XTAB,
} from "../../abi/domctl";
import { writeHypercallPage } from "../guest/hypercall_page";
import { runsOnPcpus } from "../guest/type";
import { E2BIG, EFAULT, EINVAL, EPERM } from "../../abi/errno";
import { Domain } from "../domain/domain";
import { clearGuestFault, guestFault, readGuest64, writeGuest64 } from "../hypercall/guest_access";
import {
  PGC_xen_heap,
  PGT_l1_page_table,
  PGT_l4_page_table,
  PGT_pinned,
  pageFlag,
  pageTypeCount,
  pageTypeOf,
  typeWord,
} from "../memory/frames";
import { putPage } from "../memory/references";
import { DomainMemory } from "../memory/domain_memory";
import { takeFrame } from "../p2m/guest_frame";
import { isOnDemand } from "../p2m/on_demand";
import { isShared } from "../p2m/sharing";

/** The most frames that one call may ask about, as in Xen. */
const MOST_FRAMES: u64 = 1024;

/** XEN_DOMCTL_hypercall_init: writes the hypercall page into `frame`. 0 or -errno. */
export function hypercallInit(d: Domain, frame: u64): i32 {
  if (!runsOnPcpus(d)) return -EINVAL;
  return writeHypercallPage(d, frame) ? 0 : -EPERM;
}

/**
 * Replaces each of the `count` frame numbers at guest address `array`, which are numbered as the domain does, by what the frame is
 * (XEN_DOMCTL_PFINFO_*). Unlike in Xen, asking about a frame that gets its memory on demand does not give it memory: it is reported as XALLOC, memory
 * with nothing in it, as in saved images. Otherwise looking at a whole guest would use up its reserve. Nor is what the domain shares made its own.
 */
export function pageFrameInfo(d: Domain, count: u64, array: u64): i32 {
  if (count > MOST_FRAMES) return -E2BIG;
  clearGuestFault();
  for (let i: u64 = 0; i < count; i++) {
    const frame = readGuest64(array + i * 8);
    if (guestFault) return -EFAULT;
    const memory = changetype<DomainMemory>(d.memory);
    const onDemand = isOnDemand(memory, frame);
    const shared = isShared(memory, frame);
    let info: u64 = onDemand ? XEN_DOMCTL_PFINFO_XALLOC : shared ? 0 : XEN_DOMCTL_PFINFO_XTAB;
    const mfn = onDemand || shared ? 0 : takeFrame(frame, d.domid);
    if (mfn) {
      // Xen's own frames are not part of a domain's memory, even if they are shared with it.
      if (!pageFlag(mfn, PGC_xen_heap)) {
        info = 0;
        const type = pageTypeOf(mfn);
        if (pageTypeCount(mfn) && type >= PGT_l1_page_table && type <= PGT_l4_page_table)
          info = (<u64>type) << (<u64>XEN_DOMCTL_PFINFO_LTAB_SHIFT);
        if (typeWord(mfn) & PGT_pinned) info |= XEN_DOMCTL_PFINFO_LPINTAB;
      }
      putPage(mfn);
    }
    if (!writeGuest64(array + i * 8, info)) return -EFAULT;
  }
  return 0;
}
