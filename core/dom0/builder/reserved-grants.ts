/** Grants the console and xenstore pages of a new domain to dom0 under the reserved references, as libxenguest does. */
import {
  GNTTAB_RESERVED_CONSOLE,
  GNTTAB_RESERVED_XENSTORE,
  GRANT_ENTRY_V1_DOMID,
  GRANT_ENTRY_V1_FLAGS,
  GRANT_ENTRY_V1_FRAME,
  GRANT_ENTRY_V1_SIZE,
  GTF_permit_access,
} from "../../abi/grant_table.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import type { PhysicalMemory } from "../kernel/memory.ts";
import type { ForeignFrames } from "../kernel/native.ts";

/** Writes to the table's first frame, which is at machine address `address`. Frames are numbered as the domain does. */
export function writeReservedGrants(
  memory: PhysicalMemory,
  address: number,
  storeFrame: number,
  consoleFrame: number,
): void {
  for (const [reference, frame] of [
    [GNTTAB_RESERVED_CONSOLE, consoleFrame],
    [GNTTAB_RESERVED_XENSTORE, storeFrame],
  ] as const) {
    const entry = address + GRANT_ENTRY_V1_SIZE * reference;
    memory.set16(entry + GRANT_ENTRY_V1_DOMID, 0);
    memory.set32(entry + GRANT_ENTRY_V1_FRAME, frame);
    memory.set16(entry + GRANT_ENTRY_V1_FLAGS, GTF_permit_access);
  }
}

/** Does this for a PV domain. */
export function seedGrants(
  hypercalls: Hypercalls,
  frames: ForeignFrames,
  domid: number,
  storeMfn: number,
  consoleMfn: number,
): void {
  const [frame] = hypercalls.grants.setupTable(domid, 1);
  frames.with(domid, frame!, (address) => writeReservedGrants(hypercalls.memory, address, storeMfn, consoleMfn));
}
