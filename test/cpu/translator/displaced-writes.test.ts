/**
 * A region keeps the host addresses of pages that it writes to as long as it runs, also when another page has taken their place in the TLB. What somebody
 * else reads as code meanwhile must not be kept, because the region writes to it without a look.
 */
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { CPU_SIZE } from "../../../core/machine/cpu/state.ts";
import { CodePages, type CodePage } from "../../../core/machine/translator/pages.ts";
import { ADDRESSES } from "../addresses.ts";
import { compileEngine } from "../engine.ts";
import { Machine, RBX, RCX, RDI, RSI } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
const FRAME = 0x3a10000;
const OTHER_FRAME = 0x3a20000;
const POOL = 0x3b00000;
const SECOND_PROCESSOR = 0x1800000;
const VERSIONS = 0x200000 + CPU_SIZE;
const FLAGS = VERSIONS + (1024 << 4) * 4;
/** Pages so far apart have one place in the TLB, whatever its size. */
const SAME_PLACE = 1n << 30n;
const VECTOR_BP = 3;
const R15 = 15;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** What writes to [RDI] and [RSI] in turn, so that one displaces the other, and asks for the time before it writes to [RDI] again. */
const WRITERS: [string, string][] = [
  // MOV [RDI], BL; MOV [RSI], BL; RDTSC; MOV [RDI+1], CL; INT3
  ["a neighbour", "88 1f  88 1e  0f 31  88 4f 01  cc"],
  // l: MOV [RDI], BL; MOV [RSI], BL; RDTSC; INC RDI; MOV EBX, ECX; DEC R15; JNZ l; INT3
  ["a window", "88 1f  88 1e  0f 31  48 ff c7  89 cb  49 ff cf  75 f0  cc"],
];

/** Runs the writer, which is translated, and calls `meanwhile` when it first asks for the time. */
function runWriter(writer: string, address: bigint, meanwhile: (m: Machine) => void): Machine {
  let asked = 0;
  const m: Machine = new Machine(compiled, null, 1024, () => {
    if (asked++ === 0) meanwhile(m);
    return 0;
  });
  m.map(CODE, CODE_FRAME);
  m.map(address, FRAME);
  m.map(address ^ SAME_PLACE, OTHER_FRAME);
  m.put(CODE_FRAME, writer);
  m.bytes.fill(0x90, FRAME, FRAME + 4096);
  m.exports.engine_flush!();
  const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
  expect(code.translate(code.request(CODE_FRAME, CODE))).toBe(true);
  m.setReg(RDI, address + 0x100n);
  m.setReg(RSI, (address ^ SAME_PLACE) + 0x100n);
  m.setReg(RBX, 0xaan);
  m.setReg(RCX, 0xbbn);
  m.setReg(R15, 2n);
  m.rip = CODE;
  m.run();
  expect([m.vector, asked > 0]).toEqual([VECTOR_BP, true]);
  // It has written at once, without leaving in between.
  expect([m.bytes[FRAME + 0x100], m.bytes[FRAME + 0x101]]).toEqual([0xaa, 0xbb]);
  expect(code.entered()).toBe(1);
  return m;
}

describe.each(ADDRESSES.slice(3, 10))("a region that writes to a page at %s by", (_, address) => {
  it.each(WRITERS)("%s: what the translator has read meanwhile is not used", (_, writer) => {
    let page: CodePage | null = null;
    let pages: CodePages | null = null;
    runWriter(writer, address, ({ memory }) => {
      pages = new CodePages({ memory, codeVersions: VERSIONS, codeFlags: FLAGS });
      page = pages.open(0, FRAME);
    });
    expect(pages!.hold([page!])).toBe(false);
    // It is read again.
    const again = pages!.open(0, FRAME);
    expect(pages!.hold([again!])).toBe(true);
  });

  it.each(WRITERS)("%s: what another processor has decoded meanwhile is not kept", (_, writer) => {
    let other: Machine | null = null;
    runWriter(writer, address, (m) => {
      const shared = { memory: m.memory, codeVersions: VERSIONS, codeFlags: FLAGS };
      other = new Machine(compiled, { ...shared, number: 1, region: SECOND_PROCESSOR });
      other.exports.engine_before_decode!(FRAME);
    });
    expect(other!.exports.engine_decode_holds!(FRAME)).toBe(0);
    other!.exports.engine_before_decode!(FRAME);
    expect(other!.exports.engine_decode_holds!(FRAME)).toBe(1);
  });
});

describe("a page that is written to and decoded by others just after the translator has marked it", () => {
  afterEach(() => void vi.restoreAllMocks());
  it("is not taken for one that nobody writes to unnoticed", () => {
    const m = new Machine(compiled);
    const shared = { memory: m.memory, codeVersions: VERSIONS, codeFlags: FLAGS };
    const other = new Machine(compiled, { ...shared, number: 1, region: SECOND_PROCESSOR });
    m.map(CODE, CODE_FRAME);
    m.map(CODE + 0x1000n, FRAME);
    // MOV [RDI], BL; INT3
    m.put(CODE_FRAME, "88 1f cc");
    m.setReg(RDI, CODE + 0x1000n);
    m.rip = CODE;
    let isFirst = true;
    // The lock is let go of when the page is marked.
    vi.spyOn(Atomics, "store").mockImplementation(((words: Int32Array, at: number, value: number) => {
      words[at] = value;
      if (!isFirst) return value;
      isFirst = false;
      m.run();
      other.exports.engine_before_decode!(FRAME);
      return value;
    }) as typeof Atomics.store);
    const pages = new CodePages(shared);
    const page = pages.open(0, FRAME)!;
    expect(isFirst).toBe(false);
    expect(pages.hold([page])).toBe(false);
    expect(pages.hold([pages.open(0, FRAME)!])).toBe(true);
  });
});
