/** The machine code of random programs (program.ts): instructions with operands that mostly make sense. */
import type { VexMemory } from "./vex-program.ts";

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

export const FUEL = 15;
export const DATA = 14;
export const EDGE = 13;
export const RSP = 4;
/** The registers that programs compute with. */
export const FREE = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12];

export class Assembler {
  readonly bytes: number[] = [];
  readonly #random: Random;
  /** The linear distance from the beginning of the code to which stores into code go. */
  readonly size: number;
  /** Whether there are VEX instructions. */
  readonly vex: boolean;
  /** How many instructions of a hundred are of any form (form-program.ts), and how many have more prefixes than they need. */
  readonly anyForm: number;
  readonly prefixed: number;
  constructor(random: Random, size: number) {
    this.#random = random;
    this.size = size;
    this.vex = random.chance(65);
    this.anyForm = random.chance(50) ? 30 : 0;
    this.prefixed = random.chance(20) ? 10 : 0;
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
export function vexMemory(a: Assembler, random: Random, after: number): VexMemory {
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

export function little(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => (value >> (8 * i)) & 0xff);
}
