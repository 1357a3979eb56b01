/**
 * The common case of the common instructions: sum, difference, product, FLD, FXCH with normal numbers, all exceptions masked, 64 bits
 * of precision, rounding to nearest, nothing wrong with the stack. Same results and flags as arithmetic.ts and transfer.ts, which
 * do everything else; false means that nothing was done.
 */
import { effectiveAddress, read16, read64 } from "../access";
import { clearFault, cpu, fault } from "../machine";
import { OP_MODRM, OP_OPCODE } from "../op";
import { ripOf } from "../operands";
import { CPU_CR0, CPU_FCW, CPU_FIP, CPU_FPR, CPU_FSW, CPU_FTW } from "../state";
import { multiplyUnsigned, wideHigh } from "../wide";
import { C1, PE } from "./status";

const INTEGER_BIT: u64 = 0x8000000000000000;
const CR0_EM_TS: u32 = 0xc;
/** FCW: precision, rounding and masks; and what they are to be. */
const MODE: u32 = 0xf3f;
const MODE_DEFAULT: u32 = 0x33f;
const ES: u32 = 0x80;
const BUSY: u32 = 0x8000;
const TOP: u32 = 0x3800;
const BIAS: i32 = 16383;

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

export function x87Fast(op: usize): bool {
  const s = cpu;
  status = load<u16>(s, CPU_FSW);
  if (load<u32>(s, CPU_CR0) & CR0_EM_TS || status & ES || ((<u32>load<u16>(s, CPU_FCW)) & MODE) != MODE_DEFAULT)
    return false;
  const modrm = <u32>load<u8>(op, OP_MODRM);
  const i = modrm & 7;
  const which = (modrm >> 3) & 7;
  switch (load<u8>(op, OP_OPCODE)) {
    case 0xd8:
      return modrm >= 0xc0 && compute(op, which, 0, i, false);
    case 0xdc:
      return modrm >= 0xc0 && compute(op, which >= 4 ? which ^ 1 : which, i, 0, false);
    case 0xde:
      return modrm >= 0xc0 && compute(op, which >= 4 ? which ^ 1 : which, i, 0, true);
    case 0xd9:
      if (modrm < 0xc0 || which > 1) return false;
      return which ? exchange(op, i) : isValid(i) && push(op, load<u16>(register(i), 8), load<u64>(register(i)));
    case 0xdb:
      return modrm < 0xc0 && which == 5 && loadExtended(op);
    default:
      return false;
  }
}

/** `top`: TOP afterwards; `raised`: C1 and PE. */
// @ts-ignore: decorator
@inline
function finish(op: usize, top: u32, raised: u32): bool {
  store<u16>(cpu, <u16>((status & ~(TOP | C1 | BUSY)) | ((top & 7) << 11) | raised), CPU_FSW);
  store<u64>(cpu, ripOf(op), CPU_FIP);
  return true;
}

function exchange(op: usize, i: u32): bool {
  if (!isValid(0) || !isValid(i)) return false;
  const a = register(0);
  const b = register(i);
  const se = load<u16>(a, 8);
  const sig = load<u64>(a);
  store<u64>(a, load<u64>(b));
  store<u16>(a, load<u16>(b, 8), 8);
  store<u64>(b, sig);
  store<u16>(b, se, 8);
  return finish(op, status >> 11, 0);
}

function push(op: usize, se: u32, sig: u64): bool {
  if (isValid(7)) return false;
  const to = register(7);
  const top = ((status >> 11) - 1) & 7;
  store<u64>(to, sig);
  store<u16>(to, <u16>se, 8);
  store<u8>(cpu, load<u8>(cpu, CPU_FTW) | ((<u8>1) << (<u8>top)), CPU_FTW);
  return finish(op, top, 0);
}

function loadExtended(op: usize): bool {
  const lin = effectiveAddress(op);
  const sig = read64(lin);
  const se = read16(lin + 8);
  if (!fault) return push(op, se, sig);
  clearFault();
  return false;
}

/** ST(to) = ST(to) op ST(from), the other way about for 5; then perhaps a pop. */
function compute(op: usize, which: u32, to: u32, from: u32, pops: bool): bool {
  if (!isValid(to) || !isValid(from)) return false;
  const d = register(to);
  const s = register(from);
  const seA = <u32>load<u16>(d, 8);
  const seB = <u32>load<u16>(s, 8);
  const expA = <i32>(seA & 0x7fff);
  const expB = <i32>(seB & 0x7fff);
  const a = load<u64>(d);
  const b = load<u64>(s);
  // Normal numbers: exponents 1 to 7FFE, with the integer bit.
  if (<u32>(expA - 1) >= 0x7ffe || <u32>(expB - 1) >= 0x7ffe || !((a & b) >> 63)) return false;
  if (which == 1) multiply(seA, expA, a, seB, expB, b);
  else if (which == 0) add(seA, expA, a, seB, expB, b);
  else if (which == 4) add(seA, expA, a, seB ^ 0x8000, expB, b);
  else if (which == 5) add(seB, expB, b, seA ^ 0x8000, expA, a);
  else return false;
  // Rounding to nearest, ties to even; `low` is what lies below the last bit.
  const up = low > INTEGER_BIT || (low == INTEGER_BIT && (high & 1) != 0);
  const raised: u32 = low ? PE | (up ? C1 : 0) : 0;
  if (up) {
    high++;
    if (!high) {
      high = INTEGER_BIT;
      exponent++;
    }
  }
  // Zero, overflow and underflow are for the others.
  if (!high || <u32>(exponent - 1) >= 0x7ffe) return false;
  store<u64>(d, high);
  store<u16>(d, <u16>(sign | exponent), 8);
  if (!pops) return finish(op, status >> 11, raised);
  const top = (status >> 11) & 7;
  store<u8>(cpu, load<u8>(cpu, CPU_FTW) & ~((<u8>1) << (<u8>top)), CPU_FTW);
  return finish(op, top + 1, raised);
}

/** The exact result: sign bit, exponent, 64 bits with the leading one first, what is below (its last bit sticky). high 0: zero. */
let sign: u32 = 0;
let exponent: i32 = 0;
let high: u64 = 0;
let low: u64 = 0;

function multiply(seA: u32, expA: i32, a: u64, seB: u32, expB: i32, b: u64): void {
  sign = (seA ^ seB) & 0x8000;
  exponent = expA + expB - BIAS + 1;
  low = multiplyUnsigned(a, b);
  high = wideHigh;
  if (high >> 63) return;
  high = (high << 1) | (low >> 63);
  low <<= 1;
  exponent--;
}

function add(seA: u32, expA: i32, a: u64, seB: u32, expB: i32, b: u64): void {
  if (expA < expB || (expA == expB && a < b)) {
    greater(seB, expB, b, seA, expA, a);
    return;
  }
  greater(seA, expA, a, seB, expB, b);
}

/** Sum where |a| >= |b|. */
// @ts-ignore: decorator
@inline
function greater(seA: u32, expA: i32, a: u64, seB: u32, expB: i32, b: u64): void {
  const distance = <u64>(expA - expB);
  let hi: u64 = 0;
  let lo: u64 = 1;
  if (distance == 0) {
    hi = b;
    lo = 0;
  } else if (distance < 64) {
    hi = b >> distance;
    lo = b << (64 - distance);
  } else if (distance == 64) lo = b;
  else if (distance < 128) lo = (b >> (distance - 64)) | (b << (128 - distance) ? 1 : 0);
  sign = seA & 0x8000;
  exponent = expA;
  if (!((seA ^ seB) & 0x8000)) {
    high = a + hi;
    low = lo;
    if (high >= a) return;
    low = (high << 63) | (lo >> 1) | (lo & 1);
    high = (high >> 1) | INTEGER_BIT;
    exponent++;
    return;
  }
  low = 0 - lo;
  high = a - hi - (lo ? 1 : 0);
  if (high >> 63) return;
  if (!high) {
    // Not worth the trouble of a shift by more than a word.
    return;
  }
  const zeros = clz(high);
  high = (high << zeros) | (low >> (64 - zeros));
  low <<= zeros;
  exponent -= <i32>zeros;
}
