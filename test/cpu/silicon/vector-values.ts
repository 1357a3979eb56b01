/** Numbers for vector operands: those at the edges of the formats, and random ones. */

export const KIND_FLOAT64 = 0;
export const KIND_FLOAT32 = 1;
export const KIND_INTEGER = 2;
/** Few different bytes. */
export const KIND_BYTES = 3;
export const KIND_HALF = 4;

/** Where random numbers come from. */
export interface Source {
  u32(): number;
  u64(): bigint;
  below(n: number): number;
  chance(oneIn: number): boolean;
  pick<T>(list: readonly T[]): T;
}

const F64 = [
  0n, 1n, 0x000fffffffffffffn, 0x0010000000000000n, 0x0010000000000001n, 0x3ff0000000000000n, 0x3fe0000000000000n,
  0x3ff8000000000000n, 0x4004000000000000n, 0x7fefffffffffffffn, 0x7ff0000000000000n, 0x7ff0000000000001n,
  0x7ff8000000000000n, 0x7ffdeadbeefcafe1n, 0x7ff7ffffffffffffn, 0x41dfffffffc00000n, 0x41dfffffffe00000n,
  0x41e0000000000000n, 0x41e0000000200000n, 0x43e0000000000000n, 0x43dfffffffffffffn, 0x4340000000000000n,
  0x3fdfffffffffffffn, 0x432fffffffffffffn, 0x4338000000000001n, 0x47efffffe0000000n, 0x47effffff0000000n,
  0x3810000000000000n, 0x380fffffffffffffn, 0x380fffffe0000000n, 0x36a0000000000000n, 0x3690000000000000n,
  0x3690000000000001n, 0x1ff0000000000000n, 0x5ff0000000000000n,
]; // prettier-ignore
const F32 = [
  0, 1, 0x007fffff, 0x00800000, 0x00800001, 0x3f800000, 0x3f000000, 0x3fc00000, 0x40200000, 0x7f7fffff, 0x7f800000,
  0x7f800001, 0x7fc00000, 0x7fc12345, 0x7fbfffff, 0x4effffff, 0x4f000000, 0x5f000000, 0x5effffff, 0x4b800000,
  0x4b000001, 0x3effffff, 0x7e800000, 0x7e800001, 0x7effffff, 0x1f800000, 0x5f800000, 0x20000000, 0x5fffffff,
]; // prettier-ignore
const F16 = [0, 1, 0x3ff, 0x400, 0x401, 0x3c00, 0x3bff, 0x7bff, 0x7c00, 0x7c01, 0x7dff, 0x7e00, 0x7fff];

function f64(random: Source): bigint {
  const sign = BigInt(random.below(2)) << 63n;
  let fraction = random.u64() & 0xfffffffffffffn;
  if (random.chance(3)) fraction &= (~0n << BigInt(random.below(52))) & 0xfffffffffffffn;
  switch (random.below(8)) {
    case 0:
    case 1:
      return sign | random.pick(F64);
    case 2:
      return sign | fraction; // denormal
    case 3:
      return sign | (BigInt(random.below(2048)) << 52n) | fraction;
    case 4: // at the edges of range, for products and quotients
      return sign | (BigInt(random.pick([1, 2, 55, 511, 512, 513, 1533, 1535, 1536, 2040, 2046])) << 52n) | fraction;
    default:
      return sign | (BigInt(1023 + random.below(70) - 8) << 52n) | fraction;
  }
}
function f32(random: Source): number {
  const sign = random.below(2) << 31;
  let fraction = random.u32() & 0x7fffff;
  if (random.chance(3)) fraction &= (-1 << random.below(23)) & 0x7fffff;
  switch (random.below(8)) {
    case 0:
    case 1:
      return (sign | random.pick(F32)) >>> 0;
    case 2:
      return (sign | fraction) >>> 0;
    case 3:
      return (sign | (random.below(256) << 23) | fraction) >>> 0;
    case 4:
      return (sign | (random.pick([1, 2, 25, 63, 64, 65, 189, 191, 192, 250, 254]) << 23) | fraction) >>> 0;
    default:
      return (sign | ((127 + random.below(40) - 6) << 23) | fraction) >>> 0;
  }
}

/** Half precision has only 65,536 numbers; those at the edges come more often. */
function f16(random: Source): number {
  const sign = random.below(2) << 15;
  if (random.chance(3)) return sign | random.pick(F16);
  return random.below(0x10000);
}

/** Fills 16 bytes. */
export function vector(view: DataView, at: number, random: Source, kind: number): void {
  for (let i = 0; i < 16; i += 8) {
    if (kind === KIND_FLOAT64) view.setBigUint64(at + i, f64(random), true);
    else if (kind === KIND_FLOAT32) {
      view.setUint32(at + i, f32(random), true);
      view.setUint32(at + i + 4, f32(random), true);
    } else if (kind === KIND_INTEGER) view.setBigUint64(at + i, random.u64(), true);
    else if (kind === KIND_HALF) {
      for (let j = 0; j < 8; j += 2) view.setUint16(at + i + j, f16(random), true);
    } else {
      // Few different bytes and zeroes, for compares, shifts and strings.
      const words = random.chance(2);
      for (let j = 0; j < 8; j++) {
        const byte = random.pick([0, 0x61, 0x61, 0x62, 0x7f, 0x80, 0xff, 1]);
        view.setUint8(at + i + j, words && j & 1 ? 0 : byte);
      }
    }
  }
}
