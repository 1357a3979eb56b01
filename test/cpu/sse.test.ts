/** MMX to SSE4.2, AES-NI, PCLMULQDQ: the SSE unit is compared with the real CPU. What a user program cannot show there is tested here. */
import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as state from "../../core/machine/cpu/state.ts";
import { breath } from "../breath.ts";
import { difference } from "./silicon/compare.ts";
import { CASE, RESULT, WINDOW_START } from "./silicon/generate.ts";
import { fromAmd, isAmd } from "./silicon/vendor.ts";
import { SSE_FORMS, type SseCase, Random, excluded, sseCase } from "./sse-cases.ts";
import { SseUnit, compileSseUnit } from "./sse-unit.ts";
import { temporaryFolder } from "../temporary.ts";

/** Others each time, so that many runs see many. XENARIUM_TRIES=n runs more at once. */
const CASES = Number(process.env.XENARIUM_TRIES ?? 60_000);
const BATCH = 8192;

let folder: string;
let unit: SseUnit;

beforeAll(() => {
  folder = temporaryFolder("sse");
  compileSseUnit(path.join(folder, "sse.wasm"));
  unit = new SseUnit(path.join(folder, "sse.wasm"));
}, 120_000);

/** Says why the real CPU cannot be used here. */
function siliconMissing(): string | null {
  if (process.arch !== "x64" || process.platform !== "linux") return "needs x86-64 Linux";
  return spawnSync("gcc", ["--version"]).status === 0 ? null : "needs gcc";
}

/** Returns the real CPU's results of the cases, one after the other. */
function silicon(binary: string, cases: SseCase[]): Buffer {
  const input = Buffer.concat(cases.map(({ bytes }) => bytes));
  const { status, stdout } = spawnSync(binary, { input, maxBuffer: cases.length * RESULT.size + 4096 });
  if (status !== 0 || stdout.length !== cases.length * RESULT.size)
    throw new Error(`the silicon harness ended with status ${status} after ${stdout.length / RESULT.size} cases`);
  return stdout;
}

const missing = siliconMissing();
describe("against silicon", () => {
  it.skipIf(missing)(
    `${CASES} instances of ${SSE_FORMS.length} forms${missing ? ` (${missing})` : ""}`,
    async () => {
      const binary = path.join(folder, "silicon");
      execFileSync("gcc", ["-O1", "-o", binary, path.join(import.meta.dirname, "silicon/silicon.c")]);
      const seed = Number(process.env.XENARIUM_SEED ?? Date.now() % 0x7fffffff);
      const random = new Random(seed);
      const result = new Uint8Array(RESULT.size);
      const mismatches: string[] = [];
      const amd = isAmd();
      const executed = new Set<string>();
      const modes = new Set<number>();
      let compared = 0;
      for (let n = 0; compared < CASES;) {
        const batch: SseCase[] = [];
        while (batch.length < BATCH) {
          const one = sseCase(SSE_FORMS[n++ % SSE_FORMS.length]!, random);
          if (!excluded(one, amd)) batch.push(one);
        }
        await breath();
        const answers = silicon(binary, batch);
        batch.forEach((one, i) => {
          compared++;
          const answer = answers.subarray(i * RESULT.size, (i + 1) * RESULT.size);
          unit.run(one.bytes, result);
          const text = difference(one as never, amd ? fromAmd(one, answer, result) : answer, result);
          const { map, prefix, opcode } = one.form;
          if (answer.readUInt32LE(RESULT.trap) === 3) {
            executed.add(`${map} ${prefix} ${opcode}`);
            modes.add(new DataView(one.bytes.buffer).getUint16(CASE.fx + 24, true) & 0xe040);
          }
          if (text && mismatches.length < 20)
            mismatches.push(`${Buffer.from(one.bytes.subarray(0, one.length)).toString("hex")}: ${text}`);
        });
      }
      expect(mismatches, `seed ${seed}`).toEqual([]);
      // This shows that the comparison means something: this many forms did not end in an exception, in all modes of rounding, DAZ and FTZ.
      expect(executed.size).toBeGreaterThan(330);
      expect(modes.size).toBe(16);
    },
    300_000,
  );
});

const MOVAPS = [0x0f, 0x28, 0xc1]; // movaps xmm0, xmm1
const PADDB_MM = [0x0f, 0xfc, 0xc1];
const FXSAVE = [0x0f, 0xae, 0x03]; // [rbx]
const FXRSTOR = [0x0f, 0xae, 0x0b];
const XSAVE = [0x0f, 0xae, 0x23];
const XRSTOR = [0x0f, 0xae, 0x2b];
const XSAVEOPT = [0x0f, 0xae, 0x33];

describe("availability", () => {
  const cr0 = 0x80050033n;
  const vector = (code: number[], set: () => void) => {
    unit.reset();
    unit.set64(state.CPU_GPR + 24, BigInt(WINDOW_START));
    set();
    return unit.execute(...code);
  };
  it("SSE: #UD by CR0.EM or without OSFXSR, #NM by CR0.TS", () => {
    expect(vector(MOVAPS, () => undefined)).toBeNull();
    expect(vector(MOVAPS, () => unit.set64(state.CPU_CR0, cr0 | 4n))).toBe(6);
    expect(vector(MOVAPS, () => unit.set64(state.CPU_CR0, cr0 | 8n))).toBe(7);
    expect(vector(MOVAPS, () => unit.set64(state.CPU_CR4, 0x40420n))).toBe(6);
  });
  it("MMX does not look at OSFXSR", () => {
    expect(vector(PADDB_MM, () => unit.set64(state.CPU_CR4, 0x20n))).toBeNull();
    expect(vector(PADDB_MM, () => unit.set64(state.CPU_CR0, cr0 | 4n))).toBe(6);
    expect(vector(PADDB_MM, () => unit.set64(state.CPU_CR0, cr0 | 8n))).toBe(7);
  });
  it("XSAVE: #UD without OSXSAVE, #NM by TS, #GP where not aligned to 64 bytes", () => {
    for (const code of [XSAVE, XRSTOR, XSAVEOPT]) {
      expect(vector(code, () => unit.set64(state.CPU_CR4, 0x620n))).toBe(6);
      expect(vector(code, () => unit.set64(state.CPU_CR0, cr0 | 8n))).toBe(7);
      expect(vector(code, () => unit.set64(state.CPU_GPR + 24, BigInt(WINDOW_START + 16)))).toBe(13);
    }
    expect(vector(FXSAVE, () => unit.set64(state.CPU_CR0, cr0 | 8n))).toBe(7);
  });
  it("an unmasked exception is #UD without CR4.OSXMMEXCPT, and its flag is set", () => {
    const divide = [0xf3, 0x0f, 0x5e, 0xc1]; // divss xmm0, xmm1: 0 / 0
    const unmask = () => unit.view.setUint32(unit.cpu + state.CPU_MXCSR, 0x1f00, true);
    expect(vector(divide, unmask)).toBe(19);
    const off = () => {
      unmask();
      unit.set64(state.CPU_CR4, 0x220n);
    };
    expect(vector(divide, off)).toBe(6);
    expect(unit.view.getUint32(unit.cpu + state.CPU_MXCSR, true)).toBe(0x1f01);
  });
});

describe("state saving", () => {
  const fill = (random: Random) => {
    for (let i = 0; i < 16; i++) for (const half of [0, 8]) unit.set64(state.CPU_XMM + 16 * i + half, random.u64());
    for (let i = 0; i < 8; i++) {
      unit.set64(state.CPU_FPR + 16 * i, random.u64());
      unit.view.setUint16(unit.cpu + state.CPU_FPR + 16 * i + 8, random.below(0x10000), true);
    }
    unit.view.setUint16(unit.cpu + state.CPU_FSW, 3 << 11, true);
    unit.view.setUint8(unit.cpu + state.CPU_FTW, 0x5a);
    unit.view.setUint32(unit.cpu + state.CPU_MXCSR, 0x3f80, true);
  };
  const snapshot = () =>
    Buffer.from(unit.bytes.slice(unit.cpu + state.CPU_FPR, unit.cpu + state.CPU_XMM + 256)).toString("hex");
  const start = (components: bigint) => {
    unit.reset();
    unit.set64(state.CPU_GPR + 24, BigInt(WINDOW_START));
    unit.set64(state.CPU_GPR, components);
    unit.bytes.fill(0, unit.window, unit.window + 640);
  };

  it("what FXSAVE, XSAVE, XSAVEOPT write, FXRSTOR and XRSTOR load", () => {
    const random = new Random(1);
    for (const [save, restore] of [
      [FXSAVE, FXRSTOR],
      [XSAVE, XRSTOR],
      [XSAVEOPT, XRSTOR],
    ] as const) {
      start(~0n & 0xffffffffn);
      fill(random);
      const before = snapshot();
      expect(unit.execute(...save)).toBeNull();
      fill(random);
      expect(snapshot()).not.toBe(before);
      expect(unit.execute(...restore)).toBeNull();
      expect(snapshot()).toBe(before);
    }
  });
  it("FXRSTOR64 keeps pointers as long as linear addresses are, 48 bits with their sign", () => {
    start(3n);
    expect(unit.execute(...FXSAVE)).toBeNull();
    unit.view.setBigUint64(unit.window + 8, 0x1154_8e65_0549_6734n, true);
    unit.view.setBigUint64(unit.window + 16, 0x1154_0e65_0549_6734n, true);
    expect(unit.execute(0x48, ...FXRSTOR)).toBeNull();
    expect(unit.get64(state.CPU_FIP)).toBe(0xffff_8e65_0549_6734n);
    expect(unit.get64(state.CPU_FDP)).toBe(0x0e65_0549_6734n);
  });
  it("XSTATE_BV: initial components are not in it; others keep their bits", () => {
    start(3n);
    unit.view.setBigUint64(unit.window + 512, 0xf0n, true);
    expect(unit.execute(...XSAVE)).toBeNull();
    expect(unit.view.getBigUint64(unit.window + 512, true)).toBe(0xf0n);
    unit.set64(state.CPU_XMM + 16 * 9, 1n);
    expect(unit.execute(...XSAVE)).toBeNull();
    expect(unit.view.getBigUint64(unit.window + 512, true)).toBe(0xf2n);
    expect(unit.view.getBigUint64(unit.window + 160 + 16 * 9, true)).toBe(1n);
  });
  it("only the components asked for are written and loaded", () => {
    start(2n);
    fill(new Random(2));
    unit.bytes.fill(0xee, unit.window, unit.window + 512);
    expect(unit.execute(...XSAVE)).toBeNull();
    expect(unit.view.getUint16(unit.window, true)).toBe(0xeeee);
    expect(unit.view.getUint8(unit.window + 32)).toBe(0xee);
    expect(unit.view.getUint32(unit.window + 24, true)).toBe(0x3f80);
    expect(unit.view.getBigUint64(unit.window + 512, true)).toBe(2n);
  });
  it("XRSTOR initialises what XSTATE_BV does not hold", () => {
    start(3n);
    fill(new Random(3));
    unit.view.setUint32(unit.window + 24, 0x1fa0, true);
    expect(unit.execute(...XRSTOR)).toBeNull();
    expect(unit.get64(state.CPU_XMM + 8)).toBe(0n);
    expect(unit.get64(state.CPU_FPR)).toBe(0n);
    expect(unit.view.getUint16(unit.cpu + state.CPU_FCW, true)).toBe(0x37f);
    expect(unit.view.getUint32(unit.cpu + state.CPU_MXCSR, true)).toBe(0x1fa0);
  });
  it("#GP for a bad header or MXCSR, with nothing loaded", () => {
    const refused = (offset: number, value: number) => {
      start(3n);
      fill(new Random(4));
      const before = snapshot();
      unit.view.setUint32(unit.window + offset, value, true);
      expect(unit.execute(...XRSTOR)).toBe(13);
      expect(snapshot()).toBe(before);
    };
    refused(512, 4); // a component XCR0 does not enable
    refused(524, 0x80000001); // compacted form with component 32, which XCR0 does not enable
    refused(524, 1); // a component in XCOMP_BV, and not the compacted form
    refused(528, 1);
    refused(24, 0x10000);
  });
});
