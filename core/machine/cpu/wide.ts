/** 128-bit products and quotients, which wasm does not have. */

/** Upper 64 bits of the last product, or the remainder of the last division. */
export let wideHigh: u64 = 0;

/** Returns the low half of a * b; the high half is in wideHigh. */
export function multiplyUnsigned(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff;
  const a1 = a >> 32;
  const b0 = b & 0xffffffff;
  const b1 = b >> 32;
  const p00 = a0 * b0;
  const p01 = a0 * b1;
  const p10 = a1 * b0;
  const middle = (p00 >> 32) + (p01 & 0xffffffff) + (p10 & 0xffffffff);
  wideHigh = a1 * b1 + (p01 >> 32) + (p10 >> 32) + (middle >> 32);
  return a * b;
}

export function multiplySigned(a: i64, b: i64): u64 {
  const low = multiplyUnsigned(<u64>a, <u64>b);
  if (a < 0) wideHigh -= <u64>b;
  if (b < 0) wideHigh -= <u64>a;
  return low;
}

/**
 * Divides (high:low) by divisor, where high < divisor. Returns the quotient; the remainder is in wideHigh. It uses digits of 32 bits, as on paper.
 */
export function divideUnsigned(high: u64, low: u64, divisor: u64): u64 {
  if (!high) {
    wideHigh = low % divisor;
    return low / divisor;
  }
  const shift = clz<u64>(divisor);
  const d = divisor << shift;
  const d1 = d >> 32;
  const d0 = d & 0xffffffff;
  const h = shift ? (high << shift) | (low >> (64 - shift)) : high;
  const l = low << shift;
  const q1 = digit(h, l >> 32, d, d1, d0);
  const r = ((h << 32) | (l >> 32)) - q1 * d;
  const q0 = digit(r, l & 0xffffffff, d, d1, d0);
  wideHigh = (((r << 32) | (l & 0xffffffff)) - q0 * d) >> shift;
  return (q1 << 32) | q0;
}

/** Returns one 32-bit digit of (remainder * 2^32 + next) / d. The first guess is at most 2 too large. */
function digit(remainder: u64, next: u64, d: u64, d1: u64, d0: u64): u64 {
  let q = remainder / d1;
  let rest = remainder % d1;
  while (q >> 32 || q * d0 > ((rest << 32) | next)) {
    q--;
    rest += d1;
    if (rest >> 32) break;
  }
  return q;
}
