/** Tells a watcher of a grant what its shared entry does not show. Only reads. */
import { EINVAL, ESRCH } from "../../abi/errno";
import * as abi from "../abi/inspect";
import { spinLock, spinUnlock } from "../sched/lock";
import { ACTIVE_DOMID, ACTIVE_MFN, ACTIVE_PIN, activeEntry, grantEntries, grantTableOf, tableLock } from "./table";

/** INSPECT_grant. */
export function inspectGrant(u: usize): i32 {
  const t = grantTableOf(load<u32>(u, abi.GRANT_DOMID));
  if (t == null) return -ESRCH;
  const ref = load<u32>(u, abi.GRANT_REF);
  // The table's size and form change under the lock.
  spinLock(tableLock(t));
  const valid = ref < grantEntries(t);
  if (valid) {
    const active = activeEntry(t, ref);
    store<u32>(u, load<u32>(active, ACTIVE_PIN), abi.GRANT_PINS);
    store<u32>(u, <u32>load<u16>(active, ACTIVE_DOMID), abi.GRANT_HOLDER);
    store<u64>(u, <u64>load<u32>(active, ACTIVE_MFN), abi.GRANT_MFN);
  }
  spinUnlock(tableLock(t));
  return valid ? 0 : -EINVAL;
}
