/** Translated code that goes from region to region by indirect jumps: what must end that, and where it must not go. */
import { beforeAll, describe, expect, it } from "vitest";
import * as exits from "../../../core/machine/cpu/exits.ts";
import { CPU_CR3 } from "../../../core/machine/cpu/state.ts";
import { ACTIVITY, ACTIVITY_FOLLOWED } from "../../../core/machine/layout.ts";
import { compileEngine } from "../engine.ts";
import { Machine, PRESENT, RAX, RBX, RCX, RDI, RDX, RSI } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const OTHER = 0x41_0000n;
const OTHER_FRAME = 0x3a10000;
const DATA = 0x50_0000n;
const DATA_FRAME = 0x3a20000;
const POOL = 0x3b00000;
/** The distance of linear addresses that have the same entry. */
const FAR = 1n << 25n;
const R9 = 9;
const R10 = 10;
const R15 = 15;
const BREAKPOINT = 3;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** A page of code at CODE and another at OTHER, in hex, and data at DATA. RAX points to CODE, RDX to OTHER. */
class Pages {
  readonly machine: Machine;
  readonly code: TranslatedCode;

  constructor(first: string, other: string, m = new Machine(compiled)) {
    this.machine = m;
    m.map(CODE, CODE_FRAME);
    m.map(OTHER, OTHER_FRAME);
    m.map(DATA, DATA_FRAME);
    m.put(CODE_FRAME, first);
    m.put(OTHER_FRAME, other);
    m.exports.engine_flush!();
    this.code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
    m.setReg(RAX, CODE);
    m.setReg(RDX, OTHER);
  }
  /** Translates what begins at these offsets of the two pages. */
  translate(first: number[], other: number[]): void {
    const { code } = this;
    for (const at of first) expect(code.translate(code.request(CODE_FRAME + at, CODE + BigInt(at)))).toBe(true);
    for (const at of other) expect(code.translate(code.request(OTHER_FRAME + at, OTHER + BigInt(at)))).toBe(true);
  }
  /** Returns the exit. */
  run(rip: bigint, budget: number): number {
    const m = this.machine;
    m.exports.engine_budget!(budget);
    m.rip = rip;
    return m.run();
  }
}

// A: INC RBX; JMP RDX
const FORTH = "48ffc3 ffe2";
// B: INC RCX; JMP RAX
const BACK = "48ffc1 ffe0";

describe("translated code that goes from region to region", () => {
  it("comes back when its budget is used up", () => {
    const pages = new Pages(FORTH, BACK);
    pages.translate([0], [0]);
    for (const budget of [10, 1000, 1001]) {
      const before = pages.machine.retired;
      expect(pages.run(CODE, budget)).toBe(exits.EXIT_POLL);
      expect(pages.machine.retired - before).toBe(budget + (budget % 2));
      expect(pages.machine.rip).toBe(budget % 4 === 0 ? CODE : OTHER);
    }
  });
  it("does so on a processor whose tables lie above 2 GiB", () => {
    const { memory, exports } = new Machine(compiled, null, 0x8800);
    const codeVersions = exports.engine_code_versions!();
    const codeFlags = exports.engine_code_flags!();
    const processor = { memory, number: 1, region: 0x8100_0000, codeVersions, codeFlags };
    const pages = new Pages(FORTH, BACK, new Machine(compiled, processor));
    pages.translate([0], [0]);
    pages.run(CODE, 4000);
    expect([pages.machine.reg(RBX), pages.machine.reg(RCX)]).toEqual([1000n, 1000n]);
    expect(pages.code.entered()).toBe(2000);
  });
  it("tells places apart that have the same entry in the table of regions", () => {
    // XOR RDX, RSI; INC RBX; JMP RDX: to OTHER and to a page of which the table has the entry of OTHER.
    const pages = new Pages("4831f2 48ffc3 ffe2", BACK);
    const m = pages.machine;
    m.map(OTHER ^ FAR, DATA_FRAME);
    m.put(DATA_FRAME, "4883c164 ffe0");
    pages.translate([0], [0]);
    const { code } = pages;
    expect(code.translate(code.request(DATA_FRAME, OTHER ^ FAR))).toBe(true);
    m.setReg(RSI, FAR);
    pages.run(CODE, 500);
    expect([m.reg(RBX), m.reg(RCX)]).toEqual([100n, 50n + 50n * 100n]);
  });
  it("comes back before the next region when something else has to be looked at", () => {
    // DEC R15; CMOVZ RDI, R9; MOV [RDI], CL; JMP RDX. The last one of 1000 stores goes to the pending word.
    const pages = new Pages("49ffcf 490f44f9 880f ffe2", BACK);
    const m = pages.machine;
    pages.translate([0], [0]);
    m.exports.engine_poll_address!(DATA_FRAME);
    m.setReg(RDI, DATA + 8n);
    m.setReg(R9, DATA);
    m.setReg(R15, 1000n);
    expect(pages.run(CODE, 1_000_000)).toBe(exits.EXIT_POLL);
    expect([m.reg(R15), m.reg(RCX), m.rip]).toEqual([0n, 999n, OTHER]);
  });
  it("follows those who begin to watch frames", () => {
    // INC QWORD [RDI], which is the generation; JMP RDX
    const pages = new Pages("48ff07 ffe2", BACK);
    const m = pages.machine;
    pages.translate([0], [0]);
    const generation = m.exports.engine_code_versions!();
    m.map(DATA, generation & ~4095);
    m.exports.engine_flush!();
    m.setReg(RDI, DATA + BigInt(generation & 4095));
    const before = m.view.getBigUint64(generation, true);
    expect(pages.run(CODE, 400)).toBe(exits.EXIT_POLL);
    expect(m.view.getBigUint64(generation, true) - before).toBe(100n);
    expect(m.view.getBigUint64(ACTIVITY + ACTIVITY_FOLLOWED, true) - before).toBe(100n);
  });

  it("enters no region whose code a string instruction has changed", () => {
    // A: STOSB; JMP RDX. B: MOV RDI, R9; MOV R9, R10; MOV CL, 1; ADD RBX, RCX; DEC R15; JZ end; JMP RAX; end: INT3
    const pages = new Pages("aa ffe2", "4c89cf 4d89d1 b101 4801cb 49ffcf 7402 ffe0 cc");
    const m = pages.machine;
    pages.translate([0, 1], [0]);
    const run = (rip: bigint, second: bigint, turns: bigint) => {
      m.setReg(RDI, DATA);
      m.setReg(R9, DATA);
      m.setReg(R10, second);
      m.setReg(RBX, 0n);
      m.setReg(RCX, 0n);
      m.setReg(R15, turns);
      m.setReg(RAX, CODE);
      expect(pages.run(rip, 1_000_000)).toBe(exits.EXIT_EXCEPTION);
      expect(m.vector).toBe(BREAKPOINT);
      return m.reg(RBX);
    };
    // RDX has B, and AL is 0 as CODE ends with a zero byte: so from the third turn on, B adds 0.
    expect(run(CODE + 1n, DATA, 10n)).toBe(10n);
    expect(run(CODE, DATA, 10n)).toBe(10n);
    expect(run(CODE, OTHER + 7n, 10n)).toBe(2n);
    expect(run(CODE, OTHER + 7n, 10n)).toBe(0n);
  });
  it("enters no region that was given up, nor another one in its place", () => {
    const pages = new Pages(FORTH, BACK);
    const m = pages.machine;
    pages.translate([0], [0]);
    pages.run(CODE, 4000);
    pages.code.giveUpAll();
    // At OTHER is interpreted code now, and at its index the region at OTHER + 64, which adds a hundred.
    m.put(OTHER_FRAME + 64, "4883c164 ffe0");
    m.exports.engine_code_written!(OTHER_FRAME);
    pages.translate([0], []);
    pages.translate([], [64]);
    for (const n of [RBX, RCX]) m.setReg(n, 0n);
    pages.run(CODE, 4000);
    expect([m.reg(RBX), m.reg(RCX)]).toEqual([1000n, 1000n]);
    pages.code.giveUpAll();
    pages.translate([], [64, 0]);
    pages.run(CODE, 4000);
    expect([m.reg(RBX), m.reg(RCX)]).toEqual([2000n, 2000n]);
  });
  it("goes to the code that is mapped there now", () => {
    const pages = new Pages(FORTH, BACK);
    const m = pages.machine;
    pages.translate([0], [0]);
    pages.run(CODE, 4000);
    // Another frame, whose code goes back too but adds 2.
    m.put(DATA_FRAME, "4883c102 ffe0");
    m.map(OTHER, DATA_FRAME);
    m.exports.engine_flush_page!(OTHER);
    const { code } = pages;
    expect(code.translate(code.request(DATA_FRAME, OTHER))).toBe(true);
    m.setReg(RCX, 0n);
    pages.run(CODE, 4000);
    expect(m.reg(RCX)).toBe(2000n);
  });
  it("goes to the code of the address space that runs", () => {
    const pages = new Pages(FORTH, BACK);
    const m = pages.machine;
    pages.translate([0], [0]);
    // A second space with the same tables down to the last one, where OTHER is another frame.
    m.put(DATA_FRAME, "4883c102 ffe0");
    const spaces = [m.cr3, secondSpace(m)];
    const { code } = pages;
    m.set(CPU_CR3, BigInt(spaces[1]!));
    expect(code.translate(code.request(DATA_FRAME, OTHER))).toBe(true);
    for (let n = 0; n < 20; n++) {
      m.set(CPU_CR3, BigInt(spaces[n % 2]!));
      m.setReg(RCX, 0n);
      pages.run(CODE, 400);
      expect(m.reg(RCX)).toBe(n % 2 ? 200n : 100n);
    }
  });
  it("leaves with SYSCALL although the next region is known", () => {
    // SYSCALL; INC RBX; JMP RAX
    const pages = new Pages("0f05 48ffc3 ffe0", BACK);
    const m = pages.machine;
    pages.translate([0, 2], [0]);
    expect(pages.run(CODE + 2n, 100)).toBe(exits.EXIT_SYSCALL);
    for (let n = 0; n < 3; n++) {
      m.setReg(RBX, 0n);
      expect(pages.run(CODE, 100)).toBe(exits.EXIT_SYSCALL);
      expect([m.rip, m.reg(RBX)]).toEqual([CODE + 2n, 0n]);
    }
  });
  it("leaves an instruction that faults to the interpreter although its region is known", () => {
    // A: INC RBX; JMP RDX. B: MOV [RDI], AL; JMP RAX
    const pages = new Pages(FORTH, "8807 ffe0");
    const m = pages.machine;
    pages.translate([0], [0]);
    m.setReg(RDI, DATA);
    pages.run(CODE, 400);
    m.map(DATA, DATA_FRAME, PRESENT);
    m.exports.engine_flush_page!(DATA);
    m.setReg(RBX, 0n);
    expect(pages.run(CODE, 400)).toBe(exits.EXIT_EXCEPTION);
    expect([m.vector, m.address, m.rip, m.reg(RBX)]).toEqual([14, DATA, OTHER, 1n]);
  });
});

/** Returns the root of a space that is like the machine's, but for DATA_FRAME at OTHER. */
function secondSpace(m: Machine): number {
  const FREE = 0x3c00000;
  let from = m.cr3;
  for (let level = 4; level > 0; level--) {
    const to = FREE + (4 - level) * 0x1000;
    m.bytes.copyWithin(to, from, from + 4096);
    const at = Number((OTHER >> BigInt(12 + 9 * (level - 1))) & 511n) * 8;
    const entry = m.view.getBigUint64(from + at, true);
    const next = level > 1 ? to + 0x1000 : DATA_FRAME;
    m.view.setBigUint64(to + at, BigInt(next) | (entry & 4095n), true);
    from = Number(entry & 0xffffff000n);
  }
  return FREE;
}
