/** Grants dom0 the console and xenstore pages of a new domain under the reserved references, as libxenguest does. */
import { GNTTAB_RESERVED_CONSOLE, GNTTAB_RESERVED_XENSTORE, GTF_permit_access } from "../../abi/grant_table.ts";
import type { Hypercalls } from "../kernel/hypercalls.ts";
import type { ForeignFrames } from "../kernel/native.ts";

export function seedGrants(
  hypercalls: Hypercalls,
  frames: ForeignFrames,
  domid: number,
  storeMfn: number,
  consoleMfn: number,
): void {
  const { memory } = hypercalls;
  const [frame] = hypercalls.setupGrantTable(domid, 1);
  frames.with(domid, frame!, (address) => {
    for (const [reference, mfn] of [
      [GNTTAB_RESERVED_CONSOLE, consoleMfn],
      [GNTTAB_RESERVED_XENSTORE, storeMfn],
    ] as const) {
      const entry = address + 8 * reference;
      memory.set16(entry + 2, 0);
      memory.set32(entry + 4, mfn);
      memory.set16(entry, GTF_permit_access);
    }
  });
}
