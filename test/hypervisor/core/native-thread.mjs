/** The thread of a native domain in native.test.ts: makes hypercalls one after the other, and counts them in `shared`. */
import { workerData } from "node:worker_threads";

const { memory, module, clockBase, domid, shared, frame, numbers } = workerData;
const words = new Int32Array(memory.buffer);
const view = new DataView(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(words, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const now = () => Number(process.hrtime.bigint() - clockBase);
const core = new WebAssembly.Instance(module, { env: { memory, now, wait, adopt: () => false, trap } }).exports;
core._start();
shared[1] = core.native_attach(domid, 0);
Atomics.notify(shared, 1);
const call = (number, ...args) => core.native_hypercall(number, ...[0n, 0n, 0n, 0n, 0n].map((none, i) => args[i] ?? none));

// It takes ports and frames and gives them back, so that whoever looks at the hypervisor's books meanwhile would see them half changed.
const { eventChannelOp, memoryOp, allocUnbound, close, increase, decrease } = numbers;
for (;;) {
  view.setUint16(frame, 0x7ff0, true);
  view.setUint16(frame + 2, 0, true);
  call(eventChannelOp, BigInt(allocUnbound), BigInt(frame));
  view.setUint32(frame, view.getUint32(frame + 4, true), true);
  call(eventChannelOp, BigInt(close), BigInt(frame));
  view.setBigUint64(frame, BigInt(frame + 64), true);
  view.setBigUint64(frame + 8, 1n, true);
  view.setUint32(frame + 16, 0, true);
  view.setUint32(frame + 20, 0, true);
  view.setUint16(frame + 24, 0x7ff0, true);
  if (call(memoryOp, BigInt(increase), BigInt(frame)) === 1n) call(memoryOp, BigInt(decrease), BigInt(frame));
  Atomics.add(shared, 0, 1);
}
