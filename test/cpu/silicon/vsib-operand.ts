/** Makes the memory operand of a gather: a base register or none, and a vector of indices, of which some lead nowhere. */
import { CASE, UNMAPPED, WINDOW, WINDOW_START } from "./layout.ts";
import type { Random } from "./random.ts";
import type { Operand } from "./vex-instance.ts";

const RSP = 4;
const RBP = 5;

/** Fills the index register with indices of `wide` (64) or 32 bits that lead from `from` into the window. */
function fillIndices(
  view: DataView,
  register: number,
  isWide: boolean,
  from: bigint,
  scale: number,
  random: Random,
): void {
  const bad = random.chance(3) ? random.below(isWide ? 4 : 8) : -1;
  const size = isWide ? 8 : 4;
  for (let i = 0; i * size < 32; i++) {
    const at = (i * size < 16 ? CASE.fx + 160 : CASE.ymm - 16) + 16 * register + i * size;
    const target = BigInt(WINDOW_START + random.below(WINDOW - 8));
    let index = (target - from) >> BigInt(scale);
    if (target < from) index++; // towards the window
    if (i === bad) index = (BigInt(UNMAPPED + random.below(4096)) - from) >> BigInt(scale);
    if (i === bad && isWide && random.chance(3)) index = BigInt.asIntN(64, random.u64());
    if (isWide) view.setBigInt64(at, index, true);
    else view.setInt32(at, Number(index), true);
  }
}

/** `mask` is the register in VEX.vvvv. */
export function vsibOperand(
  opcode: number,
  reg: number,
  mask: number,
  view: DataView,
  gpr: bigint[],
  random: Random,
): Operand {
  const others = [...Array(16).keys()].filter((n) => n !== reg && n !== mask);
  const index = random.chance(40) ? random.below(16) : random.pick(others);
  const scale = random.below(4);
  const from = BigInt(WINDOW_START + random.below(WINDOW));
  fillIndices(view, index, (opcode & 1) !== 0, from, scale, random);
  const low = (reg & 7) << 3;
  const sib = (scale << 6) | ((index & 7) << 3);
  const bytes = (value: number, count: number) => Array.from({ length: count }, (_, i) => (value >> (8 * i)) & 255);
  // Without a base.
  if (random.chance(6))
    return { modrm: [low | 4, sib | RBP, ...bytes(Number(from), 4)], x: index >> 3, b: 0, ripTarget: null };
  const base = random.pick([...Array(16).keys()].filter((n) => n !== RSP));
  const displacement = random.chance(2) ? random.below(256) - 128 : random.below(0x10000000) - 0x8000000;
  const isShort = displacement >= -128 && displacement <= 127;
  gpr[base] = BigInt.asUintN(64, from - BigInt(displacement));
  const modrm = [(isShort ? 0x40 : 0x80) | low | 4, sib | (base & 7), ...bytes(displacement, isShort ? 1 : 4)];
  return { modrm, x: index >> 3, b: base >> 3, ripTarget: null };
}
