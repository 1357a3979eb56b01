/** PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM (SDM volume 2, 4.1). */
import { cpu, fault } from "../machine";
import { CF, OF, SF, ZF, setFlags } from "../flags";
import { CPU_GPR, CPU_XMM } from "../state";
import { high64, immediate, isWide, low64, regX, rm128Unaligned, vector } from "./operand";

const RAX: usize = 0;
const RCX: usize = 8;
const RDX: usize = 16;

/** Returns the element count of an explicit length: its magnitude, at most `upper`. */
function explicitLength(register: usize, wide: bool, upper: u32): u32 {
  const value = wide ? load<i64>(cpu + register, CPU_GPR) : <i64>load<i32>(cpu + register, CPU_GPR);
  const magnitude = value < 0 ? 0 - <u64>value : <u64>value;
  return magnitude > <u64>upper ? upper : <u32>magnitude;
}
/** Returns the number of elements before the first zero one. */
function implicitLength(a: v128, words: bool): u32 {
  const zero = i64x2.splat(0);
  const mask = words ? i16x8.bitmask(i16x8.eq(a, zero)) : i8x16.bitmask(i8x16.eq(a, zero));
  return mask ? <u32>ctz(mask) : words ? 8 : 16;
}

/** Returns element i, extended as the format says, in all lanes. */
function broadcast(a: v128, i: u32, words: bool): v128 {
  const perQuad: u32 = words ? 4 : 8;
  const quad = i < perQuad ? low64(a) : high64(a);
  const element = quad >> (<u64>(words ? (i & 3) << 4 : (i & 7) << 3));
  return words ? i16x8.splat(<i16>element) : i8x16.splat(<i8>element);
}
function mask(words: bool, lanes: v128): u32 {
  return <u32>(words ? i16x8.bitmask(lanes) : i8x16.bitmask(lanes));
}
function equal(a: v128, b: v128, words: bool): u32 {
  return mask(words, words ? i16x8.eq(a, b) : i8x16.eq(a, b));
}
/** Returns the lanes where a <= b; imm bits 0..1 choose the elements. */
function atMost(a: v128, b: v128, format: u32): u32 {
  if (format == 0) return mask(false, i8x16.le_u(a, b));
  if (format == 1) return mask(true, i16x8.le_u(a, b));
  if (format == 2) return mask(false, i8x16.le_s(a, b));
  return mask(true, i16x8.le_s(a, b));
}

/** IntRes2: one bit for each element of b. a is the set, the ranges, or what is searched for; lengths are in elements. */
function aggregate(a: v128, b: v128, lengthA: u32, lengthB: u32, imm: u32): u32 {
  const words = (imm & 1) != 0;
  const upper: u32 = words ? 8 : 16;
  const full: u32 = (1 << upper) - 1;
  const validB: u32 = (1 << lengthB) - 1;
  let result: u32 = 0;
  switch ((imm >> 2) & 3) {
    case 0: // equal any
      for (let i: u32 = 0; i < lengthA; i++) result |= equal(b, broadcast(a, i, words), words);
      result &= validB;
      break;
    case 1: // ranges
      for (let i: u32 = 0; i + 1 < lengthA; i += 2) {
        result |= atMost(broadcast(a, i, words), b, imm & 3) & atMost(b, broadcast(a, i + 1, words), imm & 3);
      }
      result &= validB;
      break;
    case 2: {
      // equal each: two elements beyond the ends count as equal
      const validA: u32 = (1 << lengthA) - 1;
      result = (equal(a, b, words) & validA & validB) | (full & ~validA & ~validB);
      break;
    }
    default: // equal ordered: a at each position of b, as far as b reaches
      result = full;
      for (let i: u32 = 0; i < lengthA; i++) {
        const matches = equal(b, broadcast(a, i, words), words) & validB;
        result &= (matches >> i) | ~(full >> i);
      }
      result &= full;
  }
  if (imm & 16) result ^= imm & 32 ? validB : full;
  return result;
}

/** 0F3A 60 (ESTRM) 61 (ESTRI) 62 (ISTRM) 63 (ISTRI). The caller has checked that the instruction is available. */
export function compareStrings(op: usize, opcode: u32): void {
  const b = rm128Unaligned(op);
  if (fault) return;
  const a = v128.load(regX(op));
  const imm = immediate(op);
  const words = (imm & 1) != 0;
  const upper: u32 = words ? 8 : 16;
  const isExplicit = opcode < 0x62;
  const wide = isWide(op);
  const lengthA = isExplicit ? explicitLength(RAX, wide, upper) : implicitLength(a, words);
  const lengthB = isExplicit ? explicitLength(RDX, wide, upper) : implicitLength(b, words);
  const result = aggregate(a, b, lengthA, lengthB, imm);
  if (opcode & 1) {
    const index = !result ? upper : imm & 64 ? 31 - <u32>clz(result) : <u32>ctz(result);
    store<u64>(cpu + RCX, <u64>index, CPU_GPR);
  } else if (imm & 64) {
    const bits = i16x8.splat(<i16>result);
    if (words) {
      const select = i16x8(1, 2, 4, 8, 16, 32, 64, 128);
      v128.store(cpu, i16x8.eq(v128.and(bits, select), select), CPU_XMM);
    } else {
      const select = i8x16(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128);
      const bytes = v128.shuffle<i8>(bits, bits, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
      v128.store(cpu, i8x16.eq(v128.and(bytes, select), select), CPU_XMM);
    }
  } else v128.store(cpu, vector(<u64>result, 0), CPU_XMM);
  let flags: u32 = 0;
  if (result) flags |= CF;
  if (lengthB < upper) flags |= ZF;
  if (lengthA < upper) flags |= SF;
  if (result & 1) flags |= OF;
  setFlags(flags);
}
