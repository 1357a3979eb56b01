import { Worker } from "node:worker_threads";
import { beforeAll, describe, expect, it } from "vitest";
import * as exits from "../../../core/machine/cpu/exits.ts";
import { compileEngine } from "../engine.ts";
import { Machine } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const DATA = 0x50_0000n;
const FRAME = 0x3a10000;
const POOL = 0x3b00000;
const TURNS = 1000n;
const INSTRUCTIONS_A_TURN = 3;
const ROUNDS = 20;
const MOST_MISSED = 5;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** A translated loop of TURNS turns, whose instructions say what it does to FRAME, which RDX points at. */
function loop(instructions: readonly number[], turns: bigint): Machine {
  const m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  m.map(DATA, FRAME);
  m.bytes.fill(0, FRAME, FRAME + 4096);
  m.bytes.set(instructions, CODE_FRAME);
  m.exports.engine_flush!();
  const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
  expect(code.translate(code.request(CODE_FRAME, CODE))).toBe(true);
  m.setReg(2, DATA);
  m.setReg(15, turns);
  m.rip = CODE;
  return m;
}

// l: MOV [RDX], EAX; DEC R15; JNZ l; INT3
const STORES = [0x89, 0x02, 0x49, 0xff, 0xcf, 0x75, 0xf9, 0xcc];
// l: DEC R15; JNZ l; INT3
const COUNTS = [0x49, 0xff, 0xcf, 0x75, 0xfb, 0xcc];

/** Sets the word as another pCPU does, some time after it was told that the loop begins. */
const CALLER = `
const { workerData } = require("node:worker_threads");
const { memory, word, begun } = workerData;
const words = new Int32Array(memory.buffer);
for (let round = 1; ; round++) {
  while (Atomics.load(words, begun) < round) Atomics.wait(words, begun, round - 1);
  Atomics.wait(words, begun, round, 20);
  Atomics.store(words, word, 1);
}
`;
/** This takes seconds, so that if the word is not seen the test fails instead of waiting. */
const BUDGET = 200_000_000;

describe("a translated loop", () => {
  it("comes back after the turn in which the pending word was set, at its head", () => {
    const m = loop(STORES, TURNS);
    m.exports.engine_budget!(BUDGET);
    m.exports.engine_poll_address!(FRAME);
    m.setReg(0, 0x80000000n);
    expect(m.run()).toBe(exits.EXIT_POLL);
    expect([m.rip, m.reg(15), m.retired]).toEqual([CODE, TURNS - 1n, INSTRUCTIONS_A_TURN]);
  });
  it("comes back when its budget is used up, within a turn", () => {
    const m = loop(STORES, TURNS);
    m.exports.engine_budget!(300);
    m.setReg(0, 1n);
    expect(m.run()).toBe(exits.EXIT_POLL);
    expect([m.rip, m.reg(15), m.retired]).toEqual([CODE, TURNS - 100n, 300]);
  });
  // The host's compiler sees no store to the word in the loop, and must still read it in each turn. Its better code comes after some runs.
  it("comes back before its budget is used up when another processor sets the pending word", async () => {
    const m = loop(COUNTS, 1n << 62n);
    const [word, begun] = [FRAME >> 2, (FRAME >> 2) + 1];
    const words = new Int32Array(m.memory.buffer);
    m.exports.engine_poll_address!(FRAME);
    const memory = { buffer: m.memory.buffer };
    const caller = new Worker(CALLER, { eval: true, workerData: { memory, word, begun } });
    try {
      let [called, missed] = [0, 0];
      for (let round = 1; called < ROUNDS && missed < MOST_MISSED; round++) {
        Atomics.store(words, word, 0);
        m.exports.engine_budget!(BUDGET);
        const before = m.retired;
        Atomics.store(words, begun, round);
        Atomics.notify(words, begun);
        expect(m.run()).toBe(exits.EXIT_POLL);
        expect(m.rip).toBe(CODE);
        if (m.retired - before < BUDGET - 1) called++;
        // The caller may not have had a processor until now.
        else missed++;
        while (!Atomics.load(words, word)) Atomics.wait(words, word, 0, 1000);
      }
      expect(called).toBe(ROUNDS);
    } finally {
      await caller.terminate();
    }
  });
});
