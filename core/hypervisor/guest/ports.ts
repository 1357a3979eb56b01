/**
 * Ports at which nothing answers: reads give all ones, writes are dropped. Carries out IN, OUT, INS and OUTS, which the engine has left undone
 * (EXIT_PRIVILEGED).
 */
import { probeWrite, readSized, segmentAddress, writeSized } from "../../machine/cpu/access";
import { MODE_64 } from "../../machine/cpu/mode_bits";
import { fault } from "../../machine/cpu/machine";
import { codeMode } from "../../machine/cpu/mode";
import {
  OP_ADDRSIZE,
  OP_FORM,
  OP_ID,
  OP_IMM,
  OP_OPSIZE,
  OP_PREFIX,
  OP_SEG,
  PREFIX_REP,
  PREFIX_REPNE,
} from "../../machine/cpu/op";
import * as I from "../../machine/cpu/ids";
import { cutPointer, setPointer } from "../../machine/cpu/stack";
import { CPU_GPR, CPU_RFLAGS, ES } from "../../machine/cpu/state";
import { Vcpu } from "../domain/domain";

const RCX: u32 = 1;
const RDX: usize = 16;
const RSI: u32 = 6;
const RDI: u32 = 7;
const DIRECTION: u64 = 0x400;
export const ALL_ONES: u64 = 0xffffffffffffffff;

/** Returns the port of an IN or OUT. */
export function portOf(v: Vcpu, op: usize): u32 {
  const immediate = <u32>load<u8>(op, OP_FORM) == I.FORM_RM_IMM;
  return immediate ? (<u32>load<u64>(op, OP_IMM)) & 0xff : stringPort(v);
}
/** Returns the port of an INS or OUTS. */
export function stringPort(v: Vcpu): u32 {
  return load<u16>(v.cpu + CPU_GPR, RDX);
}

export const STRING_IO_DONE: i32 = 0;
/** More elements follow, so RIP stays. */
export const STRING_IO_AGAIN: i32 = 1;
/** The count was 0. */
export const STRING_IO_NONE: i32 = 2;
/** The memory operand raised the exception in `fault`. */
export const STRING_IO_FAULT: i32 = 3;

/** What the last stringIo() has read from or written to the port. */
export let stringIoValue: u64 = 0;

/** Returns the linear address of the memory operand at `offset`, which in 64-bit code is the same. If the access is not allowed, `fault` says why. */
function linear(op: usize, offset: u64, bytes: u32, input: bool): u64 {
  if (codeMode & MODE_64) return offset;
  return segmentAddress(input ? ES : <i32>load<u8>(op, OP_SEG), offset, bytes, input);
}

/** Carries out one element of INS or OUTS, on a port that the vCPU may use. */
export function stringIo(v: Vcpu, op: usize): i32 {
  const bytes = <u32>load<u8>(op, OP_OPSIZE);
  const width = <u32>load<u8>(op, OP_ADDRSIZE);
  const repeated = (load<u8>(op, OP_PREFIX) & (PREFIX_REP | PREFIX_REPNE)) != 0;
  const gpr = v.cpu + CPU_GPR;
  const count = repeated ? cutPointer(load<u64>(gpr + RCX * 8), width) : 1;
  if (!count) return STRING_IO_NONE;
  const input = <u32>load<u16>(op, OP_ID) == I.ID_INS;
  const register = input ? RDI : RSI;
  const offset = cutPointer(load<u64>(gpr + register * 8), width);
  const at = linear(op, offset, bytes, input);
  if (!fault) {
    if (input) {
      probeWrite(at, bytes);
      if (!fault) writeSized(at, bytes, ALL_ONES);
      stringIoValue = ALL_ONES;
    } else stringIoValue = readSized(at, bytes);
  }
  if (fault) return STRING_IO_FAULT;
  const step: u64 = load<u64>(v.cpu, CPU_RFLAGS) & DIRECTION ? -(<u64>bytes) : <u64>bytes;
  setPointer(register, cutPointer(offset + step, width), width);
  if (!repeated) return STRING_IO_DONE;
  setPointer(RCX, cutPointer(count - 1, width), width);
  return count > 1 ? STRING_IO_AGAIN : STRING_IO_DONE;
}
