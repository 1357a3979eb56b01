/** Another processor may at any moment mark a frame as written to (machine/cpu/frames/written.ts). Code that runs from the frame must not notice. */
import { Worker } from "node:worker_threads";
import { beforeAll, expect, it } from "vitest";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RCX, RDX, RSP } from "./machine.ts";

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

const CODE_FRAME = 0x3800000;
const STACK_FRAME = 0x3900000;
const ROUNDS = 100_000;
const STRIKES = 5000;
/** Where engine_init puts the tables for a machine of 64 MiB. */
const VERSIONS = 0x200000 + state.CPU_SIZE;
const FLAGS = VERSIONS + 16384 * 4;

/** Does what frameWritten() does, over and over: forgets that the frame has code, and increments its version. */
const HAMMER = `
const { workerData } = require("node:worker_threads");
const { memory, flag, version, stop } = workerData;
const bytes = new Uint8Array(memory.buffer);
const words = new Int32Array(memory.buffer);
Atomics.store(words, stop >> 2, 1);
while (Atomics.load(words, stop >> 2) === 1) {
  if (Atomics.and(bytes, flag, 0xfe) & 1) Atomics.add(words, version >> 2, 1);
}
`;

it("runs loops, calls and jumps in a page whose decoded code is called void all the time", async () => {
  const m = new Machine(compiled);
  m.map(0x4000n, CODE_FRAME);
  m.map(0x8000n, STACK_FRAME);
  // loop: call f; inc rax; jmp +0; dec ecx; jnz loop; ud2 -- f: jmp g; ... g: inc rdx; ret
  m.put(CODE_FRAME, "e8 1b 00 00 00  48 ff c0  eb 00  ff c9  75 f2  0f 0b");
  m.put(CODE_FRAME + 0x20, "eb 1e");
  m.put(CODE_FRAME + 0x40, "48 ff c2  c3");
  const stop = STACK_FRAME + 0x800;
  const frame = CODE_FRAME >> 12;
  const memory = m.view.buffer;
  const hammer = new Worker(HAMMER, {
    eval: true,
    workerData: { memory: { buffer: memory }, flag: FLAGS + frame, version: VERSIONS + frame * 4, stop },
  });
  const words = new Int32Array(memory);
  try {
    await expect.poll(() => Atomics.load(words, stop >> 2), { timeout: 10_000 }).toBe(1);
    m.exports.engine_budget!(0x7fffffff);
    const version = (): number => m.view.getUint32(VERSIONS + frame * 4, true);
    // Repeats until the other processor has struck often enough to be in the way.
    for (const end = Date.now() + 40_000; version() < STRIKES && Date.now() < end;) {
      m.rip = 0x4000n;
      m.setReg(RSP, 0x8800n);
      m.setReg(RAX, 0n);
      m.setReg(RDX, 0n);
      m.setReg(RCX, BigInt(ROUNDS));
      m.run();
      expect({ vector: m.vector, rip: m.rip, rsp: m.reg(RSP), rax: m.reg(RAX), rdx: m.reg(RDX) }).toEqual({
        vector: 6,
        rip: 0x400en,
        rsp: 0x8800n,
        rax: BigInt(ROUNDS),
        rdx: BigInt(ROUNDS),
      });
    }
    expect(version()).toBeGreaterThanOrEqual(STRIKES);
  } finally {
    Atomics.store(words, stop >> 2, 2);
    await hammer.terminate();
  }
});
