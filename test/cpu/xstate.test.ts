/** XSAVE's family: compared with the real processor, and what a user program can't show there. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as exits from "../../core/machine/cpu/exits.ts";
import * as state from "../../core/machine/cpu/state.ts";
import { temporaryFolder } from "../temporary.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RBX, RCX, RDX } from "./machine.ts";
import { isAmd } from "./silicon/vendor.ts";
import * as x from "./silicon/xstate.ts";
import { Random } from "./sse-cases.ts";

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
}, 120_000);

/** Others each time, so that many runs see many. XENARIUM_TRIES=n runs more at once. */
const CASES = Number(process.env.XENARIUM_TRIES ?? 12_000);
const missing = x.xstateMissing(process.platform === "linux" ? readFileSync("/proc/cpuinfo", "utf8") : "");

describe("against silicon", () => {
  it.skipIf(missing)(
    `${CASES} instances of XSAVE, XSAVEOPT, XSAVEC, XRSTOR, XGETBV${missing ? ` (${missing})` : ""}`,
    () => {
      const binary = path.join(temporaryFolder("xstate"), "xstate");
      const source = path.join(import.meta.dirname, "silicon/xstate.c");
      execFileSync("gcc", ["-O1", "-mno-red-zone", "-o", binary, source]);
      const seed = Number(process.env.XENARIUM_SEED ?? Date.now() % 0x7fffffff);
      const random = new Random(seed);
      const pointers = !isAmd();
      const engine = new x.XstateEngine(compiled);
      const mismatches: string[] = [];
      const traps = new Map<string, number>();
      for (let done = 0; done < CASES;) {
        const batch = Array.from({ length: 4000 }, () => x.xstateCase(random, pointers));
        const answers = x.silicon(binary, batch);
        for (const [i, one] of batch.entries()) {
          const real = answers[i]!;
          const ours = engine.run(one);
          // After a switch to another thread a component may be in use that is not, so a difference counts if it comes again and again.
          let text = x.xstateDifference(one, real, ours);
          for (let again = 0; text && again < 4; again++)
            text = x.xstateDifference(one, x.silicon(binary, [one])[0]!, ours);
          const what = `${one.name} ${real.trap}`;
          traps.set(what, (traps.get(what) ?? 0) + 1);
          if (text && mismatches.length < 20) mismatches.push(text);
        }
        done += batch.length;
      }
      expect(mismatches, `seed ${seed}`).toEqual([]);
      // This shows that the comparison means something: each instruction succeeded often, and was refused for each reason.
      for (const name of ["xsave", "xsave64", "xsaveopt", "xsavec", "xsavec64", "xrstor", "xrstor64"])
        for (const trap of [x.NO_TRAP, 13, 14])
          expect(traps.get(`${name} ${trap}`), `${name} ${trap}`).toBeGreaterThan(50);
      for (const trap of [x.NO_TRAP, 6, 13]) expect(traps.get(`xgetbv ${trap}`), `xgetbv ${trap}`).toBeGreaterThan(50);
    },
    300_000,
  );
});

const CODE = 0x400000n;
const CODE_FRAME = 0x3f00000;
const GDT = 0x3f20000;
const IDT = 0x3f21000;
/** Gate n of the IDT leads to HANDLERS + n, where there is nothing but HLT. */
const HANDLERS = 0x3f23000;

/** A vCPU that owns its privileged state, at CPL 0 of 64-bit mode. */
class Owner {
  readonly machine = new Machine(compiled);

  constructor() {
    const { machine } = this;
    machine.map(CODE, CODE_FRAME);
    for (const frame of [GDT, IDT, HANDLERS]) machine.map(BigInt(frame), frame);
    machine.view.setBigUint64(GDT + 0x30, 0x00af9b000000ffffn, true);
    machine.view.setBigUint64(GDT + 0x28, 0x00cf93000000ffffn, true);
    machine.bytes.fill(0xf4, HANDLERS, HANDLERS + 256);
    for (let n = 0; n < 256; n++) {
      const at = BigInt(HANDLERS + n);
      machine.view.setBigUint64(
        IDT + 16 * n,
        (at & 0xffffn) | (0x30n << 16n) | (0x8en << 40n) | ((at >> 16n) << 48n),
        true,
      );
      machine.view.setBigUint64(IDT + 16 * n + 8, at >> 32n, true);
    }
    machine.set(state.CPU_GDTR_BASE, BigInt(GDT));
    machine.view.setUint32(machine.cpu + state.CPU_GDTR_LIMIT, 0x3f, true);
    machine.set(state.CPU_IDTR_BASE, BigInt(IDT));
    machine.view.setUint32(machine.cpu + state.CPU_IDTR_LIMIT, 0xfff, true);
    machine.view.setUint32(machine.cpu + state.CPU_DEPRIVILEGED, 0, true);
    machine.level(0);
    machine.setReg(4, BigInt(HANDLERS + 0xff0));
  }

  /** Executes an instruction, then HLT. Returns the vector of its exception; null if it has none. */
  execute(code: string): number | null {
    const { machine } = this;
    machine.put(CODE_FRAME, `${code} f4`);
    machine.exports.engine_code_written!(CODE_FRAME);
    machine.rip = CODE;
    expect(machine.run()).toBe(exits.EXIT_HALT);
    const vector = Number(machine.rip) - 1 - HANDLERS;
    return vector >= 0 && vector < 256 ? vector : null;
  }
  xsetbv(value: bigint, index = 0n, code = "0f 01 d1"): number | null {
    this.machine.setReg(RAX, value & 0xffffffffn);
    this.machine.setReg(RDX, value >> 32n);
    this.machine.setReg(RCX, index);
    return this.execute(code);
  }
}
const UD = 6;
const GP = 13;

describe("XSETBV", () => {
  it("takes what the SDM allows, and #GP refuses everything else", () => {
    const owner = new Owner();
    for (const value of [1n, 3n, 7n]) {
      expect(owner.xsetbv(value)).toBeNull();
      expect(owner.machine.get(state.CPU_XCR0)).toBe(value);
    }
    for (const value of [0n, 2n, 4n, 5n, 6n, 8n, 9n, 15n, 0xe7n, 3n | (1n << 32n), 1n | (1n << 63n)])
      expect(owner.xsetbv(value), value.toString(16)).toBe(GP);
    for (const index of [1n, 2n, 0x80000000n]) expect(owner.xsetbv(3n, index)).toBe(GP);
    expect(owner.machine.get(state.CPU_XCR0)).toBe(7n);
    // RCX's upper half does not count.
    expect(owner.xsetbv(3n, 1n << 32n)).toBeNull();
  });

  it("#UD without CR4.OSXSAVE and with a prefix, before anything else", () => {
    const owner = new Owner();
    for (const prefix of ["66", "f2", "f3"]) expect(owner.xsetbv(0n, 5n, `${prefix} 0f 01 d1`)).toBe(UD);
    const cr4 = owner.machine.get(state.CPU_CR4);
    owner.machine.set(state.CPU_CR4, cr4 & ~(1n << 18n));
    expect(owner.xsetbv(0n, 5n)).toBe(UD);
    expect(owner.execute("0f 01 d0")).toBe(UD);
  });

  it("user mode can't", () => {
    const owner = new Owner();
    // The handler runs at CPL 0 on the stack of a TSS; that there is none makes no difference to a vCPU that the hypervisor looks after.
    owner.machine.view.setUint32(owner.machine.cpu + state.CPU_DEPRIVILEGED, 1, true);
    owner.machine.level(3);
    owner.machine.put(CODE_FRAME, "0f 01 d1");
    owner.machine.exports.engine_code_written!(CODE_FRAME);
    owner.machine.rip = CODE;
    expect(owner.machine.run()).toBe(exits.EXIT_PRIVILEGED);
    expect(owner.machine.error).toBe(GP);
    expect(owner.machine.get(state.CPU_XCR0)).toBe(3n);
  });

  it("a vCPU lacks what it is refused: AVX, or XSAVE itself", () => {
    const owner = new Owner();
    owner.machine.view.setUint32(owner.machine.cpu + state.CPU_XCR0_REFUSED, 4, true);
    expect(owner.xsetbv(7n)).toBe(GP);
    expect(owner.xsetbv(3n)).toBeNull();
    owner.machine.view.setUint32(owner.machine.cpu + state.CPU_CR4_REFUSED, 1 << 18, true);
    owner.machine.setReg(RAX, 0x40620n);
    expect(owner.execute("0f 22 e0")).toBe(GP);
    owner.machine.setReg(RAX, 0x620n);
    expect(owner.execute("0f 22 e0")).toBeNull();
  });

  it("INIT leaves XCR0 and the registers, power-on sets them", () => {
    const owner = new Owner();
    owner.xsetbv(7n);
    owner.machine.set(state.CPU_YMM_HIGH + 8, 5n);
    owner.machine.exports.engine_init_signal!();
    expect(owner.machine.get(state.CPU_XCR0)).toBe(7n);
    expect(owner.machine.get(state.CPU_YMM_HIGH + 8)).toBe(5n);
    owner.machine.exports.engine_power_on!();
    expect(owner.machine.get(state.CPU_XCR0)).toBe(1n);
  });
});

describe("outside of 64-bit mode", () => {
  it("there are 8 registers; the others stay as they are, in memory and in the vCPU", () => {
    for (const [save, restore] of [
      ["0f ae 23", "0f ae 2b"],
      ["0f ae 33", "0f ae 2b"],
      ["0f c7 23", "0f ae 2b"],
    ] as const) {
      const engine = new x.XstateEngine(compiled);
      const { machine } = engine;
      const random = new Random(7);
      const run = (code: string): void => {
        machine.segment(state.CS, 0x23, 0xcfb);
        machine.setReg(RBX, BigInt(x.WINDOW_START + 128));
        machine.setReg(RAX, 7n);
        machine.setReg(RDX, 0n);
        machine.put(CODE_FRAME, code);
        machine.exports.engine_code_written!(CODE_FRAME);
        machine.rip = CODE;
        machine.exports.engine_refresh!();
        expect(machine.step()).toBe(exits.EXIT_POLL);
      };
      const first = x.randomArea(random, 7n, true);
      engine.load(first);
      engine.window.fill(0);
      engine.window.fill(0xee, 128 + x.AREA_XMM, 128 + x.AREA_XMM + 256).fill(0xee, 128 + x.AREA_YMM, 128 + x.AREA);
      run(save);
      const area = engine.window.subarray(128);
      for (const at of [x.AREA_XMM, x.AREA_YMM]) {
        expect(area.subarray(at, at + 128)).toEqual(first.subarray(at, at + 128));
        expect(area.subarray(at + 128, at + 256).every((byte) => byte === 0xee)).toBe(true);
      }
      const second = x.randomArea(random, 7n, true);
      engine.load(second);
      run(restore);
      const got = engine.store();
      for (const at of [x.AREA_XMM, x.AREA_YMM]) {
        expect(got.subarray(at, at + 128)).toEqual(first.subarray(at, at + 128));
        expect(got.subarray(at + 128, at + 256)).toEqual(second.subarray(at + 128, at + 256));
      }
      // What XSTATE_BV leaves out is initialised, of 8 registers.
      engine.window.writeBigUInt64LE(0n, 128 + x.AREA_XSTATE_BV);
      engine.load(second);
      run(restore);
      for (const at of [x.AREA_XMM, x.AREA_YMM]) {
        expect(
          engine
            .store()
            .subarray(at, at + 128)
            .every((byte) => byte === 0),
        ).toBe(true);
        expect(engine.store().subarray(at + 128, at + 256)).toEqual(second.subarray(at + 128, at + 256));
      }
    }
  });
});

describe("an area whose end is not there", () => {
  it.each([
    ["XSAVE", "0f ae 23"],
    ["XSAVEOPT", "0f ae 33"],
    ["XSAVEC", "0f c7 23"],
    ["XRSTOR", "0f ae 2b"],
  ])("%s faults with nothing done", (_name, code) => {
    for (const place of [256, 448, 512, 960]) {
      const engine = new x.XstateEngine(compiled);
      const { machine } = engine;
      const random = new Random(place);
      const before = x.randomArea(random, 7n, true);
      engine.load(before);
      const held = x.randomArea(random, 7n, true);
      engine.window.fill(0).set(held.subarray(0, x.WINDOW - place), place);
      const memory = Buffer.from(engine.window);
      const registers = engine.store();
      machine.setReg(RBX, BigInt(x.WINDOW_START + place));
      machine.setReg(RAX, 7n);
      machine.setReg(RDX, 0n);
      machine.put(CODE_FRAME, code);
      machine.exports.engine_code_written!(CODE_FRAME);
      machine.rip = CODE;
      expect(machine.step()).toBe(exits.EXIT_EXCEPTION);
      expect([machine.vector, machine.address]).toEqual([14, BigInt(x.WINDOW_START + x.WINDOW)]);
      expect(engine.store()).toEqual(registers);
      expect(engine.window).toEqual(memory);
    }
  });
});
