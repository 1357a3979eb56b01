/**
 * The FIFO ABI: an event word per port in pages of the guest, linked into a queue per vCPU and priority whose heads stand in the vCPU's
 * control block, also in a page of the guest. The guest takes ports off at the head, Xen adds at the tail. Guest memory is never
 * believed: tails and last queues are kept here; a hostile guest loses its own events only.
 *
 * Domain.evtchnFifo: a page with the lock and the machine addresses of the event-word pages; Vcpu.evtchnFifo: a page
 * with the control block's address and the tails. Each guest page holds a reference and a writable type reference.
 */
import { EINVAL, ENOENT, ENOMEM, ENOSPC, EOPNOTSUPP } from "../abi/errno";
import * as abi from "../abi/event_channel";
import { Domain, Vcpu, vcpuOf } from "../domain/domain";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { PGT_writable_page, frameAddress } from "../memory/frames";
import { getPageAndType, putPageAndType } from "../memory/page_type";
import { spinLock, spinUnlock } from "../sched/lock";
import { CONTROL, FIFO_ADDRESSES, FIFO_LOCK, FIFO_PAGES, TAILS } from "./fifo_pages";
import { Port, portOf } from "./port";
import { clearPending2l, isPending2l, markEventsPending } from "./two_level";

const WORDS_PER_PAGE: u32 = 1024;
const MOST_PAGES: u32 = 128;
const QUEUES: u32 = 16;
const PENDING: u32 = 1 << 31;
const MASKED: u32 = 1 << 30;
const LINKED: u32 = 1 << 29;
const LINK_MASK: u32 = (1 << 17) - 1;
/** An honest guest changes a tail's word once (it takes the port off). */
const LINK_TRIES: i32 = 16;

/** Port.lastQueue: vCPU * 16 + priority + 1; 0 = never linked. */

export function usesFifo(d: Domain): bool {
  return d.evtchnFifo != 0;
}

/** Address of the port's event word; 0 if the guest has given no page for it. */
function eventWord(d: Domain, port: u32): usize {
  const page = port / WORDS_PER_PAGE;
  if (page >= atomic.load<u32>(d.evtchnFifo + FIFO_PAGES)) return 0;
  return <usize>load<u32>(d.evtchnFifo + FIFO_ADDRESSES + page * 4) + <usize>(port % WORDS_PER_PAGE) * 4;
}

// @ts-ignore: decorator
@inline
function tailOf(v: Vcpu, priority: u32): usize {
  return v.evtchnFifo + TAILS + <usize>priority * 4;
}

/** Makes `port` follow the tail. False: the tail has been taken off, so the queue is empty. */
function linkBehind(d: Domain, tail: u32, port: u32): bool {
  const word = eventWord(d, tail);
  if (!word) return false;
  for (let i = 0; i < LINK_TRIES; i++) {
    const seen = atomic.load<u32>(word);
    if (!(seen & LINKED)) return false;
    if (atomic.cmpxchg<u32>(word, seen, (seen & ~LINK_MASK) | port) == seen) return true;
  }
  return false;
}

/** True if the port was not pending before. */
export function setPendingFifo(d: Domain, v: Vcpu, port: u32): bool {
  const p = portOf(d, port);
  const word = eventWord(d, port);
  if (!word) {
    // The guest hears of it when it adds the page.
    p.pending = 1;
    return true;
  }
  const was = atomic.or<u32>(word, PENDING);
  if (!(was & (MASKED | LINKED))) link(d, v, port, p, word);
  return !(was & PENDING);
}

function link(d: Domain, v: Vcpu, port: u32, p: Port, word: usize): void {
  const queues = v.evtchnFifo;
  const control = queues ? <usize>load<u32>(queues, CONTROL) : 0;
  // A vCPU that has set up no queues yet hears nothing.
  if (!control) return;
  let tellIt = false;
  spinLock(d.evtchnFifo + FIFO_LOCK);
  if (!(atomic.or<u32>(word, LINKED) & LINKED)) {
    // As the old tail it is not on that queue any more: nothing may be linked behind it there.
    const last = p.lastQueue;
    if (last) {
      const before = vcpuOf(d, (last - 1) / QUEUES);
      if (before && before.evtchnFifo) {
        const tail = tailOf(before, (last - 1) % QUEUES);
        if (load<u32>(tail) == port) store<u32>(tail, 0);
      }
    }
    const priority = p.priority;
    p.lastQueue = v.vcpuId * QUEUES + priority + 1;
    const tail = tailOf(v, priority);
    const behind = load<u32>(tail) != 0 && linkBehind(d, load<u32>(tail), port);
    if (!behind) atomic.store<u32>(control + abi.FIFO_CONTROL_HEAD + priority * 4, port);
    store<u32>(tail, port);
    if (!behind) {
      const ready: u32 = 1 << priority;
      tellIt = !(atomic.or<u32>(control + abi.FIFO_CONTROL_READY, ready) & ready);
    }
  }
  spinUnlock(d.evtchnFifo + FIFO_LOCK);
  if (tellIt) markEventsPending(v);
}

export function clearPendingFifo(d: Domain, port: u32): void {
  portOf(d, port).pending = 0;
  const word = eventWord(d, port);
  if (word) atomic.and<u32>(word, ~PENDING);
}
export function isPendingFifo(d: Domain, port: u32): bool {
  const word = eventWord(d, port);
  return word != 0 && (atomic.load<u32>(word) & PENDING) != 0;
}
export function unmaskFifo(d: Domain, v: Vcpu, port: u32): void {
  const word = eventWord(d, port);
  if (!word) return;
  atomic.and<u32>(word, ~MASKED);
  if (atomic.load<u32>(word) & PENDING) setPendingFifo(d, v, port);
}

/** init_control of one vCPU; the first of a domain changes its ABI. 0 or -errno. The ports' lock is held. */
export function initControl(d: Domain, vcpu: u32, gfn: u64, offset: u32): i32 {
  if (vcpu >= d.maxVcpus) return -ENOENT;
  const v = vcpuOf(d, vcpu);
  if (!v) return -ENOENT;
  if (offset > 4096 - <u32>abi.FIFO_CONTROL_SIZE || offset & 7) return -EINVAL;
  if (d.dying) return -EINVAL;
  if (v.evtchnFifo && load<u32>(v.evtchnFifo, CONTROL)) return -EINVAL;
  const first = !d.evtchnFifo;
  if (first) {
    const page = allocXenheapPages(0);
    if (!page) return -ENOMEM;
    d.evtchnFifo = frameAddress(page);
  }
  let error: i32 = 0;
  if (!v.evtchnFifo) {
    const page = allocXenheapPages(0);
    if (page) v.evtchnFifo = frameAddress(page);
    else error = -ENOMEM;
  }
  if (!error && getPageAndType(gfn, d.domid, PGT_writable_page)) error = -EINVAL;
  if (error) {
    if (first) {
      freeXenheapPages(<u32>(d.evtchnFifo >> 12), 0);
      d.evtchnFifo = 0;
    }
    return error;
  }
  atomic.store<u32>(v.evtchnFifo + CONTROL, <u32>frameAddress(<u32>gfn) + offset);
  if (first) carryOver(d);
  return 0;
}

/** What was pending in the 2-level words is so in the new ABI. */
function carryOver(d: Domain): void {
  for (let port: u32 = 1; port < d.evtchnValid; port++) {
    const p = portOf(d, port);
    if (isPending2l(d, port)) p.pending = 1;
    p.lastQueue = 0;
    clearPending2l(d, port);
  }
}

/** expand_array: one more page of event words. 0 or -errno. The ports' lock is held. */
export function expandArray(d: Domain, gfn: u64): i32 {
  if (!d.evtchnFifo) return -EOPNOTSUPP;
  const pages = load<u32>(d.evtchnFifo, FIFO_PAGES);
  if (pages >= MOST_PAGES || d.dying) return -ENOSPC;
  if (getPageAndType(gfn, d.domid, PGT_writable_page)) return -EINVAL;
  store<u32>(d.evtchnFifo + FIFO_ADDRESSES + pages * 4, <u32>frameAddress(<u32>gfn));
  atomic.store<u32>(d.evtchnFifo + FIFO_PAGES, pages + 1);
  const end = min<u32>(d.evtchnValid, (pages + 1) * WORDS_PER_PAGE);
  for (let port = pages * WORDS_PER_PAGE; port < end; port++) {
    const p = portOf(d, port);
    if (!p.pending) continue;
    p.pending = 0;
    const v = vcpuOf(d, p.notifyVcpu);
    if (v) setPendingFifo(d, v, port);
  }
  return 0;
}

/** Back to 2-level, nothing linked; drops the guest's pages. The ports' lock is held and no port is bound. */
export function resetFifo(d: Domain): void {
  const fifo = d.evtchnFifo;
  if (!fifo) return;
  spinLock(fifo + FIFO_LOCK);
  d.evtchnFifo = 0;
  spinUnlock(fifo + FIFO_LOCK);
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (!v || !v.evtchnFifo) continue;
    const control = load<u32>(v.evtchnFifo, CONTROL);
    const page = <u32>(v.evtchnFifo >> 12);
    v.evtchnFifo = 0;
    if (control) putPageAndType(control >> 12);
    freeXenheapPages(page, 0);
  }
  const pages = load<u32>(fifo, FIFO_PAGES);
  for (let i: u32 = 0; i < pages; i++) putPageAndType(load<u32>(fifo + FIFO_ADDRESSES + i * 4) >> 12);
  freeXenheapPages(<u32>(fifo >> 12), 0);
}
