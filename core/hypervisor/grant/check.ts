/**
 * Checks grants for the invariant checker: every pin of a reference belongs to a map track, and every handle is either used or in the free list once.
 */
import { GNTMAP_device_map, GNTMAP_host_map, GNTMAP_readonly } from "../../abi/grant_table";
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { LOG_ERR } from "../abi/log";
import { logBegin, logDec, logEnd, logHex, logText } from "../console/console";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { MAX_ORDER } from "../memory/buddy";
import { frameAddress, mfnValid, pageCount } from "../memory/frames";
import {
  ACTIVE_DOMID,
  ACTIVE_MFN,
  ACTIVE_PIN,
  GrantTable,
  MAPTRACK_DOMID,
  MAPTRACK_FLAGS,
  MAPTRACK_REF,
  PIN_DEVR,
  PIN_DEVW,
  PIN_HSTR,
  PIN_HSTW,
  TRACK_NATIVE,
  TRACK_USED,
  activeEntry,
  grantEntries,
  grantTableOf,
  maptrackEntry,
  maptrackLimit,
} from "./table";

let violations: i32 = 0;
const DESCRIBED: i32 = 20;

function report(what: string, domid: u32, number: u32, is: u32, should: u32): void {
  if (++violations > DESCRIBED) return;
  logBegin(LOG_ERR);
  logText("grant check: ");
  logText(what);
  logText(" d");
  logDec(domid);
  logText(" ");
  logDec(number);
  logText(": ");
  logHex(is);
  logText(", should be ");
  logHex(should);
  logEnd();
}

/** Returns what pinned() reports for a track's mappings. */
function pinOf(flags: u32): u32 {
  const readonly = (flags & GNTMAP_readonly) != 0;
  let pin: u32 = 0;
  if (flags & GNTMAP_device_map) pin += readonly ? PIN_DEVR : PIN_DEVW;
  if (flags & GNTMAP_host_map) pin += readonly ? PIN_HSTR : PIN_HSTW;
  return pin;
}

/** Checks that the free handles form one list without a used handle and without a circle. */
function checkHandles(t: GrantTable): void {
  let free: u32 = 0;
  for (let next = t.maptrackFree; next; next = load<u32>(maptrackEntry(t, next - 1))) {
    if (next > maptrackLimit(t) || ++free > maptrackLimit(t)) {
      report("free handles", t.domid, next, free, maptrackLimit(t));
      return;
    }
    if (load<u16>(maptrackEntry(t, next - 1), MAPTRACK_FLAGS) & (<u16>TRACK_USED))
      report("used handle in the free list", t.domid, next - 1, 1, 0);
  }
  if (free + t.mapped != maptrackLimit(t)) report("handles", t.domid, 0, free, maptrackLimit(t) - t.mapped);
}

/** Compares the pins of a domain's references with `pins`, a u32 for each reference, which has what the tracks of all domains amount to. */
function checkPins(granter: GrantTable, pins: usize): void {
  const entries = grantEntries(granter);
  memory.fill(pins, 0, <usize>entries * 4);
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const t = grantTableOf(domid);
    if (t == null || !t.mapped) continue;
    for (let handle: u32 = 0; handle < maptrackLimit(t); handle++) {
      const track = maptrackEntry(t, handle);
      const flags = <u32>load<u16>(track, MAPTRACK_FLAGS);
      if (!(flags & TRACK_USED) || <u32>load<u16>(track, MAPTRACK_DOMID) != granter.domid) continue;
      const ref = load<u32>(track, MAPTRACK_REF);
      if (ref >= entries) report("track of no reference", domid, handle, ref, entries);
      else {
        store<u32>(pins + <usize>ref * 4, load<u32>(pins + <usize>ref * 4) + pinOf(flags));
        if (<u32>load<u16>(activeEntry(granter, ref), ACTIVE_DOMID) != domid)
          report(
            "reference mapped by a stranger",
            granter.domid,
            ref,
            domid,
            load<u16>(activeEntry(granter, ref), ACTIVE_DOMID),
          );
        const mfn = load<u32>(activeEntry(granter, ref), ACTIVE_MFN);
        if (flags & TRACK_NATIVE && (!mfnValid(mfn) || !pageCount(mfn)))
          report("mapped frame is not in use", granter.domid, ref, mfn, 0);
      }
    }
  }
  let pinned: u32 = 0;
  for (let ref: u32 = 0; ref < entries; ref++) {
    const pin = load<u32>(activeEntry(granter, ref), ACTIVE_PIN);
    if (pin) pinned++;
    if (pin != load<u32>(pins + <usize>ref * 4))
      report("pins of", granter.domid, ref, pin, load<u32>(pins + <usize>ref * 4));
  }
  if (pinned != granter.pinned) report("pinned references", granter.domid, 0, pinned, granter.pinned);
}

/** Returns the number of violations; the first ones have a line each in the log. No hypercall may be under way. */
export function checkGrants(): i32 {
  violations = 0;
  let most: u32 = 0;
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const t = grantTableOf(domid);
    if (t != null) most = max<u32>(most, grantEntries(t));
  }
  if (!most) return 0;
  let order: u32 = 0;
  while ((<u32>1024) << order < most && order < MAX_ORDER) order++;
  const block = allocXenheapPages(order);
  if (!block) return 1;
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const t = grantTableOf(domid);
    if (t == null) continue;
    checkHandles(t);
    checkPins(t, frameAddress(block));
  }
  freeXenheapPages(block, order);
  return violations;
}
