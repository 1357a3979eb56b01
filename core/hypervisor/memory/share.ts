/** Frames of the Xen heap that guests may map: shared info, grant tables, runtime state. */
import { freeXenheapPages } from "./allocator";
import { DomainMemory, domainMemory } from "./domain_memory";
import { PGT_none, PGT_type_shift, PGT_validated, PGT_writable_page, initTypeWord, setPageOwner } from "./frames";

/**
 * Makes `domid` the owner of a fresh Xen heap frame, so that it can map it, writable or read-only. Xen's own type reference (writable, or none) keeps
 * the frame from ever becoming a page table. Undone by unshareXenPage.
 */
export function shareXenPageWithGuest(mfn: u32, domid: u32, readonly: bool): bool {
  const d = domainMemory(domid);
  if (d == null) return false;
  const type = readonly ? PGT_none : PGT_writable_page;
  initTypeWord(mfn, ((<u64>type) << PGT_type_shift) | PGT_validated | 1);
  atomic.add<u32>(changetype<usize>(d) + offsetof<DomainMemory>("xenheapPages"), 1);
  setPageOwner(mfn, domid);
  return true;
}

/** Drops Xen's reference of a shared frame, which is freed when the last guest mapping goes. */
export function unshareXenPage(mfn: u32): void {
  freeXenheapPages(mfn, 0);
}
