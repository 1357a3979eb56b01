/**
 * Translations for writing that must no longer be used, because the page has become code or has another type now. They must be forgotten wherever the
 * page is mapped, by every processor, whether the store is interpreted or translated.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { CPU_SIZE } from "../../core/machine/cpu/state.ts";
import { ADDRESSES } from "./addresses.ts";
import { compileEngine } from "./engine.ts";
import { Machine, PRESENT, RAX, RCX, RDI, RSP, USER } from "./machine.ts";
import { TranslatedCode } from "./translator/translated.ts";

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

const MAIN = 0x40_1000n;
const MAIN_FRAME = 0x3800000;
const STACK = 0x50_0000n;
const STACK_FRAME = 0x3900000;
const FRAME = 0x3a00000;
const OTHER_FRAME = 0x3a01000;
const POOL = 0x3b00000;
const SECOND_PROCESSOR = 0x1800000;
const FRAMES = 1024 << 4;

const VECTOR_UD = 6;
const VECTOR_PF = 14;

/** MOV [RDI+1], ECX; INC ECX; DEC R15 and round as long as it is not 0; UD2 (the loop is a region of its own). */
const STORE = "89 4f 01  ff c1  49 ff cf  75 f6  0f 0b";
/** CALL RDI; UD2 */
const CALL = "ff d7  0f 0b";
/** MOV EAX, imm32; MOV R14D, 4; DEC R14D and round as long as it is not 0; RET */
const FUNCTION = "b8 00 00 00 00  41 be 04 00 00 00  41 ff ce  75 fb  c3";

/** Offsets in MAIN's page. */
const AT_STORE = 0x100;
const AT_CALL = 0x200;

function machine(mapped: bigint): Machine {
  const m = new Machine(compiled);
  m.map(MAIN, MAIN_FRAME);
  m.map(STACK, STACK_FRAME);
  m.map(mapped, FRAME);
  m.put(MAIN_FRAME + AT_STORE, STORE);
  m.put(MAIN_FRAME + AT_CALL, CALL);
  m.put(FRAME, FUNCTION);
  return m;
}

/** Makes a second processor with the first one's page tables. */
function secondProcessor(first: Machine): Machine {
  const codeVersions = 0x200000 + CPU_SIZE;
  const m = new Machine(compiled, {
    memory: first.memory,
    number: 1,
    region: SECOND_PROCESSOR,
    codeVersions,
    codeFlags: codeVersions + FRAMES * 4,
  });
  expect(m.cr3).toBe(first.cr3);
  return m;
}

function runAt(m: Machine, at: number, address: bigint): void {
  m.exports.engine_budget!(100_000);
  m.setReg(RSP, STACK + 0x800n);
  m.setReg(RDI, address);
  m.rip = MAIN + BigInt(at);
  m.run();
}
/** Runs the store that many times. Returns what the last one wrote. */
function write(m: Machine, address: bigint, value: number, times: number): number {
  m.setReg(RCX, BigInt(value));
  m.setReg(15, BigInt(times));
  runAt(m, AT_STORE, address);
  expect(m.vector).toBe(VECTOR_UD);
  return value + times - 1;
}
/** Returns what the function in the page returns. */
function call(m: Machine, address: bigint): number {
  runAt(m, AT_CALL, address);
  expect([m.vector, m.rip]).toEqual([VECTOR_UD, MAIN + BigInt(AT_CALL) + 2n]);
  return Number(m.reg(RAX));
}

function translate(m: Machine, room: number, host: number, linear: bigint): void {
  const indices = room === POOL ? { first: 16, end: 2048 } : { first: 2048, end: 4096 };
  const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, room, { indices });
  expect(code.translate(code.request(host, linear))).toBe(true);
}

describe.each(ADDRESSES)("at %s", (_, address) => {
  it("executes what was written last, one processor, interpreted", () => {
    const m = machine(address);
    for (let i = 1; i < 50; i++) {
      const value = write(m, address, i * 7, 1);
      expect(call(m, address)).toBe(value);
    }
  });

  it("executes what was written last, by a translated loop with a window on the code, in translated code", () => {
    const m = machine(address);
    translate(m, POOL, MAIN_FRAME + AT_STORE, MAIN + BigInt(AT_STORE));
    for (let i = 1; i < 20; i++) {
      const value = write(m, address, i * 7, 1 + (i % 3));
      expect(call(m, address)).toBe(value);
      // This is the translated function in its present form, which the next store makes invalid.
      if (i % 4 === 0) {
        translate(m, POOL + 0x10_0000 * (i / 4), FRAME, address);
        expect(call(m, address)).toBe(value);
      }
    }
  });

  it.each(["interpreted", "translated"])("executes what another processor wrote last, %s", (how) => {
    const a = machine(address);
    const b = secondProcessor(a);
    if (how === "translated") translate(b, POOL, MAIN_FRAME + AT_STORE, MAIN + BigInt(AT_STORE));
    for (let i = 1; i < 20; i++) {
      const value = write(b, address, i * 7, 1 + (i % 3));
      expect(call(a, address)).toBe(value);
      if (how === "translated" && i % 4 === 0) {
        translate(a, POOL + 0x10_0000 * (i / 4), FRAME, address);
        expect(call(a, address)).toBe(value);
      }
    }
  });

  it("executes what was written last when versions of the frame run out, and generations pass 2^32", () => {
    const a = machine(address);
    const b = secondProcessor(a);
    const versions = 0x200000 + CPU_SIZE;
    a.view.setUint32(versions + (FRAME >> 12) * 4, 0xffff_fffc, true);
    a.view.setBigUint64(versions, 2n ** 32n - 3n, true);
    a.view.setBigUint64(versions + 8, 2n ** 32n - 3n, true);
    for (let i = 1; i < 12; i++) {
      const writer = i % 3 ? b : a;
      const value = write(writer, address, i * 7, 1 + (i % 3));
      expect(call(a, address)).toBe(value);
      expect(call(b, address)).toBe(value);
    }
    expect(a.view.getUint32(versions + (FRAME >> 12) * 4, true)).toBe(0xffff_ffff);
    expect(a.view.getBigUint64(versions, true)).toBeGreaterThan(2n ** 32n);
    // Such a frame is not translated.
    const code = new TranslatedCode(a.exports as unknown as WebAssembly.Exports, a.memory, POOL, {
      indices: { first: 16, end: 2048 },
    });
    expect(code.translate(code.request(FRAME, address))).toBe(false);
  });

  it.each(["interpreted", "translated"])("forgets translations for writing to a page of another type, %s", (how) => {
    const m = machine(address);
    // The page after it shows that nothing else was forgotten.
    const entries = [m.map(address, FRAME), m.map(address + 0x1000n, OTHER_FRAME)];
    if (how === "translated") translate(m, POOL, MAIN_FRAME + AT_STORE, MAIN + BigInt(AT_STORE));
    write(m, address, 1, 2);
    write(m, address + 0x1000n, 1, 2);
    for (const [n, frame] of [FRAME, OTHER_FRAME].entries())
      m.view.setBigUint64(entries[n]!, BigInt(frame) | PRESENT | USER, true);
    m.exports.engine_drop_writes!(FRAME);
    write(m, address + 0x1000n, 0x55, 1);
    expect(m.view.getUint32(OTHER_FRAME + 1, true)).toBe(0x55);
    m.setReg(RCX, 0x66n);
    m.setReg(15, 1n);
    runAt(m, AT_STORE, address);
    expect([m.vector, m.address, m.view.getUint32(FRAME + 1, true)]).toEqual([VECTOR_PF, address + 1n, 2]);
  });
});
