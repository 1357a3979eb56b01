/**
 * One pCPU thread of threads.test.ts, as a vCPU of a domain. In each round both begin to reset the domain's event channels at the same moment. Each is
 * preempted after its first ports, so a reset that has begun is unfinished until the first thread ends it, after both have said what they were answered.
 */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, pcpu, versions, flags, frames, domid, page, mailbox, rounds, ports, shared, op } = workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const all = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(all, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const env = { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap };
const core = new WebAssembly.Instance(module, { env }).exports;
core.attach(pcpu, versions, flags, frames);
core.becomeVcpu(domid, pcpu);
// Something waits for this pCPU all the time.
Atomics.store(all, mailbox >>> 2, 2);

const SELF = 0x7ff0;
const EBUSY = -16n;
const view = new DataView(memory.buffer);
function call(command, word) {
  view.setUint32(page, word, true);
  return core.doEventChannelOp(command, BigInt(page));
}

let meetings = 0;
/** Returns when both threads are here. */
function meet() {
  Atomics.add(shared, 0, 1);
  meetings += 2;
  while (Atomics.load(shared, 0) < meetings);
}

const BEGUN = 1;
let round = 0;
for (let isRight = true; round < rounds && isRight; round++) {
  if (pcpu === 1) {
    for (let n = 0; n < ports; n++) if (call(op.bindIpi, 0)) throw new Error("no port");
    Atomics.store(shared, BEGUN, 0);
  }
  meet();
  if (call(op.reset, SELF) !== EBUSY) Atomics.add(shared, BEGUN, 1);
  meet();
  isRight = Atomics.load(shared, BEGUN) === 1;
  meet();
  while (pcpu === 1 && call(op.resetContinued, SELF) === core.continueCode());
}
parentPort.postMessage({ begun: Atomics.load(shared, BEGUN), round });
