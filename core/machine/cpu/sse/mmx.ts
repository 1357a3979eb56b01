/** MMX forms: packed integers in the x87 registers. Lane arithmetic is that of integer.ts, on the low half of a v128. */
import { cpu, fault } from "../machine";
import { OP_REG, OP_RM } from "../op";
import { CPU_FPR } from "../state";
import { groupShift, horizontal, interleave, lanewise, lanewise38, shift, shuffleBytes, shuffleWords } from "./integer";
import { high64, immediate, low64, mmxAvailable, regM, rmM, rmM32, setM, setRegM, vector } from "./operand";

/** 0F 64-66 74-76 D1-D5 D8-DF E0-E5 E8-EF F1-F6 F8-FE. */
export function mmxLanewise(op: usize, opcode: u32): void {
  if (!mmxAvailable()) return;
  const source = rmM(op);
  setRegM(op, low64(lanewise(opcode, vector(regM(op), 0), vector(source, 0))));
}

/** 0F 60-63 67-6B. The low unpacks read only 32 bits of memory. */
export function mmxInterleave(op: usize, opcode: u32): void {
  if (!mmxAvailable()) return;
  const source = opcode <= 0x62 ? rmM32(op) : rmM(op);
  const a = regM(op);
  if (opcode == 0x63 || opcode == 0x67 || opcode == 0x6b) {
    setRegM(op, low64(interleave(opcode, vector(a, source), i64x2.splat(0))));
  } else if (opcode <= 0x62) {
    setRegM(op, low64(interleave(opcode, vector(a, 0), vector(source, 0))));
  } else {
    // The low unpack of 16 bytes leaves in its high half what the high unpack of 8 bytes is.
    setRegM(op, high64(interleave(opcode - 8, vector(a, 0), vector(source, 0))));
  }
}

/** 0F 71-73 with an immediate count. */
export function mmxShiftImmediate(op: usize, opcode: u32): void {
  if (!mmxAvailable()) return;
  const n = <u32>load<u8>(op, OP_RM);
  const value = load<u64>(mmxAddress(n));
  setM(n, low64(shift(groupShift(opcode, load<u8>(op, OP_REG) & 7), vector(value, 0), immediate(op))));
}
function mmxAddress(n: u32): usize {
  return cpu + CPU_FPR + ((<usize>(n & 7)) << 4);
}

/** 0F38 00-0B 1C-1E. */
export function mmx38(op: usize, opcode: u32): void {
  if (!mmxAvailable()) return;
  const source = rmM(op);
  const a = regM(op);
  if (opcode == 0) {
    // Bit 3 of the index is ignored with 8 bytes.
    const control = vector(source & 0x8787878787878787, 0);
    setRegM(op, low64(shuffleBytes(vector(a, 0), control)));
  } else if (opcode <= 7 && opcode != 4) {
    setRegM(op, low64(horizontal(opcode, vector(a, source), i64x2.splat(0))));
  } else setRegM(op, low64(lanewise38(opcode, vector(a, 0), vector(source, 0))));
}

/** 0F3A 0F: PALIGNR mm. */
export function mmxAlignRight(op: usize): void {
  if (!mmxAvailable()) return;
  const low = rmM(op);
  const bits = (<u64>immediate(op)) << 3;
  const high = regM(op);
  let result: u64 = 0;
  if (bits == 0) result = low;
  else if (bits < 64) result = (low >> bits) | (high << (64 - bits));
  else if (bits < 128) result = high >> (bits - 64);
  setRegM(op, result);
}

/** 0F 70: PSHUFW. */
export function mmxShuffleWords(op: usize): void {
  if (!mmxAvailable()) return;
  const source = rmM(op);
  if (!fault) setRegM(op, shuffleWords(source, immediate(op)));
}
