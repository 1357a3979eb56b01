/**
 * Finds the machine frame for a frame number that a guest, or somebody for it, has given: it is a guest frame number in a translated domain, and a
 * machine frame otherwise.
 */
import { DomainMemory, domainMemory } from "../memory/domain_memory";
import { PGT_writable_page } from "../memory/frames";
import { getPageAndType } from "../memory/page_type";
import { getPage } from "../memory/references";
import { POPULATED, SEARCHING, populate } from "./on_demand";
import { isTranslated, p2mTake, p2mTakeToRead } from "./p2m";

/** Whether the last takeFrame() has found nothing only because memory for it is still being looked for, so that it may be found later. */
export let isSearching: bool = false;

/** As p2mTake(), and gives the domain first what it gets on demand there, or a frame of its own for one that it shares. */
function takeTranslated(d: DomainMemory, gfn: u64, writable: bool): u32 {
  const mfn = p2mTake(d, gfn, writable);
  if (mfn) return mfn;
  const outcome = populate(d, gfn);
  isSearching = outcome == SEARCHING;
  return outcome == POPULATED ? p2mTake(d, gfn, writable) : 0;
}

/** Takes a general reference of the frame that `domid` calls `frame`. Returns the machine frame, to be dropped by putPage; 0 if there is none. */
export function takeFrame(frame: u64, domid: u32): u32 {
  isSearching = false;
  const d = domainMemory(domid);
  if (d == null) return 0;
  if (isTranslated(d)) return takeTranslated(d, frame, false);
  return getPage(frame, domid) ? <u32>frame : 0;
}

/** The same for who only reads: a frame that the domain shares with others stays shared (sharing.ts). */
export function takeFrameToRead(frame: u64, domid: u32): u32 {
  const d = domainMemory(domid);
  if (d == null || !isTranslated(d)) return takeFrame(frame, domid);
  const mfn = p2mTakeToRead(d, frame);
  return mfn || populate(d, frame) != POPULATED ? mfn : p2mTakeToRead(d, frame);
}

/** The same with a reference of the writable type, to be dropped by putPageAndType. */
export function takeWritableFrame(frame: u64, domid: u32): u32 {
  const d = domainMemory(domid);
  if (d == null) return 0;
  if (isTranslated(d)) return takeTranslated(d, frame, true);
  return getPageAndType(frame, domid, PGT_writable_page) ? 0 : <u32>frame;
}
