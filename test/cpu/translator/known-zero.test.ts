/** Vector registers that a region knows to be zero, whose locals have other values, at the ways out of the region. */
import { beforeAll, describe, expect, it } from "vitest";
import * as state from "../../../core/machine/cpu/state.ts";
import { compileEngine } from "../engine.ts";
import { RCX, RDI } from "../machine.ts";
import { Lockstep } from "./lockstep.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const DATA = 0x50_0000n;
const DATA_FRAME = 0x3a10000;
const ONE = 0x3ff0_0000_0000_0000n;
const ALL_MASKED = 0x1f80;
const DIVISION_UNMASKED = 0x1d80;
const DIVISION_BY_ZERO = 19;
const BREAKPOINT = 3;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** Runs code that divides XMM1, which is 1, by XMM2, which is 0. RDI points to 32 bytes that are not zero. Returns the vector in which it ends. */
function run(hex: string, mxcsr: number): number {
  const machines = new Lockstep(compiled, [{ name: "data", from: DATA_FRAME, length: 0x1000 }]);
  for (const m of machines.both) {
    m.map(CODE, CODE_FRAME);
    m.map(DATA, DATA_FRAME);
    m.put(CODE_FRAME, hex);
    m.bytes.fill(0x77, DATA_FRAME, DATA_FRAME + 32);
    m.set(state.CPU_XCR0, 7n);
    for (let n = 0; n < 16; n++)
      for (const at of [state.CPU_XMM, state.CPU_YMM_HIGH]) {
        m.set(at + 16 * n, 0x1111n * BigInt(n));
        m.set(at + 16 * n + 8, 0x3333n);
      }
    m.set(state.CPU_XMM + 16, ONE);
    m.set(state.CPU_XMM + 32, 0n);
    m.view.setUint32(m.cpu + state.CPU_MXCSR, mxcsr, true);
    m.setReg(RDI, DATA);
    m.setReg(RCX, 5n);
    m.exports.engine_flush!();
  }
  const { code, translated } = machines;
  expect(code.translate(code.request(CODE_FRAME, CODE))).toBe(true);
  expect(machines.run(CODE)).toEqual({ text: null });
  expect(code.entered()).toBeGreaterThan(0);
  return translated.vector;
}

// vmovdqu ymm5, [rdi]; vxorps xmm5, xmm5, xmm5: its local keeps what was loaded.
const ZERO_5 = "c5fe6f2f c5d057ed";
// vdivsd xmm5, xmm1, xmm2
const DIVIDE = "c5f35eea";
const END = "cc";

describe("a register that is known to be zero", () => {
  it("is zero after the instruction that was to write it has faulted", () => {
    expect(run(`${ZERO_5} ${DIVIDE} ${END}`, DIVISION_UNMASKED)).toBe(DIVISION_BY_ZERO);
  });
  it("has the result of one that did not fault", () => {
    expect(run(`${ZERO_5} ${DIVIDE} ${END}`, ALL_MASKED)).toBe(BREAKPOINT);
  });
  it("is so in a small loop, whose registers are stored when it is left", () => {
    // The loop again; dec ecx; jnz.
    const loop = `${ZERO_5} ${DIVIDE} ffc9 75f0 ${END}`;
    expect(run(loop, DIVISION_UNMASKED)).toBe(DIVISION_BY_ZERO);
    expect(run(loop, ALL_MASKED)).toBe(BREAKPOINT);
  });
  it("is so where it is one of the sources, and XMM0, which any instruction may read", () => {
    // vmovdqu ymm0, [rdi]; vxorps xmm0, xmm0, xmm0; vdivsd xmm6, xmm1, xmm2
    expect(run(`c5fe6f07 c5f857c0 c5f35ef2 ${END}`, DIVISION_UNMASKED)).toBe(DIVISION_BY_ZERO);
    // vmovdqu ymm2, [rdi]; vxorps xmm2, xmm2, xmm2; vdivsd xmm5, xmm1, xmm2
    expect(run(`c5fe6f17 c5e857d2 ${DIVIDE} ${END}`, DIVISION_UNMASKED)).toBe(DIVISION_BY_ZERO);
  });
});
