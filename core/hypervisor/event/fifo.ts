/**
 * The FIFO ABI: an event word per port in pages of the guest, linked into a queue per vCPU and priority whose heads stand
 * in the vCPU's control block, also in a page of the guest. The guest takes ports off at the head, Xen adds at the tail.
 * Guest memory is never believed: tails and last queues are kept here; a hostile guest loses its own events only.
 *
 * Domain.evtchnFifo: a page with the lock and the machine addresses of the event-word pages; Vcpu.evtchnFifo: a page
 * with the control block's address and the tails. Each guest page holds a reference and a writable type reference.
 *
 * FIFO_LOCK (a leaf, inside the ports' or the VIRQ lock) guards tails, Port.lastQueue, Port.pending and the number of
 * pages. The pages last as long as a port is bound: resetFifo comes when none is.
 */
import { EINVAL, ENOENT, ENOMEM, ENOSPC, EOPNOTSUPP } from "../../abi/errno";
import {
  EVTCHN_FIFO_CONTROL_BLOCK_HEAD,
  EVTCHN_FIFO_CONTROL_BLOCK_READY,
  EVTCHN_FIFO_CONTROL_BLOCK_SIZE,
} from "../../abi/event_channel";
import { Domain, Vcpu, vcpuOf } from "../domain/domain";
import { allocXenheapPages, freeXenheapPages } from "../memory/allocator";
import { frameAddress } from "../memory/frames";
import { putPageAndType } from "../memory/page_type";
import { takeWritableFrame } from "../p2m/guest_frame";
import { spinLock, spinUnlock } from "../sched/lock";
import { pollWake } from "../sched/vcpu";
import { CONTROL, FIFO_ADDRESSES, FIFO_LOCK, FIFO_PAGES, TAILS, WORDS_PER_PAGE, eventWord } from "./fifo_pages";
import { Port, portOf } from "./port";
import { isPending2l, markEventsPending } from "./two_level";

const MOST_PAGES: u32 = 128;
const QUEUES: u32 = 16;
const PENDING: u32 = 1 << 31;
const MASKED: u32 = 1 << 30;
const LINKED: u32 = 1 << 29;
const BUSY: u32 = 1 << 28;
const LINK_MASK: u32 = (1 << 17) - 1;
/** Changes an honest guest can make to a linked, BUSY word: mask, unmask, clear pending, unlink. */
const LINK_TRIES: i32 = 4;

/** Port.lastQueue: vCPU * 16 + priority + 1; 0 = never linked. */

export function usesFifo(d: Domain): bool {
  return atomic.load<u32>(changetype<usize>(d) + offsetof<Domain>("evtchnFifo")) != 0;
}

// @ts-ignore: decorator
@inline
function tailOf(v: Vcpu, priority: u32): usize {
  return v.evtchnFifo + TAILS + <usize>priority * 4;
}

/**
 * Makes `port` follow the tail. False: the tail has been taken off, so the queue is empty. BUSY asks the guest not to
 * unmask meanwhile; one that goes on changing the word cuts its own queue.
 */
function linkBehind(d: Domain, tail: u32, port: u32): bool {
  const word = eventWord(d, tail);
  if (!word) return false;
  for (let i = 0; i <= LINK_TRIES; i++) {
    const seen = atomic.load<u32>(word);
    if (!(seen & LINKED)) {
      if (i) atomic.and<u32>(word, ~BUSY);
      return false;
    }
    if (atomic.cmpxchg<u32>(word, seen, (seen & ~(BUSY | LINK_MASK)) | port) == seen) return true;
    if (i == 0) atomic.or<u32>(word, BUSY);
  }
  atomic.and<u32>(word, ~BUSY);
  return true;
}

/** Notes what arrives before the guest has given a page for the port. The word's address if it has one after all. */
function notePending(d: Domain, p: Port, port: u32): usize {
  spinLock(d.evtchnFifo + FIFO_LOCK);
  const word = eventWord(d, port);
  if (!word) p.pending = 1;
  spinUnlock(d.evtchnFifo + FIFO_LOCK);
  return word;
}

/** True if the port has an event word and was not pending before. */
export function setPendingFifo(d: Domain, v: Vcpu, port: u32): bool {
  const p = portOf(d, port);
  let word = eventWord(d, port);
  if (!word) word = notePending(d, p, port);
  if (!word) return false;
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
    const priority = <u32>p.priority;
    p.lastQueue = v.vcpuId * QUEUES + priority + 1;
    const tail = tailOf(v, priority);
    const behind = load<u32>(tail) != 0 && linkBehind(d, load<u32>(tail), port);
    if (!behind) atomic.store<u32>(control + EVTCHN_FIFO_CONTROL_BLOCK_HEAD + priority * 4, port);
    store<u32>(tail, port);
    if (!behind) {
      const ready: u32 = 1 << priority;
      tellIt = !(atomic.or<u32>(control + EVTCHN_FIFO_CONTROL_BLOCK_READY, ready) & ready);
    }
  }
  spinUnlock(d.evtchnFifo + FIFO_LOCK);
  if (tellIt) markEventsPending(v);
}

/** Ports' lock held. */
export function clearPendingFifo(d: Domain, port: u32): void {
  spinLock(d.evtchnFifo + FIFO_LOCK);
  portOf(d, port).pending = 0;
  spinUnlock(d.evtchnFifo + FIFO_LOCK);
  const word = eventWord(d, port);
  if (word) atomic.and<u32>(word, ~PENDING);
}
/** Ports' lock held. */
export function isPendingFifo(d: Domain, port: u32): bool {
  const word = eventWord(d, port);
  return word != 0 && (atomic.load<u32>(word) & PENDING) != 0;
}
/** Ports' lock held. */
export function unmaskFifo(d: Domain, v: Vcpu, port: u32): void {
  const word = eventWord(d, port);
  if (!word) return;
  atomic.and<u32>(word, ~MASKED);
  if (atomic.load<u32>(word) & PENDING) setPendingFifo(d, v, port);
}

/** init_control of one vCPU; the first of a domain changes its ABI. 0 or -errno. The ports' lock is held. */
export function initControl(d: Domain, vcpu: u32, gfn: u64, offset: u32): i32 {
  const v = vcpuOf(d, vcpu);
  if (!v) return -ENOENT;
  if (offset > 4096 - <u32>EVTCHN_FIFO_CONTROL_BLOCK_SIZE || offset & 7) return -EINVAL;
  if (d.dying || v.evtchnFifo) return -EINVAL;
  const queues = allocXenheapPages(0);
  const fifo = d.evtchnFifo ? 0 : allocXenheapPages(0);
  let error: i32 = 0;
  if (!queues || (!d.evtchnFifo && !fifo)) error = -ENOMEM;
  const mfn: u32 = error ? 0 : takeWritableFrame(gfn, d.domid);
  if (!error && !mfn) error = -EINVAL;
  if (error) {
    if (queues) freeXenheapPages(queues, 0);
    if (fifo) freeXenheapPages(fifo, 0);
    return error;
  }
  store<u32>(frameAddress(queues) + CONTROL, <u32>frameAddress(mfn) + offset);
  // Other threads look at the control block through this pointer.
  atomic.store<u32>(changetype<usize>(v) + offsetof<Vcpu>("evtchnFifo"), <u32>frameAddress(queues));
  if (fifo) changeAbi(d, frameAddress(fifo));
  return 0;
}

/**
 * What was pending in the 2-level words is so in the new ABI. That is in force before the words are read: who sets a bit
 * there without knowing sees it afterwards (setPending).
 */
function changeAbi(d: Domain, fifo: usize): void {
  for (let port: u32 = 1; port < d.evtchnValid; port++) portOf(d, port).lastQueue = 0;
  atomic.store<u32>(changetype<usize>(d) + offsetof<Domain>("evtchnFifo"), <u32>fifo);
  for (let port: u32 = 1; port < d.evtchnValid; port++) if (isPending2l(d, port)) notePending(d, portOf(d, port), port);
}

/** expand_array: one more page of event words. 0 or -errno. The ports' lock is held. */
export function expandArray(d: Domain, gfn: u64): i32 {
  if (!d.evtchnFifo) return -EOPNOTSUPP;
  const pages = load<u32>(d.evtchnFifo, FIFO_PAGES);
  if (pages >= MOST_PAGES || d.dying) return -ENOSPC;
  const mfn = takeWritableFrame(gfn, d.domid);
  if (!mfn) return -EINVAL;
  spinLock(d.evtchnFifo + FIFO_LOCK);
  store<u32>(d.evtchnFifo + FIFO_ADDRESSES + pages * 4, <u32>frameAddress(mfn));
  atomic.store<u32>(d.evtchnFifo + FIFO_PAGES, pages + 1);
  spinUnlock(d.evtchnFifo + FIFO_LOCK);
  // These ports have words now, so nobody notes them as pending any more.
  const end = min<u32>(d.evtchnValid, (pages + 1) * WORDS_PER_PAGE);
  for (let port = pages * WORDS_PER_PAGE; port < end; port++) {
    const p = portOf(d, port);
    if (!p.pending) continue;
    p.pending = 0;
    const v = vcpuOf(d, p.notifyVcpu);
    if (v && setPendingFifo(d, v, port)) checkPollers(d, port);
  }
  return 0;
}

/** vCPUs in SCHEDOP_poll for the port go on. */
export function checkPollers(d: Domain, port: u32): void {
  if (atomic.load<u32>(changetype<usize>(d) + offsetof<Domain>("pollers"))) pollWake(d, port);
}

/** Back to 2-level, nothing linked; drops the guest's pages. The ports' lock is held and no port is bound. */
export function resetFifo(d: Domain): void {
  const fifo = d.evtchnFifo;
  if (!fifo) return;
  atomic.store<u32>(changetype<usize>(d) + offsetof<Domain>("evtchnFifo"), 0);
  for (let i: u32 = 0; i < d.maxVcpus; i++) {
    const v = vcpuOf(d, i);
    if (!v || !v.evtchnFifo) continue;
    const control = load<u32>(v.evtchnFifo, CONTROL);
    const page = <u32>(v.evtchnFifo >> 12);
    v.evtchnFifo = 0;
    putPageAndType(control >> 12);
    freeXenheapPages(page, 0);
  }
  const pages = load<u32>(fifo, FIFO_PAGES);
  for (let i: u32 = 0; i < pages; i++) putPageAndType(load<u32>(fifo + FIFO_ADDRESSES + i * 4) >> 12);
  freeXenheapPages(<u32>(fifo >> 12), 0);
}
