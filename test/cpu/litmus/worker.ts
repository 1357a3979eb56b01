/** The thread of a processor. It runs what it is told, again and again, at the same time as the others. */
import { workerData } from "node:worker_threads";
import * as state from "../../../core/machine/cpu/state.ts";
import { Machine, RSP } from "../machine.ts";
import { TranslatedCode } from "../translator/translated.ts";
import * as at from "./layout.ts";

export interface LitmusWorkerData {
  compiled: WebAssembly.Module;
  memory: WebAssembly.Memory;
  codeVersions: number;
  codeFlags: number;
  thread: number;
  translate: boolean;
}

const POLL = 0;

const { compiled, memory, codeVersions, codeFlags, thread, translate } = workerData as LitmusWorkerData;
const words = new Int32Array(memory.buffer);
const processor = new Machine(compiled, {
  memory,
  number: thread + 1,
  region: at.regionOf(thread),
  codeVersions,
  codeFlags,
});
const exports = processor.exports as unknown as WebAssembly.Exports;
const code = translate
  ? new TranslatedCode(exports, memory, at.roomOf(thread), { indices: at.indicesOf(thread) })
  : null;
processor.exports.engine_budget!(0x7fffffff);
const block = at.threadBlock(thread);
const linear = at.CODE_LINEAR + BigInt(thread) * 0x1000n;
const host = at.CODE_FRAME + thread * 0x1000;

function takePart(): void {
  code?.translate(code.request(host, linear));
  for (let n = 0; n < 16; n++)
    processor.setReg(n, processor.view.getBigUint64(block + at.BLOCK_REGISTERS + 8 * n, true));
  processor.setReg(RSP, at.STACK_LINEAR + BigInt(thread) * 0x1000n + 0x800n);
  processor.rip = linear;
  processor.flags = 0x202;
  // All start together, or later by the delay that they are told.
  const others = Atomics.load(words, at.READY >> 2);
  Atomics.add(words, at.RUNNING >> 2, 1);
  while (Atomics.load(words, at.RUNNING >> 2) < others);
  for (let n = words[(block + at.BLOCK_DELAY) >> 2]!; n > 0; n--) Atomics.load(words, at.RUNNING >> 2);
  let exit = POLL;
  while (exit === POLL && processor.rip >= at.CODE_LINEAR) exit = processor.run();
  words[(block + at.BLOCK_EXIT) >> 2] = exit;
  words[(block + at.BLOCK_VECTOR) >> 2] = processor.view.getInt32(processor.cpu + state.CPU_EXIT_VECTOR, true);
}

for (let command = 0; ;) {
  Atomics.wait(words, at.COMMAND >> 2, command);
  command = Atomics.load(words, at.COMMAND >> 2);
  if (Atomics.load(words, at.STOP >> 2)) break;
  if (words[(block + at.BLOCK_TAKES_PART) >> 2]) takePart();
  Atomics.add(words, at.DONE >> 2, 1);
  Atomics.notify(words, at.DONE >> 2);
}
