/**
 * The instructions that the dispatch loop executes itself: they get a handler of their own in place of the family's, where operand size and operands
 * allow it. OP_DST and OP_SRC are only for these forms.
 */
import * as H from "../handlers";
import * as I from "../ids";
import {
  OPF_SIMPLE,
  OPF_WHOLE,
  OP_DST,
  OP_FLAGS,
  OP_FORM,
  OP_REG,
  OP_REG8,
  OP_RM,
  OP_RM8,
  OP_SRC,
  PREFIX_LOCK,
} from "../op";
import { allowLock, op, operandSize, prefix, setOperandSize } from "./decode";
import { id, isMemory } from "./family";

/** What OP_FLAGS must say for the loop's own memory forms. */
const HOT: u32 = OPF_SIMPLE | OPF_WHOLE;

const FORM_RR: u32 = 0;
const FORM_RI: u32 = 1;
const FORM_RM: u32 = 2;
const FORM_MR: u32 = 3;
const FORM_MI: u32 = 4;

/** Returns whether the loop's own form may be used: no LOCK, and an address that needs no checks and is as long as a linear one. */
export function plain(): bool {
  return !(prefix & PREFIX_LOCK) && (!isMemory() || (load<u8>(op, OP_FLAGS) & HOT) == HOT);
}

/** Returns whether the loop's own form of LEA may be used, which has no segment. */
export function wholeOffset(): bool {
  return !(prefix & PREFIX_LOCK) && (load<u8>(op, OP_FLAGS) & OPF_WHOLE) != 0;
}

export function setPair(destination: u32, source: u32): void {
  store<u8>(op, <u8>destination, OP_DST);
  store<u8>(op, <u8>source, OP_SRC);
}

export function reg(): u32 {
  return (<u32>load<u8>(op, OP_REG)) << 3;
}

export function rm(): u32 {
  return (<u32>load<u8>(op, OP_RM)) << 3;
}

/** Returns the index of an ALU instruction among the loop's own, or -1. */
function hotIndex(aluId: u32): i32 {
  switch (aluId) {
    case I.ID_ADD:
      return 0;
    case I.ID_OR:
      return 1;
    case I.ID_AND:
      return 2;
    case I.ID_SUB:
      return 3;
    case I.ID_XOR:
      return 4;
    case I.ID_CMP:
      return 5;
    case I.ID_TEST:
      return 6;
    default:
      return -1;
  }
}

/** Returns the handler of a two-operand arithmetic instruction whose operands and `size` (1, or operandSize) are decoded. */
export function twoOperands(aluId: u32, form: u32, size: u32): u32 {
  id(aluId);
  store<u8>(op, <u8>form, OP_FORM);
  setOperandSize(size);
  if (form != I.FORM_REG_RM && aluId != I.ID_CMP && aluId != I.ID_TEST) allowLock();
  const index = hotIndex(aluId);
  if (index < 0 || !plain()) return H.H_ALU;
  if (size == 1) return byteForm(aluId, form);
  if (size == 2) return wordForm(aluId, form);
  let shape = FORM_RI;
  if (form == I.FORM_RM_IMM) {
    shape = isMemory() ? FORM_MI : FORM_RI;
    setPair(rm(), 0);
  } else if (form == I.FORM_RM_REG) {
    shape = isMemory() ? FORM_MR : FORM_RR;
    setPair(rm(), reg());
  } else {
    shape = isMemory() ? FORM_RM : FORM_RR;
    setPair(reg(), rm());
  }
  return H.H_HOT + (<u32>index * 5 + shape) * 2 + (size == 8 ? 1 : 0);
}

function wordForm(aluId: u32, form: u32): u32 {
  if (aluId != I.ID_CMP || form != I.FORM_RM_IMM) return H.H_ALU;
  setPair(rm(), 0);
  return isMemory() ? H.H_CMP_MI16 : H.H_CMP_RI16;
}

function byteForm(aluId: u32, form: u32): u32 {
  const memory = isMemory();
  if (form == I.FORM_REG_RM) setPair(load<u8>(op, OP_REG8), load<u8>(op, OP_RM8));
  else setPair(load<u8>(op, OP_RM8), load<u8>(op, OP_REG8));
  if (aluId == I.ID_CMP) {
    if (form == I.FORM_RM_IMM) return memory ? H.H_CMP_MI8 : H.H_CMP_RI8;
    if (!memory) return H.H_CMP_RR8;
    if (form == I.FORM_REG_RM) return H.H_CMP_RM8;
  } else if (aluId == I.ID_TEST) {
    if (form == I.FORM_RM_IMM) return memory ? H.H_TEST_MI8 : H.H_TEST_RI8;
    if (!memory) return H.H_TEST_RR8;
  }
  return H.H_ALU;
}

/** Returns the loop's 32-bit form `handler32`, or its 64-bit form (+1), if operand size and operands allow it. */
export function hotSized(handler32: u32, otherwise: u32): u32 {
  return plain() && operandSize >= 4 ? handler32 + (operandSize == 8 ? 1 : 0) : otherwise;
}

/** For a register destination with r/m as source: `handler32` has a register source, `memory32` a memory source. */
export function hotLoad(handler32: u32, memory32: u32, otherwise: u32): u32 {
  setPair(reg(), rm());
  return hotSized(isMemory() ? memory32 : handler32, otherwise);
}

/** Returns the family's handler that does the same as one of the loop's own memory forms. */
export function genericHandler(handler: u32): u32 {
  if (handler < <u32>H.H_HOT || handler >= <u32>H.H_AVX) return handler;
  if (
    handler < <u32>H.H_MOV_RR32 ||
    (handler >= <u32>H.H_CMP_RI8 && handler <= <u32>H.H_TEST_MI8) ||
    handler >= <u32>H.H_CMP_RI16
  )
    return H.H_ALU;
  if (handler == H.H_PUSH_M) return H.H_STACK;
  if (handler == H.H_CALL_M || handler == H.H_JMP_M) return H.H_CONTROL;
  return H.H_DATA;
}
