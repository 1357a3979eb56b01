/** The general registers of the running vCPU. */
import { cpu } from "./machine";
import { CPU_GPR } from "./state";

// @ts-ignore: decorator
@inline
export function getReg64(n: u32): u64 {
  return load<u64>(cpu + ((<usize>n) << 3), CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function setReg64(n: u32, value: u64): void {
  store<u64>(cpu + ((<usize>n) << 3), value, CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function getReg32(n: u32): u32 {
  return load<u32>(cpu + ((<usize>n) << 3), CPU_GPR);
}
/** Clears the upper half. */
// @ts-ignore: decorator
@inline
export function setReg32(n: u32, value: u32): void {
  store<u64>(cpu + ((<usize>n) << 3), <u64>value, CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function getReg16(n: u32): u32 {
  return load<u16>(cpu + ((<usize>n) << 3), CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function setReg16(n: u32, value: u32): void {
  store<u16>(cpu + ((<usize>n) << 3), <u16>value, CPU_GPR);
}
/** `offset` is the byte offset in the register file, as in OP_REG8 and OP_RM8. */
// @ts-ignore: decorator
@inline
export function getReg8(offset: u32): u32 {
  return load<u8>(cpu + <usize>offset, CPU_GPR);
}
// @ts-ignore: decorator
@inline
export function setReg8(offset: u32, value: u32): void {
  store<u8>(cpu + <usize>offset, <u8>value, CPU_GPR);
}
/** Returns the register file offset of byte register n (0..15): without a REX prefix, 4..7 are AH, CH, DH, BH. */
// @ts-ignore: decorator
@inline
export function reg8Offset(n: u32, rex: bool): u32 {
  return !rex && n >= 4 && n < 8 ? ((n - 4) << 3) + 1 : n << 3;
}
