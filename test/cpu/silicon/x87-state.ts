/** Random x87 states and memory operands: every class of number, exponents near each other, all controls, and pending exceptions. */
import { CASE, type Random } from "./generate.ts";

const SIGNIFICANDS = [
  0n,
  1n,
  1n << 63n,
  (1n << 63n) | 1n,
  0xc000000000000000n,
  0xc000000000000001n,
  0x8000000000000400n,
  0x8000008000000000n,
  0xfffffffffffff800n,
  0xffffffffffffffffn,
  0x7fffffffffffffffn,
  0x4000000000000000n,
];
const EXPONENTS = [
  0, 1, 2, 0x3ffe, 0x3fff, 0x4000, 0x403d, 0x403e, 0x403f, 0x3c01, 0x3c00, 0x3bcd, 0x43fe, 0x43ff, 0x3f81, 0x3f80, 0x3f6a,
  0x407e, 0x407f, 0x7ffd, 0x7ffe, 0x7fff,
]; // prettier-ignore

/** The bytes of the largest memory operand, which is FNSAVE's. */
export const X87_IMAGE = 108;

/** A random 80-bit number. `near` is an exponent that other numbers of the same state have too. */
export function number80(random: Random, near: number): [exponent: number, significand: bigint] {
  let significand = random.u64();
  // Few significant bits make ties and exact results.
  if (random.chance(2)) significand = BigInt.asUintN(64, significand & (~0n << BigInt(random.below(64))));
  if (random.chance(8)) significand |= (1n << BigInt(random.below(64))) - 1n;
  significand |= 1n << 63n;
  switch (random.below(10)) {
    case 0:
      return [random.pick(EXPONENTS), random.chance(2) ? random.pick(SIGNIFICANDS) : significand];
    case 1:
      return [random.below(3), random.u64() >> BigInt(random.below(64))];
    case 2:
      return [0x7fff, random.chance(3) ? 1n << 63n : significand | (random.chance(2) ? 1n << 62n : 0n)];
    case 3:
      return [random.below(0x8000), random.chance(8) ? random.u64() : significand];
    case 4:
      return [0x3fff + random.below(70), significand];
    case 5:
      return [random.chance(2) ? 0x3ffe - random.below(70) : 0x7ffe - random.below(70), significand];
    case 6:
      return [0x3fff + random.below(8) - 4, significand];
    default:
      return [Math.max(1, Math.min(0x7ffe, near + random.below(140) - 70)), significand];
  }
}

/** Fills the FPU part of the case, and puts operands of every memory format into the window. */
export function x87State(view: DataView, random: Random): void {
  let control = 0x37f;
  if (!random.chance(3)) control = 0x7f | (random.below(16) << 8);
  if (random.chance(8)) control = (control & ~0x3f) | random.below(64);
  view.setUint16(CASE.fx, control | (random.chance(16) ? 0x1000 : 0), true);
  let status = (random.below(8) << 11) | (random.below(8) << 8) | (random.below(2) << 14);
  if (random.chance(8)) status |= random.below(128) & (random.chance(2) ? control | 0x40 : 0x7f);
  view.setUint16(CASE.fx + 2, status, true);
  view.setUint8(CASE.fx + 4, random.chance(4) ? random.below(256) : random.chance(2) ? 0xff : 0x7f);
  // Most of the time the register that a push goes to, TOP - 1, is empty.
  const top = (status >> 11) & 7;
  if (random.chance(2)) view.setUint8(CASE.fx + 4, 0xff & ~(1 << ((top + 7) & 7)));
  view.setUint16(CASE.fx + 6, random.below(0x800), true);
  view.setBigUint64(CASE.fx + 8, BigInt(random.u32()), true);
  view.setBigUint64(CASE.fx + 16, BigInt(random.u32()), true);
  const near = random.chance(4) ? 1 + random.below(0x7ffe) : 0x3fff + random.below(80) - 40;
  for (let i = 0; i < 8; i++) {
    const [exponent, significand] = number80(random, near);
    view.setBigUint64(CASE.fx + 32 + 16 * i, significand, true);
    view.setUint16(CASE.fx + 40 + 16 * i, exponent | (random.below(2) << 15), true);
  }
}

/** An operand at offset `at` of the window, for the instruction `opcode`/`digit`. */
export function x87Operand(view: DataView, at: number, opcode: number, digit: number, random: Random): void {
  const base = CASE.memory + at;
  const extended = (opcode === 0xdb && digit === 5) || (opcode === 0xdf && digit === 4);
  if ((opcode === 0xd9 || opcode === 0xdd) && digit === 4) {
    // An environment. The random bits of the window make up the rest.
    const wide = random.chance(3) ? 2 : 4;
    view.setUint16(base, 0x37f ^ (random.chance(4) ? random.below(0x2000) : 0), true);
    view.setUint16(base + wide, random.below(0x10000), true);
    view.setUint16(base + 2 * wide, random.below(0x10000), true);
    return;
  }
  if (extended) {
    const [exponent, significand] = number80(random, 0x3fff);
    view.setBigUint64(base, significand, true);
    view.setUint16(base + 8, exponent | (random.below(2) << 15), true);
    if (opcode === 0xdf)
      for (let i = 0; i < 9; i++) view.setUint8(base + i, random.below(10) | (random.below(10) << 4));
    return;
  }
  const exponentOf = (bits: number) => {
    const most = (1 << bits) - 1;
    return random.pick([0, 1, most, most >> 1, (most >> 1) + random.below(60) - 30, random.below(most + 1)]);
  };
  const few = random.chance(2) ? ~0n << BigInt(random.below(53)) : ~0n;
  if (opcode === 0xd8 || opcode === 0xd9)
    view.setUint32(
      base,
      ((random.below(2) << 31) | (exponentOf(8) << 23) | (random.u32() & Number(few & 0x7fffffn))) >>> 0,
      true,
    );
  else if (opcode === 0xdc || opcode === 0xdd)
    view.setBigUint64(
      base,
      (BigInt(random.below(2)) << 63n) | (BigInt(exponentOf(11)) << 52n) | (random.u64() & few & 0xfffffffffffffn),
      true,
    );
  else if (random.chance(2)) view.setBigInt64(base, BigInt.asIntN(64, random.u64()) >> BigInt(random.below(64)), true);
}

/** The x87 state of a case in words, for reports. */
export function describeX87(bytes: Uint8Array<ArrayBuffer>): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const hex = (value: number | bigint) => value.toString(16);
  const st = (i: number) =>
    `${hex(view.getUint16(CASE.fx + 40 + 16 * i, true))}:${hex(view.getBigUint64(CASE.fx + 32 + 16 * i, true))}`;
  const words = [0, 2].map((at) => hex(view.getUint16(CASE.fx + at, true))).join(" ");
  return `fcw fsw ${words} ftw ${hex(bytes[CASE.fx + 4]!)} st0 ${st(0)} st1 ${st(1)}`;
}
