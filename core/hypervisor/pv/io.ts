/**
 * Port I/O of a domain without hardware: with I/O privilege (PHYSDEVOP_set_iopl, set_iobitmap) reads give all ones and writes are
 * dropped, as on a bus where nothing answers; without, the instruction is #GP.
 */
import { probeRead, probeWrite, writeSized } from "../../machine/cpu/access";
import { fault } from "../../machine/cpu/machine";
import {
  OP_ADDRSIZE,
  OP_FORM,
  OP_ID,
  OP_IMM,
  OP_OPSIZE,
  OP_PREFIX,
  PREFIX_REP,
  PREFIX_REPNE,
} from "../../machine/cpu/op";
import * as I from "../../machine/cpu/ids";
import { setAccumulator } from "../../machine/cpu/operands";
import { cutPointer, setPointer } from "../../machine/cpu/stack";
import { CPU_GPR, CPU_RFLAGS } from "../../machine/cpu/state";
import { VMASST_TYPE_architectural_iopl } from "../abi/xen";
import { Vcpu } from "../domain/domain";
import { clearGuestFault, guestFault, readGuest8 } from "../hypercall/guest_access";
import { inKernelMode, virtualCpl } from "./mode";

const RCX: u32 = 1;
const RDX: usize = 16;
const RSI: u32 = 6;
const RDI: u32 = 7;
const DIRECTION: u64 = 0x400;
const ALL_ONES: u64 = 0xffffffffffffffff;

/** True if the vCPU's mode has the I/O privilege level. */
export function ioplAllows(v: Vcpu): bool {
  const architectural = (v.domain.vmAssist >> (<u64>VMASST_TYPE_architectural_iopl)) & 1;
  return virtualCpl(v, architectural ? 0 : 1) <= v.iopl;
}

function portsAllowed(v: Vcpu, port: u32, bytes: u32): bool {
  if (ioplAllows(v)) return true;
  if (!v.ioBitmap || port + bytes > v.ioBitmapPorts || !inKernelMode(v)) return false;
  for (let i: u32 = 0; i < bytes; i++) {
    const bit = port + i;
    clearGuestFault();
    const byte = readGuest8(v.ioBitmap + (bit >> 3));
    if (guestFault || (byte >> (bit & 7)) & 1) return false;
  }
  return true;
}

/** Executes IN or OUT; false: #GP. */
export function portIo(v: Vcpu, op: usize): bool {
  const bytes = <u32>load<u8>(op, OP_OPSIZE);
  const immediate = <u32>load<u8>(op, OP_FORM) == I.FORM_RM_IMM;
  const port = immediate ? (<u32>load<u64>(op, OP_IMM)) & 0xff : <u32>load<u16>(v.cpu + CPU_GPR, RDX);
  if (!portsAllowed(v, port, bytes)) return false;
  if (<u32>load<u16>(op, OP_ID) == I.ID_IN) setAccumulator(bytes, ALL_ONES);
  return true;
}

export const STRING_IO_REFUSED: i32 = 0;
export const STRING_IO_DONE: i32 = 1;
/** More elements are to come: RIP stays. */
export const STRING_IO_AGAIN: i32 = 2;
/** `fault` says which exception the memory operand raised. */
export const STRING_IO_FAULT: i32 = 3;

/** One element of INS or OUTS (64-bit code). */
export function stringIo(v: Vcpu, op: usize): i32 {
  const bytes = <u32>load<u8>(op, OP_OPSIZE);
  const width = <u32>load<u8>(op, OP_ADDRSIZE);
  const port = <u32>load<u16>(v.cpu + CPU_GPR, RDX);
  if (!portsAllowed(v, port, bytes)) return STRING_IO_REFUSED;
  const repeated = (load<u8>(op, OP_PREFIX) & (PREFIX_REP | PREFIX_REPNE)) != 0;
  const gpr = v.cpu + CPU_GPR;
  const count = repeated ? cutPointer(load<u64>(gpr + RCX * 8), width) : 1;
  if (!count) return STRING_IO_DONE;
  const input = <u32>load<u16>(op, OP_ID) == I.ID_INS;
  const register = input ? RDI : RSI;
  const at = cutPointer(load<u64>(gpr + register * 8), width);
  if (input) {
    probeWrite(at, bytes);
    if (!fault) writeSized(at, bytes, ALL_ONES);
  } else probeRead(at, bytes);
  if (fault) return STRING_IO_FAULT;
  const step: u64 = load<u64>(v.cpu, CPU_RFLAGS) & DIRECTION ? -(<u64>bytes) : <u64>bytes;
  setPointer(register, cutPointer(at + step, width), width);
  if (!repeated) return STRING_IO_DONE;
  setPointer(RCX, cutPointer(count - 1, width), width);
  return count > 1 ? STRING_IO_AGAIN : STRING_IO_DONE;
}
