/** Pushes, pops and stack frames, in 64-bit mode and outside. */
import { OP_ID, OP_IMM, OP_OPSIZE, OP_REG, OP_RM } from "./op";
import * as I from "./ids";
import {
  getReg64,
  probeWrite,
  readSized,
  segmentAddress,
  setAccessSegment,
  setReg32,
  setReg64,
  setReg16,
  writeSized,
} from "./access";
import { VECTOR_GP, cpu, fault, raise } from "./machine";
import { hasIoPrivilege, inVirtual8086 } from "./protection";
import { CPU_SEG, SEG_ATTR, SEG_SELECTOR, SEG_SIZE, SS } from "./state";
import { RF, VM, getRflags } from "./flags";
import { getRm, inLongMode, readRegister, setRm, writeRegister } from "./operands";
import { hasVirtualFlags, virtualFlags } from "./virtual_flags";

const RSP: u32 = 4;
const RBP: u32 = 5;

/** Returns the size of the stack pointer: 8 in 64-bit mode, otherwise by SS.B. */
export function stackPointerSize(): u32 {
  if (inLongMode()) return 8;
  return load<u16>(cpu, CPU_SEG + SS * SEG_SIZE + SEG_ATTR) & 0x400 ? 4 : 2;
}
export function cutPointer(value: u64, size: u32): u64 {
  return size == 8 ? value : size == 4 ? value & 0xffffffff : value & 0xffff;
}
export function setPointer(n: u32, value: u64, size: u32): void {
  if (size == 8) setReg64(n, value);
  else if (size == 4) setReg32(n, <u32>value);
  else setReg16(n, <u32>value);
}
/** Linear address of `size` bytes at stack offset `offset`. */
function stackAddress(offset: u64, size: u32, write: bool): u64 {
  setAccessSegment(SS);
  return inLongMode() ? offset : segmentAddress(SS, offset, size, write);
}

/** Pushes `size` bytes; RSP changes only if that succeeds. */
export function push(size: u32, value: u64): void {
  const width = stackPointerSize();
  const sp = cutPointer(getReg64(RSP) - size, width);
  const lin = stackAddress(sp, size, true);
  if (fault) return;
  writeSized(lin, size, value);
  if (!fault) setPointer(RSP, sp, width);
}

/** Reads `size` bytes at stack pointer + `distance`; RSP stays. */
export function peekStack(size: u32, distance: u32): u64 {
  const sp = cutPointer(getReg64(RSP) + distance, stackPointerSize());
  const lin = stackAddress(sp, size, false);
  return fault ? 0 : readSized(lin, size);
}
export function dropStack(bytes: u32): void {
  const width = stackPointerSize();
  setPointer(RSP, cutPointer(getReg64(RSP) + bytes, width), width);
}

export function stackExecute(op: usize): void {
  const size = <u32>load<u8>(op, OP_OPSIZE);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_PUSH_REG:
      push(size, readRegister(load<u8>(op, OP_RM), 0, size == 1 ? 2 : size));
      break;
    case I.ID_PUSH_RM: {
      const value = getRm(op, size);
      if (!fault) push(size, value);
      break;
    }
    case I.ID_PUSH_IMM:
      push(size, load<u64>(op, OP_IMM));
      break;
    case I.ID_PUSH_SEG:
      pushSegment(size, load<u16>(cpu + CPU_SEG + <usize>load<u8>(op, OP_REG) * SEG_SIZE, SEG_SELECTOR));
      break;
    case I.ID_POP_REG: {
      const value = peekStack(size, 0);
      if (fault) return;
      dropStack(size);
      writeRegister(load<u8>(op, OP_RM), 0, size, value);
      break;
    }
    case I.ID_POP_RM: {
      // The address is computed with RSP already incremented.
      const value = peekStack(size, 0);
      if (fault) return;
      const before = getReg64(RSP);
      dropStack(size);
      setRm(op, size, value);
      if (fault) setReg64(RSP, before);
      break;
    }
    case I.ID_PUSHF:
      if (!inVirtual8086() || hasIoPrivilege()) push(size, getRflags() & ~(<u64>(RF | VM)));
      else if (hasVirtualFlags(size)) push(size, virtualFlags());
      else raise(VECTOR_GP);
      break;
    case I.ID_ENTER:
      enter(op, size);
      break;
    case I.ID_LEAVE:
      leave(size);
      break;
    case I.ID_PUSHA:
      pushAll(size);
      break;
    default:
      popAll(size);
      break;
  }
}

/** A 32-bit push of a selector writes only its 16 bits, as in processors since the Pentium. */
function pushSegment(size: u32, selector: u32): void {
  if (size != 4) {
    push(size, selector);
    return;
  }
  const width = stackPointerSize();
  const sp = cutPointer(getReg64(RSP) - 4, width);
  const lin = stackAddress(sp, 4, true);
  if (fault) return;
  writeSized(lin, 2, selector);
  if (!fault) setPointer(RSP, sp, width);
}

function leave(size: u32): void {
  const width = stackPointerSize();
  const frame = cutPointer(getReg64(RBP), width);
  const lin = stackAddress(frame, size, false);
  if (fault) return;
  const value = readSized(lin, size);
  if (fault) return;
  setPointer(RSP, cutPointer(frame + size, width), width);
  writeRegister(RBP, 0, size, value);
}

function enter(op: usize, size: u32): void {
  const width = stackPointerSize();
  const bytes = load<u64>(op, OP_IMM) & 0xffff;
  const level = (<u32>(load<u64>(op, OP_IMM) >> 32)) & 31;
  let sp = cutPointer(getReg64(RSP) - size, width);
  // With a 16-bit stack, the upper bits of the old RSP go into RBP too.
  const frame = width == 2 ? (getReg64(RSP) & 0xffff0000) | sp : sp;
  let lin = stackAddress(sp, size, true);
  if (fault) return;
  probeWrite(lin, size);
  // Everything is probed first: the end of the frame, then each display entry.
  const total = size * (level + 1);
  const last = cutPointer(getReg64(RSP) - total - bytes, width);
  probeWrite(stackAddress(last, size, true), size);
  if (fault) return;
  let source = getReg64(RBP);
  for (let i: u32 = 1; i < level; i++) {
    source = cutPointer(source - size, width);
    readSized(stackAddress(source, size, false), size);
    probeWrite(stackAddress(cutPointer(sp - <u64>(i * size), width), size, true), size);
    if (fault) return;
  }
  writeSized(lin, size, getReg64(RBP));
  if (level) {
    source = getReg64(RBP);
    for (let i: u32 = 1; i < level; i++) {
      source = cutPointer(source - size, width);
      sp = cutPointer(sp - size, width);
      const value = readSized(stackAddress(source, size, false), size);
      lin = stackAddress(sp, size, true);
      writeSized(lin, size, value);
    }
    sp = cutPointer(sp - size, width);
    lin = stackAddress(sp, size, true);
    writeSized(lin, size, frame);
  }
  if (fault) return;
  writeRegister(RBP, 0, size, frame);
  setPointer(RSP, cutPointer(sp - bytes, width), width);
}

function pushAll(size: u32): void {
  const width = stackPointerSize();
  const before = getReg64(RSP);
  for (let pass = 0; pass < 2; pass++) {
    for (let i: u32 = 0; i < 8; i++) {
      const lin = stackAddress(cutPointer(before - (<u64>i + 1) * size, width), size, true);
      if (fault) return;
      if (pass == 0) probeWrite(lin, size);
      else writeSized(lin, size, i == RSP ? before : readRegister(i, 0, size));
      if (fault) return;
    }
  }
  setPointer(RSP, cutPointer(before - 8 * <u64>size, width), width);
}

function popAll(size: u32): void {
  for (let i: u32 = 0; i < 8; i++) {
    peekStack(size, i * size);
    if (fault) return;
  }
  for (let i: u32 = 0; i < 8; i++) if (i != 3) writeRegister(7 - i, 0, size, peekStack(size, i * size));
  dropStack(8 * size);
}
