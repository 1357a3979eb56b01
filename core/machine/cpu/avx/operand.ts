/**
 * Operands of AVX instructions. A YMM register is two halves: XMM n, and 16 bytes that lie HALF_DISTANCE further in the vCPU's structure. Every reader
 * may raise; the caller looks at `fault` before it changes anything.
 */
import { effectiveAddress, probeRead, probeWrite, readV128, writeV128 } from "../access";
import { CR0_TS, CR4_OSXSAVE } from "../control_bits";
import { linearMask } from "../inspection";
import { VECTOR_GP, VECTOR_NM, VECTOR_UD, cpu, fault, raise } from "../machine";
import { OP_VEX, OP_VREG, VEX_L, VEX_W } from "../op";
import { isMemory, regX, rm64, rmX } from "../sse/operand";
import { CPU_CR0, CPU_CR4, CPU_XCR0, CPU_XMM, CPU_YMM_HIGH } from "../state";

/** From a register's low half to its high one. */
export const HALF_DISTANCE: usize = CPU_YMM_HIGH - CPU_XMM;
/** XCR0's bits for SSE and AVX. */
const XCR0_AVX: u64 = 6;

/** Raises #UD or #NM if AVX instructions may not execute now. Returns true if they may. CR0.EM and CR4.OSFXSR do not matter. */
export function avxAvailable(): bool {
  if (!(load<u64>(cpu, CPU_CR4) & CR4_OSXSAVE) || (load<u64>(cpu, CPU_XCR0) & XCR0_AVX) != XCR0_AVX) raise(VECTOR_UD);
  else if (load<u64>(cpu, CPU_CR0) & CR0_TS) raise(VECTOR_NM);
  else return true;
  return false;
}

// @ts-ignore: decorator
@inline
export function is256(op: usize): bool {
  return (load<u8>(op, OP_VEX) & VEX_L) != 0;
}
/** VEX.W as encoded, which chooses between two instructions. */
// @ts-ignore: decorator
@inline
export function isW(op: usize): bool {
  return (load<u8>(op, OP_VEX) & VEX_W) != 0;
}
/** Address of VEX.vvvv's register. */
// @ts-ignore: decorator
@inline
export function vregX(op: usize): usize {
  return cpu + CPU_XMM + ((<usize>load<u8>(op, OP_VREG)) << 4);
}
/** Address of register n. */
// @ts-ignore: decorator
@inline
export function registerX(n: u32): usize {
  return cpu + CPU_XMM + ((<usize>n) << 4);
}
// @ts-ignore: decorator
@inline
export function lowHalf(register: usize): v128 {
  return v128.load(register);
}
// @ts-ignore: decorator
@inline
export function highHalf(register: usize): v128 {
  return v128.load(register + HALF_DISTANCE);
}

/** What readSource() has read. The high half is zero unless VEX.L is 1. */
export let sourceLow: v128 = i64x2.splat(0);
export let sourceHigh: v128 = i64x2.splat(0);

/** Reads the r/m operand, 16 or 32 bytes by VEX.L, at any alignment. */
export function readSource(op: usize): void {
  if (isMemory(op)) readHalves(effectiveAddress(op), is256(op));
  else {
    const register = rmX(op);
    sourceLow = lowHalf(register);
    sourceHigh = is256(op) ? highHalf(register) : i64x2.splat(0);
  }
}
/** Reads it aligned to its size: a memory operand that is not raises #GP(0). */
export function readAlignedSource(op: usize): void {
  if (!isMemory(op)) return readSource(op);
  const lin = alignedAddress(op);
  if (!fault) readHalves(lin, is256(op));
}
/** Reads 16 bytes (xmm/m128) whatever VEX.L is. */
// @ts-ignore: decorator
@inline
export function source128(op: usize): v128 {
  return isMemory(op) ? readV128(effectiveAddress(op)) : lowHalf(rmX(op));
}

/** Reads half as many bytes as the vector has: 16 (xmm/m128) with VEX.L, otherwise 8 (xmm/m64), and zero above. */
export function sourceOfHalf(op: usize): v128 {
  return is256(op) ? source128(op) : i64x2.replace_lane(i64x2.splat(0), 0, <i64>rm64(op));
}

function readHalves(lin: u64, both: bool): void {
  if (fault) return;
  sourceHigh = i64x2.splat(0);
  if (both) {
    // It is one access, so what is wrong with its end counts before it is translated.
    probeRead(lin, 32);
    if (fault) return;
  }
  sourceLow = readV128(lin);
  if (both) sourceHigh = readV128((lin + 16) & linearMask);
}

function alignedAddress(op: usize): u64 {
  const lin = effectiveAddress(op);
  if (lin & (is256(op) ? 31 : 15)) raise(VECTOR_GP, 0);
  return lin;
}

/** Stores to the memory operand, both halves or none. */
export function storeMemory(op: usize, low: v128, high: v128): void {
  storeHalves(effectiveAddress(op), is256(op), low, high);
}
export function storeAlignedMemory(op: usize, low: v128, high: v128): void {
  storeHalves(alignedAddress(op), is256(op), low, high);
}
function storeHalves(lin: u64, both: bool, low: v128, high: v128): void {
  if (fault) return;
  if (!both) return writeV128(lin, low);
  probeWrite(lin, 32);
  if (fault) return;
  writeV128(lin, low);
  writeV128((lin + 16) & linearMask, high);
}

/** Writes a whole register unless the instruction has faulted. A 128-bit instruction passes zero as the high half. */
// @ts-ignore: decorator
@inline
export function setHalves(register: usize, low: v128, high: v128): void {
  if (fault) return;
  v128.store(register, low);
  v128.store(register + HALF_DISTANCE, high);
}
/** Writes ModRM.reg's register. */
// @ts-ignore: decorator
@inline
export function setReg(op: usize, low: v128, high: v128): void {
  setHalves(regX(op), low, high);
}
/** Writes 16 bytes to ModRM.reg's register and zero above. */
// @ts-ignore: decorator
@inline
export function setReg128(op: usize, low: v128): void {
  setHalves(regX(op), low, i64x2.splat(0));
}
