/**
 * For the invariant checker (check.ts): what every frame's references must be. Whoever keeps a reference of a guest's frame reports it here from its
 * count function, which the checker calls; a reference that nobody reports is a violation.
 */
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { LOG_ERR } from "../abi/log";
import { logBegin, logDec, logEnd, logHex, logText } from "../console/console";
import { PGC_xen_heap, PGT_none, mfnValid, pageCount, pageFlag, pageOwner, pageTypeCount, pageTypeOf } from "./frames";

/**
 * 16 bytes for each frame: u32 expected general references, u32 expected type references; i32 number of other domains' page-table entries that map
 * it, minus the number of its grant mappings; and i32 the same for those that may write.
 */
let expected: usize = 0;
export const EXPECTED_SIZE: usize = 16;
const EXPECTED_TYPES: usize = 4;
const FOREIGN: usize = 8;
const FOREIGN_WRITES: usize = 12;
export let violations: i32 = 0;
/** Only so many violations are described; all are counted. */
const DESCRIBED: i32 = 20;

export function report(what: string, mfn: u32, is: u32, should: u32): void {
  violations++;
  if (violations > DESCRIBED) return;
  logBegin(LOG_ERR);
  logText("memory check: ");
  logText(what);
  logText(" mfn ");
  logHex(mfn);
  logText(" of d");
  logDec(mfnValid(mfn) ? pageOwner(mfn) : 0);
  logText(": ");
  logDec(is);
  logText(", should be ");
  logDec(should);
  logEnd();
}

/** Reports that somebody holds a general reference, and one of `type` if that is not PGT_none, in which case the frame must be of that type. */
export function expectReference(mfn: u64, type: u32): void {
  if (!mfnValid(mfn)) {
    report("entry names no frame:", 0, <u32>mfn, 0);
    return;
  }
  const at = expected + <usize>mfn * EXPECTED_SIZE;
  store<u32>(at, load<u32>(at) + 1);
  if (type == PGT_none) return;
  store<u32>(at, load<u32>(at, EXPECTED_TYPES) + 1, EXPECTED_TYPES);
  if (pageTypeOf(<u32>mfn) != type) report("type of a frame in use:", <u32>mfn, pageTypeOf(<u32>mfn), type);
}

/** Changes by `by` the number of mappings of a frame by other domains. */
export function countForeign(mfn: u32, writable: bool, by: i32): void {
  const at = expected + <usize>mfn * EXPECTED_SIZE;
  store<i32>(at, load<i32>(at, FOREIGN) + by, FOREIGN);
  if (writable) store<i32>(at, load<i32>(at, FOREIGN_WRITES) + by, FOREIGN_WRITES);
}

/** Begins a check, with EXPECTED_SIZE bytes of zeroed memory for each frame. */
export function beginExpecting(at: usize): void {
  expected = at;
  violations = 0;
}

/** Compares the references of a frame with what is expected. */
export function compareFrame(mfn: u32): void {
  const at = expected + <usize>mfn * EXPECTED_SIZE;
  if (pageCount(mfn) != load<u32>(at)) report("references of", mfn, pageCount(mfn), load<u32>(at));
  // Xen itself holds a type reference of what it shares with guests.
  const shared = pageFlag(mfn, PGC_xen_heap) && pageOwner(mfn) < <u32>DOMID_FIRST_RESERVED;
  const types: u32 = load<u32>(at, EXPECTED_TYPES) + (shared ? 1 : 0);
  if (pageTypeCount(mfn) != types) report("type references of", mfn, pageTypeCount(mfn), types);
  if (load<i32>(at, FOREIGN) > 0) report("entries without a grant mapping for", mfn, load<i32>(at, FOREIGN), 0);
  if (load<i32>(at, FOREIGN_WRITES) > 0)
    report("writable entries without a grant mapping for", mfn, load<i32>(at, FOREIGN_WRITES), 0);
}
