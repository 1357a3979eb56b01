/** One pCPU thread of threads.test.ts: takes frames for a domain and gives them back, again and again, as the other thread does, until both have
 * done so beside each other `wanted` times, or `most` times in all. */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, pcpu, versions, flags, frames, domid, wanted, most, shared } = workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const words = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(words, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const env = { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap };
const core = new WebAssembly.Instance(module, { env }).exports;
core.attach(pcpu, versions, flags, frames);
core.become(domid);

// Shared: calls made by each thread, and how many threads have met the other often enough.
const [mine, other, ENOUGH] = [pcpu - 1, 2 - pcpu, 2];
let given = 0;
let meetings = 0;
for (let i = 0; i < most && Atomics.load(shared, ENOUGH) < 2; i++) {
  const before = Atomics.load(shared, other);
  const first = core.allocDomheapPages(0, domid);
  const second = core.allocDomheapPages(0, domid);
  for (const mfn of [first, second]) if (mfn && core.freeDomheapPages(BigInt(mfn), 0, domid)) given++;
  Atomics.add(shared, mine, 1);
  // On a busy machine the threads seldom run at the same time: only what they did beside each other counts.
  if (Atomics.load(shared, other) !== before && ++meetings === wanted) Atomics.add(shared, ENOUGH, 1);
}
parentPort.postMessage({ calls: Atomics.load(shared, mine), given, meetings });
