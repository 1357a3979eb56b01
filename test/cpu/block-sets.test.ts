import { beforeAll, expect, it } from "vitest";
import { SET_BYTES, SET_COUNT, SET_FOLD, PLACE_BYTES } from "../../core/machine/cpu/block_layout.ts";
import { compileEngine } from "./engine.ts";
import { Machine } from "./machine.ts";

const CODE = 0x40_0000n;
const FRAMES = 0x3800000;
/** More blocks than a set has places. */
const BLOCKS = 3 * (SET_BYTES / PLACE_BYTES);
const APART = SET_COUNT;
const VECTOR_BP = 3;

let compiled: WebAssembly.Module;
beforeAll(async () => {
  compiled = await compileEngine();
});

/** Blocks that belong to one set: what differs in their frame's number is undone in their place in the page. */
function machineAddress(n: number): number {
  return FRAMES + n * APART + ((n * APART) >> SET_FOLD);
}
const setOf = (host: number): number => (host ^ (host >>> SET_FOLD)) & (SET_COUNT - 1);
const linear = (n: number): bigint => CODE + BigInt(n) * 0x1000n + BigInt(machineAddress(n) & 0xfff);

/** ADD RAX, value; then JMP to the next block, or INT3 after the last. */
function write(m: Machine, n: number, value: number): void {
  const distance = Number(linear(n + 1) - linear(n)) - 9;
  const next = n + 1 < BLOCKS ? [0xe9, ...[0, 8, 16, 24].map((shift) => (distance >> shift) & 0xff)] : [0xcc];
  m.bytes.set([0x48, 0x83, 0xc0, value, ...next], machineAddress(n));
  m.exports.engine_code_written!(machineAddress(n) & ~0xfff);
}
function sum(m: Machine): bigint {
  m.setReg(0, 0n);
  m.rip = linear(0);
  m.run();
  expect([m.vector, m.rip]).toEqual([VECTOR_BP, linear(BLOCKS - 1) + 5n]);
  return m.reg(0);
}

it("blocks of one set are all found, those without a place in it too, and each again after its code was written", () => {
  expect(new Set(Array.from({ length: BLOCKS }, (_, n) => setOf(machineAddress(n)))).size).toBe(1);
  const m = new Machine(compiled);
  for (let n = 0; n < BLOCKS; n++) m.map(CODE + BigInt(n) * 0x1000n, machineAddress(n) & ~0xfff);
  const values = Array.from({ length: BLOCKS }, (_, n) => n + 1);
  const total = (): bigint => BigInt(values.reduce((before, value) => before + value, 0));
  values.forEach((value, n) => write(m, n, value));
  for (let turn = 0; turn < 3; turn++) expect(sum(m)).toBe(total());
  for (let n = 0; n < BLOCKS; n++) {
    values[n] = 40 + n;
    write(m, n, values[n]!);
    expect(sum(m)).toBe(total());
    expect(sum(m)).toBe(total());
  }
});
