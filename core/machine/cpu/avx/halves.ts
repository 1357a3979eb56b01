/** Moves of whole halves and of single elements: broadcasts, inserts, extracts, and the tests of sign bits. */
import { effectiveAddress, write32, writeV128 } from "../access";
import { CF, ZF, setFlags } from "../flags";
import { cpu, fault } from "../machine";
import { OP_RM } from "../op";
import { immediate, isMemory, regX, rm32, rm64, rmX, setRegGeneral } from "../sse/operand";
import { CPU_GPR } from "../state";
import {
  avxAvailable,
  highHalf,
  is256,
  lowHalf,
  readSource,
  setHalves,
  setReg,
  setReg128,
  source128,
  sourceHigh,
  sourceLow,
  vregX,
} from "./operand";

/** 38 18, 19, 1A: VBROADCASTSS, VBROADCASTSD, VBROADCASTF128. */
export function broadcast(op: usize, opcode: u32): void {
  if (!avxAvailable()) return;
  let value: v128;
  if (opcode == 0x18) value = i32x4.splat(<i32>rm32(op));
  else if (opcode == 0x19) value = i64x2.splat(<i64>rm64(op));
  else value = source128(op);
  setReg(op, value, is256(op) ? value : i64x2.splat(0));
}

/** 3A 18: VINSERTF128. */
export function insertHalf(op: usize): void {
  if (!avxAvailable()) return;
  const value = source128(op);
  const a = vregX(op);
  if (immediate(op) & 1) setReg(op, lowHalf(a), value);
  else setReg(op, value, highHalf(a));
}
/** 3A 19: VEXTRACTF128, from ModRM.reg to r/m. */
export function extractHalf(op: usize): void {
  if (!avxAvailable()) return;
  const from = regX(op);
  const value = immediate(op) & 1 ? highHalf(from) : lowHalf(from);
  if (!isMemory(op)) return setHalves(rmX(op), value, i64x2.splat(0));
  const lin = effectiveAddress(op);
  if (!fault) writeV128(lin, value);
}

function chosenHalf(a: usize, control: u32): v128 {
  if (control & 8) return i64x2.splat(0);
  if (control & 2) return control & 1 ? sourceHigh : sourceLow;
  return control & 1 ? highHalf(a) : lowHalf(a);
}
/** 3A 06: VPERM2F128: each half is one of the four of both sources, or zero. */
export function permuteHalves(op: usize): void {
  if (!avxAvailable()) return;
  readSource(op);
  const a = vregX(op);
  setReg(op, chosenHalf(a, immediate(op)), chosenHalf(a, immediate(op) >> 4));
}

/** 3A 17: VEXTRACTPS. */
export function extractSingle(op: usize): void {
  if (!avxAvailable()) return;
  const value = load<u32>(regX(op) + ((<usize>(immediate(op) & 3)) << 2));
  if (!isMemory(op)) {
    store<u64>(cpu + ((<usize>load<u8>(op, OP_RM)) << 3), <u64>value, CPU_GPR);
    return;
  }
  const lin = effectiveAddress(op);
  if (!fault) write32(lin, value);
}
/** 3A 21: VINSERTPS. */
export function insertSingle(op: usize): void {
  if (!avxAvailable()) return;
  const imm = immediate(op);
  const value = isMemory(op) ? rm32(op) : load<u32>(rmX(op) + ((<usize>(imm >> 6)) << 2));
  const bits = i32x4(1, 2, 4, 8);
  const place = i32x4.eq(i32x4.splat(1 << ((imm >> 4) & 3)), bits);
  const cleared = i32x4.eq(v128.and(i32x4.splat(<i32>imm), bits), bits);
  setReg128(op, v128.andnot(v128.bitselect(i32x4.splat(<i32>value), lowHalf(vregX(op)), place), cleared));
}

/** 38 0E, 0F: VTESTPS, VTESTPD: ZF and CF from the sign bits of AND and ANDN. */
export function testSigns(op: usize, single: bool): void {
  if (!avxAvailable()) return;
  readSource(op);
  if (fault) return;
  const a = regX(op);
  let both = v128.and(lowHalf(a), sourceLow);
  let other = v128.andnot(sourceLow, lowHalf(a));
  if (is256(op)) {
    both = v128.or(both, v128.and(highHalf(a), sourceHigh));
    other = v128.or(other, v128.andnot(sourceHigh, highHalf(a)));
  }
  const hasBoth = single ? i32x4.bitmask(both) : i64x2.bitmask(both);
  const hasOther = single ? i32x4.bitmask(other) : i64x2.bitmask(other);
  setFlags((hasBoth ? 0 : ZF) | (hasOther ? 0 : CF));
}

/** 50: VMOVMSKPS, VMOVMSKPD. */
export function signMask(op: usize, single: bool): void {
  if (!avxAvailable()) return;
  readSource(op);
  const low = single ? i32x4.bitmask(sourceLow) : i64x2.bitmask(sourceLow);
  const high = single ? i32x4.bitmask(sourceHigh) << 4 : i64x2.bitmask(sourceHigh) << 2;
  setRegGeneral(op, <u64>(low | high));
}
