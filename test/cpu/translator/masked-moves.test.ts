/** VMASKMOVPS, VMASKMOVPD, VPMASKMOVD and VPMASKMOVQ at the borders of what may be accessed, translated and interpreted. */
import { beforeAll, describe, expect, it } from "vitest";
import * as state from "../../../core/machine/cpu/state.ts";
import { EXIT_EXCEPTION } from "../../../core/machine/cpu/exits.ts";
import { compileEngine } from "../engine.ts";
import { PRESENT, RDI, USER } from "../machine.ts";
import { Lockstep } from "./lockstep.ts";
import { withoutInterpreter } from "./without-interpreter.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3a00000;
/** A page, one that may not be written, a gap, and a page that nobody has touched yet. */
const DATA = 0x50_0000n;
const READ_ONLY = 0x50_1000n;
const GAP = 0x50_2000n;
const UNTOUCHED = 0x60_0000n;
const DATA_FRAME = 0x3a10000;
const TABLES = 0x3000000;

let machines: Lockstep;
let untouched: number[];
beforeAll(async () => {
  machines = new Lockstep(await compileEngine(), [
    { name: "data", from: DATA_FRAME, length: 0x6000 },
    { name: "tables", from: TABLES, length: 0x20000 },
  ]);
  untouched = machines.both.map((m) => {
    m.map(CODE, CODE_FRAME);
    m.map(DATA, DATA_FRAME);
    m.map(READ_ONLY, DATA_FRAME + 0x2000, PRESENT | USER);
    m.set(state.CPU_XCR0, 7n);
    return m.map(UNTOUCHED, DATA_FRAME + 0x4000);
  });
});

/** VEX's last byte, by W and L, with YMM1 as the mask; the instruction moves between YMM2 and where RDI points to, and a breakpoint follows. */
const last = (w: number, l: number): string => ((w << 7) | (14 << 3) | (l << 2) | 1).toString(16).padStart(2, "0");
const KINDS: [name: string, opcode: string, w: number, size: 4 | 8][] = [
  ["vmaskmovps, load", "2c", 0, 4],
  ["vmaskmovpd, load", "2d", 0, 8],
  ["vmaskmovps, store", "2e", 0, 4],
  ["vmaskmovpd, store", "2f", 0, 8],
  ["vpmaskmovd, load", "8c", 0, 4],
  ["vpmaskmovq, load", "8c", 1, 8],
  ["vpmaskmovd, store", "8e", 0, 4],
  ["vpmaskmovq, store", "8e", 1, 8],
];
const FORMS = KINDS.flatMap(([name, opcode, w, size]) =>
  [0, 1].map((l) => ({
    name: `${name}, ${16 << l} bytes`,
    hex: `c4e2${last(w, l)}${opcode}17cc`,
    size,
    bytes: 16 << l,
  })),
);

const ADDRESSES = [
  ...[0x100, 0x104, 0x101, 0xfe0, 0xfe4, 0xff0, 0xff4, 0xff8, 0xffc, 0xffd, 0xfff].map((at) => DATA + BigInt(at)),
  ...[0x100, 0xfe0, 0xff0, 0xff8, 0xffe].map((at) => READ_ONLY + BigInt(at)),
  ...[-16n, -8n, -4n, 0n, 0x100n].map((at) => GAP + at),
  ...[-32n, -16n, -4n, 0n].map((at) => UNTOUCHED + at),
  ...[0x7fff_ffff_fff0n, 0x7fff_ffff_fffcn, 0x8000_0000_0000n, 0xffff_7fff_ffff_fff0n, 0xffff_ffff_ffff_fff8n],
];

function place(n: number): number {
  return 0x20 * n;
}
/** Puts everything into the same state on both machines; bit i of `mask` chooses element i. */
function prepare(address: bigint, mask: number, size: 4 | 8): void {
  machines.both.forEach((m, n) => {
    for (let i = 0; i < 0x6000; i += 4) m.view.setUint32(DATA_FRAME + i, 0x01010101 * ((i >> 2) & 0x7f), true);
    m.view.setBigUint64(untouched[n]!, m.view.getBigUint64(untouched[n]!, true) & ~0x60n, true);
    m.exports.engine_flush!();
    for (const at of [state.CPU_XMM, state.CPU_YMM_HIGH])
      for (let word = 0; word < 32; word++) m.set(at + 8 * word, 0x1234_5678_9abc_def1n * BigInt(word + 1));
    for (let at = 0; at < 32; at += size) {
      // Only the sign counts.
      const chosen = (mask >> (at / size)) & 1;
      const lane = m.cpu + (at & 16 ? state.CPU_YMM_HIGH : state.CPU_XMM) + 16 + (at & 15);
      for (let byte = 0; byte < size; byte++) m.view.setUint8(lane + byte, 0x55);
      m.view.setUint8(lane + size - 1, chosen ? 0x80 : 0x7f);
    }
    m.setReg(RDI, address);
  });
}

describe("a masked move", () => {
  it.each(FORMS.map((form, n) => ({ ...form, n })))("$name, is the interpreter's", ({ hex, size, bytes, n }) => {
    const start = CODE + BigInt(place(n));
    for (const m of machines.both) {
      m.put(CODE_FRAME + place(n), hex);
      m.exports.engine_code_written!(CODE_FRAME);
    }
    expect(machines.code.translate(machines.code.request(CODE_FRAME + place(n), start))).toBe(true);
    const all = (1 << (bytes / size)) - 1;
    const masks = new Set([
      0,
      all,
      all ^ 1,
      1,
      all >> 1,
      (all + 1) >> 1,
      all & 0xaa,
      all & 0x0f,
      all & 0xf0,
      all & 0x5a,
    ]);
    for (const address of ADDRESSES)
      for (const mask of masks) {
        prepare(address, mask, size);
        const told = { address: address.toString(16), mask };
        expect({ ...told, ...(machines.run(start) as object) }).toEqual({ ...told, text: null });
      }
    expect(machines.code.entered()).toBeGreaterThan(0);
  });

  it("does not ask the interpreter where the operand lies in one page, or nothing is chosen", () => {
    const m = machines.translated;
    const code = withoutInterpreter(m);
    FORMS.forEach(({ name, hex, size }, n) => {
      const at = 0x800 + place(n);
      m.put(CODE_FRAME + at, hex);
      m.exports.engine_code_written!(CODE_FRAME);
      expect(code.translate(code.request(CODE_FRAME + at, CODE + BigInt(at)))).toBe(true);
      for (const [address, mask] of [
        [DATA + 0x104n, 0x5a] as const,
        [DATA + 0x104n, 0xff] as const,
        [GAP, 0] as const,
      ]) {
        prepare(address, mask, size);
        m.rip = CODE + BigInt(at);
        expect([name, mask, m.run(), m.vector]).toEqual([name, mask, EXIT_EXCEPTION, 3]);
      }
    });
  });
});
