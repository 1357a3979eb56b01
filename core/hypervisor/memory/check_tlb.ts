/**
 * Checks the TLB of every pCPU: what page tables no longer allow must not be there, unless it is harmless or a flush is due before it could do harm.
 * An entry for an address space of domain D that leads to a frame is right if
 * - D owns the frame (if a kernel forgets to flush what it maps of its own, that is its own affair), or the space's page tables lead there now
 *   with the same rights (grants, foreign mappings, M2P, descriptor tables: the references of those entries are checked elsewhere);
 * - or the frame is free, and who takes it flushes first;
 * - and, if the entry allows writing, the frame is no page table and holds no descriptors.
 * Entries of a space whose root is not a page table in use can't be hit, because a flush comes before that root becomes one. An entry made through a
 * second stage belongs to the domain of that second stage and is judged by the same rules, with the mappings of the second stage. Nobody can hit an
 * entry of a second stage that is gone, because all TLBs are flushed before its id is given again.
 * No vCPU of a guest may run meanwhile, which control/invariants.ts makes sure of. pCPUs may still be on their way to idling, or flush: each is
 * looked at while it sleeps, and again if it has woken meanwhile. One that has been told to flush, and has not yet done so, counts as having no
 * entries.
 */
import { hostWait } from "../../machine/cpu/machine";
import {
  NO_SPACE,
  TLB_ENTRIES,
  TLB_EXECUTE,
  TLB_READ,
  TLB_WRITE,
  entryFrame,
  entrySecond,
  entrySpace,
} from "../../machine/cpu/tlb";
import { SPACE_PAGING } from "../../machine/cpu/paging/format";
import { LOG_ERR } from "../abi/log";
import { logBegin, logDec, logEnd, logHex, logText } from "../console/console";
import { IPI_TLB_FLUSH } from "../sched/ipi";
import { Pcpu, mailbox, pcpuAt, pcpuCount, self } from "../sched/pcpu";
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { mapsFrame } from "../p2m/check";
import { freeFrameStamp } from "./buddy";
import { DomainMemory, domainMemory } from "./domain_memory";
import {
  PGC_free,
  PGT_l1_page_table,
  PGT_l4_page_table,
  PGT_seg_desc_page,
  frameAddress,
  mfnValid,
  pageFlag,
  pageOwner,
  pageTypeCount,
  pageTypeOf,
} from "./frames";
import { PTE_P, PTE_RW, pteMfn } from "./pte";
import { isFlushDue } from "./tlb";

const DESCRIBED: i32 = 20;
/** How often a pCPU that keeps waking is looked at, and how often 100 microseconds are waited for one to sleep. */
const LOOKS: i32 = 100;
const WAITS: i32 = 20_000;

let violations: i32 = 0;

function report(p: Pcpu, table: usize, entry: usize, space: u64, what: string): void {
  violations++;
  if (violations > DESCRIBED) return;
  const mfn = entryFrame(entry);
  logBegin(LOG_ERR);
  logText("TLB check: pCPU ");
  logDec(p.id);
  logText(table == TLB_WRITE ? " writes " : table == TLB_READ ? " reads " : " executes ");
  logHex(load<u64>(entry) >> 12);
  logText(" of CR3 ");
  logHex((space & 0x000ffffffffff000) >> 12);
  logText(" as mfn ");
  logHex(mfn);
  logText(" of d");
  logDec(mfnValid(mfn) ? pageOwner(mfn) : 0);
  logText(what);
  logEnd();
}

/** Returns whether the page tables at `root` lead from the page `page` to the frame, writable if `writing`. */
function isMapped(root: u32, page: u64, mfn: u32, writing: bool): bool {
  let table = root;
  const need = PTE_P | (writing ? PTE_RW : 0);
  for (let level: i32 = 3; level >= 0; level--) {
    const entry = atomic.load<u64>(frameAddress(table) + (((<usize>(page >> (9 * level))) & 511) << 3));
    if ((entry & need) != need || !mfnValid(pteMfn(entry))) return false;
    table = <u32>pteMfn(entry);
  }
  return table == mfn;
}

function holdsTables(mfn: u32): bool {
  const type = pageTypeOf(mfn);
  if (!pageTypeCount(mfn)) return false;
  return (type >= PGT_l1_page_table && type <= PGT_l4_page_table) || type == PGT_seg_desc_page;
}

/** Returns the domain whose second stage has this id; null if it is gone. */
function ownerOfSecond(id: u32): DomainMemory | null {
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const d = domainMemory(domid);
    if (d != null && d.p2mRoot && d.p2mId == id) return d;
  }
  return null;
}

function checkThroughSecond(p: Pcpu, table: usize, entry: usize, id: u32): void {
  const d = ownerOfSecond(id);
  // It is flushed before this pCPU uses it again.
  if (d == null || (atomic.load<u32>(changetype<usize>(d) + offsetof<DomainMemory>("p2mStale")) >> p.id) & 1) return;
  const mfn = entryFrame(entry);
  const writing = table == TLB_WRITE;
  if (!mfnValid(mfn)) report(p, table, entry, 0, ", which does not exist");
  else if (pageFlag(mfn, PGC_free)) {
    if (!isFlushDue(freeFrameStamp(mfn))) report(p, table, entry, 0, ", which is free, and no flush is due");
  } else if (writing && holdsTables(mfn)) report(p, table, entry, 0, ", which holds tables");
  else if (pageOwner(mfn) != d.domid && !mapsFrame(d, mfn, writing))
    report(p, table, entry, 0, ", which is not its own and not mapped by its second stage");
}

function checkEntry(p: Pcpu, table: usize, entry: usize): void {
  const second = entrySecond(p.region, entry);
  if (second) return checkThroughSecond(p, table, entry, second);
  const space = entrySpace(p.region, entry);
  if (space == NO_SPACE || !(space & SPACE_PAGING)) return;
  const root = (space & 0x000ffffffffff000) >> 12;
  if (!mfnValid(root) || pageFlag(<u32>root, PGC_free)) return;
  if (pageTypeOf(<u32>root) != PGT_l4_page_table || !pageTypeCount(<u32>root)) return;
  const mfn = entryFrame(entry);
  if (!mfnValid(mfn)) return report(p, table, entry, space, ", which does not exist");
  if (pageFlag(mfn, PGC_free)) {
    if (!isFlushDue(freeFrameStamp(mfn))) report(p, table, entry, space, ", which is free, and no flush is due");
    return;
  }
  const writing = table == TLB_WRITE;
  if (writing && holdsTables(mfn)) return report(p, table, entry, space, ", which holds tables");
  if (pageOwner(mfn) == pageOwner(<u32>root)) return;
  if (!isMapped(<u32>root, load<u64>(entry) >> 12, mfn, writing))
    report(p, table, entry, space, ", which is not its own and not mapped there");
}

function checkTables(p: Pcpu): void {
  for (let table: usize = TLB_READ; table <= <usize>TLB_EXECUTE; table += TLB_WRITE - TLB_READ)
    for (let i: usize = 0; i < <usize>TLB_ENTRIES; i++) {
      const entry = p.region + table + (i << 4);
      if (load<u64>(entry)) checkEntry(p, table, entry);
    }
}

function isIdle(p: Pcpu): bool {
  return atomic.load<u32>(changetype<usize>(p) + offsetof<Pcpu>("idle")) == 1;
}

/** Waits until the pCPU sleeps. It has no guest to run, so that is soon. Returns false if it does not sleep within seconds. */
function waitForIdle(p: Pcpu): bool {
  for (let waits: i32 = 0; !isIdle(p); waits++) {
    if (waits == WAITS) return false;
    hostWait(changetype<usize>(p) + offsetof<Pcpu>("idle"), 0, 100_000);
  }
  return true;
}

function checkPcpu(p: Pcpu): void {
  const before = violations;
  for (let look: i32 = 0; look < LOOKS; look++) {
    violations = before;
    if (p != self && !waitForIdle(p)) break;
    const since = p.idleSince;
    const isEmpty = (atomic.load<u32>(mailbox(p.id)) & IPI_TLB_FLUSH) != 0;
    if (!isEmpty) checkTables(p);
    if (p == self || violations == before || (isIdle(p) && p.idleSince == since)) return;
  }
  violations = before + 1;
  logBegin(LOG_ERR);
  logText("TLB check: no look at pCPU ");
  logDec(p.id);
  logText(", which does not idle");
  logEnd();
}

/** Returns the number of violations, of which the first ones are described in the Xen log. */
export function checkTlbs(): i32 {
  violations = 0;
  for (let id: u32 = 0; id < pcpuCount(); id++) {
    const p = pcpuAt(id);
    // There is no engine in the memory side's own tests.
    if (p.region) checkPcpu(p);
  }
  return violations;
}
