/** Makes the memory operand of a gather in 16- and 32-bit code with 32-bit addresses; some of its indices lead nowhere. */
import { WINDOW, WINDOW_START } from "../generate.ts";
import { CASE, type Builder } from "./generate.ts";

const RBP = 5;
const SS = 2;
const DS = 3;
/** Beyond the data pages. */
const NOWHERE = WINDOW_START + 0x1200;

export function vsibOperand(b: Builder, opcode: number, reg: number): number[] {
  const { random, gpr, view } = b;
  const others = [...Array(8).keys()].filter((n) => n !== reg);
  const index = random.chance(40) ? reg : random.pick(others);
  const scale = random.below(4);
  const hasBase = !random.chance(6);
  const base = hasBase ? random.pick([0, 1, 2, 3, RBP, 6, 7]) : RBP;
  const segment = b.override >= 0 ? b.override : hasBase && base === RBP ? SS : DS;
  const from = WINDOW_START + random.below(WINDOW);
  const size = opcode & 1 ? 8 : 4;
  const bad = random.chance(3) ? random.below(32 / size) : -1;
  for (let i = 0; i * size < 32; i++) {
    const target = i === bad ? NOWHERE + random.below(0x1000) : WINDOW_START + random.below(WINDOW - 8);
    const distance = (target - from) >> scale;
    view.setInt32(CASE.ymm + 32 * index + i * size, target < from ? distance + 1 : distance, true);
    // The upper half of a 64-bit index does not reach a 32-bit address.
    if (size === 8) view.setUint32(CASE.ymm + 32 * index + i * size + 4, random.u32(), true);
  }
  const low = (reg << 3) | 4;
  const sib = (scale << 6) | (index << 3) | base;
  const offset = b.offsetOf(segment, from);
  const four = (value: number) => [0, 8, 16, 24].map((bits) => (value >>> bits) & 255);
  if (!hasBase) return [low, sib, ...four(offset)];
  const displacement = random.u32() | 0;
  gpr[base] = (offset - displacement) >>> 0;
  return [0x80 | low, sib, ...four(displacement)];
}
