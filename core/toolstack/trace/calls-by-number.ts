/** The hypervisor's own counts of a domain's hypercalls, read where they lie (hypervisor/abi/native.ts). */
import * as area from "../../hypervisor/abi/native.ts";
import { NR_HYPERCALLS } from "../../hypervisor/abi/native.ts";

/** Since the domain was created, by number; empty when there is no such domain. `statistics`: machine address of the statistics area. */
export function callsByNumber(memory: DataView, statistics: number, domid: number): number[] {
  const word = (at: number): number => memory.getUint32(at, true);
  for (let at = word(statistics + area.STATISTICS_DOMAINS); at !== 0; at = word(at + area.DOMAIN_NEXT))
    if (word(at + area.DOMAIN_DOMID) === domid)
      return Array.from({ length: NR_HYPERCALLS }, (_, n) =>
        Number(memory.getBigUint64(at + area.DOMAIN_HYPERCALLS_BY_NUMBER + 8 * n, true)),
      );
  return [];
}
