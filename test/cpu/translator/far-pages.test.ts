/** Regions whose code lies far apart: direct jumps reach 2 GiB, and one jump can follow another. */
import { beforeAll, expect, it } from "vitest";
import { compileEngine } from "../engine.ts";
import { Machine, RBX } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const POOL = 0x3b00000;
const FIRST_FRAME = 0x3a00000;
const MIDDLE_FRAME = 0x3a10000;
const LAST_FRAME = 0x3a20000;
const NEW_FRAME = 0x3a30000;
/** The distance of two jumps, and the first address that a number of 32 bits can't tell from the first page's neighbour. */
const JUMP = 0x7fff_f000n;
const WRAP = 1n << 32n;
const PLACES: [string, bigint][] = [
  ["a user's mapping", 0x7f00_0001_0000n],
  ["kernel text", 0xffff_ffff_8123_4000n],
  ["the direct map", 0xffff_8880_c345_6000n],
];
const VECTOR_BP = 3;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** JMP rel32 from the beginning of a page to that of another. */
function jump(distance: bigint): number[] {
  return [0xe9, ...new Uint8Array(Int32Array.of(Number(distance) - 5).buffer)];
}
/** MOV EBX, imm32; INT3 */
function answer(value: number): number[] {
  return [0xbb, value, 0, 0, 0, 0xcc];
}

it.each(PLACES)("executes what is mapped now 4 GiB behind where it began, from %s on", (_, first) => {
  for (const sign of [1n, -1n]) {
    const m = new Machine(compiled);
    const middle = BigInt.asUintN(64, first + sign * JUMP);
    const last = BigInt.asUintN(64, first + sign * 2n * JUMP);
    m.map(first, FIRST_FRAME);
    m.map(middle, MIDDLE_FRAME);
    m.map(last, LAST_FRAME);
    // The same code again, where it would be with a distance of 32 bits.
    m.map(BigInt.asUintN(64, last - sign * WRAP), LAST_FRAME);
    m.bytes.set(jump(sign * JUMP), FIRST_FRAME);
    m.bytes.set(jump(sign * JUMP), MIDDLE_FRAME);
    m.bytes.set(answer(1), LAST_FRAME);
    m.bytes.set(answer(2), NEW_FRAME);
    m.exports.engine_flush!();
    const code = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
    expect(code.translate(code.request(FIRST_FRAME, first, true))).toBe(true);
    const run = (): bigint => {
      m.rip = first;
      m.run();
      expect([m.vector, m.rip.toString(16)]).toEqual([VECTOR_BP, BigInt.asUintN(64, last + 6n).toString(16)]);
      return m.reg(RBX);
    };
    expect(run()).toBe(1n);
    // What begins there is executed by the region, as far as that may go.
    expect(code.entered()).toBe(1);
    m.map(last, NEW_FRAME);
    m.exports.engine_flush_page!(last);
    expect(run()).toBe(2n);
  }
});
