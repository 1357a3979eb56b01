import { beforeAll, describe, expect, it } from "vitest";
import { ADDRESSES } from "../addresses.ts";
import { compileEngine } from "../engine.ts";
import { Machine, PRESENT, RDX, USER, WRITABLE } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
/** The frames of two pages that lie next to each other; the frames do not. */
const FIRST = 0x3a10000;
const SECOND = 0x3a18000;
const POOL = 0x3b00000;
const VECTOR_BP = 3;
const VECTOR_PF = 14;
const WRITES = 2;
const OLD = 0x11;
/** A user's, the kernel's, and one across 4 GiB. */
const PLACES = ADDRESSES.filter(([name]) => ["a user's mapping", "kernel text", "the end of 4 GiB"].includes(name));

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/**
 * Translates the instructions, which INT3 ends, and runs them with RAX = 0x1234 and the given RDX. `address` is where FIRST is mapped, and after it
 * SECOND with the given flags, or nothing with 0.
 */
function run(instructions: number[], address: bigint, rdx: bigint, second = PRESENT | WRITABLE | USER): Machine {
  const m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  m.map(address, FIRST);
  m.map(address + 0x1000n, SECOND, second);
  m.bytes.fill(OLD, FIRST - 4096, SECOND + 8192);
  m.bytes.set([...instructions, 0xcc], CODE_FRAME);
  m.exports.engine_flush!();
  const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
  expect(code.translate(code.request(CODE_FRAME, CODE))).toBe(true);
  m.setReg(0, 0x1234n);
  m.setReg(RDX, rdx);
  m.rip = CODE;
  m.run();
  return m;
}
/** The machine addresses of the bytes that have changed. */
function changed(m: Machine): number[] {
  const found: number[] = [];
  for (let at = FIRST - 4096; at < SECOND + 8192; at++) if (m.bytes[at] !== OLD) found.push(at);
  return found;
}
const bytes = (at: number): number[] => [at, at + 1];

const STORE = [0x66, 0x89, 0x02]; // MOV [RDX], AX
const STORE_AFTER = [0x66, 0x89, 0x42, 0x40]; // MOV [RDX+64], AX
const STORE_BEFORE = [0x66, 0x89, 0x42, 0xc0]; // MOV [RDX-64], AX
const LOAD = [0x66, 0x8b, 0x0a]; // MOV CX, [RDX]
const ADD_64 = [0x48, 0x83, 0xc2, 0x40]; // ADD RDX, 64
const SUB_64 = [0x48, 0x83, 0xea, 0x40]; // SUB RDX, 64
const COPY_AND_STORE_AFTER = [0x48, 0x89, 0xd6, 0x66, 0x89, 0x46, 0x40]; // MOV RSI, RDX; MOV [RSI+64], AX
const LEA_AND_STORE = [0x48, 0x8d, 0x72, 0x40, 0x66, 0x89, 0x06]; // LEA RSI, [RDX+64]; MOV [RSI], AX

/** The second access is 64 bytes after the first. */
const AFTER: [string, number[]][] = [
  ["a displacement", STORE_AFTER],
  ["a sum", [...ADD_64, ...STORE]],
  ["a copy", COPY_AND_STORE_AFTER],
  ["an address", LEA_AND_STORE],
];
const BEFORE: [string, number[]][] = [
  ["a displacement", STORE_BEFORE],
  ["a difference", [...SUB_64, ...STORE]],
];

/** The TLB is asked for the first access alone. */
describe.each(PLACES)("translated accesses next to each other at %s", (_, address) => {
  it.each(AFTER)("by %s go to the frame of their own page, after the first", (_, instructions) => {
    const code = [...STORE, ...instructions];
    for (const offset of [0, 0x100, 0xfbe]) {
      const m = run(code, address, address + BigInt(offset));
      expect([m.vector, ...changed(m)]).toEqual([VECTOR_BP, ...bytes(FIRST + offset), ...bytes(FIRST + offset + 64)]);
    }
    for (const offset of [0xfc0, 0xffe]) {
      const m = run(code, address, address + BigInt(offset));
      const second = SECOND + offset + 64 - 4096;
      expect([m.vector, ...changed(m)]).toEqual([VECTOR_BP, ...bytes(FIRST + offset), ...bytes(second)]);
    }
    // Half in each page.
    const m = run(code, address, address + 0xfbfn);
    expect([m.vector, ...changed(m)]).toEqual([VECTOR_BP, ...bytes(FIRST + 0xfbf), FIRST + 0xfff, SECOND]);
  });
  it.each(BEFORE)("by %s go to the frame of their own page, before the first", (_, instructions) => {
    const code = [...STORE, ...instructions];
    for (const offset of [0x40, 0x100, 0xffe]) {
      const m = run(code, address, address + 0x1000n + BigInt(offset));
      expect([m.vector, ...changed(m)]).toEqual([VECTOR_BP, ...bytes(SECOND + offset - 64), ...bytes(SECOND + offset)]);
    }
    const m = run(code, address, address + 0x1000n + 0x3en);
    expect([m.vector, ...changed(m)]).toEqual([VECTOR_BP, ...bytes(FIRST + 0xffe), ...bytes(SECOND + 0x3e)]);
  });
  it("fault where nothing is, with the first done", () => {
    const m = run([...STORE, ...STORE_AFTER], address, address + 0xfc0n, 0n);
    expect([m.vector, m.address, m.rip, ...changed(m)]).toEqual([
      VECTOR_PF,
      address + 0x1000n,
      CODE + BigInt(STORE.length),
      ...bytes(FIRST + 0xfc0),
    ]);
  });
  it("fault where one may read and not write, with the load done", () => {
    const m = run([...LOAD, ...STORE], address, address + 0x1000n, PRESENT | USER);
    expect([m.vector, m.address, m.error & WRITES, m.reg(1), ...changed(m)]).toEqual([
      VECTOR_PF,
      address + 0x1000n,
      WRITES,
      0x1111n,
    ]);
  });
  it("go where the register points on either of two ways that join", () => {
    // MOV [RDX], AX; TEST RAX, RAX or XOR ECX, ECX; JZ over; ADD RDX, 64; over: MOV [RDX], AX
    for (const [test, moved] of [
      [[0x48, 0x85, 0xc0], 64],
      [[0x31, 0xc9], 0],
    ] as const) {
      const m = run([...STORE, ...test, 0x74, ADD_64.length, ...ADD_64, ...STORE], address, address + 0xfc0n);
      const last = moved ? bytes(SECOND) : [];
      expect([m.vector, ...changed(m)]).toEqual([VECTOR_BP, ...bytes(FIRST + 0xfc0), ...last]);
    }
  });
  it("go where the register points in each turn of a loop", () => {
    // MOV CL, 3; MOV [RDX], AX; l: MOV [RDX], AX; ADD RDX, 64; DEC CL; JNZ l
    const turn = [...STORE, ...ADD_64, 0xfe, 0xc9];
    const m = run([0xb1, 3, ...STORE, ...turn, 0x75, -(turn.length + 2) & 0xff], address, address + 0xf80n);
    const expected = [FIRST + 0xf80, FIRST + 0xfc0, SECOND].flatMap(bytes);
    expect([m.vector, ...changed(m)]).toEqual([VECTOR_BP, ...expected]);
  });
  it("go elsewhere if the register has changed between them", () => {
    // MOV RDX, [RDX+64] between two stores: 0x1111111111111111 is not canonical for x86.
    const m = run([...STORE, 0x48, 0x8b, 0x52, 0x40, ...STORE], address, address + 0x100n);
    expect([m.vector, ...changed(m)]).toEqual([13, ...bytes(FIRST + 0x100)]);
  });
});
