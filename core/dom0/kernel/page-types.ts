/**
 * What getpageframeinfo3 reports about a frame, in the form in which it is kept in a byte and in saved images: the level of a page table or 0, and
 * these values.
 */
import {
  XEN_DOMCTL_PFINFO_LPINTAB,
  XEN_DOMCTL_PFINFO_LTAB_SHIFT,
  XEN_DOMCTL_PFINFO_XALLOC,
  XEN_DOMCTL_PFINFO_XTAB,
} from "../../abi/domctl.ts";

/** Together with the level: the table is pinned. */
export const TABLE_PINNED = XEN_DOMCTL_PFINFO_LPINTAB >>> XEN_DOMCTL_PFINFO_LTAB_SHIFT;
/** Alone: the frame does not belong to the domain. */
export const NOT_THE_DOMAINS = XEN_DOMCTL_PFINFO_XTAB >>> XEN_DOMCTL_PFINFO_LTAB_SHIFT;
/** Alone: the domain has a frame there that is all zeroes, or gets one when it touches it. Nothing of it is written in saved images. */
export const ALL_ZEROS = XEN_DOMCTL_PFINFO_XALLOC >>> XEN_DOMCTL_PFINFO_LTAB_SHIFT;
