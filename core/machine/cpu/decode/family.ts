/**
 * What the opcode maps share: setting the instruction's identity, and choosing the family that executes it. A family's function takes the id by which
 * the family knows the instruction (ids.ts), and returns the family's handler.
 */
import * as H from "../handlers";
import * as I from "../ids";
import { MODE_64, MODE_UNLIMITED } from "../mode_bits";
import { OP_CONDITION, OP_FORM, OP_ID, OP_MODRM, OP_REG, OP_RM, PREFIX_66, PREFIX_MEMORY, PREFIX_REXW } from "../op";
import { sseIdentify } from "../sse/sse";
import {
  endsBlock,
  immediateIsRelative,
  mode,
  op,
  opcode,
  operandSize,
  prefix,
  publishFields,
  setOperandSize,
} from "./decode";

// @ts-ignore: decorator
@inline
export function id(value: u32): void {
  store<u16>(op, <u16>value, OP_ID);
}

// @ts-ignore: decorator
@inline
export function isMemory(): bool {
  return (prefix & PREFIX_MEMORY) != 0;
}

// @ts-ignore: decorator
@inline
export function digit(): u32 {
  return (load<u8>(op, OP_MODRM) >> 3) & 7;
}

/** Push, pop and near branches: 64 bits in 64-bit mode, or 16 with 66. */
export function stackSize(): void {
  if (mode & MODE_64) setOperandSize(prefix & PREFIX_66 && !(prefix & PREFIX_REXW) ? 2 : 8);
}

export function branchSize(): void {
  if (mode & MODE_64) setOperandSize(8);
}

export function control(value: u32): u32 {
  id(value);
  endsBlock();
  return H.H_CONTROL;
}

export function system(value: u32): u32 {
  id(value);
  endsBlock();
  return H.H_SYSTEM;
}

export function data(value: u32): u32 {
  id(value);
  return H.H_DATA;
}

export function stack(value: u32): u32 {
  id(value);
  return H.H_STACK;
}

export function string(value: u32): u32 {
  id(value);
  return H.H_STRING;
}

export function bits(value: u32, form: u32): u32 {
  id(value);
  store<u8>(op, <u8>form, OP_FORM);
  return H.H_BITS;
}

/** An opcode that is not in the integer set. The op's fields are complete, and the vector family identifies it. */
export function vector(map: u32): u32 {
  publishFields(map);
  const found = sseIdentify(op);
  id(found);
  return found ? H.H_SSE : H.H_UD;
}

export function segmentCheck(value: u32): u32 {
  id(value);
  return H.H_SEGMENT;
}

export function popSegment(n: u32): u32 {
  stackSize();
  store<u8>(op, <u8>n, OP_REG);
  id(I.ID_POP_SEG);
  endsBlock();
  return H.H_SEGMENT;
}

/** LES, LDS, LSS, LFS, LGS: the segment register is put in the place of ModRM.rm. */
export function loadFarPointer(n: i32): u32 {
  if (!isMemory()) return H.H_UD;
  store<u8>(op, <u8>n, OP_RM);
  id(I.ID_LFP);
  endsBlock();
  return H.H_SEGMENT;
}

export function conditionalJump(): u32 {
  branchSize();
  immediateIsRelative();
  control(I.ID_JCC);
  store<u8>(op, <u8>(opcode & 15), OP_CONDITION);
  return operandSize == 2 || !(mode & MODE_UNLIMITED) ? H.H_CONTROL : H.H_JCC + (opcode & 15);
}
