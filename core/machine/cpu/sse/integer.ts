/**
 * Packed integer arithmetic, lane by lane. MMX operands come as the low half of a v128 with a zero high half, so that one function serves both. Only
 * operations that move data across lanes (packs, unpacks, horizontal) have their own MMX form in mmx.ts.
 */
import { high64, low64, vector } from "./operand";

/**
 * 0F xx opcodes whose lanes do not interact beyond 64 bits: returns the result of `a op= b`. For MMX and XMM. Opcodes: 64-66 74-76 D1-D5 D8-DF E0-E5
 * E8-EF F1-F6 F8-FE.
 */
export function lanewise(opcode: u32, a: v128, b: v128): v128 {
  switch (opcode) {
    case 0x64:
      return i8x16.gt_s(a, b);
    case 0x65:
      return i16x8.gt_s(a, b);
    case 0x66:
      return i32x4.gt_s(a, b);
    case 0x74:
      return i8x16.eq(a, b);
    case 0x75:
      return i16x8.eq(a, b);
    case 0x76:
      return i32x4.eq(a, b);
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xe1:
    case 0xe2:
    case 0xf1:
    case 0xf2:
    case 0xf3:
      return shift(opcode, a, low64(b));
    case 0xd4:
      return i64x2.add(a, b);
    case 0xd5:
      return i16x8.mul(a, b);
    case 0xd8:
      return i8x16.sub_sat_u(a, b);
    case 0xd9:
      return i16x8.sub_sat_u(a, b);
    case 0xda:
      return i8x16.min_u(a, b);
    case 0xdb:
      return v128.and(a, b);
    case 0xdc:
      return i8x16.add_sat_u(a, b);
    case 0xdd:
      return i16x8.add_sat_u(a, b);
    case 0xde:
      return i8x16.max_u(a, b);
    case 0xdf:
      return v128.andnot(b, a);
    case 0xe0:
      return i8x16.avgr_u(a, b);
    case 0xe3:
      return i16x8.avgr_u(a, b);
    case 0xe4:
      return highWords(i32x4.extmul_low_i16x8_u(a, b), i32x4.extmul_high_i16x8_u(a, b));
    case 0xe5:
      return highWords(i32x4.extmul_low_i16x8_s(a, b), i32x4.extmul_high_i16x8_s(a, b));
    case 0xe8:
      return i8x16.sub_sat_s(a, b);
    case 0xe9:
      return i16x8.sub_sat_s(a, b);
    case 0xea:
      return i16x8.min_s(a, b);
    case 0xeb:
      return v128.or(a, b);
    case 0xec:
      return i8x16.add_sat_s(a, b);
    case 0xed:
      return i16x8.add_sat_s(a, b);
    case 0xee:
      return i16x8.max_s(a, b);
    case 0xef:
      return v128.xor(a, b);
    case 0xf4:
      return i64x2.mul(v128.and(a, i64x2.splat(0xffffffff)), v128.and(b, i64x2.splat(0xffffffff)));
    case 0xf5:
      return i32x4.dot_i16x8_s(a, b);
    case 0xf6:
      return sumOfAbsoluteDifferences(a, b);
    case 0xf8:
      return i8x16.sub(a, b);
    case 0xf9:
      return i16x8.sub(a, b);
    case 0xfa:
      return i32x4.sub(a, b);
    case 0xfb:
      return i64x2.sub(a, b);
    case 0xfc:
      return i8x16.add(a, b);
    case 0xfd:
      return i16x8.add(a, b);
    default:
      return i32x4.add(a, b);
  }
}

function highWords(low: v128, high: v128): v128 {
  return v128.shuffle<i16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15);
}

/** PSADBW: sums over each 8 bytes. */
function sumOfAbsoluteDifferences(a: v128, b: v128): v128 {
  const difference = v128.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const quads = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(difference));
  const mask = i64x2.splat(0xffffffff);
  return i64x2.add(v128.and(quads, mask), i64x2.shr_u(quads, 32));
}

/**
 * Shifts all lanes by one count, for D1-D3 (logical right W, D, Q), E1 E2 (arithmetic right W, D), F1-F3 (left W, D, Q). A count of at least the lane
 * width gives zeros, or copies of the sign.
 */
export function shift(opcode: u32, a: v128, count: u64): v128 {
  const width: u64 = (<u64>8) << (opcode & 3);
  if (count >= width) {
    if (opcode >> 4 != 0xe) return i64x2.splat(0);
    count = width - 1;
  }
  const n = <i32>count;
  switch (opcode) {
    case 0xd1:
      return i16x8.shr_u(a, n);
    case 0xd2:
      return i32x4.shr_u(a, n);
    case 0xd3:
      return i64x2.shr_u(a, n);
    case 0xe1:
      return i16x8.shr_s(a, n);
    case 0xe2:
      return i32x4.shr_s(a, n);
    case 0xf1:
      return i16x8.shl(a, n);
    case 0xf2:
      return i32x4.shl(a, n);
    default:
      return i64x2.shl(a, n);
  }
}

/** Returns the opcode for `shift` for the immediate groups: 71 72 73 with ModRM.reg 2 (logical right), 4 (arithmetic), 6 (left). */
export function groupShift(opcode: u32, reg: u32): u32 {
  return (reg == 2 ? 0xd0 : reg == 4 ? 0xe0 : 0xf0) | (opcode & 3);
}

/** PSRLDQ (negative: PSLLDQ): shifts the whole register by 0..15 bytes; more gives zero. */
export function shiftBytesRight(a: v128, bytes: u32): v128 {
  return bytes > 15 ? i64x2.splat(0) : alignRight(i64x2.splat(0), a, bytes);
}
export function shiftBytesLeft(a: v128, bytes: u32): v128 {
  return bytes > 15 ? i64x2.splat(0) : alignRight(a, i64x2.splat(0), 16 - bytes);
}

/** PALIGNR: bytes `count`.. of high:low (32 bytes), zeroes beyond. */
export function alignRight(high: v128, low: v128, count: u32): v128 {
  if (count >= 32) return i64x2.splat(0);
  const at = i8x16.add(BYTE_INDEX, i8x16.splat(<i8>count));
  const fromLow = i8x16.swizzle(low, at);
  return v128.or(fromLow, i8x16.swizzle(high, i8x16.sub(at, i8x16.splat(16))));
}
// swizzle gives 0 for an index of 16 or more. Subtracting 16 wraps indices below 16 to 240 and more.
const BYTE_INDEX = i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

// ---- SSSE3 and SSE4 lanewise: 0F38 ----

/** PSHUFB: bit 7 of an index gives zero; otherwise only bits 0..3 count. */
export function shuffleBytes(a: v128, control: v128): v128 {
  return i8x16.swizzle(a, v128.and(control, i8x16.splat(<i8>0x8f)));
}

/** PSIGNx for lanes of 1, 2, 4 bytes: 0F38 08 09 0A. */
function sign(opcode: u32, a: v128, b: v128): v128 {
  const zero = i64x2.splat(0);
  if (opcode == 0x08) {
    const negative = i8x16.lt_s(b, zero);
    return v128.andnot(i8x16.sub(v128.xor(a, negative), negative), i8x16.eq(b, zero));
  }
  if (opcode == 0x09) {
    const negative = i16x8.lt_s(b, zero);
    return v128.andnot(i16x8.sub(v128.xor(a, negative), negative), i16x8.eq(b, zero));
  }
  const negative = i32x4.lt_s(b, zero);
  return v128.andnot(i32x4.sub(v128.xor(a, negative), negative), i32x4.eq(b, zero));
}

/** PMADDUBSW: unsigned bytes of a times signed bytes of b, pairs added with signed saturation. */
function multiplyAddBytes(a: v128, b: v128): v128 {
  const even = i16x8.mul(v128.and(a, i16x8.splat(255)), i16x8.shr_s(i16x8.shl(b, 8), 8));
  return i16x8.add_sat_s(even, i16x8.mul(i16x8.shr_u(a, 8), i16x8.shr_s(b, 8)));
}

/** PMULHRSW: bits 16..1 of the product plus 0x4000 << 1. Unlike wasm's q15mulr_sat, 8000 * 8000 gives 8000. */
function multiplyHighRounded(a: v128, b: v128): v128 {
  const round = i32x4.splat(0x4000);
  const low = i32x4.shr_s(i32x4.add(i32x4.extmul_low_i16x8_s(a, b), round), 15);
  const high = i32x4.shr_s(i32x4.add(i32x4.extmul_high_i16x8_s(a, b), round), 15);
  return v128.shuffle<i16>(low, high, 0, 2, 4, 6, 8, 10, 12, 14);
}

/** 0F38 04, 08-0B, 1C-1E: MMX and XMM; 28 29 37-40: XMM only. */
export function lanewise38(opcode: u32, a: v128, b: v128): v128 {
  switch (opcode) {
    case 0x04:
      return multiplyAddBytes(a, b);
    case 0x08:
    case 0x09:
    case 0x0a:
      return sign(opcode, a, b);
    case 0x0b:
      return multiplyHighRounded(a, b);
    case 0x1c:
      return i8x16.abs(b);
    case 0x1d:
      return i16x8.abs(b);
    case 0x1e:
      return i32x4.abs(b);
    case 0x28:
      return i64x2.mul(i64x2.shr_s(i64x2.shl(a, 32), 32), i64x2.shr_s(i64x2.shl(b, 32), 32));
    case 0x29:
      return i64x2.eq(a, b);
    case 0x37:
      return i64x2.gt_s(a, b);
    case 0x38:
      return i8x16.min_s(a, b);
    case 0x39:
      return i32x4.min_s(a, b);
    case 0x3a:
      return i16x8.min_u(a, b);
    case 0x3b:
      return i32x4.min_u(a, b);
    case 0x3c:
      return i8x16.max_s(a, b);
    case 0x3d:
      return i32x4.max_s(a, b);
    case 0x3e:
      return i16x8.max_u(a, b);
    case 0x3f:
      return i32x4.max_u(a, b);
    default:
      return i32x4.mul(a, b);
  }
}

/** 0F38 01-03, 05-07: PHADDW PHADDD PHADDSW PHSUBW PHSUBD PHSUBSW on XMM. */
export function horizontal(opcode: u32, a: v128, b: v128): v128 {
  if (opcode == 0x02 || opcode == 0x06) {
    const even = v128.shuffle<i32>(a, b, 0, 2, 4, 6);
    const odd = v128.shuffle<i32>(a, b, 1, 3, 5, 7);
    return opcode == 0x02 ? i32x4.add(even, odd) : i32x4.sub(even, odd);
  }
  const even = v128.shuffle<i16>(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
  const odd = v128.shuffle<i16>(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
  if (opcode == 0x01) return i16x8.add(even, odd);
  if (opcode == 0x03) return i16x8.add_sat_s(even, odd);
  return opcode == 0x05 ? i16x8.sub(even, odd) : i16x8.sub_sat_s(even, odd);
}

/** 60-63 67-6D and 2B of 0F38 (`opcode` 0x12b): unpacks and packs on XMM. */
export function interleave(opcode: u32, a: v128, b: v128): v128 {
  switch (opcode) {
    case 0x60:
      return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    case 0x61:
      return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    case 0x62:
      return v128.shuffle<i32>(a, b, 0, 4, 1, 5);
    case 0x63:
      return i8x16.narrow_i16x8_s(a, b);
    case 0x67:
      return i8x16.narrow_i16x8_u(a, b);
    case 0x68:
      return v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    case 0x69:
      return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    case 0x6a:
      return v128.shuffle<i32>(a, b, 2, 6, 3, 7);
    case 0x6b:
      return i16x8.narrow_i32x4_s(a, b);
    case 0x6c:
      return v128.shuffle<i64>(a, b, 0, 2);
    case 0x6d:
      return v128.shuffle<i64>(a, b, 1, 3);
    default:
      return i16x8.narrow_i32x4_u(a, b);
  }
}

// ---- SSE4.1 singles ----

/** PMOVSX (0F38 20-25) and PMOVZX (30-35) from the low bytes of `source`. */
export function extend(opcode: u32, source: v128): v128 {
  const s16 = i16x8.extend_low_i8x16_s(source);
  const u16x = i16x8.extend_low_i8x16_u(source);
  switch (opcode) {
    case 0x20:
      return s16;
    case 0x21:
      return i32x4.extend_low_i16x8_s(s16);
    case 0x22:
      return i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(s16));
    case 0x23:
      return i32x4.extend_low_i16x8_s(source);
    case 0x24:
      return i64x2.extend_low_i32x4_s(i32x4.extend_low_i16x8_s(source));
    case 0x25:
      return i64x2.extend_low_i32x4_s(source);
    case 0x30:
      return u16x;
    case 0x31:
      return i32x4.extend_low_i16x8_u(u16x);
    case 0x32:
      return i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(u16x));
    case 0x33:
      return i32x4.extend_low_i16x8_u(source);
    case 0x34:
      return i64x2.extend_low_i32x4_u(i32x4.extend_low_i16x8_u(source));
    default:
      return i64x2.extend_low_i32x4_u(source);
  }
}

/** PHMINPOSUW: the least unsigned word in bits 0..15, its index in 16..18. */
export function minimumWord(source: v128): v128 {
  let least: u64 = 0xffff;
  let index: u64 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    const word = ((i < 4 ? low64(source) : high64(source)) >> ((<u64>(i & 3)) << 4)) & 0xffff;
    if (word < least) {
      least = word;
      index = <u64>i;
    }
  }
  return vector(least | (index << 16), 0);
}

/** MPSADBW: eight sums of four absolute differences; imm bit 2 chooses in a, bits 0..1 choose in b. */
export function multiSum(a: v128, b: v128, imm: u32): v128 {
  const four = alignRight(i64x2.splat(0), b, (imm & 3) << 2);
  const block = v128.shuffle<i32>(four, four, 0, 0, 0, 0);
  const from = alignRight(i64x2.splat(0), a, imm & 4);
  let result = i64x2.splat(0);
  // Window i of a starts at byte i; each pair of windows is one step like PSADBW on four bytes.
  for (let j: u32 = 0; j < 4; j++) {
    const bytes = i16x8.extend_low_i8x16_u(alignRight(i64x2.splat(0), from, j));
    const one = i16x8.extend_low_i8x16_u(alignRight(i64x2.splat(0), block, j));
    const other = v128.shuffle<i16>(one, one, 0, 0, 0, 0, 0, 0, 0, 0);
    result = i16x8.add(result, i16x8.abs(i16x8.sub(bytes, other)));
  }
  return result;
}

/** PSHUFD. */
export function shuffleDwords(a: v128, imm: u32): v128 {
  return swizzleLanes(a, imm, 2);
}
/** Returns the bytes of the dword lanes (`log` 2) that imm chooses with two bits each. */
function swizzleLanes(a: v128, imm: u32, log: u32): v128 {
  const base: u32 = 0x03020100;
  let control = i32x4.splat(<i32>(base + ((imm & 3) << log) * 0x01010101));
  control = i32x4.replace_lane(control, 1, <i32>(base + (((imm >> 2) & 3) << log) * 0x01010101));
  control = i32x4.replace_lane(control, 2, <i32>(base + (((imm >> 4) & 3) << log) * 0x01010101));
  control = i32x4.replace_lane(control, 3, <i32>(base + ((imm >> 6) << log) * 0x01010101));
  return i8x16.swizzle(a, control);
}
/** Four words chosen by two bits of imm each: PSHUFW, and the halves of PSHUFLW and PSHUFHW. */
export function shuffleWords(a: u64, imm: u32): u64 {
  let result: u64 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    const word = (a >> ((<u64>((imm >> (2 * i)) & 3)) << 4)) & 0xffff;
    result |= word << ((<u64>i) << 4);
  }
  return result;
}
/** SHUFPS: lanes 0 1 from a, 2 3 from b. */
export function shuffleSingles(a: v128, b: v128, imm: u32): v128 {
  return v128.shuffle<i64>(swizzleLanes(a, imm & 15, 2), swizzleLanes(b, imm & 0xf0, 2), 0, 3);
}
