/** The machine frame behind a frame number that a guest, or somebody for it, has given: a guest frame number of a translated domain, else a machine frame. */
import { DomainMemory, domainMemory } from "../memory/domain_memory";
import { PGT_writable_page } from "../memory/frames";
import { getPageAndType } from "../memory/page_type";
import { getPage } from "../memory/references";
import { POPULATED, populate } from "./on_demand";
import { isTranslated, p2mTake } from "./p2m";

/** As p2mTake(); what the domain gets on demand it gets now. */
function takeTranslated(d: DomainMemory, gfn: u64, writable: bool): u32 {
  const mfn = p2mTake(d, gfn, writable);
  return mfn || populate(d, gfn) != POPULATED ? mfn : p2mTake(d, gfn, writable);
}

/** A general reference of the frame that `domid` calls `frame`: the machine frame, to be given back by putPage; 0 if it has none so. */
export function takeFrame(frame: u64, domid: u32): u32 {
  const d = domainMemory(domid);
  if (d == null) return 0;
  if (isTranslated(d)) return takeTranslated(d, frame, false);
  return getPage(frame, domid) ? <u32>frame : 0;
}

/** The same and one of the writable type: putPageAndType. */
export function takeWritableFrame(frame: u64, domid: u32): u32 {
  const d = domainMemory(domid);
  if (d == null) return 0;
  if (isTranslated(d)) return takeTranslated(d, frame, true);
  return getPageAndType(frame, domid, PGT_writable_page) ? 0 : <u32>frame;
}
