/** VEX instructions of random programs: any of AVX's, FMA's, F16C's and BMI's forms, and more often those that compilers and C libraries use most. */
import { FORMS, type Form } from "../silicon/forms.ts";
import type { Random } from "./assembler.ts";

/** A memory operand: its ModRM byte without the register, what follows it, and REX.X and REX.B. */
export interface VexMemory {
  modrm: number[];
  x: number;
  b: number;
}

/** Those that transfer the whole state, and those that write where RDI points to, are other tests' matter. */
const ANY = FORMS.filter(
  ({ vex, options, map, opcode }) =>
    vex >= 0 && !options.has("vsib") && !options.has("rdi") && !(map === 1 && opcode === 0xae),
);
const GATHERS = FORMS.filter(({ options }) => options.has("vsib"));
const named = (map: number, ...keys: [number, number[]][]): Form[] =>
  ANY.filter(
    (form) => form.map === map && keys.some(([vex, opcodes]) => form.vex === vex && opcodes.includes(form.opcode)),
  );
const FREQUENT = [
  ...named(
    1,
    [0, [0x10, 0x11, 0x28, 0x29, 0x57, 0x58, 0x59, 0x77, 0xc6, 0x2e]],
    [
      1,
      [
        0x6f, 0x7f, 0xe7, 0x6e, 0x7e, 0xd6, 0xd7, 0xda, 0xde, 0x74, 0x75, 0x76, 0xef, 0xeb, 0xdb, 0xdf, 0xfe, 0xd4,
        0xfa,
      ],
    ],
    [1, [0x60, 0x62, 0x6c, 0x6d, 0x70, 0x72, 0x73, 0x2e, 0x2f, 0x58, 0x59, 0x5c, 0x5e, 0x51, 0x5d, 0xc2]],
    [2, [0x6f, 0x7f, 0x7e, 0x10, 0x11, 0x58, 0x2a, 0x5a]],
    [3, [0x10, 0x11, 0x58, 0x59, 0x5c, 0x5e, 0x51, 0x2a, 0x2c, 0x5a, 0x5f, 0xc2]],
  ),
  ...named(2, [1, [0x00, 0x17, 0x18, 0x58, 0x59, 0x78, 0x5a, 0x3b, 0x30, 0x36, 0xb8, 0x98]]),
  ...named(2, [1, [0x09, 0x0b, 0x0c, 0x0d, 0x0e, 0x13, 0x2c, 0x2d, 0x2e, 0x2f, 0x45, 0x46, 0x47, 0x8c, 0x8e]]),
  ...named(3, [1, [0x1d]]),
  ...named(1, [0, [0x5a, 0x5b]], [1, [0x5b, 0x7c, 0xd0]], [2, [0x5b, 0xe6]], [3, [0x7c, 0x7d, 0xd0]]),
  ...named(3, [1, [0x00, 0x02, 0x06, 0x08, 0x09, 0x0a, 0x0b, 0x0f, 0x18, 0x19, 0x38, 0x39, 0x46, 0x4c]]),
];

/** Encodes one. `memory` makes a memory operand that `after` bytes of the instruction follow; `reg` chooses a general register that may be written. */
export function vexInstruction(random: Random, memory: (after: number) => VexMemory, general: () => number): number[] {
  const isGather = random.chance(3);
  const form = random.pick(isGather ? GATHERS : random.chance(60) ? FREQUENT : ANY);
  const hasImmediate = form.immediate !== "";
  const isGeneral = !form.avx;
  const isMemory = isGather || form.operands === "M" || (form.operands === "m" && random.chance(45));
  // Where an operand is a general register, it must not be one that the program depends on.
  const register = () => (random.chance(20) ? random.below(16) : random.below(5));
  const reg = form.digit >= 0 ? form.digit : isGeneral || writesGeneral(form) ? general() : register();
  const rm = isGeneral || usesGeneral(form) ? general() : register();
  const usesV = form.avx ? form.avx.vreg === "always" || (form.avx.vreg === "register" && !isMemory) : !isRorx(form);
  const v = usesV ? (isGeneral ? general() : register()) : 0;
  const length = form.avx ? random.pick(form.avx.lengths) : 0;
  const w = random.pick(form.avx?.ws ?? [0, 1]);
  const operand: VexMemory = isMemory
    ? memory(hasImmediate ? 1 : 0)
    : { modrm: form.operands === "-" ? [] : [0xc0 | (rm & 7)], x: 0, b: rm >> 3 };
  if (isGather) {
    // A vector as index, of which no element may be far away: most of such gathers fault.
    operand.modrm = [0x44, (random.below(2) << 6) | (random.below(8) << 3) | 6, random.below(64)];
    operand.b = 1;
    operand.x = 0;
  }
  if (operand.modrm.length) operand.modrm[0] = operand.modrm[0]! | ((reg & 7) << 3);
  const r = form.digit >= 0 ? 0 : reg >> 3;
  const last = ((~v & 15) << 3) | (length << 2) | form.vex;
  const isShort = form.map === 1 && !operand.x && !operand.b && !w && random.chance(70);
  const prefix = isShort
    ? [0xc5, ((r ^ 1) << 7) | last]
    : [0xc4, ((r ^ 1) << 7) | ((operand.x ^ 1) << 6) | ((operand.b ^ 1) << 5) | form.map, (w << 7) | last];
  return [...prefix, form.opcode, ...operand.modrm, ...(hasImmediate ? [random.below(256)] : [])];
}
function isRorx({ map, opcode }: Form): boolean {
  return map === 3 && opcode === 0xf0;
}
/** ModRM.reg is a general register that is written. */
function writesGeneral({ map, vex, opcode }: Form): boolean {
  return (
    map === 1 &&
    (opcode === 0x50 || opcode === 0xc5 || opcode === 0xd7 || (vex >= 2 && (opcode === 0x2c || opcode === 0x2d)))
  );
}
/** ModRM.rm is a general register, if it is one. */
function usesGeneral({ map, vex, opcode }: Form): boolean {
  if (map === 1)
    return opcode === 0x6e || (opcode === 0x7e && vex === 1) || opcode === 0xc4 || (opcode === 0x2a && vex >= 2);
  return map === 3 && ((opcode >= 0x14 && opcode <= 0x17) || opcode === 0x20 || opcode === 0x22);
}
