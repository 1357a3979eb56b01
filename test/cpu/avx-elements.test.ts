/** Gathers, masked moves and availability of AVX: what a comparison of single instructions with silicon does not show. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as exits from "../../core/machine/cpu/exits.ts";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, PRESENT, RAX, RBX, USER } from "./machine.ts";

const CODE = 0x400000n;
const CODE_FRAME = 0x3800000;
/** The page after it is not mapped until a test maps it. */
const DATA = 0x600000n;
const DATA_FRAME = 0x3810000;
const NEXT = DATA + 0x1000n;
const NEXT_FRAME = 0x3811000;

const CR4_OSXSAVE = 0x40000n;
const CR0_AM = 0x40000n;
const FLAGS_AC = 0x40202;
const COMPATIBILITY_CODE = 0xcfb;

const GATHER = "c4e265900c93"; // vpgatherdd ymm1, [rbx + ymm2 * 4], ymm3
const MASKED_LOAD = "c4e2658c0b"; // vpmaskmovd ymm1, ymm3, [rbx]
const MASKED_STORE = "c4e2658e0b"; // vpmaskmovd [rbx], ymm3, ymm1
const ADD = "c5edfed9"; // vpaddd ymm3, ymm2, ymm1

let compiled: WebAssembly.Module;
let m: Machine;

beforeAll(async () => {
  compiled = await compileEngine();
});
beforeEach(() => {
  m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  m.map(DATA, DATA_FRAME);
  m.set(state.CPU_XCR0, 7n);
  m.rip = CODE;
});

/** Executes instructions and the INT3 after them. Returns the vector of the exception, 3 if there was none. */
function execute(hex: string): number {
  m.put(CODE_FRAME, `${hex}cc`);
  m.exports.engine_code_written!(CODE_FRAME);
  m.rip = CODE;
  return run();
}
function run(): number {
  const exit = m.run();
  if (exit !== exits.EXIT_EXCEPTION && exit !== exits.EXIT_SOFTWARE_INTERRUPT) throw new Error(`exit ${exit}`);
  return m.vector;
}

/** Address of doubleword n of YMM register r. */
const at = (r: number, n: number) => m.cpu + (n < 4 ? state.CPU_XMM : state.CPU_YMM_HIGH - 16) + 16 * r + 4 * n;
const ymm = (r: number) => Array.from({ length: 8 }, (_, n) => m.view.getUint32(at(r, n), true));
const setYmm = (r: number, values: number[]) => values.forEach((value, n) => m.view.setUint32(at(r, n), value, true));
const ALL = 0xffffffff;

/** Fills both pages with doublewords that say where they are. */
function fillMemory(): void {
  for (let i = 0; i < 2048; i++) m.view.setUint32(DATA_FRAME + 4 * i, 0xd0000000 + i, true);
}

describe("a gather that faults", () => {
  it("keeps what it has, and goes on with the rest when it is executed again", () => {
    fillMemory();
    m.setReg(RBX, DATA);
    setYmm(1, [1, 2, 3, 4, 5, 6, 7, 8]);
    setYmm(2, [0, 1, 2, 1024, 4, 1025, 6, 7]);
    setYmm(3, [ALL, 0, ALL, ALL, 0x80000000, ALL, 0x7fffffff, ALL]);
    expect(execute(GATHER)).toBe(14);
    expect(m.address).toBe(NEXT);
    expect(m.rip).toBe(CODE);
    expect(ymm(1)).toEqual([0xd0000000, 2, 0xd0000002, 4, 5, 6, 7, 8]);
    expect(ymm(3)).toEqual([0, 0, 0, ALL, ALL, ALL, 0, ALL]);

    // What it has is not read again: memory there has changed meanwhile.
    m.view.setUint32(DATA_FRAME, 0, true);
    m.map(NEXT, NEXT_FRAME);
    expect(run()).toBe(3);
    expect(ymm(1)).toEqual([0xd0000000, 2, 0xd0000002, 0xd0000400, 0xd0000004, 0xd0000401, 7, 0xd0000007]);
    expect(ymm(3)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
  it("has done nothing, so that the mask can be that of any later try, if the first element faults", () => {
    m.setReg(RBX, NEXT);
    setYmm(1, [1, 2, 3, 4, 5, 6, 7, 8]);
    setYmm(2, [0, 0, 0, 0, 0, 0, 0, 0]);
    setYmm(3, [ALL, 0, ALL, 0, ALL, 0, ALL, 0]);
    expect(execute(GATHER)).toBe(14);
    expect(ymm(1)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(ymm(3)).toEqual([ALL, 0, ALL, 0, ALL, 0, ALL, 0]);
  });
});

describe("elements of memory", () => {
  it("are not touched where the mask is zero, whatever is there", () => {
    m.setReg(RBX, NEXT - 16n);
    setYmm(3, [ALL, ALL, ALL, ALL, 0, 0x7fffffff, 0, 0]);
    setYmm(1, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(execute(MASKED_STORE)).toBe(3);
    expect(execute(MASKED_LOAD)).toBe(3);
    expect(ymm(1)).toEqual([1, 2, 3, 4, 0, 0, 0, 0]);
    m.map(DATA, DATA_FRAME, PRESENT | USER);
    m.exports.engine_flush!();
    setYmm(3, [0, 0, 0, 0, 0, 0, 0, 0]);
    expect(execute(MASKED_STORE)).toBe(3);
    setYmm(3, [0, 0, 0, ALL, 0, 0, 0, 0]);
    expect(execute(MASKED_STORE)).toBe(14);
    expect([m.error, m.address]).toEqual([7, NEXT - 4n]);
  });
  it("are all stored, or none if one page faults", () => {
    m.setReg(RBX, NEXT - 16n);
    setYmm(3, [ALL, 0, 0, 0, ALL, 0, 0, 0]);
    setYmm(1, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(execute(MASKED_STORE)).toBe(14);
    expect(m.view.getUint32(DATA_FRAME + 4080, true)).toBe(0);
  });
  it("need no alignment where other operands do", () => {
    m.set(state.CPU_CR0, m.get(state.CPU_CR0) | CR0_AM);
    m.setReg(RBX, DATA + 1n);
    const vectors = [GATHER, MASKED_LOAD, MASKED_STORE, "8b03"].map((code) => {
      m.flags = FLAGS_AC;
      setYmm(2, [0, 1, 2, 3, 4, 5, 6, 7]);
      setYmm(3, [ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL]);
      return execute(code);
    });
    expect(vectors).toEqual([3, 3, 3, 17]);
  });
});

describe("availability", () => {
  it("wants CR4.OSXSAVE and both bits of XCR0, and not CR0.TS", () => {
    const tryWith = (cr4: bigint, xcr0: bigint, cr0 = 0x80050033n) => {
      m.set(state.CPU_CR4, cr4);
      m.set(state.CPU_XCR0, xcr0);
      m.set(state.CPU_CR0, cr0);
      return [ADD, GATHER, MASKED_LOAD].map((code) => execute(code));
    };
    m.setReg(RBX, DATA);
    setYmm(2, [0, 1, 2, 3, 4, 5, 6, 7]);
    expect(tryWith(0x620n | CR4_OSXSAVE, 7n)).toEqual([3, 3, 3]);
    expect(tryWith(0x620n, 7n)).toEqual([6, 6, 6]);
    expect(tryWith(0x620n | CR4_OSXSAVE, 3n)).toEqual([6, 6, 6]);
    expect(tryWith(0x620n | CR4_OSXSAVE, 5n)).toEqual([6, 6, 6]);
    expect(tryWith(0x620n | CR4_OSXSAVE, 7n, 0x8005003bn)).toEqual([7, 7, 7]);
    // CR4.OSFXSR and CR0.EM are of SSE's own encodings.
    expect(tryWith(0x420n | CR4_OSXSAVE, 7n, 0x80050037n)).toEqual([3, 3, 3]);
  });
  it("has no VAES and no VPCLMULQDQ, which CPUID does not announce", () => {
    m.setReg(RBX, DATA);
    for (const code of ["c4e26ddcd9", "c4e26ddf1b", "c4e36d44d901"]) expect(execute(code)).toBe(6);
    // The same with 128 bits.
    for (const code of ["c4e269dcd9", "c4e269df1b", "c4e36944d901"]) expect(execute(code)).toBe(3);
  });
});

describe("outside 64-bit mode", () => {
  beforeEach(() => m.segment(state.CS, 0x33, COMPATIBILITY_CODE));

  it("addresses of elements have 32 bits", () => {
    fillMemory();
    m.setReg(RBX, DATA + 16n);
    setYmm(2, [-4, -3, -2, -1, 0, 1, 2, 3]);
    setYmm(3, [ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL]);
    expect(execute(GATHER)).toBe(3);
    expect(ymm(1)).toEqual(Array.from({ length: 8 }, (_, n) => 0xd0000000 + n));
  });
  it("a fourth operand above 7 means the lower one, and VEX.W chooses the element", () => {
    setYmm(2, [1, 0, 2, 0, 3, 0, 4, 0]);
    setYmm(3, [1, 0, 64, 0, 0, 0, 0, 1]);
    expect(execute("c4e2ed45cb")).toBe(3); // vpsrlvq ymm1, ymm2, ymm3
    expect(ymm(1)).toEqual([0, 0, 0, 0, 3, 0, 0, 0]);
    setYmm(3, [9, 9, 9, 9, 0, 0, 0, 0]);
    setYmm(4, [0x80, 0, 0, 0, 0, 0, 0, 0]);
    expect(execute("c4e3694ccbc0")).toBe(3); // vpblendvb xmm1, xmm2, xmm3, xmm12
    expect(ymm(1)).toEqual([9, 0, 2, 0, 0, 0, 0, 0]);
  });
  it("VEX.W does not make general registers wide", () => {
    m.setReg(RAX, 0x123456789n);
    setYmm(2, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(execute("c4e3e922c801")).toBe(3); // vpinsrd xmm1, xmm2, eax, 1
    expect(ymm(1)).toEqual([1, 0x23456789, 3, 4, 0, 0, 0, 0]);
  });
});
