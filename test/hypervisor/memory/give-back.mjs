/** The other pCPU thread in the test of threads.test.ts that takes domains apart. It gives back the frames that `shared` names when it is told to. */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, versions, flags, frames, domid, shared, begin, end, names, count } = workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const words = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(words, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const env = { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap };
const core = new WebAssembly.Instance(module, { env }).exports;
core.attach(1, versions, flags, frames);
core.become(0);
parentPort.postMessage("ready");

for (let round = 1; ; round++) {
  // This does not use a wait of the operating system, because the other thread would be done before this one is awake.
  let begun;
  while ((begun = Atomics.load(shared, begin)) !== round && begun >= 0);
  if (begun < 0) break;
  let given = 0;
  for (let i = 0; i < count; i++) given += core.freeDomheapPages(BigInt(shared[names + i]), 0, domid);
  shared[end + 1] = given;
  Atomics.store(shared, end, round);
}
parentPort.postMessage("done");
