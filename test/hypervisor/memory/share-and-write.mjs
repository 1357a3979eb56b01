/**
 * One pCPU thread of sharing-threads.test.ts: a vCPU that writes to one word of a guest frame, with a translation that it keeps until it is told to flush, and
 * gets a frame of its own where it may not write; or reads it (`seen`). What it writes grows by one each time, from its domain's own first number on.
 */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, pcpu, versions, flags, frames, domid, gfn, stop, seen } = workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const words = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(words, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const env = { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap };
const core = new WebAssembly.Instance(module, { env }).exports;
core.attach(pcpu, versions, flags, frames);
core.become(domid);

const TIMES = 200;
let faults = 0;
let value = (domid - 1) * 0x40000000;
// Who reads tells what, and how often.
while (seen && !Atomics.load(stop, 0)) {
  Atomics.store(seen, 0, core.guestReads(domid, BigInt(gfn), 1));
  Atomics.add(seen, 1, 1);
}
while (!Atomics.load(stop, 0)) {
  faults += core.guestWrites(domid, BigInt(gfn), value, TIMES);
  value += TIMES;
}
parentPort.postMessage(faults);
