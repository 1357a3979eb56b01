/** Makes a domain's DomainMemory when the domain is created, and frees it after its frames are gone (teardown.ts). */
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { grantTableFree } from "../grant/table";
import { allocXenheapPages, freeXenheapPages } from "./allocator";
import { DomainMemory, MEM_PAGE_TABLES, MEM_TRANSLATED, domainMemory } from "./domain_memory";
import { downgradesFree, downgradesInit } from "./downgrades";
import { ROOT_DOMAIN_TABLE } from "./frames";
import { makeRoot } from "../p2m/tables";
import { relinquishP2m } from "../p2m/teardown";

/** The number of tables that a second stage may have until the toolstack sets it (XEN_DOMCTL_set_paging_mempool_size): Xen's 1 MiB. */
const DEFAULT_POOL: u32 = 256;

/**
 * Makes the memory state of a new domain. `flags` are MEM_PRIVILEGED, MEM_PAGE_TABLES, MEM_TRANSLATED. Returns false if the host is out of memory or
 * the domid is taken.
 */
export function memoryDomainCreate(domid: u32, maxPages: u32, flags: u32): bool {
  if (domid >= <u32>DOMID_FIRST_RESERVED) return false;
  if (changetype<usize>(domainMemory(domid))) return false;
  const mfn = allocXenheapPages(0);
  if (!mfn) return false;
  const address = (<usize>mfn) << 12;
  const d = changetype<DomainMemory>(address);
  d.domid = domid;
  d.flags = flags;
  d.maxPages = maxPages;
  d.p2mPool = DEFAULT_POOL;
  if ((flags & MEM_PAGE_TABLES && !downgradesInit(d)) || (flags & MEM_TRANSLATED && !makeRoot(d))) {
    downgradesFree(d);
    freeXenheapPages(mfn, 0);
    return false;
  }
  atomic.store<u32>(load<u32>(ROOT_DOMAIN_TABLE) + domid * 4, <u32>address);
  return true;
}

/** Frees the memory state of a domain whose frames are all gone (relinquishMemory returned 0 and totPages is 0). */
export function memoryDomainFree(domid: u32): void {
  const d = domainMemory(domid);
  if (!changetype<usize>(d)) return;
  atomic.store<u32>(load<u32>(ROOT_DOMAIN_TABLE) + domid * 4, 0);
  grantTableFree(d);
  // The domain was never completed, so nothing is mapped.
  while (!relinquishP2m(d)) {}
  downgradesFree(d);
  freeXenheapPages(<u32>(changetype<usize>(d) >> 12), 0);
}
