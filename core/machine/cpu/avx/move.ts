/** AVX moves between registers and memory, and VZEROUPPER, VZEROALL. */
import { effectiveAddress, write32, write64 } from "../access";
import { cpu, fault } from "../machine";
import { OP_REG } from "../op";
import { immediate, isMemory, regX, rm32, rm64, rmX } from "../sse/operand";
import { giveMxcsr, takeMxcsr } from "../sse/save";
import { CPU_EFER, CPU_SEG, CPU_XMM, CPU_YMM_HIGH, CS, SEG_ATTR, SEG_SIZE, XMM_HIGH } from "../state";
import {
  highHalf,
  is256,
  lowHalf,
  readAlignedSource,
  readSource,
  setHalves,
  setReg,
  setReg128,
  sourceHigh,
  sourceLow,
  storeAlignedMemory,
  storeMemory,
  vregX,
} from "./operand";

export function loadUnaligned(op: usize): void {
  readSource(op);
  setReg(op, sourceLow, sourceHigh);
}
export function loadAligned(op: usize): void {
  readAlignedSource(op);
  setReg(op, sourceLow, sourceHigh);
}
export function storeUnaligned(op: usize): void {
  const from = regX(op);
  if (isMemory(op)) storeMemory(op, lowHalf(from), highHalf(from));
  else copyToRm(op);
}
/** VMOVAPS, VMOVAPD, VMOVDQA and the non-temporal stores. */
export function storeAligned(op: usize): void {
  const from = regX(op);
  if (isMemory(op)) storeAlignedMemory(op, lowHalf(from), highHalf(from));
  else copyToRm(op);
}
function copyToRm(op: usize): void {
  const from = regX(op);
  setHalves(rmX(op), lowHalf(from), is256(op) ? highHalf(from) : i64x2.splat(0));
}

/** Outside 64-bit mode only the first 8 registers are touched. */
function registerBytes(): usize {
  const long = load<u64>(cpu, CPU_EFER) & 0x400 && load<u16>(cpu + CS * SEG_SIZE, CPU_SEG + SEG_ATTR) & 0x200;
  return long ? 256 : 128;
}
/** 77: VZEROUPPER, and VZEROALL with VEX.L. */
export function zero(op: usize): void {
  const bytes = registerBytes();
  memory.fill(cpu + CPU_YMM_HIGH, 0, bytes);
  if (is256(op)) memory.fill(cpu + CPU_XMM, 0, bytes);
}

// ---- parts of XMM registers ----

/** 12: VMOVLPS, VMOVLPD from memory; VMOVHLPS: the source's high quadword becomes the low one. */
export function loadLow(op: usize): void {
  const value = isMemory(op) ? rm64(op) : load<u64>(rmX(op), XMM_HIGH);
  setReg128(op, i64x2.replace_lane(lowHalf(vregX(op)), 0, <i64>value));
}
/** 16: VMOVHPS, VMOVHPD from memory; VMOVLHPS: the source's low quadword becomes the high one. */
export function loadHigh(op: usize): void {
  const value = rm64(op);
  setReg128(op, i64x2.replace_lane(lowHalf(vregX(op)), 1, <i64>value));
}
/** 13, 17: to memory, from `offset` in the register on. */
export function storeQuad(op: usize, offset: usize): void {
  const lin = effectiveAddress(op);
  if (!fault) write64(lin, load<u64>(regX(op) + offset));
}

/** F3/F2 10: VMOVSS, VMOVSD: from memory the rest becomes zero, from a register it is VEX.vvvv's. */
export function loadScalar(op: usize, single: bool): void {
  const value = single ? <u64>rm32(op) : rm64(op);
  if (isMemory(op)) setReg128(op, i64x2.replace_lane(i64x2.splat(0), 0, <i64>value));
  else setReg128(op, withLowest(lowHalf(vregX(op)), value, single));
}
/** F3/F2 11. */
export function storeScalar(op: usize, single: bool): void {
  const value = single ? <u64>load<u32>(regX(op)) : load<u64>(regX(op));
  if (!isMemory(op)) return setHalves(rmX(op), withLowest(lowHalf(vregX(op)), value, single), i64x2.splat(0));
  const lin = effectiveAddress(op);
  if (fault) return;
  if (single) write32(lin, <u32>value);
  else write64(lin, value);
}
function withLowest(vector: v128, value: u64, single: bool): v128 {
  return single ? i32x4.replace_lane(vector, 0, <i32>value) : i64x2.replace_lane(vector, 0, <i64>value);
}

/** AE /2, /3: VLDMXCSR, VSTMXCSR. */
export function mxcsr(op: usize): void {
  const digit = (<u32>load<u8>(op, OP_REG)) & 7;
  if (digit == 2) takeMxcsr(op);
  else giveMxcsr(op);
}

/** 3A 21: VINSERTPS. */
export function insertSingle(op: usize): void {
  const imm = immediate(op);
  const value = isMemory(op) ? rm32(op) : load<u32>(rmX(op) + ((<usize>(imm >> 6)) << 2));
  const bits = i32x4(1, 2, 4, 8);
  const place = i32x4.eq(i32x4.splat(1 << ((imm >> 4) & 3)), bits);
  const cleared = i32x4.eq(v128.and(i32x4.splat(<i32>imm), bits), bits);
  setReg128(op, v128.andnot(v128.bitselect(i32x4.splat(<i32>value), lowHalf(vregX(op)), place), cleared));
}
