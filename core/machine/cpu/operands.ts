/** Operands of generic integer instructions, chosen by ModRM and size. */
import { OP_LENGTH, OP_OFFSET, OP_PREFIX, OP_REG, OP_REG8, OP_RM, OP_RM8, PREFIX_LOCK, PREFIX_MEMORY } from "./op";
import {
  effectiveAddress,
  getReg16,
  getReg32,
  getReg64,
  getReg8,
  readSized,
  setReg16,
  setReg32,
  setReg64,
  setReg8,
  writeSized,
} from "./access";
import { cpu } from "./machine";
import { CPU_CODE_BASE, CPU_EFER, CPU_SEG, CS, SEG_ATTR, SEG_SIZE } from "./state";

// @ts-ignore: decorator
@inline
export function isMemory(op: usize): bool {
  return (load<u8>(op, OP_PREFIX) & PREFIX_MEMORY) != 0;
}
// @ts-ignore: decorator
@inline
export function isLocked(op: usize): bool {
  return (load<u8>(op, OP_PREFIX) & PREFIX_LOCK) != 0;
}

/** Returns register n as `size` bytes, zero-extended. `byteOffset` is its place as a byte register. */
export function readRegister(n: u32, byteOffset: u32, size: u32): u64 {
  if (size == 8) return getReg64(n);
  if (size == 4) return getReg32(n);
  if (size == 1) return getReg8(byteOffset);
  return getReg16(n);
}
export function writeRegister(n: u32, byteOffset: u32, size: u32, value: u64): void {
  if (size == 8) setReg64(n, value);
  else if (size == 4) setReg32(n, <u32>value);
  else if (size == 1) setReg8(byteOffset, <u32>value);
  else setReg16(n, <u32>value);
}

/** ModRM.reg. */
export function getReg(op: usize, size: u32): u64 {
  return readRegister(load<u8>(op, OP_REG), load<u8>(op, OP_REG8), size);
}
export function setReg(op: usize, size: u32, value: u64): void {
  writeRegister(load<u8>(op, OP_REG), load<u8>(op, OP_REG8), size, value);
}
/** ModRM.rm, register or memory. */
export function getRm(op: usize, size: u32): u64 {
  if (isMemory(op)) return readSized(effectiveAddress(op), size);
  return readRegister(load<u8>(op, OP_RM), load<u8>(op, OP_RM8), size);
}
export function setRm(op: usize, size: u32, value: u64): void {
  if (isMemory(op)) writeSized(effectiveAddress(op), size, value);
  else writeRegister(load<u8>(op, OP_RM), load<u8>(op, OP_RM8), size, value);
}
/** Accumulator (RAX, EAX, AX, AL). */
export function getAccumulator(size: u32): u64 {
  return readRegister(0, 0, size);
}
export function setAccumulator(size: u32, value: u64): void {
  writeRegister(0, 0, size, value);
}

// @ts-ignore: decorator
@inline
export function sizeMask(size: u32): u64 {
  return size == 8 ? ~(<u64>0) : ((<u64>1) << ((<u64>size) << 3)) - 1;
}
// @ts-ignore: decorator
@inline
export function signExtend(value: u64, size: u32): u64 {
  const shift = 64 - ((<u64>size) << 3);
  return <u64>((<i64>(value << shift)) >> (<i64>shift));
}

/** Whether the running code is 64-bit code. */
// @ts-ignore: decorator
@inline
export function inLongMode(): bool {
  return (
    (load<u64>(cpu, CPU_EFER) & 0x400) != 0 && ((<u32>load<u16>(cpu, CPU_SEG + CS * SEG_SIZE + SEG_ATTR)) & 0x200) != 0
  );
}

/** RIP of the instruction and of the next one. */
export function ripOf(op: usize): u64 {
  return load<u64>(cpu, CPU_CODE_BASE) + load<u16>(op, OP_OFFSET);
}
export function nextRip(op: usize): u64 {
  const next = ripOf(op) + load<u8>(op, OP_LENGTH);
  return inLongMode() ? next : next & 0xffffffff;
}
