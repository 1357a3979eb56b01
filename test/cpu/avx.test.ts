/** AVX: when its instructions are available, and which encodings with a VEX prefix are instructions at all. (silicon.test.ts has what they do.) */
import { execFileSync } from "node:child_process";
import { beforeAll, describe, expect, it } from "vitest";
import { EXIT_EXCEPTION } from "../../core/machine/cpu/exits.ts";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RBX } from "./machine.ts";
import { Engine } from "./silicon/engine.ts";
import { CASE, RESULT, WINDOW_START } from "./silicon/generate.ts";
import { hasAvx } from "./silicon/vendor.ts";
import { buildEngine, buildSilicon, siliconMissing } from "./silicon/run.ts";

const CODE = 0x400000;
const CODE_FRAME = 0x3800000;
const UNDEFINED = 6;
const NOT_AVAILABLE = 7;
const CR0 = 0x80050033n;
const CR4_WITHOUT_OSXSAVE = 0x620n;
const ALIGNMENT = 17;
const FLOATING_POINT = 19;
const [EM, TS, AM] = [4n, 8n, 0x40000n];

let machine: Machine;
beforeAll(async () => {
  machine = new Machine(await compileEngine());
  machine.map(BigInt(CODE), CODE_FRAME);
}, 120_000);

/** Executes one instruction as a user program. Returns the vector of its exception, or null. */
function execute(hex: string, set: Partial<Record<"CR0" | "CR4" | "XCR0", bigint>> = {}): number | null {
  machine.set(state.CPU_CR0, set.CR0 ?? CR0);
  machine.set(state.CPU_CR4, set.CR4 ?? 0x40620n);
  machine.set(state.CPU_XCR0, set.XCR0 ?? 7n);
  machine.put(CODE_FRAME, hex);
  machine.exports.engine_code_written!(CODE_FRAME);
  machine.exports.engine_refresh!();
  machine.rip = BigInt(CODE);
  const exit = machine.exports.engine_step!();
  return exit === EXIT_EXCEPTION ? machine.vector : null;
}

describe("an AVX instruction", () => {
  const FORMS = {
    vaddps: "c5 ec 58 c1",
    vzeroupper: "c5 f8 77",
    vfmadd213sd: "c4 e2 f1 a9 c2",
    vcvtph2ps: "c4 e2 7d 13 c1",
  };
  it.each(Object.entries(FORMS))("%s needs CR4.OSXSAVE, XCR0's SSE and AVX, and CR0.TS clear", (_, hex) => {
    expect(execute(hex)).toBeNull();
    expect(execute(hex, { CR4: CR4_WITHOUT_OSXSAVE })).toBe(UNDEFINED);
    expect(execute(hex, { XCR0: 3n })).toBe(UNDEFINED);
    expect(execute(hex, { XCR0: 5n })).toBe(UNDEFINED);
    expect(execute(hex, { CR0: CR0 | TS })).toBe(NOT_AVAILABLE);
    expect(execute(hex, { CR0: CR0 | TS, XCR0: 1n })).toBe(UNDEFINED);
    // What SSE looks at means nothing to it.
    expect(execute(hex, { CR0: CR0 | EM, CR4: 0x40020n })).toBeNull();
  });
  // Seen on silicon: a result for a handler is as exact as if its exponent had more bits, but of a denormal number it never is.
  it.each([
    ["tiny and exact", 0x32c00000, 0x800, 0x10],
    ["tiny and inexact", 0x32c00001, 0x800, 0x30],
    ["of a denormal number", 0x00400000, 0x800, 0x32],
    ["tiny, with a masked exception", 0x32c00000, 0, 0x30],
    ["too large and exact", 0x48000000, 0x400, 0x08],
    ["too large and inexact", 0x48000001, 0x400, 0x28],
    ["too large, with a masked exception", 0x48000000, 0, 0x28],
  ])("VCVTPS2PH: the flags of a result that is %s", (_, single, unmasked, flags) => {
    machine.set(state.CPU_XMM, BigInt(single));
    machine.set(state.CPU_XMM + 8, 0n);
    machine.set(state.CPU_MXCSR, BigInt(0x1f80 & ~unmasked));
    expect(execute("c4 e3 79 1d c1 00")).toBe(unmasked ? FLOATING_POINT : null);
    expect(machine.get(state.CPU_MXCSR) & 0x3fn).toBe(BigInt(flags));
    machine.set(state.CPU_MXCSR, 0x1f80n);
  });
  it("raises #AC for misaligned scalars, but not for vectors or the 8 bytes of halves", () => {
    machine.map(0x600000n, CODE_FRAME + 0x1000);
    machine.setReg(RBX, 0x600001n);
    machine.flags = 0x40202;
    const alignment = { CR0: CR0 | AM };
    expect(execute("c5 fa 10 03", alignment), "vmovss xmm0, [rbx]").toBe(ALIGNMENT);
    expect(execute("c5 fc 10 03", alignment), "vmovups ymm0, [rbx]").toBeNull();
    expect(execute("c5 f8 5a 03", alignment), "vcvtps2pd xmm0, [rbx]").toBe(ALIGNMENT);
    expect(execute("c5 fc 5a 03", alignment), "vcvtps2pd ymm0, [rbx]").toBeNull();
    expect(execute("c4 e2 79 13 03", alignment), "vcvtph2ps xmm0, [rbx]").toBeNull();
    expect(execute("c4 e3 79 1d 03 00", alignment), "vcvtps2ph [rbx], xmm0, 0").toBeNull();
    machine.flags = 0x202;
  });
  it("needs nothing of that for BMI", () => {
    expect(execute("c4 e2 70 f2 c2", { CR4: CR4_WITHOUT_OSXSAVE, XCR0: 1n, CR0: CR0 | TS })).toBeNull();
  });
});

interface Encoding {
  map: number;
  pp: number;
  opcode: number;
  length: number;
  w: number;
}

/** Extensions with VEX that this machine's CPU may have and the engine does not announce. */
function isOther({ map, pp, opcode, length, w }: Encoding): boolean {
  const between = (first: number, last: number): boolean => opcode >= first && opcode <= last;
  if (map === 1) {
    // AVX-512's masks.
    return between(0x41, 0x4b) || between(0x90, 0x93) || between(0x98, 0x99);
  }
  if (map === 2) {
    // AMX; AVX-VNNI; AVX-NE-CONVERT; AVX-IFMA; SHA512, SM3, SM4; GFNI; VAES of 256 bits; CMPccXADD.
    if (between(0x49, 0x4b) || between(0x5c, 0x5f) || between(0x6b, 0x6f)) return true;
    if (between(0x50, 0x53) || opcode === 0x72 || between(0xb0, 0xb1) || between(0xd2, 0xd3)) return true;
    if ((between(0xb4, 0xb5) && w === 1) || between(0xcb, 0xcf) || opcode === 0xda) return true;
    return (between(0xdc, 0xdf) && length === 1) || between(0xe0, 0xef);
  }
  // AVX-512's masks; GFNI; SM3; VPCLMULQDQ of 256 bits.
  return between(0x30, 0x33) || between(0xce, 0xcf) || opcode === 0xde || (opcode === 0x44 && length === 1 && pp === 1);
}

/** All encodings, with VEX.vvvv and r/m as given; `digit` is ModRM.reg. */
function* encodings(vvvv: number, isMemory: boolean, digit: number): Generator<{ bytes: number[]; of: Encoding }> {
  for (let map = 1; map <= 3; map++)
    for (let opcode = 0; opcode < 256; opcode++)
      for (let bits = 0; bits < 16; bits++) {
        const of = { map, opcode, pp: bits & 3, length: (bits >> 2) & 1, w: bits >> 3 };
        if (isOther(of)) continue;
        const last = (of.w << 7) | ((~vvvv & 15) << 3) | (of.length << 2) | of.pp;
        const bytes = [0xc4, 0xe0 | map, last, opcode];
        // [RBX], which points into the window; VZEROUPPER has no ModRM, so what follows must do no harm either.
        bytes.push((isMemory ? 0 : 0xc0) | (digit << 3) | 3, 0);
        yield { bytes, of };
      }
}

const missing = siliconMissing() ?? (hasAvx() ? null : "needs an Intel processor with AVX2, FMA and F16C");
describe("encodings with a VEX prefix", () => {
  it.skipIf(missing !== null)(
    `are instructions if silicon says so${missing ? ` (${missing})` : ""}`,
    async () => {
      const engine: Engine = await buildEngine();
      const binary = buildSilicon();
      const wrong: string[] = [];
      let count = 0;
      let valid = 0;
      for (const [vvvv, isMemory, digit] of [
        [0, false, 2],
        [0, true, 3],
        [5, false, 6],
        [5, true, 1],
        [8, false, 7],
      ] as const) {
        const all = [...encodings(vvvv, isMemory, digit)];
        const cases = all.map(({ bytes }) => {
          const one = Buffer.alloc(CASE.size, 0);
          one.fill(0xcc, CASE.code, CASE.code + 24);
          one.set(bytes, CASE.code);
          for (let n = 0; n < 16; n++) one.writeBigUInt64LE(BigInt(WINDOW_START + 64), CASE.gpr + 8 * n);
          one.writeBigUInt64LE(0x202n, CASE.rflags);
          one.writeUInt16LE(0x37f, CASE.fx);
          one.writeUInt32LE(0x1f80, CASE.fx + 24);
          return one;
        });
        const answers = execFileSync(binary, { input: Buffer.concat(cases), maxBuffer: 1 << 30 });
        const result = new Uint8Array(RESULT.size);
        cases.forEach((one, i) => {
          count++;
          engine.run(one, result);
          const ours = Buffer.from(result).readUInt32LE(RESULT.trap) === UNDEFINED;
          const theirs = answers.readUInt32LE(i * RESULT.size + RESULT.trap) === UNDEFINED;
          if (!theirs) valid++;
          if (ours !== theirs) wrong.push(`${Buffer.from(all[i]!.bytes).toString("hex")}: ${theirs ? "none" : "one"}`);
        });
      }
      expect(wrong.slice(0, 20), `${wrong.length} of ${count}`).toEqual([]);
      expect(valid).toBeGreaterThan(4000);
    },
    300_000,
  );
});
