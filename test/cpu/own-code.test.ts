/** A processor sees its own stores into the code that it executes, whatever others do to that code's page at the same time. */
import { beforeAll, expect, it } from "vitest";
import { CPU_SIZE } from "../../core/machine/cpu/state.ts";
import { ADDRESSES } from "./addresses.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RDI } from "./machine.ts";
import { TranslatedCode } from "./translator/translated.ts";

const FRAME = 0x3a00000;
const WRITER = 0x3a10000;
const CODE = 0x40_0000n;
const POOL = 0x3b00000;
const SECOND_PROCESSOR = 0x1800000;
const VERSIONS = 0x200000 + CPU_SIZE;
const FLAGS = VERSIONS + (1024 << 4) * 4;
const WATCHED_CODE = 1;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

const beside = (m: Machine): Machine =>
  new Machine(compiled, {
    ...{ memory: m.memory, codeVersions: VERSIONS, codeFlags: FLAGS, number: 1, region: SECOND_PROCESSOR },
  });

it.each(ADDRESSES.slice(3, 10))(
  "translated code at %s changes its next instruction after another processor wrote there",
  (_, address) => {
    const m: Machine = new Machine(compiled, null, 1024, () => {
      beside(m).exports.engine_code_written!(FRAME + 0x800);
      return 0;
    });
    m.map(address, FRAME);
    // RDTSC, in the middle of which the other one writes; MOV BYTE [RIP+1], 42, which is the first byte of: MOV EAX, 0; INT3.
    m.put(FRAME, "0f 31  c6 05 01 00 00 00 2a  b8 00 00 00 00  cc");
    m.exports.engine_flush!();
    m.rip = address;
    const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
    expect(code.translate(code.request(FRAME, address))).toBe(true);
    m.rip = address;
    m.run();
    expect([code.entered(), m.reg(RAX)]).toEqual([1, 42n]);
  },
);

it("a page that others have begun to read as code is watched once this processor has decoded it, although it has just written there", () => {
  const m = new Machine(compiled, null, 1024);
  m.map(CODE, WRITER);
  m.map(CODE + 0x1000n, FRAME);
  // MOV BYTE [RDI], 1; INT3
  m.put(WRITER, "c6 07 01  cc");
  m.exports.engine_flush!();
  m.setReg(RDI, CODE + 0x1800n);
  m.rip = CODE;
  m.run();
  const other = beside(m);
  // The translator or another processor has marked it, which this one has not followed.
  other.exports.engine_before_decode!(FRAME);
  m.exports.engine_before_decode!(FRAME);
  expect(m.bytes[FLAGS + (FRAME >> 12)]! & WATCHED_CODE).toBe(WATCHED_CODE);
});
