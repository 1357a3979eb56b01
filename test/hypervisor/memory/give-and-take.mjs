/** One pCPU thread of threads.test.ts: takes frames for a domain and gives them back, again and again, as the other thread does. */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, pcpu, versions, flags, frames, domid, calls, shared } = workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const words = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(words, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const env = { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap };
const core = new WebAssembly.Instance(module, { env }).exports;
core.attach(pcpu, versions, flags, frames);
core.become(domid);

// Both begin at once: a thread takes longer to start than a thousand calls do.
Atomics.add(shared, 0, 1);
while (Atomics.load(shared, 0) < 2);

let taken = 0;
for (let i = 0; i < calls; i++) {
  const first = core.allocDomheapPages(0, domid);
  const second = core.allocDomheapPages(0, domid);
  for (const mfn of [first, second]) if (mfn && core.freeDomheapPages(BigInt(mfn), 0, domid)) taken++;
}
parentPort.postMessage(taken);
