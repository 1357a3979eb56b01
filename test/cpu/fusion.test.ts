/** Instructions that the dispatch loop executes as one do what they do one by one (step() executes each alone). */
import { beforeAll, describe, expect, it } from "vitest";
import * as exits from "../../core/machine/cpu/exits.ts";
import * as state from "../../core/machine/cpu/state.ts";
import { compileEngine } from "./engine.ts";
import { Machine, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP } from "./machine.ts";

const CODE = 0x40_0000n;
const CODE_FRAME = 0x3800000;
/** Two pages of data; the third is not mapped. */
const DATA = 0x50_0000n;
const DATA_FRAME = 0x3900000;
const STACK_TOP = DATA + 0x2000n;
const UNMAPPED = DATA + 0x2000n;
const VECTOR_BP = 3;
const MOST_STEPS = 40;

let m: Machine;
beforeAll(async () => {
  m = new Machine(await compileEngine());
  m.map(CODE, CODE_FRAME);
  for (const page of [0, 0x1000]) m.map(DATA + BigInt(page), DATA_FRAME + page);
});

type Registers = [number, bigint][];

function begin(code: string, registers: Registers): void {
  m.bytes.fill(0, DATA_FRAME, DATA_FRAME + 0x2000);
  m.bytes.fill(0xcc, CODE_FRAME, CODE_FRAME + 0x1000);
  m.put(CODE_FRAME, code);
  m.exports.engine_code_written!(CODE_FRAME);
  for (let n = 0; n < 16; n++) m.setReg(n, BigInt(n) * 0x1111n);
  m.setReg(RSP, STACK_TOP - 0x100n);
  for (const [n, value] of registers) m.setReg(n, BigInt.asUintN(64, value));
  m.flags = 0x202;
  m.rip = CODE;
}

/** Everything that a program can see: registers, flags, memory, and how it ended after how many instructions. */
function end(retired: bigint): unknown {
  return {
    registers: Array.from({ length: 16 }, (_, n) => m.reg(n)),
    rip: m.rip,
    flags: m.flags,
    vector: m.vector,
    error: m.error,
    address: m.vector === VECTOR_BP ? 0n : m.address,
    retired: m.get(state.CPU_RETIRED) - retired,
    data: Buffer.from(m.bytes.slice(DATA_FRAME, DATA_FRAME + 0x2000)).toString("latin1"),
  };
}

/** Runs the program at once and step by step, and compares the ends. */
function same(code: string, registers: Registers): void {
  begin(code, registers);
  let retired = m.get(state.CPU_RETIRED);
  m.run();
  const together = end(retired);
  begin(code, registers);
  retired = m.get(state.CPU_RETIRED);
  for (let n = 0; m.step() === exits.EXIT_POLL; n++) expect(n).toBeLessThan(MOST_STEPS);
  expect(together, code).toEqual(end(retired));
}

const VALUES = [
  0n,
  1n,
  -1n,
  5n,
  -5n,
  0x7fn,
  0x80n,
  0x7fffn,
  0x8000n,
  0x7fffffffn,
  0x80000000n,
  1n << 63n,
  (1n << 63n) - 1n,
];
/** Each with RAX and RCX, or with RAX and what RBX points at; an immediate is put in place of ib. */
const COMPARISONS = {
  "cmp r, r": ["39 c8", "48 39 c8", "38 c8", "66 39 c8"],
  "cmp r, i": ["83 f8 ib", "48 83 f8 ib", "3c ib", "66 83 f8 ib"],
  "cmp r, m": ["3b 03", "48 3b 03", "3a 03", "66 3b 03"],
  "cmp m, r": ["39 03", "48 39 03", "38 03"],
  "cmp m, i": ["83 3b ib", "48 83 3b ib", "80 3b ib", "66 83 3b ib"],
  "test r, r": ["85 c8", "48 85 c8", "84 c8", "85 c0", "48 85 c0"],
  "test r, i": ["f7 c0 ib 00 00 80", "48 f7 c0 ib 00 00 80", "a8 ib"],
  "test m, r": ["85 03", "48 85 03", "84 03"],
  "test m, i": ["f7 03 ib 00 00 80", "48 f7 03 ib 00 00 80", "f6 03 ib"],
};
const hex = (n: number): string => n.toString(16).padStart(2, "0");

describe("a comparison and its branch", () => {
  it.each(Object.entries(COMPARISONS))("%s", (_, encodings) => {
    for (const encoding of encodings)
      for (let condition = 0; condition < 16; condition++)
        VALUES.forEach((a, n) => {
          const b = VALUES[(n * 5 + condition) % VALUES.length]!;
          const compare = encoding.replace("ib", hex([0, 5, 0x7f, 0x80, 0xff][(n + condition) % 5]!));
          // mov [rbx], rcx; the comparison; Jcc over mov dl, 1; setcc of two flags; int3
          same(`48 89 0b ${compare} ${hex(0x70 + condition)} 02 b2 01 0f 92 c0 0f 9a c1 cc`, [
            [RAX, a],
            [RCX, n % 3 ? b : a],
            [RBX, DATA + 8n],
          ]);
        });
  });
  it("faults at the comparison", () => {
    for (const compare of ["48 83 3b 05", "48 3b 03", "80 3b 05", "66 83 3b 05"])
      same(`90 ${compare} 74 02 b2 01 cc`, [[RBX, UNMAPPED - 1n]]);
  });
  it("as a loop", () => same("31 c0 83 c0 01 83 f8 09 75 f8 cc", []));
});

const ONES = {
  "push rcx": "51",
  "pop rdx": "5a",
  "mov rax, rcx": "48 89 c8",
  "mov rdx, [rbx]": "48 8b 13",
  "mov esi, [rbx+4]": "8b 73 04",
  "movzx edi, byte [rbx]": "0f b6 3b",
  "mov edi, imm": "bf 78 56 34 12",
  "mov [rbx+8], rsi": "48 89 73 08",
  "xor ecx, ecx": "31 c9",
  "lea rdi, [rbx+rcx*4+9]": "48 8d 7c 8b 09",
  "add rsp, 8": "48 83 c4 08",
  "sub rsp, 16": "48 83 ec 10",
  "test rdx, rdx; jz": "48 85 d2 74 02 b0 07",
  "test esi, esi; jnz": "85 f6 75 02 b0 07",
  "test dil, dil; js": "40 84 ff 78 02 b0 07",
  // To the RET at CODE + 0x80.
  call: "e8",
  ret: "c3",
};

describe("two in a row", () => {
  const names = Object.keys(ONES) as (keyof typeof ONES)[];
  /** `after` bytes of the program come before it. */
  const coded = (name: keyof typeof ONES, after: number): string =>
    name === "call" ? `e8 ${hex(0x80 - after - 5)} 00 00 00` : ONES[name];
  const bytes = (code: string): number => code.replaceAll(" ", "").length / 2;
  it.each(names)("%s, and any other", (first) => {
    for (const second of names) {
      const one = coded(first, 0);
      const code = `${one} ${coded(second, bytes(one))} cc`;
      const program = code.replaceAll(" ", "").padEnd(0x100, "cc") + "c3cc";
      const stack = STACK_TOP - 0x100n;
      // As it should go; then with faults of what is read or written first, and of what comes second.
      for (const [pointer, top] of [
        [DATA + 16n, stack],
        [UNMAPPED, stack],
        [UNMAPPED - 4n, stack],
        [DATA + 16n, STACK_TOP],
        [DATA + 16n, STACK_TOP - 8n],
        [DATA + 16n, DATA],
        [DATA + 16n, DATA + 8n],
        [1n << 47n, stack],
        [DATA + 16n, 1n << 47n],
      ] as const)
        same(program, [
          [RBX, pointer],
          [RSP, top],
          [RBP, DATA + 0x40n],
          [RDX, 0n],
          [RSI, 5n],
          [RDI, 0x80n],
        ]);
    }
  });
  it("and the first changes the second", () => {
    m.map(DATA + 0x3000n, CODE_FRAME);
    // mov [rbx], rcx, over what follows it; mov [rbx+8], rsi; int3
    same("48 89 0b 48 89 73 08 90 90 90 cc", [
      [RBX, DATA + 0x3003n],
      [RCX, 0x90909090_04b001b0n],
      [RSI, 1n],
    ]);
    // push rcx, over what follows it; push rax
    same("51 50 90 90 90 90 90 90 90 cc", [
      [RSP, DATA + 0x3009n],
      [RCX, 0x90909090_04b001b0n],
    ]);
  });
});
