/**
 * Operands of 32-bit code that cross the end of 4 GiB. What is expected was seen on Intel's processors (in 32-bit programs of Linux, with segments in the
 * LDT): in a flat segment the operand goes on at address 0; in a segment with another base, and the same limit, it is refused.
 */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as exits from "../../core/machine/cpu/exits.ts";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RDI, RSI } from "./machine.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const LAST = 0xffff_f000n;
const LAST_FRAME = 0x3a10000;
const FIRST_FRAME = 0x3a20000;
const THREAD = 0x60_0000n;
const THREAD_FRAME = 0x3a30000;
const CODE_32 = 0xcfb;
const DATA_32 = 0xcf3;
const PAGE_FAULT = 14;
const PROTECTION = 13;
const BREAKPOINT = 3;

let compiled: WebAssembly.Module;
let m: Machine;
beforeAll(async () => {
  compiled = await compileEngine();
}, 300_000);
beforeEach(() => {
  m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  m.map(THREAD, THREAD_FRAME);
  m.segment(state.CS, 0x23, CODE_32);
  for (const n of [state.SS, state.DS, state.ES]) m.segment(n, 0x2b, DATA_32);
  m.segment(state.FS, 0x33, DATA_32, THREAD, 0xff);
  m.segment(state.GS, 0x3b, DATA_32, THREAD);
  m.setReg(RDI, 0xffff_ffffn);
  m.setReg(RSI, 0x10n);
});

/** Runs code, and tells how it ends. */
function end(hex: string): { exit: number; vector: number; address: bigint } {
  m.put(CODE_FRAME, `${hex} cc`);
  m.rip = CODE;
  return { exit: m.run(), vector: m.vector, address: m.address };
}
// mov eax, fs:[esi], near the end of its segment: from then on accesses are compared with their segments.
const CHECKED = "648b06";
const READ = "8b07";
const COMPARE = "813f01020304";
const WRITE = "8907";

describe.each([
  ["", ""],
  [", after an operand near the end of its segment", CHECKED],
])("an operand that crosses 4 GiB%s", (_, before) => {
  it.each([READ, COMPARE, WRITE])("is missing where its first page is: %s", (hex) => {
    expect(end(before + hex)).toMatchObject({ exit: exits.EXIT_EXCEPTION, vector: PAGE_FAULT, address: 0xffff_ffffn });
  });
  it.each([READ, COMPARE, WRITE])("is missing where its second page is, at 0: %s", (hex) => {
    m.map(LAST, LAST_FRAME);
    expect(end(before + hex)).toMatchObject({ exit: exits.EXIT_EXCEPTION, vector: PAGE_FAULT, address: 0n });
  });
  it("is read and written at the end and at 0", () => {
    m.map(LAST, LAST_FRAME);
    m.map(0n, FIRST_FRAME);
    m.put(LAST_FRAME + 0xfff, "11");
    m.put(FIRST_FRAME, "223344");
    // mov eax, [edi]; mov dword [edi], 0x88776655
    expect(end(`${before}${READ} c70755667788`)).toMatchObject({ vector: BREAKPOINT });
    expect(m.reg(RAX)).toBe(0x44332211n);
    expect([m.bytes[LAST_FRAME + 0xfff], ...m.bytes.subarray(FIRST_FRAME, FIRST_FRAME + 3)]).toEqual([
      ...[0x55, 0x66, 0x77, 0x88],
    ]);
  });
  it("is refused in a segment of 4 GiB that begins elsewhere", () => {
    // mov eax, gs:[edi]
    expect(end(`${before}658b07`)).toMatchObject({ vector: PROTECTION });
    // Its last four bytes are there.
    m.setReg(RDI, 0xffff_fffcn);
    m.map(THREAD - 0x1000n, FIRST_FRAME);
    expect(end(`${before}658b07`)).toMatchObject({ vector: BREAKPOINT });
  });
});
