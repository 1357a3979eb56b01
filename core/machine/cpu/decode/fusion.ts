/**
 * Instructions in a row that the dispatch loop executes as one. Only the first op's handler changes (and, of a comparison, OP_CONDITION, which its
 * own forms do not use): all ops stay in their places, so that instructions are counted by ops, and what faults is named by its own op.
 */
import * as H from "../handlers";
import { BELOW, LESS, NEGATIVE, NOT, ZERO } from "../hot/branch";
import { OP_CONDITION, OP_HANDLER, OP_SIZE } from "../op";

/** Fuses what it can of the ops from `first` up to `end`. */
export function fuse(first: usize, end: usize): void {
  if (first + OP_SIZE >= end) return;
  fuseBranch(end - 2 * OP_SIZE);
  let op = first;
  while (op + OP_SIZE < end) {
    const both = pairOf(load<u16>(op, OP_HANDLER), load<u16>(op + OP_SIZE, OP_HANDLER));
    if (both) {
      store<u16>(op, <u16>both, OP_HANDLER);
      op += OP_SIZE;
    }
    op += OP_SIZE;
  }
}

function fuseBranch(op: usize): void {
  const jump: i32 = load<u16>(op + OP_SIZE, OP_HANDLER);
  if (jump < H.H_JO || jump > H.H_JG) return;
  const both = withBranch(load<u16>(op, OP_HANDLER));
  const condition = decision(jump);
  if (!both || !condition) return;
  store<u16>(op, <u16>both, OP_HANDLER);
  store<u8>(op, <u8>condition, OP_CONDITION);
}

/** Returns the handler of a comparison and a branch, 0 if there is none. */
function withBranch(handler: i32): u32 {
  if (handler >= H.H_CMP_RR32 && handler <= H.H_TEST_MI64) return handler + (H.H_CMP_RR32_J - H.H_CMP_RR32);
  if (handler >= H.H_CMP_RI8 && handler <= H.H_TEST_MI8) return handler + (H.H_CMP_RI8_J - H.H_CMP_RI8);
  if (handler == H.H_CMP_RI16 || handler == H.H_CMP_MI16) return handler + (H.H_CMP_RI16_J - H.H_CMP_RI16);
  return 0;
}

/** Returns OP_CONDITION for a Jcc; 0 if it looks at other flags. */
function decision(jump: i32): u32 {
  switch (jump) {
    case H.H_JB:
      return BELOW;
    case H.H_JAE:
      return BELOW | NOT;
    case H.H_JZ:
      return ZERO;
    case H.H_JNZ:
      return ZERO | NOT;
    case H.H_JBE:
      return BELOW | ZERO;
    case H.H_JA:
      return BELOW | ZERO | NOT;
    case H.H_JS:
      return NEGATIVE;
    case H.H_JNS:
      return NEGATIVE | NOT;
    case H.H_JL:
      return LESS;
    case H.H_JGE:
      return LESS | NOT;
    case H.H_JLE:
      return LESS | ZERO;
    case H.H_JG:
      return LESS | ZERO | NOT;
    default:
      return 0;
  }
}

/** Returns the handler of two instructions in a row, 0 if there is none. */
function pairOf(first: i32, second: i32): u32 {
  switch (first) {
    case H.H_POP_R:
      if (second == H.H_POP_R) return H.H_POP_R_POP_R;
      if (second == H.H_RET) return H.H_POP_R_RET;
      return 0;
    case H.H_PUSH_R:
      if (second == H.H_PUSH_R) return H.H_PUSH_R_PUSH_R;
      if (second == H.H_MOV_RR64) return H.H_PUSH_R_MOV_RR64;
      if (second == H.H_SUB_RI64) return H.H_PUSH_R_SUB_RI64;
      return 0;
    case H.H_MOV_RR64:
      if (second == H.H_PUSH_R) return H.H_MOV_RR64_PUSH_R;
      if (second == H.H_MOV_RR64) return H.H_MOV_RR64_MOV_RR64;
      if (second == H.H_MOV_RM64) return H.H_MOV_RR64_MOV_RM64;
      if (second == H.H_CALL) return H.H_MOV_RR64_CALL;
      if (second == H.H_TEST_RR64_J) return H.H_MOV_RR64_TEST_RR64_J;
      return 0;
    case H.H_MOV_RM64:
      if (second == H.H_MOV_RM64) return H.H_MOV_RM64_MOV_RM64;
      if (second == H.H_MOV_RR64) return H.H_MOV_RM64_MOV_RR64;
      if (second == H.H_MOV_MR64) return H.H_MOV_RM64_MOV_MR64;
      if (second == H.H_CALL) return H.H_MOV_RM64_CALL;
      if (second == H.H_TEST_RR64_J) return H.H_MOV_RM64_TEST_RR64_J;
      if (second == H.H_ADD_RI64) return H.H_MOV_RM64_ADD_RI64;
      return 0;
    case H.H_MOV_RM32:
      if (second == H.H_MOV_RM32) return H.H_MOV_RM32_MOV_RM32;
      if (second == H.H_TEST_RR32_J) return H.H_MOV_RM32_TEST_RR32_J;
      return 0;
    case H.H_MOVZX8_RM32:
      if (second == H.H_TEST_RR8_J) return H.H_MOVZX8_RM32_TEST_RR8_J;
      return 0;
    case H.H_MOV_RI32:
      if (second == H.H_MOV_RR64) return H.H_MOV_RI32_MOV_RR64;
      if (second == H.H_MOV_RI32) return H.H_MOV_RI32_MOV_RI32;
      if (second == H.H_CALL) return H.H_MOV_RI32_CALL;
      return 0;
    case H.H_MOV_MR64:
      if (second == H.H_MOV_MR64) return H.H_MOV_MR64_MOV_MR64;
      if (second == H.H_MOV_RM64) return H.H_MOV_MR64_MOV_RM64;
      if (second == H.H_CALL) return H.H_MOV_MR64_CALL;
      return 0;
    case H.H_XOR_RR32:
      if (second == H.H_MOV_RR64) return H.H_XOR_RR32_MOV_RR64;
      return 0;
    case H.H_LEA64:
      if (second == H.H_CALL) return H.H_LEA64_CALL;
      if (second == H.H_MOV_RR64) return H.H_LEA64_MOV_RR64;
      return 0;
    case H.H_ADD_RI64:
      if (second == H.H_POP_R) return H.H_ADD_RI64_POP_R;
      if (second == H.H_RET) return H.H_ADD_RI64_RET;
      return 0;
    default:
      return 0;
  }
}
