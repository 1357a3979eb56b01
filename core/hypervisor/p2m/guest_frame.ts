/** The machine frame behind a frame number that a guest, or somebody for it, has given: a guest frame number of a translated domain, else a machine frame. */
import { domainMemory } from "../memory/domain_memory";
import { PGT_writable_page } from "../memory/frames";
import { getPageAndType } from "../memory/page_type";
import { getPage } from "../memory/references";
import { isTranslated, p2mTake } from "./p2m";

/** A general reference of the frame that `domid` calls `frame`: the machine frame, to be given back by putPage; 0 if it has none so. */
export function takeFrame(frame: u64, domid: u32): u32 {
  const d = domainMemory(domid);
  if (d == null) return 0;
  if (isTranslated(d)) return p2mTake(d, frame, false);
  return getPage(frame, domid) ? <u32>frame : 0;
}

/** The same and one of the writable type: putPageAndType. */
export function takeWritableFrame(frame: u64, domid: u32): u32 {
  const d = domainMemory(domid);
  if (d == null) return 0;
  if (isTranslated(d)) return p2mTake(d, frame, true);
  return getPageAndType(frame, domid, PGT_writable_page) ? 0 : <u32>frame;
}
