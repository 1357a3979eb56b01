/** The second pCPU of grant_life.test.ts. It unmaps the device half of each handle that it is given. */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, versions, flags, frames, domid, args, va, bus, shared } = workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const words = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(words, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const core = new WebAssembly.Instance(module, {
  env: { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap },
}).exports;
core.attach(1, versions, flags, frames);
core.become(domid);
const view = new DataView(memory.buffer);
parentPort.postMessage("ready");
for (let seen = 0; ;) {
  const round = Atomics.load(shared, 0);
  if (round === seen) continue;
  if (round < 0) break;
  seen = round;
  view.setBigUint64(args, 0n, true);
  view.setBigUint64(args + 8, bus, true);
  view.setUint32(args + 16, Atomics.load(shared, 1), true);
  core.doGrantTableOp(1, va, 1);
  Atomics.store(shared, 2, round);
}
