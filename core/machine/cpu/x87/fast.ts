/**
 * The common case of the common instructions: sum, difference, product, FLD and FXCH with normal numbers, all exceptions masked, 64 bits of
 * precision, rounding to nearest, and no stack fault. Results and flags are the same as those of arithmetic.ts and transfer.ts, which handle
 * everything else; false means that nothing was done. Translated code calls x87Product() and x87Sum().
 */
import { effectiveAddress, read16, read64 } from "../access";
import { clearFault, cpu, fault } from "../machine";
import { OP_MODRM, OP_OPCODE } from "../op";
import { ripOf } from "../operands";
import { CPU_CR0, CPU_FCW, CPU_FIP, CPU_FPR, CPU_FSW, CPU_FTW, CPU_X87_SIGNIFICAND, FPR_SIGN_EXPONENT } from "../state";
import { C1, PE } from "./status";

const INTEGER_BIT: u64 = 0x8000000000000000;
const CR0_EM_TS: u32 = 0xc;
/** FCW: the bits of precision, rounding and masks, and the values that they must have. */
const MODE: u32 = 0xf3f;
const MODE_DEFAULT: u32 = 0x33f;
const ES: u32 = 0x80;
const BUSY: u32 = 0x8000;
const TOP: u32 = 0x3800;
const SIGN: u32 = 0x8000;
const BIAS: i32 = 16383;
/** Returned instead of a result for a case that this file does not handle. */
const NOT_PLAIN: u32 = 0xffffffff;

/** FSW as the instruction finds it. */
let status: u32 = 0;

/** Address of ST(i). */
// @ts-ignore: decorator
@inline
function register(i: u32): usize {
  return cpu + CPU_FPR + (((<usize>(status >> 11) + i) & 7) << 4);
}
// @ts-ignore: decorator
@inline
function isValid(i: u32): bool {
  return (((<u32>load<u8>(cpu, CPU_FTW)) >> (((status >> 11) + i) & 7)) & 1) != 0;
}

/** Returns whether the unit is in the state that this file requires. */
// @ts-ignore: decorator
@inline
function isPlain(): bool {
  const s = cpu;
  status = load<u16>(s, CPU_FSW);
  return !(load<u32>(s, CPU_CR0) & CR0_EM_TS || status & ES) && ((<u32>load<u16>(s, CPU_FCW)) & MODE) == MODE_DEFAULT;
}

export function x87Fast(op: usize): bool {
  const modrm = <u32>load<u8>(op, OP_MODRM);
  const i = modrm & 7;
  const which = (modrm >> 3) & 7;
  const rip = ripOf(op);
  switch (load<u8>(op, OP_OPCODE)) {
    case 0xd8:
      return modrm >= 0xc0 && compute(which, 0, i, false, rip);
    case 0xdc:
      return modrm >= 0xc0 && compute(which >= 4 ? which ^ 1 : which, i, 0, false, rip);
    case 0xde:
      return modrm >= 0xc0 && compute(which >= 4 ? which ^ 1 : which, i, 0, true, rip);
    case 0xd9:
      if (modrm < 0xc0 || which > 1) return false;
      return which ? exchange(i, rip) : duplicate(i, rip);
    case 0xdb:
      return modrm < 0xc0 && which == 5 && loadExtended(op, rip);
    default:
      return false;
  }
}

/** `top` is TOP afterwards; `raised` has C1 and PE. */
// @ts-ignore: decorator
@inline
function finish(rip: u64, top: u32, raised: u32): bool {
  store<u16>(cpu, <u16>((status & ~(TOP | C1 | BUSY)) | ((top & 7) << 11) | raised), CPU_FSW);
  store<u64>(cpu, rip, CPU_FIP);
  return true;
}

/** FXCH ST(i). `rip` is that of the instruction, here and below. */
function exchange(i: u32, rip: u64): bool {
  if (!isPlain() || !isValid(0) || !isValid(i)) return false;
  const a = register(0);
  const b = register(i);
  const se = load<u16>(a, FPR_SIGN_EXPONENT);
  const sig = load<u64>(a);
  store<u64>(a, load<u64>(b));
  store<u16>(a, load<u16>(b, FPR_SIGN_EXPONENT), FPR_SIGN_EXPONENT);
  store<u64>(b, sig);
  store<u16>(b, se, FPR_SIGN_EXPONENT);
  return finish(rip, status >> 11, 0);
}

/** FLD ST(i). */
function duplicate(i: u32, rip: u64): bool {
  return isPlain() && isValid(i) && push(load<u16>(register(i), FPR_SIGN_EXPONENT), load<u64>(register(i)), rip);
}

function push(se: u32, sig: u64, rip: u64): bool {
  if (isValid(7)) return false;
  const to = register(7);
  const top = ((status >> 11) - 1) & 7;
  store<u64>(to, sig);
  store<u16>(to, <u16>se, FPR_SIGN_EXPONENT);
  store<u8>(cpu, load<u8>(cpu, CPU_FTW) | ((<u8>1) << (<u8>top)), CPU_FTW);
  return finish(rip, top, 0);
}

function loadExtended(op: usize, rip: u64): bool {
  if (!isPlain()) return false;
  const lin = effectiveAddress(op);
  const sig = read64(lin);
  const se = read16(lin + 8);
  if (!fault) return push(se, sig, rip);
  clearFault();
  return false;
}

/** ST(to) = ST(to) op ST(from), with the operands exchanged for 5; then a pop if `pops`. `which` is as in ModRM of D8. */
function compute(which: u32, to: u32, from: u32, pops: bool, rip: u64): bool {
  if (!isPlain() || !isValid(to) || !isValid(from)) return false;
  const d = register(to);
  const s = register(from);
  const a = load<u64>(d);
  const b = load<u64>(s);
  const seA = <u32>load<u16>(d, FPR_SIGN_EXPONENT);
  const seB = <u32>load<u16>(s, FPR_SIGN_EXPONENT);
  let result = NOT_PLAIN;
  if (which == 1) result = x87Product(a, b, seA, seB);
  else if (which == 0) result = x87Sum(a, b, seA, seB);
  else if (which == 4) result = x87Sum(a, b, seA, seB ^ SIGN);
  else if (which == 5) result = x87Sum(b, a, seB, seA ^ SIGN);
  if (result == NOT_PLAIN) return false;
  store<u64>(d, load<u64>(cpu, CPU_X87_SIGNIFICAND));
  store<u16>(d, <u16>result, FPR_SIGN_EXPONENT);
  if (!pops) return finish(rip, status >> 11, result >> 16);
  const top = (status >> 11) & 7;
  store<u8>(cpu, load<u8>(cpu, CPU_FTW) & ~((<u8>1) << (<u8>top)), CPU_FTW);
  return finish(rip, top + 1, result >> 16);
}

/** Exponent 1 to 7FFE, and the integer bit set. */
// @ts-ignore: decorator
@inline
function areNormal(a: u64, b: u64, expA: u32, expB: u32): bool {
  return expA - 1 < 0x7ffe && expB - 1 < 0x7ffe && (a & b) >> 63 != 0;
}

/**
 * Multiplies two numbers, rounded to nearest. Puts the significand into CPU_X87_SIGNIFICAND, and returns sign and exponent in bits 0..15, and C1 and
 * PE as in FSW in bits 16..31; or NOT_PLAIN.
 */
export function x87Product(a: u64, b: u64, seA: u32, seB: u32): u32 {
  const expA = seA & 0x7fff;
  const expB = seB & 0x7fff;
  if (!areNormal(a, b, expA, expB)) return NOT_PLAIN;
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const bottom = aLow * bLow;
  const cross = aHigh * bLow + (bottom >> 32);
  const middle = aLow * bHigh + (cross & 0xffffffff);
  const high = aHigh * bHigh + (cross >> 32) + (middle >> 32);
  const low = (middle << 32) | (bottom & 0xffffffff);
  // The leading one is in bit 63 of `high` or in the one below.
  const short = (high >> 63) ^ 1;
  const exponent = <i32>(expA + expB) - BIAS + 1 - <i32>short;
  return round((seA ^ seB) & SIGN, exponent, (high << short) | ((low >> 63) & short), low << short);
}

/** The same for a sum. */
export function x87Sum(a: u64, b: u64, seA: u32, seB: u32): u32 {
  const expA = seA & 0x7fff;
  const expB = seB & 0x7fff;
  if (!areNormal(a, b, expA, expB)) return NOT_PLAIN;
  return expA < expB || (expA == expB && a < b) ? addLesser(seB, b, seA, a) : addLesser(seA, a, seB, b);
}

/** Sum where |a| >= |b|. */
// @ts-ignore: decorator
@inline
function addLesser(seA: u32, a: u64, seB: u32, b: u64): u32 {
  const distance = <u64>((seA & 0x7fff) - (seB & 0x7fff));
  // b shifted to a's exponent: 64 bits, and what is below them, whose last bit is sticky.
  let bHigh: u64 = 0;
  let bLow: u64 = 1;
  if (distance == 0) {
    bHigh = b;
    bLow = 0;
  } else if (distance < 64) {
    bHigh = b >> distance;
    bLow = b << (64 - distance);
  } else if (distance == 64) bLow = b;
  else if (distance < 128) bLow = (b >> (distance - 64)) | (b << (128 - distance) ? 1 : 0);
  const sign = seA & SIGN;
  const exponent = <i32>(seA & 0x7fff);
  if (!((seA ^ seB) & SIGN)) {
    const high = a + bHigh;
    if (high >= a) return round(sign, exponent, high, bLow);
    return round(sign, exponent + 1, (high >> 1) | INTEGER_BIT, (high << 63) | (bLow >> 1) | (bLow & 1));
  }
  const high = a - bHigh - (bLow ? 1 : 0);
  const low = 0 - bLow;
  // The result is zero or nearly so, which does not justify a shift by more than a word.
  if (!high) return NOT_PLAIN;
  const zeros = clz(high);
  if (!zeros) return round(sign, exponent, high, low);
  return round(sign, exponent - <i32>zeros, (high << zeros) | (low >> (64 - zeros)), low << zeros);
}

/** Rounds to nearest, ties to even. `high` has the leading one in bit 63, `low` is what lies below. Returns as x87Product() does. */
// @ts-ignore: decorator
@inline
function round(sign: u32, exponent: i32, high: u64, low: u64): u32 {
  const up = low > INTEGER_BIT || (low == INTEGER_BIT && (high & 1) != 0);
  let rounded = high + <u64>up;
  let biased = exponent;
  if (!rounded) {
    rounded = INTEGER_BIT;
    biased++;
  }
  // Overflow and underflow are handled elsewhere.
  if (<u32>(biased - 1) >= 0x7ffe) return NOT_PLAIN;
  store<u64>(cpu, rounded, CPU_X87_SIGNIFICAND);
  return sign | (<u32>biased) | (low ? (PE | (up ? C1 : 0)) << 16 : 0);
}
