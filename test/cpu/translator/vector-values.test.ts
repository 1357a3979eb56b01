/** Vector instructions translated and interpreted, with the values at which their results, or the flags of MXCSR, change. */
import { beforeAll, describe, expect, it } from "vitest";
import * as state from "../../../core/machine/cpu/state.ts";
import { EXIT_EXCEPTION } from "../../../core/machine/cpu/exits.ts";
import { compileEngine } from "../engine.ts";
import { RDI } from "../machine.ts";
import { Lockstep } from "./lockstep.ts";
import { Random } from "./assembler.ts";
import { withoutInterpreter } from "./without-interpreter.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const DATA = 0x50_0000n;
const DATA_FRAME = 0x3a10000;
const BYTES = 0x20;
const DRAWS = 120;
/** Default; PE set already, three times as often; rounding down, up and to zero; DAZ and FTZ; one exception not masked. */
const MODES = [0x1f80, 0x1fa0, 0x1fa0, 0x1fa0, 0x3fa0, 0x5fa0, 0x7fa0, 0x9fe0, 0x0fa0, 0x1f20];
const ORDINARY_MODE = 0x1fa0;

const single = (value: number): bigint => BigInt(new Uint32Array(new Float32Array([value]).buffer)[0]!);
const double = (value: number): bigint => new BigUint64Array(new Float64Array([value]).buffer)[0]!;
/** With both signs, and the neighbours. */
const around = (bits: bigint[], width: bigint): bigint[] =>
  bits.flatMap((each) => [each, each + 1n, each - 1n]).flatMap((each) => [each, each ^ (1n << (width - 1n))]);

interface Values {
  width: 8 | 16 | 32 | 64;
  edges: bigint[];
  /** What needs no help of the interpreter. */
  ordinary: bigint[];
}
const SINGLES: Values = {
  width: 32,
  edges: around(
    [
      ...[0, 1, 0.5, 1.5, 2.5, 77.7, 2 ** -14, 2 ** -24, 2 ** -25, 65504, 65519, 65520, 65536, 2 ** 24].map(single),
      ...[2 ** 31, 2 ** 32, 3e38, 1e-40, 1.1754943508222875e-38, Infinity, 1 + 2 ** -11, 1 + 3 * 2 ** -11].map(single),
      ...[0x7fc00001n, 0x7f800123n, 0x7fbfffffn],
    ],
    32n,
  ),
  ordinary: [1, -2.5, 0, 1000.25].map(single),
};
const DOUBLES: Values = {
  width: 64,
  edges: around(
    [
      ...[0, 1, 1.5, 2 ** 53, 1e308, 5e-324, 2.2250738585072014e-308, Infinity, 1e-300].map(double),
      ...[0x7ff8000000000001n, 0x7ff0000000000123n],
    ],
    64n,
  ),
  ordinary: [1, -2.5, 0, 1000.25].map(double),
};
const HALVES: Values = {
  width: 16,
  edges: around([0n, 1n, 0x3ffn, 0x400n, 0x3c00n, 0x7bffn, 0x7c00n, 0x7c01n, 0x7e00n, 0x7fffn, 0x5555n], 16n),
  ordinary: [0n, 1n, 0x3ffn, 0x8400n, 0x7bffn, 0x7c00n, 0xfc00n, 0x3555n],
};
const integers = (width: 8 | 16 | 32 | 64): Values => {
  const edges = around(
    [0n, 1n, 31n, 32n, 63n, 64n, 1n << BigInt(width - 1), 0x5a5an, 1n << BigInt(width / 2)],
    BigInt(width),
  );
  return { width, edges, ordinary: edges };
};

/**
 * Instructions that compute YMM2 or XMM2 from YMM3 and YMM1, or from YMM1 alone; with `memory` the last operand is where RDI points to, where
 * YMM1's value is. SSE's have XMM2 as first operand.
 */
const INSTRUCTIONS: [name: string, values: Values, hex: string][] = [
  ["vpsllvd", integers(32), "c4e26547d1"],
  ["vpsllvd, 128", integers(32), "c4e26147d1"],
  ["vpsllvd, memory", integers(32), "c4e2654717"],
  ["vpsllvq", integers(64), "c4e2e547d1"],
  ["vpsrlvd", integers(32), "c4e26545d1"],
  ["vpsrlvq", integers(64), "c4e2e545d1"],
  ["vpsrlvq, memory, 128", integers(64), "c4e2e14517"],
  ["vpsravd", integers(32), "c4e26546d1"],
  ["vpsravd, memory", integers(32), "c4e2654617"],
  ["vpermilps", integers(32), "c4e2650cd1"],
  ["vpermilps, memory", integers(32), "c4e2650c17"],
  ["vpermilpd", integers(64), "c4e2650dd1"],
  ["vpermilpd, 128", integers(64), "c4e2610dd1"],
  ["vtestps", integers(32), "c4e27d0ed1"],
  ["vtestps, memory, 128", integers(32), "c4e2790e17"],
  ["vtestpd", integers(64), "c4e27d0fd1"],
  ["vptest", integers(64), "c4e27d17d1"],
  ["psignb", integers(8), "660f3808d1"],
  ["vpsignb", integers(8), "c4e26508d1"],
  ["vpsignw", integers(16), "c4e26509d1"],
  ["vpsignd", integers(32), "c4e2650ad1"],
  ["pmulhrsw", integers(16), "660f380bd1"],
  ["vpmulhrsw", integers(16), "c4e2650bd1"],
  ["vcvtph2ps", HALVES, "c4e27d13d1"],
  ["vcvtph2ps, memory", HALVES, "c4e27d1317"],
  ["vcvtph2ps, 128", HALVES, "c4e27913d1"],
  ["vcvtph2ps, memory, 128", HALVES, "c4e2791317"],
  ["vcvtps2ph, nearest", SINGLES, "c4e37d1dca00"],
  ["vcvtps2ph, to zero", SINGLES, "c4e37d1dca03"],
  ["vcvtps2ph, MXCSR's, 128", SINGLES, "c4e3791dca04"],
  ["vcvtps2ph, MXCSR's, memory", SINGLES, "c4e37d1d0f07"],
  ["vcvtps2ph, memory, 128", SINGLES, "c4e3791d0f00"],
  ["haddps", SINGLES, "f20f7cd1"],
  ["haddpd, memory", DOUBLES, "660f7c17"],
  ["hsubps", SINGLES, "f20f7dd1"],
  ["addsubpd", DOUBLES, "660fd0d1"],
  ["vhaddps", SINGLES, "c5e77cd1"],
  ["vhaddpd", DOUBLES, "c5e57cd1"],
  ["vhsubps, memory", SINGLES, "c5e77d17"],
  ["vhsubpd, 128", DOUBLES, "c5e17dd1"],
  ["vaddsubps", SINGLES, "c5e7d0d1"],
  ["vaddsubpd", DOUBLES, "c5e5d0d1"],
  ["cvtdq2pd", integers(32), "f30fe6d1"],
  ["cvtdq2pd, memory", integers(32), "f30fe617"],
  ["vcvtdq2pd", integers(32), "c5fee6d1"],
  ["vcvtdq2pd, memory", integers(32), "c5fee617"],
  ["cvtdq2ps", integers(32), "0f5bd1"],
  ["vcvtdq2ps", integers(32), "c5fc5bd1"],
  ["cvtps2pd", SINGLES, "0f5ad1"],
  ["cvtps2pd, memory", SINGLES, "0f5a17"],
  ["vcvtps2pd", SINGLES, "c5fc5ad1"],
  ["vcvtps2pd, memory", SINGLES, "c5fc5a17"],
  ["vcvtps2pd, 128", SINGLES, "c5f85ad1"],
  ["cvtps2dq", SINGLES, "660f5bd1"],
  ["vcvtps2dq", SINGLES, "c5fd5bd1"],
  ["cvttps2dq, memory", SINGLES, "f30f5b17"],
  ["vcvttps2dq", SINGLES, "c5fe5bd1"],
  ["vcvttps2dq, 128", SINGLES, "c5fa5bd1"],
];

let machines: Lockstep;
beforeAll(async () => {
  machines = new Lockstep(await compileEngine(), [{ name: "data", from: DATA_FRAME, length: 0x1000 }]);
  for (const m of machines.both) {
    m.map(CODE, CODE_FRAME);
    m.map(DATA, DATA_FRAME);
    m.set(state.CPU_XCR0, 7n);
  }
});

function put(n: number, hex: string, from: number): number {
  const at = from + BYTES * n;
  for (const m of machines.both) {
    m.put(CODE_FRAME + at, `${hex}cc`);
    m.exports.engine_code_written!(CODE_FRAME);
  }
  return at;
}
/** Gives YMM1, YMM2 and YMM3 lanes of `pick`, and memory what YMM1 has. */
function prepare({ width }: Values, mxcsr: number, pick: () => bigint): void {
  const values = Array.from({ length: 12 }, () => {
    let word = 0n;
    for (let at = 0; at < 64; at += width) word |= BigInt.asUintN(width, pick()) << BigInt(at);
    return word;
  });
  for (const m of machines.both) {
    for (let n = 0; n < 12; n++)
      m.set((n & 2 ? state.CPU_YMM_HIGH : state.CPU_XMM) + 16 * (1 + (n >> 2)) + 8 * (n & 1), values[n]!);
    for (let n = 0; n < 4; n++) m.view.setBigUint64(DATA_FRAME + 8 * n, values[n]!, true);
    m.view.setUint32(m.cpu + state.CPU_MXCSR, mxcsr, true);
    m.setReg(RDI, DATA);
    m.flags = 0x202;
  }
}

describe("what an instruction computes", () => {
  it.each(INSTRUCTIONS.map((each, n) => [...each, n] as const))("is the interpreter's: %s", (_, values, hex, n) => {
    const at = put(n, hex, 0);
    const start = CODE + BigInt(at);
    expect(machines.code.translate(machines.code.request(CODE_FRAME + at, start))).toBe(true);
    const random = new Random(n + 1);
    for (let draw = 0; draw < DRAWS; draw++) {
      // Where one lane is unusual the others need not be.
      const list = random.chance(50)
        ? values.edges
        : [...values.ordinary, ...values.ordinary, random.pick(values.edges)];
      prepare(values, random.pick(MODES), () => random.pick(list));
      const outcome = machines.run(start);
      if (outcome === "budget" || outcome.text) expect({ draw, outcome }).toBe("the same");
    }
    expect(machines.code.entered()).toBe(DRAWS);
  });

  it("needs no help of the interpreter for ordinary values", () => {
    const m = machines.translated;
    const code = withoutInterpreter(m);
    for (const [n, [name, values, hex]] of INSTRUCTIONS.entries()) {
      const at = put(n, hex, 0x800);
      expect(code.translate(code.request(CODE_FRAME + at, CODE + BigInt(at)))).toBe(true);
      for (let draw = 0; draw < values.ordinary.length; draw++) {
        let next = draw;
        prepare(values, ORDINARY_MODE, () => values.ordinary[next++ % values.ordinary.length]!);
        m.rip = CODE + BigInt(at);
        expect([name, m.run(), m.vector]).toEqual([name, EXIT_EXCEPTION, 3]);
      }
    }
  });
});
