/** Grants dom0 the console and xenstore pages of a new domain under the reserved references, as libxenguest does. */
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

/** By the first frame of the table, at machine address `address`. Frames as the domain numbers them. */
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

/** Of a PV domain. */
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
