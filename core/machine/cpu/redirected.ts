/**
 * For a hypervisor that carries out a guest's store in the guest's place: executes the instruction that has just faulted once more, with its operand
 * in memory redirected (overrideWrites). Nothing is fetched or decoded again.
 */
import { aluExecute } from "./alu";
import { bitsExecute } from "./bits";
import { dataExecute } from "./data";
import { genericHandler } from "./decode/hot_forms";
import { H_ALU, H_BITS, H_DATA } from "./handlers";
import * as I from "./ids";
import { OPF_SIMPLE, OP_FLAGS, OP_FORM, OP_HANDLER, OP_ID, OP_OPSIZE } from "./op";
import { isMemory } from "./operands";

/**
 * Returns the size in bytes of the operand in memory that the instruction of `op` writes, if it accesses nothing else in memory and computes its
 * address without checks; otherwise 0.
 */
export function soleOperandSize(op: usize): u32 {
  if (!isMemory(op) || !(load<u8>(op, OP_FLAGS) & OPF_SIMPLE)) return 0;
  return writesOperand(op, genericHandler(load<u16>(op, OP_HANDLER))) ? <u32>load<u8>(op, OP_OPSIZE) : 0;
}

function writesOperand(op: usize, handler: u32): bool {
  const id = <u32>load<u16>(op, OP_ID);
  const form = <u32>load<u8>(op, OP_FORM);
  if (handler == H_DATA) return id == I.ID_XCHG || (id == I.ID_MOV && form != I.FORM_REG_RM);
  // An offset in a register reaches beyond the operand.
  if (handler == H_BITS) return id >= <u32>I.ID_BTS && id <= <u32>I.ID_BTC && form == I.FORM_RM_IMM;
  if (handler != H_ALU) return false;
  if (id <= <u32>I.ID_XOR) return form != I.FORM_REG_RM;
  return id == I.ID_NOT || id == I.ID_NEG || id == I.ID_INC || id == I.ID_DEC || id == I.ID_XADD || id == I.ID_CMPXCHG;
}

/** Executes the instruction, for which soleOperandSize() is not 0, but for moving RIP. The caller looks at `fault`. */
export function executeRedirected(op: usize): void {
  const handler = genericHandler(load<u16>(op, OP_HANDLER));
  if (handler == H_ALU) aluExecute(op);
  else if (handler == H_BITS) bitsExecute(op);
  else dataExecute(op);
}
