/** Control transfers: near ones and software interrupts are here, others in their own files. Each puts the next RIP into CPU_RIP. */
import { OP_ADDRSIZE, OP_CONDITION, OP_ID, OP_IMM, OP_OPSIZE } from "./op";
import * as I from "./ids";
import { effectiveAddress, getReg64, readSized } from "./access";
import { EXIT_EXCEPTION, EXIT_HALT, EXIT_SOFTWARE_INTERRUPT } from "./exits";
import { softwareInterrupt } from "./exceptions";
import { farReturn, farTransfer } from "./far";
import { systemCall, systemEnter, systemExit, systemReturn } from "./fast_calls";
import { OF, ZF, condition, getFlags } from "./flags";
import { interruptReturn } from "./iret";
import {
  VECTOR_BP,
  VECTOR_BR,
  VECTOR_DB,
  VECTOR_GP,
  VECTOR_OF,
  cpu,
  fault,
  raise,
  refuse,
  requestExit,
} from "./machine";
import { getReg, getRm, inLongMode, nextRip, signExtend } from "./operands";
import { isCanonical } from "./paging/format";
import { inVirtual8086 } from "./protection";
import { segmentSlot } from "./segment";
import { cutPointer, dropStack, peekStack, push, setPointer } from "./stack";
import { CPU_CODE_BASE, CPU_CPL, CPU_DEPRIVILEGED, CPU_RIP, CS, SEG_LIMIT } from "./state";
import { interruptVirtual8086 } from "./virtual_interrupts";

export function controlExecute(op: usize): void {
  const size = <u32>load<u8>(op, OP_OPSIZE);
  switch (<u32>load<u16>(op, OP_ID)) {
    case I.ID_JCC:
      if (condition(load<u8>(op, OP_CONDITION))) jumpTo(relativeTarget(op), size);
      break;
    case I.ID_JMP_REL:
      jumpTo(relativeTarget(op), size);
      break;
    case I.ID_JMP_RM: {
      const target = getRm(op, size);
      if (!fault) jumpTo(target, size);
      break;
    }
    case I.ID_CALL_REL:
      callTo(op, relativeTarget(op), size);
      break;
    case I.ID_CALL_RM: {
      const target = getRm(op, size);
      if (!fault) callTo(op, target, size);
      break;
    }
    case I.ID_RET: {
      const target = peekStack(size, 0);
      if (fault) return;
      jumpTo(target, size);
      if (!fault) dropStack(size + <u32>load<u64>(op, OP_IMM));
      break;
    }
    case I.ID_LOOPNE:
    case I.ID_LOOPE:
    case I.ID_LOOP: {
      const width = <u32>load<u8>(op, OP_ADDRSIZE);
      const count = cutPointer(getReg64(1) - 1, width);
      const id = load<u16>(op, OP_ID);
      let taken = count != 0;
      if (id != I.ID_LOOP) taken = taken && ((getFlags() & ZF) != 0) == (id == I.ID_LOOPE);
      if (taken) jumpTo(relativeTarget(op), size);
      if (!fault) setPointer(1, count, width);
      break;
    }
    case I.ID_JCXZ:
      if (!cutPointer(getReg64(1), load<u8>(op, OP_ADDRSIZE))) jumpTo(relativeTarget(op), size);
      break;
    case I.ID_INT3:
      softwareTrap(op, VECTOR_BP);
      break;
    case I.ID_INT1:
      softwareTrap(op, VECTOR_DB);
      break;
    case I.ID_INTO:
      if (getFlags() & OF) softwareTrap(op, VECTOR_OF);
      break;
    case I.ID_INT:
      if (load<u32>(cpu, CPU_DEPRIVILEGED)) requestExit(EXIT_SOFTWARE_INTERRUPT, load<u8>(op, OP_IMM));
      else if (!inVirtual8086() || !interruptVirtual8086(load<u8>(op, OP_IMM), nextRip(op)))
        enterBySoftware(op, load<u8>(op, OP_IMM));
      break;
    case I.ID_BOUND: {
      const lin = effectiveAddress(op);
      const low = <i64>signExtend(readSized(lin, size), size);
      if (fault) break;
      const index = <i64>signExtend(getReg(op, size), size);
      // Intel's processors read the upper bound only if the lower one holds.
      const isWithin = index >= low && index <= <i64>signExtend(readSized(lin + size, size), size);
      if (!fault && !isWithin) raise(VECTOR_BR);
      break;
    }
    case I.ID_SYSCALL:
      systemCall(op);
      break;
    case I.ID_SYSRET:
      systemReturn(op);
      break;
    case I.ID_SYSENTER:
      systemEnter();
      break;
    case I.ID_SYSEXIT:
      systemExit(op);
      break;
    case I.ID_HLT:
      if (load<u32>(cpu, CPU_DEPRIVILEGED) || load<u32>(cpu, CPU_CPL)) refuse();
      else requestExit(EXIT_HALT);
      break;
    case I.ID_IRET:
      interruptReturn(size);
      break;
    case I.ID_RETF:
      farReturn(op, size);
      break;
    default:
      farTransfer(op, size);
      break;
  }
}

function relativeTarget(op: usize): u64 {
  return load<u64>(cpu, CPU_CODE_BASE) + load<u64>(op, OP_IMM);
}

/** Jumps near. Raises #GP(0) if the target can't be fetched, with nothing changed. */
function jumpTo(target: u64, size: u32): void {
  if (inLongMode()) {
    if (!isCanonical(target)) raise(VECTOR_GP);
    else store<u64>(cpu, target, CPU_RIP);
    return;
  }
  const cut = cutPointer(target, size == 8 ? 4 : size);
  if (cut > load<u32>(segmentSlot(CS), SEG_LIMIT)) raise(VECTOR_GP);
  else store<u64>(cpu, cut, CPU_RIP);
}

function callTo(op: usize, target: u64, size: u32): void {
  const back = nextRip(op);
  jumpTo(target, size);
  if (!fault) push(size, back);
}

/** INT3, INT1, INTO: exceptions reported after the instruction. */
function softwareTrap(op: usize, vector: u32): void {
  if (load<u32>(cpu, CPU_DEPRIVILEGED)) requestExit(EXIT_EXCEPTION, vector);
  else enterBySoftware(op, vector);
}
function enterBySoftware(op: usize, vector: u32): void {
  softwareInterrupt(vector, nextRip(op));
}
