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

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** A translated loop that stores EAX at [RDX], which is at FRAME, TURNS times. */
function loop(): Machine {
  const m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  m.map(DATA, FRAME);
  m.bytes.fill(0, FRAME, FRAME + 4096);
  // l: MOV [RDX], EAX; DEC R15; JNZ l; INT3
  m.bytes.set([0x89, 0x02, 0x49, 0xff, 0xcf, 0x75, 0xf9, 0xcc], CODE_FRAME);
  m.exports.engine_flush!();
  const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
  const request = { host: CODE_FRAME, linear: CODE, cr3: BigInt(m.cr3), second: 0, large: false, blocks: 0 };
  expect(code.translate(request)).toBe(true);
  m.setReg(2, DATA);
  m.setReg(15, TURNS);
  m.rip = CODE;
  return m;
}

describe("a translated loop", () => {
  it("comes back after the turn in which the pending word was set, at its head", () => {
    const m = loop();
    m.exports.engine_budget!(0x7fffffff);
    m.exports.engine_poll_address!(FRAME);
    m.setReg(0, 0x80000000n);
    expect(m.run()).toBe(exits.EXIT_POLL);
    expect([m.rip, m.reg(15), m.retired]).toEqual([CODE, TURNS - 1n, INSTRUCTIONS_A_TURN]);
  });
  it("comes back when its budget is used up, within a turn", () => {
    const m = loop();
    m.exports.engine_budget!(300);
    m.setReg(0, 1n);
    expect(m.run()).toBe(exits.EXIT_POLL);
    expect([m.rip, m.reg(15), m.retired]).toEqual([CODE, TURNS - 100n, 300]);
  });
});
