/** Instructions of random programs (program.ts) that are rarer, and accesses through pointers that are moved. */
import { DATA, type Assembler, type Random } from "./assembler.ts";

/** A register that points into data, is moved by small distances and copied, and accesses through it. */
export function pointer(a: Assembler, random: Random): void {
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

export function rarer(a: Assembler, random: Random, reg: number, rm: number, inMemory: boolean): void {
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
