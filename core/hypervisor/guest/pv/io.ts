/**
 * Port I/O of a domain without hardware: with I/O privilege (PHYSDEVOP_set_iopl, set_iobitmap) reads give all ones and writes are
 * dropped, as on a bus where nothing answers; without, the instruction is #GP.
 */
import { probeRead, probeWrite, writeSized } from "../../../machine/cpu/access";
import { fault } from "../../../machine/cpu/machine";
import {
  OP_ADDRSIZE,
  OP_FORM,
  OP_ID,
  OP_IMM,
  OP_OPSIZE,
  OP_PREFIX,
  PREFIX_REP,
  PREFIX_REPNE,
} from "../../../machine/cpu/op";
import * as I from "../../../machine/cpu/ids";
import { cutPointer, setPointer } from "../../../machine/cpu/stack";
import { CPU_GPR, CPU_RFLAGS } from "../../../machine/cpu/state";
import { VMASST_TYPE_architectural_iopl } from "../../abi/xen";
import { Vcpu } from "../../domain/domain";
import { guestRangeOk, walkGuest } from "./address";
import { TO_READ } from "../type";
import { enterGuestAccess, leaveGuestAccess } from "../../sched/pcpu";
import { virtualCpl } from "./mode";

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

/**
 * True if the vCPU's mode may use `bytes` ports from `port` on: by its level, or by the bitmap (Xen's guest_io_okay), which lies in its
 * kernel's memory whichever mode asks. Bits in a page that is not there forbid. Not inside another guest access.
 */
export function portsAllowed(v: Vcpu, port: u32, bytes: u32): bool {
  if (ioplAllows(v)) return true;
  if (port + bytes > v.ioBitmapPorts) return false;
  const at = v.ioBitmap + (port >> 3);
  const mask = kernelByte(v, at) | (kernelByte(v, at + 1) << 8);
  return !(mask & (((1 << bytes) - 1) << (port & 7)));
}

/** A byte of the kernel's memory; all ones where there is none. */
function kernelByte(v: Vcpu, address: u64): u32 {
  if (!guestRangeOk(address, 1)) return 0xff;
  enterGuestAccess();
  const at = walkGuest((<u64>v.kernelCr3) << 12, address, TO_READ);
  const byte: u32 = at ? load<u8>(at) : 0xff;
  leaveGuestAccess();
  return byte;
}

/** The port of an IN or OUT. */
export function portOf(v: Vcpu, op: usize): u32 {
  const immediate = <u32>load<u8>(op, OP_FORM) == I.FORM_RM_IMM;
  return immediate ? (<u32>load<u64>(op, OP_IMM)) & 0xff : stringPort(v);
}
/** The port of an INS or OUTS. */
export function stringPort(v: Vcpu): u32 {
  return load<u16>(v.cpu + CPU_GPR, RDX);
}

const STRING_IO_DONE: i32 = 0;
/** More elements are to come: RIP stays. */
export const STRING_IO_AGAIN: i32 = 1;
/** The count was 0. */
export const STRING_IO_NONE: i32 = 2;
/** `fault` says which exception the memory operand raised. */
export const STRING_IO_FAULT: i32 = 3;

/** One element of INS or OUTS (64-bit code), of a port that the vCPU may use. */
export function stringIo(v: Vcpu, op: usize): i32 {
  const bytes = <u32>load<u8>(op, OP_OPSIZE);
  const width = <u32>load<u8>(op, OP_ADDRSIZE);
  const repeated = (load<u8>(op, OP_PREFIX) & (PREFIX_REP | PREFIX_REPNE)) != 0;
  const gpr = v.cpu + CPU_GPR;
  const count = repeated ? cutPointer(load<u64>(gpr + RCX * 8), width) : 1;
  if (!count) return STRING_IO_NONE;
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
