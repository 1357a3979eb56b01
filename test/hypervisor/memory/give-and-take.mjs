/**
 * One pCPU thread of threads.test.ts: does one thing with the frames of a domain, again and again, as the other thread does its own thing
 * with them, until both have done so beside each other `wanted` times, or `most` times in all.
 */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, pcpu, versions, flags, frames, domid, page, va, work, wanted, most, shared } = workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const words = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(words, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const env = { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap };
const core = new WebAssembly.Instance(module, { env }).exports;
core.attach(pcpu, versions, flags, frames);
core.become(domid);

const view = new DataView(memory.buffer);
const SELF = 0x7ff0;
const LIST = 256;
const XENMEM_exchange = 11n;
const EINVAL = 22n;
const CLAIMED = core.totPages(domid) + 20;

/** XENMEM_exchange of the frames in the list at LIST of the thread's page, into as many extents of `outOrder` there. */
function exchange(inCount, outOrder) {
  for (const [at, count, order] of [
    [page, inCount, 0],
    [page + 32, inCount >> outOrder, outOrder],
  ]) {
    view.setBigUint64(at, va + BigInt(LIST), true);
    view.setBigUint64(at + 8, BigInt(count), true);
    view.setUint32(at + 16, order, true);
    view.setUint32(at + 20, 0, true);
    view.setUint16(at + 24, SELF, true);
  }
  view.setBigUint64(page + 64, 0n, true);
  return core.doMemoryOp(XENMEM_exchange, va);
}
/** A frame to begin with, which nobody else has; it stands in the list of `exchange`. */
const own = ["exchange", "undo", "keep a table"].includes(work) ? core.allocDomheapPages(0, domid) : 0;
view.setBigUint64(page + LIST, BigInt(own), true);

const XENMEM_memory_map = 9n;
const XENMEM_set_memory_map = 13n;
const ENTRIES = 60;
const MAP = { at: page + 1024, va: va + 1024n, words: ENTRIES * 5 };
/** Which map is set next: all its words are this. */
let pattern = 0;

function setMap() {
  pattern++;
  for (let i = 0; i < MAP.words; i++) view.setUint32(MAP.at + i * 4, pattern, true);
  view.setUint16(page, SELF, true);
  view.setUint32(page + 8, ENTRIES, true);
  view.setBigUint64(page + 16, MAP.va, true);
  return core.doMemoryOp(XENMEM_set_memory_map, va) === 0n;
}

function take() {
  const taken = [core.allocDomheapPages(0, domid), core.allocDomheapPages(0, domid)];
  return taken.every((mfn) => mfn && core.freeDomheapPages(BigInt(mfn), 0, domid));
}
const works = {
  /** Takes two frames and gives them back. */
  take,
  /** The same while it has a claim, from which they come and to which they return. */
  "take claimed": take,
  /** Claims a few frames more than the domain has, and ends the claim. */
  claim: () =>
    core.claim(domid, BigInt(CLAIMED)) === 0 && core.claimFits(domid, CLAIMED) && core.claim(domid, 0n) === 0,
  /** The same where it may not have more. */
  "try to take"() {
    const taken = [core.allocDomheapPages(0, domid), core.allocDomheapPages(0, domid)];
    return taken.every((mfn) => !mfn || core.freeDomheapPages(BigInt(mfn), 0, domid));
  },
  /** Lets the domain have no more than it has, looks whether it gets more all the same, and lets it have more again. */
  limit() {
    core.setMaxPages(domid, 1);
    const total = core.totPages(domid);
    let most = total;
    for (let looks = 0; looks < 20; looks++) most = Math.max(most, core.totPages(domid));
    core.setMaxPages(domid, 1000);
    return most === total;
  },
  /** Lets go of a page table that is kept for a while, and of what is kept. */
  "keep a table"() {
    const kept = core.keepTable(domid, own);
    core.settle(domid);
    return kept;
  },
  "set the map": setMap,
  /** The map is one of those that are set, and all of it is. */
  "read the map"() {
    view.setUint32(page, ENTRIES, true);
    view.setBigUint64(page + 8, MAP.va, true);
    if (core.doMemoryOp(XENMEM_memory_map, va) !== 0n || view.getUint32(page, true) !== ENTRIES) return false;
    const first = view.getUint32(MAP.at, true);
    for (let i = 1; i < MAP.words; i++) if (view.getUint32(MAP.at + i * 4, true) !== first) return false;
    return true;
  },
  /** Changes a frame for another. */
  exchange: () => exchange(1, 0) === 0n,
  /** The same, but the second frame of the list is none, so the first one is returned. */
  undo() {
    view.setBigUint64(page + LIST + 8, 0xffffffffn, true);
    return exchange(2, 1) === -EINVAL;
  },
};

if (work.endsWith("the map") && !setMap()) throw new Error("no map");
if (work === "take claimed" && core.claim(domid, BigInt(CLAIMED)) !== 0) throw new Error("no claim");

// Shared: what each thread has done, and how many threads have met the other often enough.
const [mine, other, ENOUGH] = [pcpu - 1, 2 - pcpu, 2];
let failed = 0;
let meetings = 0;
for (let i = 0; i < most && Atomics.load(shared, ENOUGH) < 2; i++) {
  const before = Atomics.load(shared, other);
  if (!works[work]()) failed++;
  Atomics.add(shared, mine, 1);
  // On a busy machine the threads seldom run at the same time: only what they did beside each other counts.
  if (Atomics.load(shared, other) !== before && ++meetings === wanted) Atomics.add(shared, ENOUGH, 1);
}
if (work === "take claimed" && (!core.claimFits(domid, CLAIMED) || core.claim(domid, 0n) !== 0)) failed++;
while (!core.settle(domid));
if (own && !core.freeDomheapPages(view.getBigUint64(page + LIST, true), 0, domid)) failed++;
parentPort.postMessage({ failed, meetings });
