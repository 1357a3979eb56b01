/**
 * One pCPU thread of threads.test.ts. It makes random page-table updates, grants and reservations as the domain it is given. Half of that domain's
 * frames are shared with the calls of the other thread, by grants and because both name the tables of the same domain.
 */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, pcpu, versions, flags, frames, domid, otherDomid, mfns, otherMfns, args, calls, seed } =
  workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const words = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(words, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const env = { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap };
const core = new WebAssembly.Instance(module, { env }).exports;
core.attach(pcpu, versions, flags, frames);
core.become(domid);

let x = seed;
const r = (below) => {
  x ^= x << 13;
  x ^= x >>> 17;
  x ^= x << 5;
  return (x >>> 0) % below;
};
const view = new DataView(memory.buffer);
const BASE = 0x10000000n;
// Each thread has an argument frame of its own. Both threads act for the same domain if their domid is the same.
const at = mfns[args] * 4096;
const va = BASE + BigInt(args) * 4096n;
const SELF = 0x7ff0;
const mfn = () => BigInt((r(5) ? mfns : otherMfns)[12 + r(24)]);
const answers = new Map();
for (let i = 0; i < calls; i++) {
  let result = 0n;
  const entry = r(4) ? (mfn() << 12n) | [1n, 3n, 7n, 5n][r(4)] : 0n;
  switch (r(8)) {
    case 0:
    case 1:
    case 2:
      view.setBigUint64(
        at,
        (BigInt(mfns[r(6) ? 3 : 12 + r(24)]) << 12n) | BigInt((12 + r(48)) * 8 + (r(2) ? 2 : 0)),
        true,
      );
      view.setBigUint64(at + 8, entry, true);
      result = core.doMmuUpdate(va, 1, 0n, SELF);
      break;
    case 3:
      result = core.doUpdateVaMapping(BASE + BigInt(12 + r(24)) * 4096n, entry, BigInt(r(3)));
      break;
    case 4:
    case 5:
      view.setUint32(at, [0, 1, 3, 4, 4, 4, 16, 17, 10, 0][r(10)], true);
      view.setBigUint64(at + 8, mfn(), true);
      view.setBigUint64(at + 16, mfn(), true);
      result = core.doMmuextOp(va, 1, 0n, SELF);
      break;
    case 6:
      // Maps or unmaps grants of the other domain through an entry of the thread's own table.
      view.setBigUint64(at, (BigInt(mfns[3]) << 12n) | BigInt((64 + r(16)) * 8), true);
      view.setUint32(at + 8, [18, 22][r(2)], true);
      view.setUint32(at + 12, 8 + r(8), true);
      view.setUint16(at + 16, otherDomid, true);
      result = core.doGrantTableOp(0, va, 1);
      if (result === 0n) result = BigInt((view.getUint16(at + 18, true) << 16) >> 16);
      break;
    default:
      view.setBigUint64(at, (BigInt(mfns[3]) << 12n) | BigInt((64 + r(16)) * 8), true);
      view.setBigUint64(at + 8, 0n, true);
      view.setUint32(at + 16, r(64), true);
      result = core.doGrantTableOp(1, va, 1);
      if (result === 0n) result = BigInt((view.getUint16(at + 20, true) << 16) >> 16);
  }
  answers.set(result, (answers.get(result) ?? 0) + 1);
}
parentPort.postMessage(answers);
