/**
 * Random programs for comparing translator and interpreter: blocks of instructions with branches, calls, loops with fuel, memory operands that
 * sometimes fault or cross pages, and stores into the program's own code. By convention R15 is the fuel of loops, R14 points into data, R13 points to
 * the end of data's last page, after which nothing is mapped, and RSP is the stack.
 */

import { vexInstruction, type VexMemory } from "./vex-program.ts";

/** xorshift32, which gives the same program for the same seed. */
export class Random {
  #x: number;
  constructor(seed: number) {
    this.#x = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0 || 1;
    for (let i = 0; i < 4; i++) this.next();
  }
  next(): number {
    this.#x ^= this.#x << 13;
    this.#x ^= this.#x >>> 17;
    this.#x ^= this.#x << 5;
    return this.#x >>> 0;
  }
  below(n: number): number {
    return this.next() % n;
  }
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  u64(): bigint {
    const kind = this.below(8);
    if (kind === 0) return BigInt(this.below(4));
    if (kind === 1) return BigInt.asUintN(64, -BigInt(this.below(4)));
    if (kind === 2) return 1n << BigInt(this.below(64));
    if (kind === 3) return BigInt(this.next());
    return (BigInt(this.next()) << 32n) | BigInt(this.next());
  }
}

const FUEL = 15;
const DATA = 14;
const EDGE = 13;
const RSP = 4;
/** The registers that programs compute with. */
const FREE = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12];

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

class Assembler {
  readonly bytes: number[] = [];
  readonly #random: Random;
  /** The linear distance from the beginning of the code to which stores into code go. */
  readonly size: number;
  /** Whether there are VEX instructions. */
  readonly vex: boolean;
  constructor(random: Random, size: number) {
    this.#random = random;
    this.size = size;
    this.vex = random.chance(65);
  }

  /** Encodes REX, opcode and ModRM of a register operand. `size` is 1, 2, 4 or 8. */
  register(size: number, opcode: number[], reg: number, rm: number, mandatory = 0): void {
    if (size === 2) this.bytes.push(0x66);
    if (mandatory) this.bytes.push(mandatory);
    const rex = 0x40 | (size === 8 ? 8 : 0) | ((reg >> 3) << 2) | (rm >> 3);
    // Without REX, byte registers 4 to 7 are AH to BH.
    if (rex !== 0x40 || (size === 1 && this.#random.chance(50))) this.bytes.push(rex);
    this.bytes.push(...opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7));
  }
  /** The same with a memory operand: most often data, sometimes its edge, the code or unmapped memory. */
  memory(size: number, opcode: number[], reg: number, mandatory = 0, after = 0): void {
    const random = this.#random;
    if (size === 2) this.bytes.push(0x66);
    if (mandatory) this.bytes.push(mandatory);
    if (random.chance(2)) this.bytes.push(0x65);
    const kind = random.below(100);
    const w = size === 8 ? 8 : 0;
    const r = (reg >> 3) << 2;
    if (kind < 3) {
      // An operand in the code, RIP-relative.
      this.bytes.push(0x40 | w | r, ...opcode, 5 | ((reg & 7) << 3));
      const to = random.below(this.size) - (this.bytes.length + 4 + after);
      this.bytes.push(...little(to, 4));
      return;
    }
    if (kind < 60) {
      const base = random.chance(8) ? EDGE : DATA;
      const displacement = base === EDGE ? random.below(24) - 24 : random.below(256) - 128;
      this.bytes.push(0x40 | w | r | 1, ...opcode, 0x40 | ((reg & 7) << 3) | (base & 7), displacement & 0xff);
      return;
    }
    if (kind < 64) {
      const base = random.pick(FREE);
      this.bytes.push(0x40 | w | r | (base >> 3), ...opcode, 0x80 | ((reg & 7) << 3) | (base & 7));
      if ((base & 7) === 4) this.bytes.push(0x24);
      this.bytes.push(...little(random.below(0x1000), 4));
      return;
    }
    // A base and a scaled index, which is small only if it was made so.
    const index = random.pick([0, 1, 2, 3]);
    const scale = random.below(4);
    this.bytes.push(0x40 | w | r | 1, ...opcode, 0x44 | ((reg & 7) << 3), (scale << 6) | (index << 3) | (DATA & 7));
    this.bytes.push(random.below(64));
  }
}

/** A memory operand of a VEX instruction: in data, near its borders, in the code, or anywhere, as those of Assembler.memory(). */
function vexMemory(a: Assembler, random: Random, after: number): VexMemory {
  const kind = random.below(100);
  if (kind < 3) {
    // RIP-relative. The prefix has 2 or 3 bytes; it does not matter which, as the target is random.
    const to = random.below(a.size) - (a.bytes.length + 9 + after);
    return { modrm: [5, ...little(to, 4)], x: 0, b: 0 };
  }
  if (kind < 70) {
    const base = random.chance(8) ? EDGE : DATA;
    // Aligned accesses are frequent only where the pointer is aligned, too.
    const displacement =
      base === EDGE ? random.below(48) - 48 : random.chance(50) ? 16 * (random.below(16) - 8) : random.below(256) - 128;
    return { modrm: [0x40 | (base & 7), displacement & 0xff], x: 0, b: 1 };
  }
  if (kind < 74) {
    const base = random.pick(FREE.filter((n) => (n & 7) !== RSP));
    return { modrm: [0x80 | (base & 7), ...little(random.below(0x1000), 4)], x: 0, b: base >> 3 };
  }
  const index = random.pick([0, 1, 2, 3]);
  return { modrm: [0x44, (random.below(4) << 6) | (index << 3) | (DATA & 7), random.below(64)], x: 0, b: 1 };
}

function little(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (value >> (8 * i)) & 0xff);
}

/** One instruction that does not transfer control. */
function instruction(a: Assembler, random: Random): void {
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

/** A register that points into data, is moved by small distances and copied, and accesses through it. */
function pointer(a: Assembler, random: Random): void {
  const free = [0, 1, 2, 3, 5, 6, 7];
  let base = random.pick(free);
  // LEA base, [R14 + disp8]
  a.bytes.push(0x49, 0x8d, 0x40 | (base << 3) | (DATA & 7), random.below(256));
  for (let n = 2 + random.below(6); n > 0; n--) {
    const other = random.pick(free);
    const small = random.below(64);
    switch (random.below(10)) {
      case 0:
        // ADD or SUB base, imm8, in 32 bits at times
        if (random.chance(90)) a.bytes.push(0x48);
        a.bytes.push(0x83, random.pick([0xc0, 0xe8]) | base, small);
        break;
      case 1:
        // INC or DEC
        a.bytes.push(0x48, 0xff, random.pick([0xc0, 0xc8]) | base);
        break;
      case 2:
        // MOV other, base in one of its two forms
        a.bytes.push(
          0x48,
          ...random.pick([
            [0x89, 0xc0 | (base << 3) | other],
            [0x8b, 0xc0 | (other << 3) | base],
          ]),
        );
        base = other;
        break;
      case 3:
        // LEA base, [base + disp8]
        a.bytes.push(0x48, 0x8d, 0x40 | (base << 3) | base, (small - 32) & 0xff);
        break;
      case 4:
        // CMOVcc base, other: nobody knows what it points to.
        if (random.chance(30)) a.bytes.push(0x48, 0x0f, 0x40 | random.below(16), 0xc0 | (base << 3) | other);
        break;
      default: {
        const opcode = random.pick([
          [0x8b],
          [0x8b],
          [0x89],
          [0x89],
          [0x01],
          [0x03],
          [0x8a],
          [0x88],
          [0x0f, 0xb7],
          [0xff],
        ]);
        if (random.chance(60)) a.bytes.push(0x48);
        // The last one is INC, with no other register.
        a.bytes.push(...opcode, 0x40 | (opcode[0] === 0xff ? 0 : random.pick(free) << 3) | base, (small - 32) & 0xff);
      }
    }
  }
}

function rarer(a: Assembler, random: Random, reg: number, rm: number, inMemory: boolean): void {
  const size = random.pick([4, 8]);
  const operand = (opcode: number[], field: number, mandatory = 0, after = 0, sized = size) =>
    inMemory ? a.memory(sized, opcode, field, mandatory, after) : a.register(sized, opcode, field, rm, mandatory);
  switch (random.below(14)) {
    case 0:
      return operand([0x87], reg);
    case 12:
    case 13:
      // x87, mostly several instructions in a row: constants, arithmetic and moves of registers, operands in memory, anything else.
      for (let n = random.below(12); n >= 0; n--) {
        const kind = random.below(15);
        if (kind < 3) a.bytes.push(0xd9, 0xe8 + random.below(7));
        else if (kind < 7) a.bytes.push(random.pick([0xd8, 0xdc, 0xde, 0xd9]), 0xc0 + random.below(48));
        else if (kind < 8) a.bytes.push(0xdd, 0xd0 + random.below(16));
        else if (kind < 10) a.memory(4, [0xdb], random.pick([5, 7]));
        else if (kind < 11) a.memory(4, [random.pick([0xd8, 0xda, 0xdc, 0xde, 0xd9, 0xdd, 0xdb])], random.below(6));
        else a.bytes.push(0xd8 + random.below(8), 0xc0 + random.below(64));
      }
      return;
    case 1:
      return operand([0x0f, random.pick([0xb1, 0xc1])], reg);
    case 2:
      a.memory(size, [0x01], reg, 0xf0);
      return;
    case 3:
      return operand([0x0f, random.pick([0xbc, 0xbd])], reg, random.chance(50) ? 0xf3 : 0);
    case 4:
      return operand([0x0f, 0xb8], reg, 0xf3);
    case 5:
      operand([0x0f, random.pick([0xa4, 0xac])], reg, 0, 1);
      a.bytes.push(random.below(64));
      return;
    case 6:
      return operand([0x63], reg, 0, 0, 8);
    case 7:
      a.bytes.push(...random.pick([[0x48, 0x0f, 0xc8], [0x0f, 0xcb], [0xc9], [0x9c], [0x87, 0xd9]]));
      return;
    default: {
      // Vectors: moves, logic, integer and floating-point arithmetic, comparisons; rounding to whole numbers.
      if (random.chance(4)) {
        operand([0x0f, 0x3a, 0x08 + random.below(4)], random.below(16), 0x66, 1, 4);
        return void a.bytes.push(random.below(16));
      }
      const vector = random.pick<[number, number]>([
        [0, 0x28],
        [0, 0x10],
        [0, 0x11],
        [0, 0x57],
        [0, 0x54],
        [0, 0x58],
        [0, 0x59],
        [0, 0x2e],
        [0, 0x2f],
        [0, 0x14],
        [0x66, 0x6f],
        [0x66, 0xef],
        [0x66, 0xfe],
        [0x66, 0xd4],
        [0x66, 0x6c],
        [0x66, 0x60],
        [0x66, 0x58],
        [0x66, 0x59],
        [0x66, 0x5c],
        [0x66, 0x5e],
        [0x66, 0x14],
        [0x66, 0x10],
        [0x66, 0x11],
        [0x66, 0x2e],
        [0x66, 0x6e],
        [0x66, 0x7e],
        [0x66, 0xd6],
        [0xf3, 0x7e],
        [0xf3, 0x6f],
        [0xf3, 0x7f],
        [0xf2, 0x10],
        [0xf2, 0x11],
        [0xf2, 0x58],
        [0xf2, 0x59],
        [0xf2, 0x5c],
        [0xf2, 0x5e],
        [0xf2, 0x51],
        [0xf2, 0x2a],
        [0xf2, 0x2d],
        [0xf3, 0x10],
        [0xf3, 0x11],
        [0xf3, 0x58],
        [0xf3, 0x59],
        [0xf3, 0x2a],
        [0xf3, 0x5a],
        [0xf2, 0x5a],
        [0x66, 0xdb],
        [0x66, 0xeb],
        [0x66, 0x74],
        [0x66, 0xd7],
        [0xf2, 0x12],
        [0x66, 0x16],
        [0x66, 0x17],
        [0x66, 0x12],
        [0x66, 0x13],
        [0x66, 0xf4],
        [0x66, 0xfa],
        [0x66, 0xfb],
        [0x66, 0x76],
        [0x66, 0x66],
        [0x66, 0xf8],
        [0x66, 0xfc],
        [0x66, 0xd5],
        [0x66, 0x62],
        [0x66, 0x61],
        [0x66, 0xdf],
        [0, 0x5c],
        [0, 0x5e],
        [0, 0x16],
        [0, 0x17],
        [0, 0x12],
        [0, 0x13],
        [0, 0x29],
        [0x66, 0x29],
        [0x66, 0x7f],
        [0x66, 0x28],
      ]);
      return operand([0x0f, vector[1]], random.below(16), vector[0], 0, random.chance(10) ? 8 : 4);
    }
  }
}

/** Makes a program of at most `size` bytes (the room in a page). */
export function makeProgram(random: Random, size: number): Program {
  const a = new Assembler(random, size);
  const count = 3 + random.below(7);
  const blocks: number[] = [];
  const fixups: Fixup[] = [];
  for (let block = 0; block < count; block++) {
    blocks.push(a.bytes.length);
    for (let n = random.below(9); n >= 0; n--) instruction(a, random);
    const later = block + 1 + random.below(Math.max(1, count - block - 1));
    const kind = random.below(14);
    if (block === count - 1) break;
    if (kind < 6) {
      a.bytes.push(0x70 + random.below(16), 0);
      fixups.push({ at: a.bytes.length, width: 1, block: later });
    } else if (kind < 9) {
      // Jumps back while there is fuel. DEC R15 keeps CF, so that the effect of what comes before is seen.
      a.bytes.push(0x49, 0xff, 0xc8 | (FUEL & 7), 0x0f, 0x85, 0, 0, 0, 0);
      fixups.push({ at: a.bytes.length, width: 4, block: random.below(block + 1) });
    } else if (kind < 10) {
      a.bytes.push(0xe9, 0, 0, 0, 0);
      fixups.push({ at: a.bytes.length, width: 4, block: later });
    } else if (kind < 11) {
      a.bytes.push(0xe8, 0, 0, 0, 0);
      fixups.push({ at: a.bytes.length, width: 4, block: later });
    } else if (kind < 12) {
      // RET, half of the time to a place that the code has pushed, or has put in place of where it was called from: LEA RAX, then PUSH RAX or MOV [RSP], RAX.
      if (random.chance(50)) {
        a.bytes.push(0x48, 0x8d, 0x05, 0, 0, 0, 0);
        fixups.push({ at: a.bytes.length, width: 4, block: later });
        a.bytes.push(...(random.chance(50) ? [0x50] : [0x48, 0x89, 0x04, 0x24]));
      }
      if (random.chance(80)) a.bytes.push(0xc3);
    } else {
      // LEA RAX and RCX, CMOVcc RAX, RCX, then JMP RAX or CALL RAX: forward, or anywhere while there is fuel (DEC R15, and JZ over it).
      const isBack = random.chance(40);
      if (isBack) a.bytes.push(0x49, 0xff, 0xc8 | (FUEL & 7), 0x74, 20);
      const target = (): number => (isBack ? random.below(count) : later + random.below(count - later));
      for (const register of [0, 1]) {
        a.bytes.push(0x48, 0x8d, 0x05 | (register << 3), 0, 0, 0, 0);
        fixups.push({ at: a.bytes.length, width: 4, block: target() });
      }
      a.bytes.push(0x48, 0x0f, 0x40 | random.below(16), 0xc1, 0xff, kind === 12 ? 0xd0 : 0xe0);
    }
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
