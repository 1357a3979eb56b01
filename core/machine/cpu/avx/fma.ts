/** The FMA instructions, 0F38 96..9F (132), A6..AF (213), B6..BF (231): the digits say which operands are multiplied, 1 being the destination. */
import { fault } from "../machine";
import { beginFloat, endFloat } from "../sse/mxcsr";
import { high64, low64, regX, rm32, rm64, vector } from "../sse/operand";
import { NEGATE_ADDEND, NEGATE_PRODUCT, fusedMultiplyAdd } from "./fused";
import { highHalf, is256, isW, lowHalf, readSource, setReg, setReg128, sourceHigh, sourceLow, vregX } from "./operand";

/** Low nibbles of the opcodes: packed ones; those that are odd from 9 on are scalar. */
const ADDSUB: u32 = 6;
const SUBADD: u32 = 7;

/** The signs of an even lane, and in bits 2 and 3 those of an odd lane. */
function signsOf(low: u32): u32 {
  // ADDSUB subtracts in even lanes.
  if (low == ADDSUB) return NEGATE_ADDEND;
  if (low == SUBADD) return NEGATE_ADDEND << 2;
  // 8 MADD, A MSUB, C NMADD, E NMSUB
  const both = (low & 2 ? NEGATE_ADDEND : 0) | (low & 4 ? NEGATE_PRODUCT : 0);
  return both | (both << 2);
}

/** `order` is the opcode's high nibble. */
function ordered(order: u32, a: u64, b: u64, c: u64, signs: u32, single: bool): u64 {
  if (order == 0x9) return fusedMultiplyAdd(a, c, b, signs, single);
  if (order == 0xa) return fusedMultiplyAdd(b, a, c, signs, single);
  return fusedMultiplyAdd(b, c, a, signs, single);
}

function pair(order: u32, a: u64, b: u64, c: u64, signs: u32): u64 {
  const even = ordered(order, a & 0xffffffff, b & 0xffffffff, c & 0xffffffff, signs & 3, true);
  return even | (ordered(order, a >> 32, b >> 32, c >> 32, signs >> 2, true) << 32);
}
function lanes(order: u32, a: v128, b: v128, c: v128, signs: u32, single: bool): v128 {
  if (single) {
    const low = pair(order, low64(a), low64(b), low64(c), signs);
    return vector(low, pair(order, high64(a), high64(b), high64(c), signs));
  }
  const low = ordered(order, low64(a), low64(b), low64(c), signs & 3, false);
  return vector(low, ordered(order, high64(a), high64(b), high64(c), signs >> 2, false));
}

export function multiplyAdd(op: usize, opcode: u32): void {
  const order = opcode >> 4;
  const low = opcode & 15;
  const single = !isW(op);
  if (low >= 9 && low & 1) return scalarMultiplyAdd(op, order, signsOf(low) & 3, single);
  readSource(op);
  if (fault) return;
  const a = regX(op);
  const b = vregX(op);
  const signs = signsOf(low);
  beginFloat();
  const r = lanes(order, lowHalf(a), lowHalf(b), sourceLow, signs, single);
  let high = i64x2.splat(0);
  if (is256(op)) high = lanes(order, highHalf(a), highHalf(b), sourceHigh, signs, single);
  endFloat();
  setReg(op, r, high);
}

/** Bits 32 or 64 to 127 stay. */
function scalarMultiplyAdd(op: usize, order: u32, signs: u32, single: bool): void {
  const c = single ? <u64>rm32(op) : rm64(op);
  if (fault) return;
  const register = regX(op);
  const b = vregX(op);
  beginFloat();
  if (single) {
    const r = ordered(order, load<u32>(register), load<u32>(b), c, signs, true);
    endFloat();
    setReg128(op, i32x4.replace_lane(lowHalf(register), 0, <i32>r));
  } else {
    const r = ordered(order, load<u64>(register), load<u64>(b), c, signs, false);
    endFloat();
    setReg128(op, i64x2.replace_lane(lowHalf(register), 0, <i64>r));
  }
}
