/**
 * Random programs for comparing translator and interpreter: blocks of instructions with branches, calls, loops with fuel, memory operands that
 * sometimes fault or cross pages, and stores into the program's own code. By convention R15 is the fuel of loops, R14 points into data, R13 points to
 * the end of data's last page, after which nothing is mapped, and RSP is the stack.
 */
import { Assembler, DATA, EDGE, FREE, FUEL, RSP, little, vexMemory, type Random } from "./assembler.ts";
import { anyForm, prefixes } from "./form-program.ts";
import { pointer, rarer } from "./rare-instructions.ts";
import { vexInstruction } from "./vex-program.ts";

export interface Program {
  bytes: number[];
  /** The offsets where blocks begin. */
  blocks: number[];
}

interface Fixup {
  at: number;
  width: 1 | 4;
  block: number;
}

/** One instruction that does not transfer control. */
function instruction(a: Assembler, random: Random): void {
  if (random.chance(a.prefixed)) prefixes(a, random);
  if (random.chance(a.anyForm)) return anyForm(a, random);
  const size = random.pick([1, 2, 4, 4, 4, 8, 8, 8]);
  const wide = size === 1 ? 0 : 1;
  const reg = random.pick(FREE);
  const rm = random.pick(FREE);
  const inMemory = random.chance(35);
  const operand = (opcode: number[], field: number, after = 0, sized = size, mandatory = 0) =>
    inMemory ? a.memory(sized, opcode, field, mandatory, after) : a.register(sized, opcode, field, rm, mandatory);
  const immediate = (bytes: number) => {
    for (let i = 0; i < bytes; i++)
      a.bytes.push(random.chance(30) ? random.pick([0, 1, 0xff, 0x80]) : random.below(256));
  };
  const z = size === 1 ? 1 : size === 2 ? 2 : 4;
  const big = size === 1 ? 4 : size;
  switch (random.below(a.vex ? 34 : 25)) {
    case 25:
    case 26:
    case 27:
    case 28:
    case 29:
    case 30:
    case 31:
    case 32:
    case 33:
      a.bytes.push(
        ...vexInstruction(
          random,
          (after) => vexMemory(a, random, after),
          () => random.pick(FREE),
        ),
      );
      return;
    case 24:
      return pointer(a, random);
    case 0:
    case 1:
    case 2:
      return operand([random.below(8) * 8 + wide], reg);
    case 3:
    case 4:
      return operand([random.below(8) * 8 + 2 + wide], reg);
    case 5:
      operand([0x80 + wide], random.below(8), z);
      return immediate(z);
    case 6:
      if (size === 1) return operand([0x84], reg);
      operand([0x83], random.below(8), 1);
      return immediate(1);
    case 7:
      return operand([random.chance(50) ? 0x88 + wide : 0x8a + wide], reg);
    case 8:
      operand([0xc6 + wide], 0, z);
      return immediate(z);
    case 9:
      return operand([0x0f, random.pick([0xb6, 0xb7, 0xbe, 0xbf])], reg, 0, big);
    case 10:
      return operand([0x0f, 0x40 + random.below(16)], reg, 0, big);
    case 11:
      return operand([0x0f, 0x90 + random.below(16)], 0, 0, 1);
    case 12:
      return operand([0xfe + wide], random.below(2));
    case 13:
      operand([0xc0 + wide], random.below(8), 1);
      return immediate(1);
    case 14:
      return operand([0xd0 + wide + (random.chance(50) ? 2 : 0)], random.below(8));
    case 15:
      return operand([0x0f, 0xaf], reg, 0, big);
    case 16:
      operand([0x6b], reg, 1, big);
      return immediate(1);
    case 17: {
      const test = random.chance(70);
      if (random.chance(60)) {
        operand([0x0f, 0xba], test ? 4 : 4 + random.below(4), 1, big);
        return immediate(1);
      }
      return a.register(big, [0x0f, 0xa3], reg, rm);
    }
    case 18:
      // NOT, NEG, MUL, IMUL, and rarely DIV or IDIV. Dividends are mostly no wider than the divisor, because most divisions would fault otherwise.
      if (random.chance(80)) return operand([0xf6 + wide], 2 + random.below(4));
      if (random.chance(80)) a.bytes.push(...random.pick([[0x31, 0xd2], [0x99], [0x48, 0x99]]));
      return operand([0xf6 + wide], 6 + random.below(2));
    case 19: {
      const push = random.chance(50);
      if (reg >= 8) a.bytes.push(0x41);
      a.bytes.push((push ? 0x50 : 0x58) + (reg & 7));
      return;
    }
    case 20:
      return a.memory(big, [0x8d], reg);
    case 21:
      a.bytes.push(
        ...random.pick([
          [0x98],
          [0x99],
          [0x48, 0x98],
          [0x48, 0x99],
          [0x66, 0x98],
          [0xf5],
          [0xf8],
          [0xf9],
          [0x9f],
          [0x9e],
          [0x90],
          // RDTSC
          [0x0f, 0x31],
        ]),
      );
      return;
    case 22: {
      // An index register that is made small, for the scaled operands.
      const index = random.below(4);
      a.bytes.push(0x83, 0xe0 | index, 0x1f);
      return;
    }
    default:
      return rarer(a, random, reg, rm, inMemory);
  }
}
interface Place {
  block: number;
  count: number;
  /** Writes an instruction whose last bytes are the distance to a block. */
  branch: (opcode: number[], width: 1 | 4, to: number) => void;
}
/** JZ over the next bytes if this was the last of the fuel. DEC R15 keeps CF, so that the effect of what comes before is seen. */
const USE_FUEL = [0x49, 0xff, 0xc8 | (FUEL & 7)];

/** The end of a block: mostly forward, or back while there is fuel. */
function transfer(a: Assembler, random: Random, { block, count, branch }: Place): void {
  const later = block + 1 + random.below(Math.max(1, count - block - 1));
  const LEA_RAX = [0x48, 0x8d, 0x05];
  const kind = random.below(18);
  if (kind < 6) branch([0x70 + random.below(16)], 1, later);
  else if (kind < 7) branch([0x0f, 0x80 + random.below(16)], 4, later);
  else if (kind < 10) branch([...USE_FUEL, 0x0f, 0x85], 4, random.below(block + 1));
  else if (kind < 11) branch([0xe9], 4, later);
  else if (kind < 12) branch([0xe8], 4, later);
  else if (kind < 13) {
    // RET, half of the time to a place that the code has pushed, or has put in place of where it was called from: LEA RAX, then PUSH RAX or MOV [RSP], RAX.
    if (random.chance(50)) {
      branch(LEA_RAX, 4, later);
      a.bytes.push(...(random.chance(50) ? [0x50] : [0x48, 0x89, 0x04, 0x24]));
    }
    if (random.chance(80)) a.bytes.push(...(random.chance(70) ? [0xc3] : [0xc2, 8 * random.below(3), 0]));
  } else if (kind < 15) {
    // LEA RAX and RCX, CMOVcc RAX, RCX, then JMP RAX or CALL RAX: forward, or anywhere while there is fuel (DEC R15, and JZ over it).
    const isBack = random.chance(40);
    if (isBack) a.bytes.push(...USE_FUEL, 0x74, 20);
    const target = (): number => (isBack ? random.below(count) : later + random.below(count - later));
    branch(LEA_RAX, 4, target());
    branch([0x48, 0x8d, 0x0d], 4, target());
    a.bytes.push(0x48, 0x0f, 0x40 | random.below(16), 0xc1, 0xff, kind === 13 ? 0xd0 : 0xe0);
  } else if (kind < 16) branch([random.pick([0xe0, 0xe1, 0xe2, 0xe3])], 1, later);
  else if (kind < 17) {
    // MOV [R14+disp8], RAX; JMP or CALL [R14+disp8]
    const isBack = random.chance(40);
    if (isBack) a.bytes.push(...USE_FUEL, 0x74, 15);
    branch(LEA_RAX, 4, isBack ? random.below(count) : later);
    const at = random.below(256);
    a.bytes.push(0x49, 0x89, 0x46, at, 0x41, 0xff, random.chance(50) ? 0x66 : 0x56, at);
  } else if (random.chance(15)) a.bytes.push(0x0f, 0x05);
}

/** Makes a program of at most `size` bytes (the room in a page). */
export function makeProgram(random: Random, size: number): Program {
  const a = new Assembler(random, size);
  const count = 3 + random.below(7);
  const blocks: number[] = [];
  const fixups: Fixup[] = [];
  const branch = (opcode: number[], width: 1 | 4, to: number): void => {
    a.bytes.push(...opcode, ...little(0, width));
    fixups.push({ at: a.bytes.length, width, block: to });
  };
  for (let block = 0; block < count; block++) {
    blocks.push(a.bytes.length);
    for (let n = random.below(9); n >= 0; n--) instruction(a, random);
    if (block === count - 1) break;
    transfer(a, random, { block, count, branch });
  }
  a.bytes.push(0xcc);
  for (const { at, width, block } of fixups) {
    const distance = blocks[block]! - at;
    if (width === 4) little(distance, 4).forEach((byte, i) => (a.bytes[at - 4 + i] = byte));
    else if (distance >= -128 && distance < 128) a.bytes[at - 1] = distance & 0xff;
  }
  return { bytes: a.bytes.slice(0, size), blocks: blocks.filter((offset) => offset < size) };
}

export const REGISTERS = { FUEL, DATA, EDGE, RSP, FREE };
