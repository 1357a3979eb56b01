/**
 * Near branches to addresses that are not canonical (SDM volume 2, JMP, CALL, Jcc, LOOP; seen on silicon for code in the last page that Linux gives to programs): the
 * branch itself faults, with its registers as they were. What only runs on into such addresses faults where the next instruction would be.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { compileEngine } from "../engine.ts";
import { Machine, RCX, RSP } from "../machine.ts";
import { TranslatedCode } from "./translated.ts";

const CODE_FRAME = 0x3a00000;
const OTHER_FRAME = 0x3a10000;
const STACK = 0x50_0000n;
const STACK_FRAME = 0x3a20000;
const POOL = 0x3b00000;
const VECTOR_GP = 13;
const ZF = 0x40;

/** The last page of the lower half and the first one of the upper half. */
const LOWER = 0x7fff_ffff_f000n;
const UPPER = 0xffff_8000_0000_0000n;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

function little(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (value >> (8 * i)) & 0xff);
}

/** Each is a branch that is taken, with a distance of 1 or 4 bytes at its end. */
const BRANCHES: [string, number[], 1 | 4][] = [
  ["JMP rel8", [0xeb], 1],
  ["JMP rel32", [0xe9], 4],
  ["CALL rel32", [0xe8], 4],
  ["JZ rel8", [0x74], 1],
  ["JZ rel32", [0x0f, 0x84], 4],
  ["LOOP", [0xe2], 1],
  ["CMP and JZ", [0x39, 0xc0, 0x74], 1],
  ["MOV and CALL", [0x89, 0xc0, 0xe8], 4],
];
/** How the branch is executed. */
const WAYS = ["interpreted", "in a small region", "in a large region"] as const;

/** Runs code at an offset of a page. `aliased`: where the target would be with its upper bits cut off there is memory. */
function run(page: bigint, at: number, code: number[], way: (typeof WAYS)[number], aliased: boolean): Machine {
  const m = new Machine(compiled);
  m.map(page, CODE_FRAME);
  m.map(STACK, STACK_FRAME);
  if (aliased) m.map(page === LOWER ? UPPER : LOWER, OTHER_FRAME);
  m.bytes.fill(0x90, CODE_FRAME, CODE_FRAME + 4096);
  m.bytes.set(code, CODE_FRAME + at);
  m.exports.engine_flush!();
  const translated = new TranslatedCode(m.exports as unknown as WebAssembly.Exports, m.memory, POOL);
  const linear = page + BigInt(at);
  if (way !== "interpreted")
    expect(translated.translate(translated.request(CODE_FRAME + at, linear, way === "in a large region"))).toBe(true);
  m.flags = 0x202 | ZF;
  m.setReg(RSP, STACK + 0x800n);
  m.setReg(RCX, 2n);
  m.rip = linear;
  m.run();
  if (way !== "interpreted") expect(translated.entered()).toBe(1);
  return m;
}

/** LEA RBX, [RBX+1] comes first, so that a region has something that it can do. */
const FIRST = [0x48, 0x8d, 0x5b, 0x01];
const BOUNDARIES: [string, bigint, number, number][] = [
  ["over the end of the lower half", LOWER, 0xf80, 0x1020],
  ["below the beginning of the upper half", UPPER, 0x20, -0x40],
];

describe.each(WAYS)("a branch to where nothing can be, %s", (way) => {
  describe.each(BOUNDARIES)("%s", (_, page, at, target) => {
    it.each(BRANCHES)("faults as %s itself and has done nothing", (_, opcode, width) => {
      for (const aliased of [false, true]) {
        const length = FIRST.length + opcode.length + width;
        const distance = target - at - length;
        // A byte does not reach so far from everywhere.
        const place = width === 1 ? (distance > 0 ? 0xff0 - length : 0) : at;
        const far = width === 1 ? (distance > 0 ? 0x60 : -0x40) : distance;
        const m = run(page, place, [...FIRST, ...opcode, ...little(far, width)], way, aliased);
        const branch = page + BigInt(place + length - width - (opcode[0] === 0x0f ? 2 : 1));
        expect([m.vector, m.error, m.rip.toString(16), m.reg(RCX), m.reg(RSP), m.reg(3)]).toEqual([
          VECTOR_GP,
          0,
          branch.toString(16),
          2n,
          STACK + 0x800n,
          1n,
        ]);
        expect(m.retired).toBe(opcode.length > 2 ? 2 : 1);
      }
    });
  });
});

describe.each(WAYS)("code at the end of the lower half, %s", (way) => {
  it.each([
    ["a branch that is not taken", [0x75, 0x80], 2],
    ["a comparison with a branch that is not taken", [0x39, 0xc0, 0x75, 0x80], 3],
    ["a plain instruction", [0xff, 0xc1], 2],
  ])("runs off it after %s, and faults behind it", (_, last, retired) => {
    for (const aliased of [false, true]) {
      const code = [...FIRST, ...last];
      const m = run(LOWER, 4096 - code.length, code, way, aliased);
      expect([m.vector, m.error, m.rip.toString(16), m.retired]).toEqual([
        VECTOR_GP,
        0,
        (LOWER + 4096n).toString(16),
        retired,
      ]);
    }
  });
});
