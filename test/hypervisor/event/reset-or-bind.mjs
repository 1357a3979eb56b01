/**
 * One pCPU thread of threads.test.ts, as a vCPU of a domain. It either gives the domain FIFO pages and resets all its event channels, or gives more
 * pages, binds a port and checks whether the domain still has the pages for it. It repeats that until both have done so at the same time `wanted`
 * times.
 */
import { parentPort, workerData } from "node:worker_threads";

const { memory, module, pcpu, versions, flags, frames, domid, page, control, words, work, wanted, most, shared, op } =
  workerData;
const trap = (code) => {
  throw new Error(`trap ${code}`);
};
const all = new Int32Array(memory.buffer);
const wait = (address, expected, ns) => Atomics.wait(all, address >>> 2, expected | 0, ns < 0 ? Infinity : ns / 1e6);
const env = { wait, adopt() {}, memory, now: () => performance.now() * 1e6, trap, abort: trap };
const core = new WebAssembly.Instance(module, { env }).exports;
core.attach(pcpu, versions, flags, frames);
core.becomeVcpu(domid, pcpu);

const SELF = 0x7ff0;
const EAGAIN = -11;
const view = new DataView(memory.buffer);
/** Makes the call with its argument as u32 words in the thread's own frame. */
function call(command, ...argument) {
  argument.forEach((word, i) => view.setUint32(page + i * 4, word, true));
  return Number(core.doEventChannelOp(command, BigInt(page)));
}

/** Gives a control block for a vCPU and a page of event words, which is refused if they exist already. */
function givePages() {
  call(op.initControl, control, 0, 0, pcpu - 1);
  call(op.expandArray, words, 0);
}

const works = {
  /** Returns true if it succeeded. A port that is bound in the meantime keeps the FIFO pages. */
  reset() {
    givePages();
    const result = call(op.reset, SELF);
    return result === 0 || result === EAGAIN;
  },
  /** A port that was bound while the domain had FIFO pages has them until it is closed. */
  bind() {
    givePages();
    if (call(op.bindIpi, 0)) return false;
    const port = view.getUint32(page + 4, true);
    const had = core.boundPortHasFifo(domid, port) > 0;
    let lost = false;
    for (let looks = 0; looks < 2 && had; looks++) lost ||= core.boundPortHasFifo(domid, port) === 0;
    call(op.close, port);
    return !lost;
  },
};

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
parentPort.postMessage({ failed, meetings });
