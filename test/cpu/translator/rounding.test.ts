/** ROUNDPS, ROUNDPD, ROUNDSS and ROUNDSD, translated and interpreted: every rounding, every kind of number, modes and flags of MXCSR. */
import { beforeAll, describe, expect, it } from "vitest";
import * as state from "../../../core/machine/cpu/state.ts";
import { EXIT_EXCEPTION } from "../../../core/machine/cpu/exits.ts";
import { compileEngine } from "../engine.ts";
import { RDI } from "../machine.ts";
import { Lockstep } from "./lockstep.ts";
import { withoutInterpreter } from "./without-interpreter.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const DATA = 0x50_0000n;
const DATA_FRAME = 0x3a10000;
const BYTES = 0x40;
/** All masked; with PE set already; rounding down, up and to zero; DAZ and FTZ; one exception not masked. */
const MODES = [0x1f80, 0x1fa0, 0x3fa0, 0x5fa0, 0x7f80, 0x9fe0, 0x1f00, 0x0f80];
const DOUBLES = [
  ...[0, 0.5, 1.5, 2.5, 0.49999999999999994, 1, 3.75, 2 ** 51 + 0.5, 2 ** 52 + 1, 2 ** 53, 1e300, Infinity],
  ...[5e-324, 2.2250738585072014e-308, 1e-300, 123456789.123],
].flatMap((value) => [value, -value]);
const DOUBLE_BITS = [
  ...DOUBLES.map((value) => new BigUint64Array(new Float64Array([value]).buffer)[0]!),
  // Quiet and signalling NaN.
  ...[0x7ff8000000000001n, 0x7ff0000000000123n, 0xfff7ffffffffffffn],
];
const SINGLES = [
  0,
  0.5,
  1.5,
  2.5,
  0.49999997,
  1,
  3.75,
  2 ** 22 + 0.5,
  2 ** 23 + 1,
  3e38,
  Infinity,
  1e-45,
  1.2e-38,
  77.7,
];
const SINGLE_BITS = [
  ...SINGLES.flatMap((value) => [value, -value]).map((value) => new Uint32Array(new Float32Array([value]).buffer)[0]!),
  ...[0x7fc00001, 0x7f800123, 0xffbfffff],
];

let machines: Lockstep;
beforeAll(async () => {
  machines = new Lockstep(await compileEngine(), [{ name: "data", from: DATA_FRAME, length: 0x1000 }]);
  for (const m of machines.both) {
    for (let page = 0; page < 8; page++) m.map(CODE + 0x1000n * BigInt(page), CODE_FRAME + 0x1000 * page);
    m.map(DATA, DATA_FRAME);
    m.set(state.CPU_XCR0, 7n);
  }
});

const byte = (value: number): string => value.toString(16).padStart(2, "0");
const single = (opcode: number): boolean => opcode === 0x08 || opcode === 0x0a;
/** Loads 32 bytes, rounds them into a register that is not zero, and ends. */
const FORMS: Record<string, (opcode: number, imm: number) => string> = {
  "SSE, of a register": (opcode, imm) => `0f100f 660f3a${byte(opcode)}d1${byte(imm)} cc`,
  "SSE, of memory": (opcode, imm) => `660f3a${byte(opcode)}17${byte(imm)} cc`,
  // vround* xmm2, (xmm3,) xmm1
  "VEX of 16 bytes": (opcode, imm) => `c5fc100f c4e3${opcode >= 0x0a ? "61" : "79"}${byte(opcode)}d1${byte(imm)} cc`,
  "VEX of 32 bytes": (opcode, imm) => `c5fc100f c4e37d${byte(opcode)}d1${byte(imm)} cc`,
};

const PACKED = [0x08, 0x09];
const ALL = [...PACKED, 0x0a, 0x0b];
const CASES = Object.keys(FORMS).flatMap((form) =>
  (form === "VEX of 32 bytes" ? PACKED : ALL).map((opcode): [string, number] => [form, opcode]),
);

describe("rounding", () => {
  it.each(CASES)("with %s by opcode %d is the interpreter's", (form, opcode) => {
    const bits = single(opcode) ? SINGLE_BITS : DOUBLE_BITS;
    const lanes = single(opcode) ? 8 : 4;
    let at = 0;
    for (let imm = 0; imm < 16; imm++, at += BYTES) {
      const hex = FORMS[form]!(opcode, imm);
      const start = CODE + BigInt(at);
      for (const m of machines.both) {
        m.put(CODE_FRAME + at, hex);
        m.exports.engine_code_written!(CODE_FRAME + (at & ~0xfff));
      }
      const { code } = machines;
      expect(code.translate(code.request(CODE_FRAME + at, start))).toBe(true);
      for (const mxcsr of MODES)
        for (let first = 0; first < bits.length; first += lanes - 1) {
          for (const m of machines.both) {
            for (let lane = 0; lane < lanes; lane++) {
              const value = bits[(first + lane) % bits.length]!;
              if (typeof value === "number") m.view.setUint32(DATA_FRAME + 4 * lane, value, true);
              else m.view.setBigUint64(DATA_FRAME + 8 * lane, value, true);
            }
            m.view.setUint32(m.cpu + state.CPU_MXCSR, mxcsr, true);
            for (const place of [state.CPU_XMM, state.CPU_YMM_HIGH])
              for (let word = 0; word < 32; word++) m.set(place + 8 * word, 0x1111_2222_3333_4444n * BigInt(word + 1));
            m.setReg(RDI, DATA);
          }
          const told = { imm, mxcsr: mxcsr.toString(16), first };
          expect({ ...told, ...(machines.run(start) as object) }).toEqual({ ...told, text: null });
        }
      expect(code.entered()).toBeGreaterThan(0);
    }
  });

  it("asks the interpreter for no ordinary number, and for NaN", () => {
    const m = machines.translated;
    const code = withoutInterpreter(m);
    const run = (n: number, value: number): number => {
      const [, opcode] = CASES[n]!;
      for (let lane = 0; lane < (single(opcode) ? 8 : 4); lane++)
        if (single(opcode)) m.view.setFloat32(DATA_FRAME + 4 * lane, value, true);
        else m.view.setFloat64(DATA_FRAME + 8 * lane, value, true);
      m.view.setUint32(m.cpu + state.CPU_MXCSR, 0x1fa0, true);
      m.setReg(RDI, DATA);
      m.rip = CODE + BigInt(0x4000 + BYTES * n);
      return m.run();
    };
    for (const [n, [form, opcode]] of CASES.entries()) {
      const at = 0x4000 + BYTES * n;
      m.put(CODE_FRAME + at, FORMS[form]!(opcode, 1));
      m.exports.engine_code_written!(CODE_FRAME + (at & ~0xfff));
      expect(code.translate(code.request(CODE_FRAME + at, CODE + BigInt(at)))).toBe(true);
      expect([form, opcode, run(n, 1.5)]).toEqual([form, opcode, EXIT_EXCEPTION]);
    }
    // What was translated last is still valid, and asks here.
    expect(() => run(CASES.length - 1, NaN)).toThrow(/unreachable/);
  });
});
