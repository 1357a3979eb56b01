import { beforeAll, describe, expect, it } from "vitest";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine } from "./machine.ts";

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** xorshift32, which gives the same bytes in every run. */
function generator(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

const CODE_FRAME = 0x3800000;
const OTHERS = 0x3a00000;

describe("random bytes as code", () => {
  for (const [name, cs] of [
    ["64-bit", 0xafb],
    ["32-bit", 0xcfb],
    ["16-bit", 0x8fb],
  ] as const) {
    for (const deprivileged of [1, 0])
      it(`never stop the engine: ${name}, ${deprivileged ? "" : "not "}deprivileged`, () => {
        const next = generator(0x1234567 + cs + deprivileged);
        const m = new Machine(compiled);
        const base = 0x4000n;
        for (let i = 0; i < 8; i++) {
          m.map(base + BigInt(i) * 0x1000n, CODE_FRAME + i * 0x1000);
          m.map(0x10000n + BigInt(i) * 0x1000n, OTHERS + i * 0x1000);
        }
        m.exports.engine_budget!(2000);
        m.view.setUint32(m.cpu + state.CPU_DEPRIVILEGED, deprivileged, true);
        const after = new Uint8Array(64).fill(0x77);
        m.bytes.set(after, 0x3b00000);
        for (let round = 0; round < 6000; round++) {
          if (round % 8 === 0) {
            for (let i = 0; i < 0x8000; i += 4) m.view.setUint32(CODE_FRAME + i, next(), true);
            for (let i = 0; i < 8; i++) m.exports.engine_code_written!(CODE_FRAME + i * 0x1000);
          }
          m.level(3);
          m.segment(state.CS, 0x33, cs);
          for (let n = 0; n < 16; n++)
            m.setReg(n, next() & 1 ? base + BigInt(next() & 0xffff) : (BigInt(next()) << 32n) | BigInt(next()));
          m.flags = (next() & 0x44cd5) | 0x202;
          m.set(state.CPU_CR0, 0x80050033n);
          m.rip = base + BigInt(next() & 0x7fff);
          for (let runs = 0; runs < 3 && m.run() === 0; runs++);
          if (next() % 16 === 0) m.exports.engine_flush_tlb!();
        }
        expect(m.bytes.subarray(0x3b00000, 0x3b00040)).toEqual(after);
        expect(m.retired).toBeGreaterThan(6000);
      });
  }
});
