/**
 * Add, subtract, multiply, divide, square root, scalar and packed. In native mode (see mxcsr.ts) wasm's own arithmetic gives the value, and soft.ts
 * is used only for an operand or result that could raise a flag or be a NaN.
 */
import { MXCSR_PE, endStep, inexactKnown, nativeMode, note } from "./mxcsr";
import { softAdd, softDivide, softMultiply, softSqrt } from "./soft";

/** Operations, numbered by the low nibble of the opcode (51 58 59 5C 5E). */
const ADD: u32 = 8;
const MULTIPLY: u32 = 9;
const SUBTRACT: u32 = 12;
const DIVIDE: u32 = 14;

const LEAST64: u64 = 0x0010000000000000;
const LEAST32: u32 = 0x00800000;

function soft(kind: u32, a: u64, b: u64, single: bool): u64 {
  switch (kind) {
    case ADD:
      return softAdd(a, b, false, single);
    case SUBTRACT:
      return softAdd(a, b, true, single);
    case MULTIPLY:
      return softMultiply(a, b, single);
    case DIVIDE:
      return softDivide(a, b, single);
    default:
      return softSqrt(b, single);
  }
}

/** Significand without its trailing zeros. */
// @ts-ignore: decorator
@inline
function odd64(bits: u64): u64 {
  const significand = (bits & (LEAST64 - 1)) | LEAST64;
  return significand >> ctz(significand);
}
/** Returns whether x * y == z, for odd significands of at most 53 bits. */
// @ts-ignore: decorator
@inline
function productIs(x: u64, y: u64, z: u64): bool {
  // The product of m and n bits has m + n - 1 or m + n bits, and z has at most 53.
  return 128 - clz(x) - clz(y) <= 54 && x * y == z;
}

/** Returns whether the native result r of normal, finite operands is exact. */
function exact64(kind: u32, a: f64, b: f64, r: f64): bool {
  switch (kind) {
    case ADD: {
      const v = r - a;
      return a - (r - v) + (b - v) == 0;
    }
    case SUBTRACT: {
      const v = r - a;
      return a - (r - v) + (-b - v) == 0;
    }
    case MULTIPLY: {
      const x = odd64(reinterpret<u64>(a));
      const y = odd64(reinterpret<u64>(b));
      const bits = 128 - clz(x) - clz(y);
      return bits <= 53 || (bits == 54 && x * y < (<u64>1) << 53);
    }
    case DIVIDE:
      return productIs(odd64(reinterpret<u64>(r)), odd64(reinterpret<u64>(b)), odd64(reinterpret<u64>(a)));
    default: {
      const root = odd64(reinterpret<u64>(r));
      return productIs(root, root, odd64(reinterpret<u64>(b)));
    }
  }
}
function exact32(kind: u32, a: f32, b: f32, r: f32): bool {
  const x = <f64>a;
  const y = <f64>b;
  const z = <f64>r;
  switch (kind) {
    case ADD: {
      const v = r - a;
      return a - (r - v) + (b - v) == 0;
    }
    case SUBTRACT: {
      const v = r - a;
      return a - (r - v) + (-b - v) == 0;
    }
    case MULTIPLY:
      return x * y == z;
    case DIVIDE:
      return z * y == x;
    default:
      return z * z == y;
  }
}

/** Computes one operation on binary64 bit patterns; `a` is the destination. SQRT uses only b. */
export function arithmetic64(kind: u32, a: u64, b: u64): u64 {
  if (!nativeMode) return soft(kind, a, b, false);
  const x = reinterpret<f64>(a);
  const y = reinterpret<f64>(b);
  let r: f64;
  switch (kind) {
    case ADD:
      r = x + y;
      break;
    case SUBTRACT:
      r = x - y;
      break;
    case MULTIPLY:
      r = x * y;
      break;
    case DIVIDE:
      r = x / y;
      break;
    default:
      r = sqrt<f64>(y);
      a = b;
  }
  const bits = reinterpret<u64>(r);
  // The exponent of the result is in 1..2045: it is no NaN, infinity, zero or denormal, and far enough from overflow for the sums in exact64. The
  // smallest normal number itself may be a tiny one that was rounded up.
  const middle = (bits & 0x7fffffffffffffff) - LEAST64 - 1 < 0x7fe0000000000000 - LEAST64 - 1;
  // Operands that are zero or normal. A zero wraps around to the greatest number.
  const normal = (a & 0x7fffffffffffffff) - 1 >= LEAST64 - 1 && (b & 0x7fffffffffffffff) - 1 >= LEAST64 - 1;
  if (!middle || !normal) return soft(kind, a, b, false);
  if (!inexactKnown && !exact64(kind, x, y, r)) note(MXCSR_PE);
  return bits;
}

export function arithmetic32(kind: u32, a: u32, b: u32): u32 {
  if (!nativeMode) return <u32>soft(kind, a, b, true);
  const x = reinterpret<f32>(a);
  const y = reinterpret<f32>(b);
  let r: f32;
  switch (kind) {
    case ADD:
      r = x + y;
      break;
    case SUBTRACT:
      r = x - y;
      break;
    case MULTIPLY:
      r = x * y;
      break;
    case DIVIDE:
      r = x / y;
      break;
    default:
      r = sqrt<f32>(y);
      a = b;
  }
  const bits = reinterpret<u32>(r);
  const middle = (bits & 0x7fffffff) - LEAST32 - 1 < 0x7f000000 - LEAST32 - 1;
  const normal = (a & 0x7fffffff) - 1 >= LEAST32 - 1 && (b & 0x7fffffff) - 1 >= LEAST32 - 1;
  if (!middle || !normal) return <u32>soft(kind, a, b, true);
  if (!inexactKnown && !exact32(kind, x, y, r)) note(MXCSR_PE);
  return bits;
}

/** Computes all lanes at once if no lane can raise anything but PE, and PE is set already. */
export function packed64(kind: u32, a: v128, b: v128): v128 {
  if (nativeMode && inexactKnown) {
    let r: v128;
    switch (kind) {
      case ADD:
        r = f64x2.add(a, b);
        break;
      case SUBTRACT:
        r = f64x2.sub(a, b);
        break;
      case MULTIPLY:
        r = f64x2.mul(a, b);
        break;
      case DIVIDE:
        r = f64x2.div(a, b);
        break;
      default:
        r = f64x2.sqrt(b);
        a = b;
    }
    const least = f64x2.splat(reinterpret<f64>(LEAST64));
    const most = f64x2.splat(reinterpret<f64>(0x7fdfffffffffffff));
    const size = f64x2.abs(r);
    const sizeA = f64x2.abs(a);
    const sizeB = f64x2.abs(b);
    const zero = f64x2.splat(0);
    const good = v128.and(f64x2.gt(size, least), f64x2.le(size, most));
    const goodA = v128.or(f64x2.ge(sizeA, least), f64x2.eq(a, zero));
    const goodB = v128.or(f64x2.ge(sizeB, least), f64x2.eq(b, zero));
    if (i64x2.all_true(v128.and(good, v128.and(goodA, goodB)))) return r;
  }
  const low = arithmetic64(kind, <u64>i64x2.extract_lane(a, 0), <u64>i64x2.extract_lane(b, 0));
  const high = arithmetic64(kind, <u64>i64x2.extract_lane(a, 1), <u64>i64x2.extract_lane(b, 1));
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

export function packed32(kind: u32, a: v128, b: v128): v128 {
  if (nativeMode && inexactKnown) {
    let r: v128;
    switch (kind) {
      case ADD:
        r = f32x4.add(a, b);
        break;
      case SUBTRACT:
        r = f32x4.sub(a, b);
        break;
      case MULTIPLY:
        r = f32x4.mul(a, b);
        break;
      case DIVIDE:
        r = f32x4.div(a, b);
        break;
      default:
        r = f32x4.sqrt(b);
        a = b;
    }
    const least = f32x4.splat(reinterpret<f32>(LEAST32));
    const most = f32x4.splat(reinterpret<f32>(0x7effffff));
    const zero = f32x4.splat(0);
    const size = f32x4.abs(r);
    const good = v128.and(f32x4.gt(size, least), f32x4.le(size, most));
    const goodA = v128.or(f32x4.ge(f32x4.abs(a), least), f32x4.eq(a, zero));
    const goodB = v128.or(f32x4.ge(f32x4.abs(b), least), f32x4.eq(b, zero));
    if (i32x4.all_true(v128.and(good, v128.and(goodA, goodB)))) return r;
  }
  let r = i32x4.splat(arithmetic32(kind, <u32>i32x4.extract_lane(a, 0), <u32>i32x4.extract_lane(b, 0)));
  r = i32x4.replace_lane(r, 1, arithmetic32(kind, <u32>i32x4.extract_lane(a, 1), <u32>i32x4.extract_lane(b, 1)));
  r = i32x4.replace_lane(r, 2, arithmetic32(kind, <u32>i32x4.extract_lane(a, 2), <u32>i32x4.extract_lane(b, 2)));
  return i32x4.replace_lane(r, 3, arithmetic32(kind, <u32>i32x4.extract_lane(a, 3), <u32>i32x4.extract_lane(b, 3)));
}

// ---- SSE3 and SSE4.1 forms ----

/** HADDPS / HSUBPS (`kind` is ADD or SUBTRACT): the lower lane of a pair is the first operand. */
export function horizontal32(kind: u32, a: v128, b: v128): v128 {
  return packed32(kind, v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7));
}
export function horizontal64(kind: u32, a: v128, b: v128): v128 {
  return packed64(kind, v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
}

/** ADDSUBPS: even lanes subtract, odd lanes add. */
export function alternate32(a: v128, b: v128): v128 {
  let r = i32x4.splat(arithmetic32(SUBTRACT, <u32>i32x4.extract_lane(a, 0), <u32>i32x4.extract_lane(b, 0)));
  r = i32x4.replace_lane(r, 1, arithmetic32(ADD, <u32>i32x4.extract_lane(a, 1), <u32>i32x4.extract_lane(b, 1)));
  r = i32x4.replace_lane(r, 2, arithmetic32(SUBTRACT, <u32>i32x4.extract_lane(a, 2), <u32>i32x4.extract_lane(b, 2)));
  return i32x4.replace_lane(r, 3, arithmetic32(ADD, <u32>i32x4.extract_lane(a, 3), <u32>i32x4.extract_lane(b, 3)));
}
export function alternate64(a: v128, b: v128): v128 {
  const low = arithmetic64(SUBTRACT, <u64>i64x2.extract_lane(a, 0), <u64>i64x2.extract_lane(b, 0));
  const high = arithmetic64(ADD, <u64>i64x2.extract_lane(a, 1), <u64>i64x2.extract_lane(b, 1));
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}

/**
 * DPPS: products where imm bits 4..7 are set, otherwise +0; pairs are added, then the sums of the pairs; the result is stored where bits 0..3 are
 * set. Each lane adds in an order of its own (seen on silicon), which matters for the resulting NaN.
 */
export function dotSingles(a: v128, b: v128, imm: u32): v128 {
  const p = dotProducts32(a, b, imm);
  if (!endStep()) return p;
  const pairs = dotPairs32(p);
  if (!endStep()) return p;
  return dotSums32(pairs, imm);
}
/** The steps of DPPS. Between them comes endStep(). */
export function dotProducts32(a: v128, b: v128, imm: u32): v128 {
  let p = i32x4.splat(0);
  if (imm & 16) p = i32x4.replace_lane(p, 0, product32(i32x4.extract_lane(a, 0), i32x4.extract_lane(b, 0)));
  if (imm & 32) p = i32x4.replace_lane(p, 1, product32(i32x4.extract_lane(a, 1), i32x4.extract_lane(b, 1)));
  if (imm & 64) p = i32x4.replace_lane(p, 2, product32(i32x4.extract_lane(a, 2), i32x4.extract_lane(b, 2)));
  if (imm & 128) p = i32x4.replace_lane(p, 3, product32(i32x4.extract_lane(a, 3), i32x4.extract_lane(b, 3)));
  return p;
}
export function dotPairs32(p: v128): v128 {
  return packed32(ADD, v128.shuffle<i32>(p, p, 1, 0, 3, 2), p);
}
export function dotSums32(pairs: v128, imm: u32): v128 {
  const sums = packed32(ADD, pairs, v128.shuffle<i32>(pairs, pairs, 2, 3, 0, 1));
  const bits = i32x4(1, 2, 4, 8);
  return v128.and(sums, i32x4.eq(v128.and(i32x4.splat(<i32>imm), bits), bits));
}
function product32(a: i32, b: i32): i32 {
  return <i32>arithmetic32(MULTIPLY, <u32>a, <u32>b);
}

/** DPPD, in the same way with two lanes. */
export function dotDoubles(a: v128, b: v128, imm: u32): v128 {
  let p = i64x2.splat(0);
  if (imm & 16) p = i64x2.replace_lane(p, 0, product64(i64x2.extract_lane(a, 0), i64x2.extract_lane(b, 0)));
  if (imm & 32) p = i64x2.replace_lane(p, 1, product64(i64x2.extract_lane(a, 1), i64x2.extract_lane(b, 1)));
  if (!endStep()) return p;
  const sums = packed64(ADD, p, v128.shuffle<i64>(p, p, 1, 0));
  const bits = i64x2(1, 2);
  return v128.and(sums, i64x2.eq(v128.and(i64x2.splat(<i64>imm), bits), bits));
}
function product64(a: i64, b: i64): i64 {
  return <i64>arithmetic64(MULTIPLY, <u64>a, <u64>b);
}
