import { beforeAll, describe, expect, it } from "vitest";
import { ADDRESSES } from "../addresses.ts";
import { compileEngine } from "../engine.ts";
import { Machine } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const FRAME = 0x3a10000;
const POOL = 0x3b00000;
const VECTOR_BP = 3;
const VECTOR_GP = 13;
const VECTOR_PF = 14;
/** The most turns of the loop, in R15. */
const TURNS = 10n;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/**
 * Translates a loop around an access to [RDX] and runs it with the given RDX. Returns the machine after its exit. `mapped` is the page at which FRAME
 * is mapped, if any.
 */
function loopAt(access: number[], rdx: bigint, mapped: bigint | null = null): Machine {
  const m = new Machine(compiled);
  m.map(CODE, CODE_FRAME);
  if (mapped !== null) m.map(mapped, FRAME);
  m.bytes.fill(0x11, FRAME - 4096, FRAME + 8192);
  // access; DEC R15; JNZ access; INT3
  const back = -(access.length + 5) & 0xff;
  m.bytes.set([...access, 0x49, 0xff, 0xcf, 0x75, back, 0xcc], CODE_FRAME);
  m.bytes.fill(0x5a, 0, 4096);
  m.exports.engine_flush!();
  m.exports.engine_budget!(10_000);
  const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
  expect(code.translate(code.request(CODE_FRAME, CODE))).toBe(true);
  m.setReg(0, 0x1234n);
  m.setReg(2, rdx);
  m.setReg(15, TURNS);
  m.rip = CODE;
  m.run();
  return m;
}

const ACCESSES: [string, number[]][] = [
  ["load of 8 bytes", [0x48, 0x8b, 0x02]],
  ["load of a byte", [0x8a, 0x02]],
  ["store of 8 bytes", [0x48, 0x89, 0x02]],
  ["store of a byte", [0x88, 0x02]],
  ["addition to memory", [0x48, 0x01, 0x02]],
];
const NOT_CANONICAL = [1n << 63n, (1n << 63n) + 0x100n, (1n << 63n) + 0xff8n, 1n << 47n, (1n << 64n) - (1n << 62n)];
const UNMAPPED = [0n, 0x100n, 0xff8n, 0xffff_ffff_ffff_f000n, 0xffff_ffff_ffff_f100n];

/** A loop looks into its windows before it asks the TLB. Before the first access there is no window that shows anything. */
describe.each(ACCESSES)("a translated loop's first %s", (_, access) => {
  it.each(NOT_CANONICAL)("at %x, not canonical, is #GP and touches nothing", (rdx) => {
    const m = loopAt(access, rdx);
    expect([m.vector, m.rip, m.reg(15), m.reg(0)]).toEqual([VECTOR_GP, CODE, TURNS, 0x1234n]);
    expect(m.bytes.subarray(0, 4096).every((byte) => byte === 0x5a)).toBe(true);
  });
  it.each(UNMAPPED)("at %x, where nothing is, is #PF and touches nothing", (rdx) => {
    const m = loopAt(access, rdx);
    expect([m.vector, m.rip, m.reg(15), m.address]).toEqual([VECTOR_PF, CODE, TURNS, rdx]);
    expect(m.bytes.subarray(0, 4096).every((byte) => byte === 0x5a)).toBe(true);
  });
});

/** The offsets of the accesses, in turn: the page's first bytes, some in the middle, and its last. */
const OFFSETS = [0, 0x100, 0xff8];
/** What is at [RDX] and in RAX after all turns. Both have 8 bytes; before that the bytes were 0x11, and RAX was 0x1234. */
const OLD = 0x1111_1111_1111_1111n;
const AFTER: Record<string, [memory: bigint, rax: bigint]> = {
  "load of 8 bytes": [OLD, OLD],
  "load of a byte": [OLD, 0x1211n],
  "store of 8 bytes": [0x1234n, 0x1234n],
  "store of a byte": [(OLD & ~0xffn) | 0x34n, 0x1234n],
  "addition to memory": [OLD + TURNS * 0x1234n, 0x1234n],
};

/** All turns but the first go through a window, which must show the page's own bytes wherever the page lies. */
describe.each(ADDRESSES)("a translated loop at %s", (_, address) => {
  it("does each access to the page's frame, from its first byte to its last, and to nothing else", () => {
    for (const [i, [name, access]] of ACCESSES.entries()) {
      const offset = OFFSETS[i % OFFSETS.length]!;
      const m = loopAt(access, address + BigInt(offset), address);
      expect([m.vector, m.reg(15)], name).toEqual([VECTOR_BP, 0n]);
      expect([m.view.getBigUint64(FRAME + offset, true), m.reg(0)], name).toEqual(AFTER[name]);
      m.view.setBigUint64(FRAME + offset, OLD, true);
      expect(m.bytes.subarray(FRAME - 4096, FRAME + 8192).every((byte) => byte === 0x11)).toBe(true);
    }
  });

  it("faults at the page behind, where nothing is, with an access across its end, and touches nothing", () => {
    const [, access] = ACCESSES.at(-1)!;
    const m = loopAt(access, address + 0xffcn, address);
    expect([m.vector, m.rip, m.reg(15), m.address]).toEqual([VECTOR_PF, CODE, TURNS, address + 0x1000n]);
    expect(m.bytes.subarray(FRAME - 4096, FRAME + 8192).every((byte) => byte === 0x11)).toBe(true);
  });
});
