/** What getpageframeinfo3 tells of a frame, as it is kept in a byte and in saved images: a page table's level, or 0, and these. */
import {
  XEN_DOMCTL_PFINFO_LPINTAB,
  XEN_DOMCTL_PFINFO_LTAB_SHIFT,
  XEN_DOMCTL_PFINFO_XALLOC,
  XEN_DOMCTL_PFINFO_XTAB,
} from "../../abi/domctl.ts";

/** Beside the level: the table is pinned. */
export const TABLE_PINNED = XEN_DOMCTL_PFINFO_LPINTAB >>> XEN_DOMCTL_PFINFO_LTAB_SHIFT;
/** Alone: the frame is none of the domain's. */
export const NOT_THE_DOMAINS = XEN_DOMCTL_PFINFO_XTAB >>> XEN_DOMCTL_PFINFO_LTAB_SHIFT;
/** Alone: the domain has a frame there that is all zeros, so that nothing of it is written in saved images; or gets one when it touches it. */
export const ALL_ZEROS = XEN_DOMCTL_PFINFO_XALLOC >>> XEN_DOMCTL_PFINFO_LTAB_SHIFT;
