/**
 * Random programs of 16- and 32-bit code: as program.ts, with what 64-bit code does not have: two operand and two address sizes, segments, and the
 * instructions that exist nowhere else. By convention EDI is the fuel of loops, ESI points into data, EBX to the end of data's last page.
 */
import type { Random } from "./assembler.ts";
import type { Program } from "./program.ts";

export const FUEL = 7;
export const DATA = 6;
export const EDGE = 3;
export const STACK_POINTER = 4;
/** The registers that programs compute with. */
const FREE = [0, 1, 2, 5];
const OVERRIDES = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

interface Fixup {
  at: number;
  width: 1 | 2 | 4;
  block: number;
}

function little(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (value >> (8 * i)) & 0xff);
}

class Assembler {
  readonly bytes: number[] = [];
  readonly word: 2 | 4;
  readonly #random: Random;
  /** An offset in the code segment from which this program's bytes are counted. */
  readonly #origin: number;
  constructor(random: Random, bits: 16 | 32, origin: number) {
    this.#random = random;
    this.#origin = origin;
    this.word = bits === 32 ? 4 : 2;
  }

  #size(size: number): void {
    if (size !== 1 && size !== this.word) this.bytes.push(0x66);
  }
  /** Encodes prefixes, opcode and ModRM of a register operand. `size` is 1, 2 or 4; 0 has no prefix. */
  register(size: number, opcode: number[], reg: number, rm: number, mandatory = 0): void {
    if (size) this.#size(size);
    if (mandatory) this.bytes.push(mandatory);
    this.bytes.push(...opcode, 0xc0 | ((reg & 7) << 3) | (rm & 7));
  }
  /** The same with a memory operand: most often data, sometimes its edge, the code or anything. */
  memory(size: number, opcode: number[], reg: number, mandatory = 0): void {
    const random = this.#random;
    if (size) this.#size(size);
    if (random.chance(6)) this.bytes.push(random.pick(OVERRIDES));
    const wide = random.chance(10) ? this.word === 2 : this.word === 4;
    if (wide !== (this.word === 4)) this.bytes.push(0x67);
    if (mandatory) this.bytes.push(mandatory);
    this.bytes.push(...opcode);
    const modrm = (mod: number, rm: number): void => void this.bytes.push((mod << 6) | ((reg & 7) << 3) | rm);
    const kind = random.below(100);
    if (kind < 4) {
      // An absolute address, most often in the code, if CS and DS begin at the same place.
      modrm(0, wide ? 5 : 6);
      this.bytes.push(...little(this.#origin + random.below(0x400), wide ? 4 : 2));
    } else if (kind < 60) {
      const edge = random.chance(8);
      modrm(1, wide ? (edge ? EDGE : DATA) : edge ? 7 : 4);
      this.bytes.push((edge ? random.below(24) - 24 : random.below(256) - 128) & 0xff);
    } else if (kind < 70) {
      const [mod, rm] = [random.below(3), random.below(8)];
      modrm(mod, rm);
      if (wide && rm === 4) this.bytes.push(random.below(256));
      const direct = mod === 0 && rm === (wide ? 5 : 6);
      const bytes = mod === 1 ? 1 : mod === 2 || direct ? (wide ? 4 : 2) : 0;
      this.bytes.push(...little(random.below(0x1000), bytes));
    } else if (wide) {
      // A base and a scaled index, which is small only if it was made so.
      modrm(1, 4);
      this.bytes.push((random.below(4) << 6) | (random.pick([0, 1, 2]) << 3) | DATA, random.below(64));
    } else {
      modrm(1, random.pick([2, 4, 6]));
      this.bytes.push(random.below(64));
    }
  }
}

/** One instruction that does not transfer control, sometimes with prefixes that it does not need, or with too many. */
function instruction(a: Assembler, random: Random): void {
  if (random.chance(2))
    for (let n = random.below(random.chance(80) ? 3 : 13); n > 0; n--) a.bytes.push(random.pick(OVERRIDES));
  const size = random.pick([1, 2, 4, a.word, a.word, a.word]);
  const wide = size === 1 ? 0 : 1;
  const reg = random.pick(FREE);
  const rm = random.pick(FREE);
  const inMemory = random.chance(35);
  const operand = (opcode: number[], field: number, sized = size, mandatory = 0) =>
    inMemory ? a.memory(sized, opcode, field, mandatory) : a.register(sized, opcode, field, rm, mandatory);
  const immediate = (bytes: number) => {
    for (let i = 0; i < bytes; i++)
      a.bytes.push(random.chance(30) ? random.pick([0, 1, 0xff, 0x80]) : random.below(256));
  };
  const big = size === 1 ? a.word : size;
  const sizedPrefix = (): void => {
    if (big !== a.word) a.bytes.push(0x66);
  };
  switch (random.below(26)) {
    case 0:
    case 1:
    case 2:
      return operand([random.below(8) * 8 + wide], reg);
    case 3:
    case 4:
      return operand([random.below(8) * 8 + 2 + wide], reg);
    case 5:
      operand([0x80 + wide], random.below(8));
      return immediate(size);
    case 6:
      if (size === 1) return operand([0x84], reg);
      operand([0x83], random.below(8));
      return immediate(1);
    case 7:
      return operand([random.chance(50) ? 0x88 + wide : 0x8a + wide], reg);
    case 8:
      operand([0xc6 + wide], 0);
      return immediate(size);
    case 9:
      return operand([0x0f, random.pick([0xb6, 0xb7, 0xbe, 0xbf])], reg, big);
    case 10:
      return operand([0x0f, 0x40 + random.below(16)], reg, big);
    case 11:
      return operand([0x0f, 0x90 + random.below(16)], 0, 1);
    case 12:
      sizedPrefix();
      a.bytes.push((random.chance(50) ? 0x40 : 0x48) + reg);
      return;
    case 13:
      operand([0xc0 + wide], random.below(8));
      return immediate(1);
    case 14:
      return operand([0xd0 + wide + (random.chance(50) ? 2 : 0)], random.below(8));
    case 15:
      return operand([0x0f, 0xaf], reg, big);
    case 16:
      operand([0x6b], reg, big);
      return immediate(1);
    case 17:
      operand([0x0f, 0xba], 4 + random.below(4), big);
      return immediate(1);
    case 18:
      if (random.chance(80)) return operand([0xf6 + wide], 2 + random.below(4));
      if (random.chance(80)) a.bytes.push(...random.pick([[0x31, 0xd2], [0x99]]));
      return operand([0xf6 + wide], 6 + random.below(2));
    case 19:
    case 20:
      sizedPrefix();
      if (random.chance(25)) {
        a.bytes.push(random.chance(50) ? 0x6a : 0x68);
        return immediate(a.bytes[a.bytes.length - 1] === 0x6a ? 1 : big);
      }
      if (random.chance(20)) return random.chance(50) ? a.memory(0, [0xff], 6) : a.memory(0, [0x8f], 0);
      a.bytes.push((random.chance(50) ? 0x50 : 0x58) + reg);
      return;
    case 21:
      return a.memory(big, [0x8d], reg);
    case 22: {
      // An index register that is made small, for the scaled operands.
      a.bytes.push(0x83, 0xe0 | random.below(3), 0x1f);
      return;
    }
    case 23:
      sizedPrefix();
      a.bytes.push(0xa0 + random.below(4));
      return void a.bytes.push(...little(random.below(0x1000), a.word));
    default:
      return rarer(a, random, reg, rm, inMemory);
  }
}

function rarer(a: Assembler, random: Random, reg: number, rm: number, inMemory: boolean): void {
  const size = random.pick([2, 4]);
  const operand = (opcode: number[], field: number, mandatory = 0, sized = size) =>
    inMemory ? a.memory(sized, opcode, field, mandatory) : a.register(sized, opcode, field, rm, mandatory);
  switch (random.below(13)) {
    case 0:
      return operand([0x87], reg);
    case 1:
      return operand([0x0f, random.pick([0xb1, 0xc1])], reg);
    case 2:
      a.bytes.push(0xf0);
      return a.memory(0, [0x01], reg);
    case 3:
      return operand([0x0f, random.pick([0xbc, 0xbd])], reg, random.chance(50) ? 0xf3 : 0);
    case 4:
      operand([0x0f, random.pick([0xa4, 0xac])], reg);
      return void a.bytes.push(random.below(64));
    case 5:
    case 6:
      // What only this code has.
      a.bytes.push(
        ...random.pick([
          [0x60],
          [0x61],
          [0x66, 0x60],
          [0x27],
          [0x2f],
          [0x37],
          [0x3f],
          [0xd4, random.below(3) * 10],
          [0xd5, 10],
          [0xd6],
          [0x06],
          [0x0e],
          [0x1e],
          [0x98],
          [0x99],
          [0x66, 0x98],
          [0x9c],
          [0x9e],
          [0x9f],
          [0xf5],
          [0xf8],
          [0xf9],
          [0xc9],
          [0x66, 0xc9],
          [0xd7],
          [0x0f, 0xc8 + reg],
          [0xc8, random.below(64), 0, random.below(3)],
          [0x8c, 0xc0 | (random.below(6) << 3) | rm],
        ]),
      );
      return;
    case 7:
      // Strings, of one element or of a few.
      if (random.chance(50)) a.bytes.push(0xb9, ...little(random.below(12), a.word), random.chance(50) ? 0xf3 : 0xf2);
      a.bytes.push(random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]));
      // STD or CLD, for those that come later.
      if (random.chance(10)) a.bytes.push(random.pick([0xfc, 0xfd]));
      return;
    case 8:
    case 9:
      for (let n = random.below(10); n >= 0; n--) {
        const kind = random.below(12);
        if (kind < 3) a.bytes.push(0xd9, 0xe8 + random.below(7));
        else if (kind < 7) a.bytes.push(random.pick([0xd8, 0xdc, 0xde, 0xd9]), 0xc0 + random.below(48));
        else if (kind < 10) a.memory(0, [random.pick([0xd8, 0xdc, 0xd9, 0xdd, 0xdb])], random.below(6));
        else a.bytes.push(0xd8 + random.below(8), 0xc0 + random.below(64));
      }
      return;
    default: {
      const [mandatory, opcode] = random.pick<[number, number]>([
        [0, 0x28],
        [0, 0x10],
        [0, 0x11],
        [0, 0x57],
        [0, 0x58],
        [0, 0x2f],
        [0x66, 0x6f],
        [0x66, 0xef],
        [0x66, 0xfe],
        [0x66, 0x60],
        [0x66, 0x6e],
        [0x66, 0x7e],
        [0x66, 0xd7],
        [0xf3, 0x6f],
        [0xf3, 0x7f],
        [0xf2, 0x10],
        [0xf2, 0x58],
        [0xf2, 0x2a],
        [0xf2, 0x2d],
        [0xf3, 0x10],
        [0xf3, 0x11],
      ]);
      return operand([0x0f, opcode], random.below(8), mandatory, 0);
    }
  }
}

/** Makes a program of at most `size` bytes, which will lie at offset `origin` of the code segment. */
export function makeLegacyProgram(random: Random, bits: 16 | 32, size: number, origin: number): Program {
  const a = new Assembler(random, bits, origin);
  const { word } = a;
  const count = 3 + random.below(7);
  const blocks: number[] = [];
  const fixups: Fixup[] = [];
  /** The same for addresses in the code segment. */
  const absolute: Fixup[] = [];
  const branch = (opcode: number[], width: 1 | 2 | 4, block: number): void => {
    a.bytes.push(...opcode, ...little(0, width));
    fixups.push({ at: a.bytes.length, width, block });
  };
  for (let block = 0; block < count; block++) {
    blocks.push(a.bytes.length);
    for (let n = random.below(9); n >= 0; n--) instruction(a, random);
    const later = block + 1 + random.below(Math.max(1, count - block - 1));
    if (block === count - 1) break;
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        branch([0x70 + random.below(16)], 1, later);
        break;
      case 5:
      case 6:
      case 7:
        // Jumps back while there is fuel. DEC EDI keeps CF, so that the effect of what comes before is seen.
        branch([0x48 + FUEL, 0x0f, 0x85], word, random.below(block + 1));
        break;
      case 8:
        branch([0xe9], word, later);
        break;
      case 9:
      case 10:
        branch([0xe8], word, later);
        break;
      case 11:
        if (random.chance(50)) a.bytes.push(0xc3);
        else a.bytes.push(0xc2, random.below(3) * 2, 0);
        break;
      case 12:
        // LOOP, JCXZ, or a jump of the other operand size, which cuts EIP or does not.
        if (random.chance(50)) branch([random.pick([0xe0, 0xe1, 0xe2, 0xe3])], 1, later);
        else branch([0x66, 0x70 + random.below(16)], 1, later);
        break;
      default: {
        // PUSH of an address and RET, or MOV EAX and a jump or a call there.
        const pushes = random.chance(40);
        a.bytes.push(pushes ? 0x68 : 0xb8, ...little(0, word));
        absolute.push({ at: a.bytes.length, width: word, block: later });
        a.bytes.push(...(pushes ? [0xc3] : [0xff, random.chance(50) ? 0xd0 : 0xe0]));
      }
    }
  }
  a.bytes.push(0xcc);
  for (const { at, width, block } of fixups) {
    const distance = blocks[block]! - at;
    if (width > 1) little(distance, width).forEach((byte, i) => (a.bytes[at - width + i] = byte));
    else if (distance >= -128 && distance < 128) a.bytes[at - 1] = distance & 0xff;
  }
  for (const { at, width, block } of absolute)
    little(origin + blocks[block]!, width).forEach((byte, i) => (a.bytes[at - width + i] = byte));
  return { bytes: a.bytes.slice(0, size), blocks: blocks.filter((offset) => offset < size) };
}
