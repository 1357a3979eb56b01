/** For the translator, in its own instance: finds where code lies that a pCPU has executed. */
import { ACCESS_READ, SPACE_SMAP, SPACE_SMEP, SPACE_USER, SPACE_WP } from "./format";
import { NO_ADDRESS, walkBothStages, walkInit, walkTables } from "./walk";

/**
 * Returns the machine address of the page at `linear` in the address space with this key (space.ts) and the second stage at machine address `second`
 * (0: none), ignoring access rights; 0 if there is none.
 */
export function codePage(space: u64, second: u32, linear: u64): f64 {
  walkInit((<u64>memory.size()) << 16);
  const key = space & ~(SPACE_USER | SPACE_WP | SPACE_SMEP | SPACE_SMAP);
  const page = second
    ? walkBothStages(key, second, linear, ACCESS_READ, false)
    : walkTables(key, linear, ACCESS_READ, false);
  return page == NO_ADDRESS ? 0 : <f64>page;
}
