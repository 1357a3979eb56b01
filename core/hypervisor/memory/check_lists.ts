/** Checks the lists of free frames and of each domain's frames against what the frame table says of each frame, and the totals. */
import { LOG_ERR } from "../abi/log";
import { DOMID_FIRST_RESERVED } from "../../abi/xen";
import { logBegin, logDec, logEnd, logHex, logText } from "../console/console";
import { MAX_ORDER, freePages } from "./buddy";
import { DomainMemory, domainMemory } from "./domain_memory";
import {
  PGC_free,
  PGC_xen_heap,
  ROOT_CLAIMED_PAGES,
  ROOT_FIRST_HEAP_FRAME,
  ROOT_FREE_LISTS,
  ROOT_XENHEAP_PAGES,
  blockOrder,
  mfnValid,
  pageCount,
  pageFlag,
  pageNext,
  pageOwner,
  pagePrev,
  totalFrames,
} from "./frames";

let violations: i32 = 0;
const DESCRIBED: i32 = 20;

function report(what: string, domid: u32, mfn: u32, is: u32, should: u32): void {
  if (++violations > DESCRIBED) return;
  logBegin(LOG_ERR);
  logText("list check: ");
  logText(what);
  logText(" d");
  logDec(domid);
  logText(" mfn ");
  logHex(mfn);
  logText(": ");
  logDec(is);
  logText(", should be ");
  logDec(should);
  logEnd();
}

/** Checks that every free block is aligned and consists of free frames, and that together they are all free frames. */
function checkFree(): void {
  let listed: u32 = 0;
  for (let order: u32 = 0; order <= MAX_ORDER; order++) {
    const frames: u32 = (<u32>1) << order;
    let before: u32 = 0;
    for (let mfn = load<u32>(ROOT_FREE_LISTS + order * 4); mfn; mfn = pageNext(mfn)) {
      if (!mfnValid(<u64>mfn + frames - 1)) {
        report("free list leaves memory", 0, mfn, order, 0);
        break;
      }
      // A list that runs into another, or into a circle, is not followed further.
      if (pagePrev(mfn) != before) {
        report("free list's way back", 0, mfn, pagePrev(mfn), before);
        break;
      }
      if (mfn & (frames - 1)) report("free block not aligned", 0, mfn, order, 0);
      if (blockOrder(mfn) != order) report("order of a free block", 0, mfn, blockOrder(mfn), order);
      for (let i: u32 = 0; i < frames; i++)
        if (!pageFlag(mfn + i, PGC_free)) report("frame in a free block not free", pageOwner(mfn + i), mfn + i, 0, 1);
      listed += frames;
      before = mfn;
    }
  }
  if (listed != freePages()) report("frames in free lists", 0, 0, listed, freePages());
}

/** Checks what the frame table says of all frames. */
function checkFrames(): void {
  let free: u32 = 0;
  let xenheap: u32 = 0;
  for (let mfn: u32 = load<u32>(ROOT_FIRST_HEAP_FRAME); mfn < totalFrames(); mfn++) {
    if (pageFlag(mfn, PGC_free)) {
      free++;
      if (pageCount(mfn)) report("free frame has references", pageOwner(mfn), mfn, pageCount(mfn), 0);
    } else if (pageFlag(mfn, PGC_xen_heap)) xenheap++;
  }
  if (free != freePages()) report("free frames", 0, 0, free, freePages());
  if (xenheap != load<u32>(ROOT_XENHEAP_PAGES))
    report("frames of the Xen heap", 0, 0, xenheap, load<u32>(ROOT_XENHEAP_PAGES));
}

function checkDomain(d: DomainMemory): void {
  let listed: u32 = 0;
  let before: u32 = 0;
  for (let mfn = d.pageList; mfn; mfn = pageNext(mfn)) {
    if (!mfnValid(mfn)) {
      report("page list leaves memory", d.domid, mfn, 1, 0);
      break;
    }
    if (pageOwner(mfn) != d.domid) report("page list has a stranger", d.domid, mfn, pageOwner(mfn), d.domid);
    if (pageFlag(mfn, PGC_free | PGC_xen_heap)) report("page list has a frame that is Xen's", d.domid, mfn, 1, 0);
    if (pagePrev(mfn) != before) {
      report("page list's way back", d.domid, mfn, pagePrev(mfn), before);
      break;
    }
    before = mfn;
    listed++;
  }
  if (listed != d.totPages) report("page list length", d.domid, 0, listed, d.totPages);
  let owned: u32 = 0;
  let shared: u32 = 0;
  for (let mfn: u32 = 0; mfn < totalFrames(); mfn++) {
    if (pageOwner(mfn) != d.domid || !pageCount(mfn)) continue;
    if (pageFlag(mfn, PGC_xen_heap)) shared++;
    else owned++;
  }
  if (owned != d.totPages) report("frames owned", d.domid, 0, owned, d.totPages);
  if (shared != d.xenheapPages) report("frames shared", d.domid, 0, shared, d.xenheapPages);
}

/** Returns the number of violations; the first ones have a line each in the log. */
export function checkLists(): i32 {
  violations = 0;
  checkFree();
  checkFrames();
  let claimed: u32 = 0;
  for (let domid: u32 = 0; domid < <u32>DOMID_FIRST_RESERVED; domid++) {
    const d = domainMemory(domid);
    if (d == null) continue;
    claimed += d.claim;
    checkDomain(d);
  }
  if (claimed != load<u32>(ROOT_CLAIMED_PAGES)) report("claims", 0, 0, claimed, load<u32>(ROOT_CLAIMED_PAGES));
  return violations;
}
