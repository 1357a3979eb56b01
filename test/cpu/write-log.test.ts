/**
 * The log of writes (machine/cpu/frames/log.ts): a frame is in it if and only if it was written to since its entry was taken, whoever wrote and
 * whatever that one's TLB knew. Code in a logged frame is noticed as well.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { ACTIVITY, ACTIVITY_EXECUTES, ACTIVITY_SIZE } from "../../core/machine/layout.ts";
import { CPU_SIZE } from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RCX, RDI, RSP } from "./machine.ts";
import { TranslatedCode } from "./translator/translated.ts";

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

const MAIN = 0x40_1000n;
const MAIN_FRAME = 0x3800000;
const STACK = 0x50_0000n;
const STACK_FRAME = 0x3900000;
const DATA = 0x60_0000n;
const FRAME = 0x3a00000;
const POOL = 0x3b00000;
const SECOND_PROCESSOR = 0x1800000;
const FRAMES = 1024 << 4;
const VECTOR_UD = 6;

const UD2 = "0f 0b";
/** MOV [RDI+1], ECX; INC ECX; DEC R15 and round as long as it is not 0 */
const STORE = "89 4f 01  ff c1  49 ff cf  75 f6";
/** MOV EAX, [RDI]; DEC R15 and round */
const LOAD = "8b 07  49 ff cf  75 f9";
const CALL = "ff d7";
/** MOV EAX, imm32; RET: the store above goes into the immediate. */
const FUNCTION = "b8 00 00 00 00  c3";

function machine(): Machine {
  const m = new Machine(compiled);
  m.map(MAIN, MAIN_FRAME);
  m.map(STACK, STACK_FRAME);
  for (let page = 0; page < 3; page++) m.map(DATA + BigInt(page) * 0x1000n, FRAME + page * 0x1000);
  return m;
}

function secondProcessor(first: Machine): Machine {
  const codeVersions = 0x200000 + CPU_SIZE;
  const codeFlags = codeVersions + FRAMES * 4;
  return new Machine(compiled, {
    memory: first.memory,
    number: 1,
    region: SECOND_PROCESSOR,
    codeVersions,
    codeFlags,
  });
}

/** Executes `code` with RDI = `address`, RCX = 7, and R15 = 3 (turns of the loops). */
function execute(m: Machine, code: string, address = DATA): void {
  m.put(MAIN_FRAME, `${code} ${UD2}`);
  m.exports.engine_code_written!(MAIN_FRAME);
  m.setReg(RSP, STACK + 0x800n);
  m.setReg(RDI, address);
  m.setReg(RCX, 7n);
  m.setReg(15, 3n);
  m.rip = MAIN;
  m.exports.engine_budget!(100_000);
  m.run();
  expect(m.vector).toBe(VECTOR_UD);
}

/** Takes the log of the three frames of data, and returns those that were written to. */
function take(m: Machine): number[] {
  const dirty = [0, 1, 2].filter((page) => m.exports.engine_log_take!(FRAME + page * 0x1000));
  expect(m.exports.engine_log_settle!()).toBe(1);
  return dirty;
}

/** Ways to write that take a path of their own in the engine. */
const WRITES: [string, string][] = [
  ["a store", "89 0f"],
  ["a store of 16 bytes", "0f 11 07"],
  ["an addition to memory", "01 0f"],
  ["a locked addition", "f0 0f c1 0f"],
  ["a misaligned locked addition", "f0 0f c1 4f 3e"],
  ["a string of bytes", "f3 aa"],
  ["x87", "d9 ee  dd 1f"],
  ["FXSAVE", "0f ae 07"],
  ["a push", "48 8d a7 00 08 00 00  51"],
];

describe("the log of writes", () => {
  it.each(WRITES)("has a frame after %s, once", (_, code) => {
    const m = machine();
    expect(take(m)).toEqual([]);
    execute(m, code, DATA + 0x1000n);
    expect([0, 1, 2].map((page) => m.exports.engine_log_has!(FRAME + page * 0x1000))).toEqual([0, 1, 0]);
    expect(take(m)).toEqual([1]);
    expect(take(m)).toEqual([]);
    // The translation is in the TLB by now.
    execute(m, code, DATA + 0x1000n);
    expect(take(m)).toEqual([1]);
  });

  it("has both frames of a store across their border, and neither after loads and execution", () => {
    const m = machine();
    take(m);
    execute(m, "48 89 4f fc", DATA + 0x2000n);
    expect(take(m)).toEqual([1, 2]);
    execute(m, LOAD);
    m.put(FRAME, FUNCTION);
    execute(m, CALL);
    expect(m.reg(RAX)).toBe(0n);
    expect(take(m)).toEqual([]);
  });

  it("has what a translated loop wrote through its window", () => {
    const m = machine();
    execute(m, STORE);
    const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
    expect(code.translate(code.request(MAIN_FRAME, MAIN))).toBe(true);
    take(m);
    for (let round = 0; round < 3; round++) {
      m.setReg(RDI, DATA);
      m.setReg(RCX, 7n);
      m.setReg(15, 3n);
      m.rip = MAIN;
      m.run();
      expect(m.vector).toBe(VECTOR_UD);
      expect(take(m)).toEqual([0]);
      expect(take(m)).toEqual([]);
    }
  });

  it("has what another processor writes through a translation that it had before, and nothing if it does not write", () => {
    const a = machine();
    const b = secondProcessor(a);
    execute(b, STORE);
    expect(take(a)).toEqual([]);
    execute(b, LOAD);
    expect(take(a)).toEqual([]);
    execute(b, STORE);
    expect(take(a)).toEqual([0]);
    expect(take(a)).toEqual([]);
  });

  it("is not whole before a processor that executes knows of it", () => {
    const a = machine();
    const b = secondProcessor(a);
    execute(b, STORE);
    const executes = ACTIVITY + ACTIVITY_SIZE + ACTIVITY_EXECUTES;
    a.view.setUint32(executes, 1, true);
    a.exports.engine_log_take!(FRAME);
    expect(a.exports.engine_log_settle!()).toBe(0);
    execute(b, STORE);
    a.view.setUint32(executes, 1, true);
    expect(a.exports.engine_log_whole!()).toBe(1);
    a.view.setUint32(executes, 0, true);
    expect(a.exports.engine_log_has!(FRAME)).toBe(1);
  });

  it("and the versions of code notice the same write, in either order", () => {
    const m = machine();
    m.put(FRAME, FUNCTION);
    for (const logFirst of [true, false, true, false]) {
      if (logFirst) take(m);
      execute(m, CALL);
      if (!logFirst) take(m);
      execute(m, STORE);
      execute(m, CALL);
      // Of the stores of 7, 8 and 9 the last one remains.
      expect(m.reg(RAX)).toBe(9n);
      expect(take(m)).toEqual([0]);
      // The code is still watched, although the log has the frame.
      execute(m, STORE);
      m.view.setUint32(FRAME + 1, 0x55, true);
      m.exports.engine_code_written!(FRAME);
      execute(m, CALL);
      expect(m.reg(RAX)).toBe(0x55n);
      expect(take(m)).toEqual([0]);
    }
  });

  it("has the page tables that a walk marks, and what something else than an instruction writes", () => {
    const m = machine();
    const table = m.map(DATA, FRAME) & ~0xfff;
    m.exports.engine_flush!();
    m.exports.engine_log_take!(table);
    take(m);
    execute(m, LOAD);
    expect(m.exports.engine_log_has!(table)).toBe(1);
    m.exports.engine_log_take!(table);
    m.exports.engine_log_settle!();
    m.exports.engine_flush!();
    execute(m, LOAD);
    expect(m.exports.engine_log_has!(table)).toBe(0);
    expect(take(m)).toEqual([]);
    m.exports.engine_code_written!(FRAME + 0x2000);
    expect(take(m)).toEqual([2]);
  });

  it("ends", () => {
    const m = machine();
    take(m);
    execute(m, STORE);
    m.exports.engine_log_end!(FRAME);
    expect(m.exports.engine_log_has!(FRAME)).toBe(0);
    execute(m, STORE);
    expect(m.exports.engine_log_has!(FRAME)).toBe(0);
  });
});
