/**
 * Operands of MMX and SSE instructions: registers, r/m operands of each width, and the checks that come before (CR0.EM, CR0.TS, CR4.OSFXSR). Every
 * reader may raise; the caller looks at `fault` before it changes anything.
 */
import { CR0_EM, CR0_TS, CR4_OSFXSR } from "../control_bits";
import { VECTOR_GP, VECTOR_NM, VECTOR_UD, cpu, fault, raise } from "../machine";
import { OP_IMM, OP_PREFIX, OP_REG, OP_RM, PREFIX_MEMORY, PREFIX_REXW } from "../op";
import { CPU_CR0, CPU_CR4, CPU_FPR, CPU_GPR, CPU_XMM, FPR_SIGN_EXPONENT } from "../state";
import { effectiveAddress, read16, read32, read64, read8, readV128, write32, write64, writeV128 } from "../access";
import { x87CheckPending, x87EnterMmx } from "../x87/x87";

/** Raises #UD or #NM if SSE instructions may not execute now. Returns true if they may. */
// @ts-ignore: decorator
@inline
export function sseAvailable(): bool {
  if (!(load<u64>(cpu, CPU_CR0) & (CR0_EM | CR0_TS)) && load<u64>(cpu, CPU_CR4) & CR4_OSFXSR) return true;
  raise(load<u64>(cpu, CPU_CR0) & CR0_EM || !(load<u64>(cpu, CPU_CR4) & CR4_OSFXSR) ? VECTOR_UD : VECTOR_NM);
  return false;
}

/** The same for MMX instructions, and raises #MF for a pending x87 exception. */
export function mmxAvailable(): bool {
  const cr0 = load<u64>(cpu, CPU_CR0);
  if (cr0 & CR0_EM) raise(VECTOR_UD);
  else if (cr0 & CR0_TS) raise(VECTOR_NM);
  else x87CheckPending();
  return !fault;
}

// @ts-ignore: decorator
@inline
export function isMemory(op: usize): bool {
  return (load<u8>(op, OP_PREFIX) & PREFIX_MEMORY) != 0;
}
// @ts-ignore: decorator
@inline
export function isWide(op: usize): bool {
  return (load<u8>(op, OP_PREFIX) & PREFIX_REXW) != 0;
}
// @ts-ignore: decorator
@inline
export function immediate(op: usize): u32 {
  return <u32>load<u8>(op, OP_IMM);
}

// ---- XMM ----

/** Address of ModRM.reg's XMM register. */
// @ts-ignore: decorator
@inline
export function regX(op: usize): usize {
  return cpu + CPU_XMM + ((<usize>load<u8>(op, OP_REG)) << 4);
}
/** Address of ModRM.rm's XMM register, in a register form. */
// @ts-ignore: decorator
@inline
export function rmX(op: usize): usize {
  return cpu + CPU_XMM + ((<usize>load<u8>(op, OP_RM)) << 4);
}

/** Returns the linear address of a 16-byte operand; raises #GP(0) if it is not aligned. */
function alignedAddress(op: usize): u64 {
  const lin = effectiveAddress(op);
  if (lin & 15) raise(VECTOR_GP, 0);
  return lin;
}

function readAligned(op: usize): v128 {
  const lin = alignedAddress(op);
  if (fault) return i64x2.splat(0);
  return readV128(lin);
}

/** xmm/m128, memory aligned to 16 bytes. */
// @ts-ignore: decorator
@inline
export function rm128(op: usize): v128 {
  return isMemory(op) ? readAligned(op) : v128.load(rmX(op));
}
/** xmm/m128 at any alignment. */
// @ts-ignore: decorator
@inline
export function rm128Unaligned(op: usize): v128 {
  return isMemory(op) ? readV128(effectiveAddress(op)) : v128.load(rmX(op));
}
/** Low quadword of xmm, or m64. */
// @ts-ignore: decorator
@inline
export function rm64(op: usize): u64 {
  return isMemory(op) ? read64(effectiveAddress(op)) : load<u64>(rmX(op));
}
// @ts-ignore: decorator
@inline
export function rm32(op: usize): u32 {
  return isMemory(op) ? read32(effectiveAddress(op)) : load<u32>(rmX(op));
}
// @ts-ignore: decorator
@inline
export function rm16(op: usize): u32 {
  return isMemory(op) ? read16(effectiveAddress(op)) : <u32>load<u16>(rmX(op));
}

/** Stores to an aligned m128; memory forms only. */
export function storeAligned(op: usize, value: v128): void {
  const lin = alignedAddress(op);
  if (!fault) writeV128(lin, value);
}

/** Writes a whole XMM register unless the instruction has faulted. */
// @ts-ignore: decorator
@inline
export function setX(register: usize, value: v128): void {
  if (!fault) v128.store(register, value);
}
/** Writes the low quadword, leaves the high one. */
// @ts-ignore: decorator
@inline
export function setLow64(register: usize, value: u64): void {
  if (!fault) store<u64>(register, value);
}
// @ts-ignore: decorator
@inline
export function setLow32(register: usize, value: u32): void {
  if (!fault) store<u32>(register, value);
}

// ---- general registers ----

/** r32/m32 or, with REX.W, r64/m64. */
export function rmGeneral(op: usize): u64 {
  const wide = isWide(op);
  if (isMemory(op)) {
    const lin = effectiveAddress(op);
    return wide ? read64(lin) : <u64>read32(lin);
  }
  const value = load<u64>(cpu + ((<usize>load<u8>(op, OP_RM)) << 3), CPU_GPR);
  return wide ? value : value & 0xffffffff;
}
/** Writes r32/m32 or r64/m64 of ModRM.rm. */
export function setRmGeneral(op: usize, value: u64): void {
  const wide = isWide(op);
  if (isMemory(op)) {
    const lin = effectiveAddress(op);
    if (fault) return;
    if (wide) write64(lin, value);
    else write32(lin, <u32>value);
  } else if (!fault) {
    store<u64>(cpu + ((<usize>load<u8>(op, OP_RM)) << 3), wide ? value : value & 0xffffffff, CPU_GPR);
  }
}
/** r32/m8 or r32/m16: the source of PINSRB and PINSRW. */
export function rmGeneralNarrow(op: usize, bytes: u32): u32 {
  if (!isMemory(op)) return load<u32>(cpu + ((<usize>load<u8>(op, OP_RM)) << 3), CPU_GPR);
  const lin = effectiveAddress(op);
  return bytes == 1 ? read8(lin) : read16(lin);
}
/** Writes ModRM.reg's general register, zero-extended. */
// @ts-ignore: decorator
@inline
export function setRegGeneral(op: usize, value: u64): void {
  if (!fault) store<u64>(cpu + ((<usize>load<u8>(op, OP_REG)) << 3), value, CPU_GPR);
}

// ---- MMX ----

/** Address of an MMX register: n & 7, since REX does not extend them. */
// @ts-ignore: decorator
@inline
function mmx(n: u32): usize {
  return cpu + CPU_FPR + ((<usize>(n & 7)) << 4);
}
// @ts-ignore: decorator
@inline
export function regM(op: usize): u64 {
  return load<u64>(mmx(load<u8>(op, OP_REG)));
}
/** mm/m64. */
// @ts-ignore: decorator
@inline
export function rmM(op: usize): u64 {
  return isMemory(op) ? read64(effectiveAddress(op)) : load<u64>(mmx(load<u8>(op, OP_RM)));
}
/** mm/m32. */
// @ts-ignore: decorator
@inline
export function rmM32(op: usize): u64 {
  return isMemory(op) ? <u64>read32(effectiveAddress(op)) : load<u64>(mmx(load<u8>(op, OP_RM)));
}
/** Writes MMX register n and switches the x87 to MMX mode: TOP = 0, all registers valid, sign and exponent of the register all ones. */
export function setM(n: u32, value: u64): void {
  if (fault) return;
  x87EnterMmx();
  store<u64>(mmx(n), value);
  store<u16>(mmx(n), 0xffff, FPR_SIGN_EXPONENT);
}
export function setRegM(op: usize, value: u64): void {
  setM(load<u8>(op, OP_REG), value);
}

// ---- v128 from and to quadwords ----

// @ts-ignore: decorator
@inline
export function vector(low: u64, high: u64): v128 {
  return i64x2.replace_lane(i64x2.splat(low), 1, high);
}
// @ts-ignore: decorator
@inline
export function low64(value: v128): u64 {
  return <u64>i64x2.extract_lane(value, 0);
}
// @ts-ignore: decorator
@inline
export function high64(value: v128): u64 {
  return <u64>i64x2.extract_lane(value, 1);
}
