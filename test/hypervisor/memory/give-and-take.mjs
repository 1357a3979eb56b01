/**
 * One pCPU thread of threads.test.ts. It does one thing with the frames of a domain again and again, while the other thread does its own thing with
 * them. Both stop when they have done so at the same time `wanted` times, or after `most` times altogether.
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

/** Makes XENMEM_exchange for the frames in the list at LIST in the thread's page, which become as many extents of `outOrder` there. */
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
/** A frame to begin with, which nobody else has. It stands in the list for `exchange`. */
const own = ["exchange", "undo", "keep a table"].includes(work) ? core.allocDomheapPages(0, domid) : 0;
view.setBigUint64(page + LIST, BigInt(own), true);

const XENMEM_memory_map = 9n;
const XENMEM_set_memory_map = 13n;
const ENTRIES = 60;
const MAP = { at: page + 1024, va: va + 1024n, words: ENTRIES * 5 };
/** The memory map that is set next has this number in all of its words. */
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
  /** Does the same while the domain has a claim: the frames come out of the claim and return to it. */
  "take claimed": take,
  /** Claims a few frames more than the domain has, and then ends the claim. */
  claim: () =>
    core.claim(domid, BigInt(CLAIMED)) === 0 && core.claimFits(domid, CLAIMED) && core.claim(domid, 0n) === 0,
  /** Does the same where the domain may not have more frames. */
  "try to take"() {
    const taken = [core.allocDomheapPages(0, domid), core.allocDomheapPages(0, domid)];
    return taken.every((mfn) => !mfn || core.freeDomheapPages(BigInt(mfn), 0, domid));
  },
  /** Forbids the domain more frames than it has, tries whether it gets more all the same, and allows it more again. */
  limit() {
    core.setMaxPages(domid, 1);
    const total = core.totPages(domid);
    let most = total;
    for (let looks = 0; looks < 20; looks++) most = Math.max(most, core.totPages(domid));
    core.setMaxPages(domid, 1000);
    return most === total;
  },
  /** Drops a page table, which is then kept for a while, and gives up what is kept. */
  "keep a table"() {
    const kept = core.keepTable(domid, own);
    core.settle(domid);
    return kept;
  },
  "set the map": setMap,
  /** The map that is read must be one of those that were set, and it must be complete. */
  "read the map"() {
    view.setUint32(page, ENTRIES, true);
    view.setBigUint64(page + 8, MAP.va, true);
    if (core.doMemoryOp(XENMEM_memory_map, va) !== 0n || view.getUint32(page, true) !== ENTRIES) return false;
    const first = view.getUint32(MAP.at, true);
    for (let i = 1; i < MAP.words; i++) if (view.getUint32(MAP.at + i * 4, true) !== first) return false;
    return true;
  },
  /** Exchanges one frame for another. */
  exchange: () => exchange(1, 0) === 0n,
  /** Does the same, but the second frame of the list does not exist, so the first one must be returned. */
  undo() {
    view.setBigUint64(page + LIST + 8, 0xffffffffn, true);
    return exchange(2, 1) === -EINVAL;
  },
};

if (work.endsWith("the map") && !setMap()) throw new Error("no map");
if (work === "take claimed" && core.claim(domid, BigInt(CLAIMED)) !== 0) throw new Error("no claim");

// Shared by the threads: what each has done, and how many threads have met the other often enough.
const [mine, other, ENOUGH] = [pcpu - 1, 2 - pcpu, 2];
let failed = 0;
let meetings = 0;
for (let i = 0; i < most && Atomics.load(shared, ENOUGH) < 2; i++) {
  const before = Atomics.load(shared, other);
  if (!works[work]()) failed++;
  Atomics.add(shared, mine, 1);
  // On a busy machine the threads seldom run at the same time, so only what they did at the same time counts.
  if (Atomics.load(shared, other) !== before && ++meetings === wanted) Atomics.add(shared, ENOUGH, 1);
}
if (work === "take claimed" && (!core.claimFits(domid, CLAIMED) || core.claim(domid, 0n) !== 0)) failed++;
while (!core.settle(domid));
if (own && !core.freeDomheapPages(view.getBigUint64(page + LIST, true), 0, domid)) failed++;
parentPort.postMessage({ failed, meetings });
