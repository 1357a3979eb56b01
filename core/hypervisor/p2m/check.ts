/** For the invariant checker (memory/check.ts): what second stages hold, and whether the M2P agrees with their tables. */
import { DOMID_COW } from "../../abi/xen";
import { PTE_LARGE } from "../../machine/cpu/paging/format";
import { DomainMemory } from "../memory/domain_memory";
import { countForeign, expectReference, report } from "../memory/expected";
import {
  PGC_allocated,
  PGC_xen_heap,
  PGT_none,
  PGT_writable_page,
  frameAddress,
  mfnValid,
  pageFlag,
  pageOwner,
} from "../memory/frames";
import { INVALID_M2P_ENTRY, m2pGet } from "../memory/m2p";
import { PTE_P, PTE_RW, PTE_SIZE, pteMfn } from "../memory/pte";
import { P2M_GRANT_RO, P2M_RAM, P2M_SHARED, entryType, framesOf, isGrant, isReserved, p2mPart } from "./entry";
import { TABLE_ENTRIES } from "./tables";

let tables: u32 = 0;
let onDemand: u32 = 0;

export function countP2m(d: DomainMemory): void {
  if (!d.p2mRoot) return;
  tables = 0;
  onDemand = 0;
  countTable(d, d.p2mRoot, 4, 0);
  if (d.onDemand && d.claim > d.onDemand) report("reserve of the second stage, root", d.p2mRoot, d.claim, d.onDemand);
  if (onDemand != d.onDemand) report("frames on demand of the second stage, root", d.p2mRoot, d.onDemand, onDemand);
  if (tables != d.p2mTables) report("tables of the second stage, root", d.p2mRoot, d.p2mTables, tables);
}

function countTable(d: DomainMemory, table: u32, level: u32, first: u64): void {
  tables++;
  for (let i: u32 = 0; i < TABLE_ENTRIES; i++) {
    const entry = load<u64>(frameAddress(table) + <usize>i * PTE_SIZE);
    if (isReserved(entry)) onDemand += framesOf(entry);
    if (!(entry & PTE_P)) continue;
    const gfn = first + ((<u64>i) << (9 * (level - 1)));
    if (level == 1) countFrame(d, entry, gfn);
    else if (!(entry & PTE_LARGE)) {
      const below = pteMfn(entry);
      if (mfnValid(below) && pageFlag(<u32>below, PGC_xen_heap)) countTable(d, <u32>below, level - 1, gfn);
      else report("second stage: no table of it:", <u32>below, 0, 1);
    } else if (framesOf(entry) != (<u32>1) << (9 * (level - 1)))
      report("second stage: size of an entry at level", level, framesOf(entry), 0);
    else for (let j: u32 = 0; j < framesOf(entry); j++) countFrame(d, p2mPart(entry, j), gfn + j);
  }
}

function countFrame(d: DomainMemory, entry: u64, gfn: u64): void {
  const mfn = pteMfn(entry);
  const writable = (entry & PTE_RW) != 0;
  expectReference(mfn, writable ? PGT_writable_page : PGT_none);
  if (!mfnValid(mfn)) return;
  if (entryType(entry) == P2M_RAM) {
    if (pageOwner(<u32>mfn) != d.domid) report("second stage: owner of", <u32>mfn, pageOwner(<u32>mfn), d.domid);
    if (m2pGet(<u32>mfn) != gfn) report("second stage: M2P entry of", <u32>mfn, <u32>m2pGet(<u32>mfn), <u32>gfn);
  } else if (entryType(entry) == P2M_SHARED) {
    if (pageOwner(<u32>mfn) != <u32>DOMID_COW || pageFlag(<u32>mfn, PGC_allocated) || writable)
      report("second stage: shared frame", <u32>mfn, pageOwner(<u32>mfn), DOMID_COW);
    if (m2pGet(<u32>mfn) != INVALID_M2P_ENTRY) report("second stage: M2P entry of shared", <u32>mfn, 1, 0);
  } else if (isGrant(entry) && entryType(entry) <= P2M_GRANT_RO) countForeign(<u32>mfn, writable, 1);
  else report("second stage: kind of", <u32>mfn, entryType(entry), 0);
}

/** Returns whether some entry of the domain's second stage leads to the frame, writable if `writing`. Looks at all entries. */
export function mapsFrame(d: DomainMemory, mfn: u32, writing: bool): bool {
  return tableMaps(d.p2mRoot, 4, mfn, writing);
}

function tableMaps(table: u32, level: u32, mfn: u32, writing: bool): bool {
  const need = PTE_P | (writing ? PTE_RW : 0);
  for (let i: u32 = 0; i < TABLE_ENTRIES; i++) {
    const entry = load<u64>(frameAddress(table) + <usize>i * PTE_SIZE);
    if (!(entry & PTE_P)) continue;
    const target = <u32>pteMfn(entry);
    if (level == 1 || entry & PTE_LARGE) {
      if ((entry & need) == need && mfn - target < framesOf(entry)) return true;
    } else if (tableMaps(target, level - 1, mfn, writing)) return true;
  }
  return false;
}
