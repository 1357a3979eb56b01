/** For the translator, in an instance of its own: where code lies that a pCPU has executed. */
import { ACCESS_READ, ADDRESS, SPACE_NX, SPACE_PAGING } from "./format";
import { NO_ADDRESS, walkInit, walkTables } from "./walk";

/** Machine address of the page at `linear` through the tables at `cr3`, whatever the rights; 0 if there is none. */
export function codePage(cr3: u64, linear: u64): f64 {
  walkInit((<u64>memory.size()) << 16);
  const page = walkTables(SPACE_PAGING | SPACE_NX | (cr3 & ADDRESS), linear, ACCESS_READ, false);
  return page == NO_ADDRESS ? 0 : <f64>page;
}
