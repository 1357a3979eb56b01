/** The opcode groups, in which ModRM.reg chooses the instruction. Intel's manual volume 2, appendix A.4. */
import * as H from "../handlers";
import * as I from "../ids";
import { MODE_64 } from "../mode_bits";
import { OP_FORM, OP_IMM, OP_MODRM, PREFIX_66, PREFIX_REP, PREFIX_REPNE } from "../op";
import {
  allowLock,
  endsBlock,
  immediate8,
  immediateZ,
  mode,
  op,
  opcode,
  operandSize,
  prefix,
  setOperandSize,
  takeModrm,
} from "./decode";
import { branchSize, control, digit, id, isMemory, stack, stackSize, system, vector } from "./family";
import { hotSized, plain, rm, setPair, twoOperands } from "./hot_forms";

/** Shifts and rotates. The opcode has determined the operand size and where the count is. */
export function group2(size: u32, form: u32): u32 {
  setOperandSize(size);
  const which = digit();
  id(which);
  store<u8>(op, <u8>form, OP_FORM);
  if (form == I.FORM_RM_IMM) {
    const count = (<u32>load<u8>(op, OP_IMM)) & (size == 8 ? 63 : 31);
    store<u64>(op, count, OP_IMM);
    if (count && !isMemory() && size >= 4 && which >= <u32>I.ID_SHL) {
      setPair(rm(), 0);
      if (which == I.ID_SHL || which == I.ID_SAL) return hotSized(H.H_SHL_RI32, H.H_SHIFT);
      if (which == I.ID_SHR) return hotSized(H.H_SHR_RI32, H.H_SHIFT);
      return hotSized(H.H_SAR_RI32, H.H_SHIFT);
    }
  }
  return H.H_SHIFT;
}

export function group3(): u32 {
  takeModrm();
  const wide = (opcode & 1) != 0;
  if (!wide) setOperandSize(1);
  switch (digit()) {
    case 0:
    case 1:
      if (wide) immediateZ();
      else immediate8();
      return twoOperands(I.ID_TEST, I.FORM_RM_IMM, operandSize);
    case 2:
      allowLock();
      id(I.ID_NOT);
      setPair(rm(), 0);
      return isMemory() ? H.H_ALU : hotSized(H.H_NOT_R32, H.H_ALU);
    case 3:
      allowLock();
      id(I.ID_NEG);
      setPair(rm(), 0);
      return isMemory() ? H.H_ALU : hotSized(H.H_NEG_R32, H.H_ALU);
    case 4:
      id(I.ID_MUL);
      return H.H_ALU;
    case 5:
      id(I.ID_IMUL1);
      return H.H_ALU;
    case 6:
      id(I.ID_DIV);
      return H.H_ALU;
    default:
      id(I.ID_IDIV);
      return H.H_ALU;
  }
}

export function group5(): u32 {
  takeModrm();
  const long = (mode & MODE_64) != 0;
  setPair(rm(), rm());
  switch (digit()) {
    case 0:
    case 1:
      allowLock();
      id(digit() ? I.ID_DEC : I.ID_INC);
      if (isMemory()) return H.H_ALU;
      return hotSized(digit() ? H.H_DEC_R32 : H.H_INC_R32, H.H_ALU);
    case 2:
      branchSize();
      control(I.ID_CALL_RM);
      if (!long || !plain()) return H.H_CONTROL;
      return isMemory() ? H.H_CALL_M : H.H_CALL_R;
    case 3:
      return isMemory() ? control(I.ID_CALLF_RM) : H.H_UD;
    case 4:
      branchSize();
      control(I.ID_JMP_RM);
      if (!long || !plain()) return H.H_CONTROL;
      return isMemory() ? H.H_JMP_M : H.H_JMP_R;
    case 5:
      return isMemory() ? control(I.ID_JMPF_RM) : H.H_UD;
    case 6:
      stackSize();
      stack(I.ID_PUSH_RM);
      return long && operandSize == 8 && isMemory() && plain() ? H.H_PUSH_M : H.H_STACK;
    default:
      return H.H_UD;
  }
}

export function group7(): u32 {
  takeModrm();
  if (isMemory()) {
    switch (digit()) {
      case 0:
        return system(I.ID_SGDT);
      case 1:
        return system(I.ID_SIDT);
      case 2:
        return system(I.ID_LGDT);
      case 3:
        return system(I.ID_LIDT);
      case 4:
        setOperandSize(2);
        return system(I.ID_SMSW);
      case 6:
        setOperandSize(2);
        return system(I.ID_LMSW);
      case 7:
        return system(I.ID_INVLPG);
      default:
        return H.H_UD;
    }
  }
  switch (<u32>load<u8>(op, OP_MODRM)) {
    case 0xc1:
    case 0xd9:
      return system(I.ID_VMCALL);
    case 0xc2:
    case 0xc3:
    case 0xc4:
      return system(I.ID_VMX);
    case 0xc8:
      return system(I.ID_MONITOR);
    case 0xc9:
      return system(I.ID_MWAIT);
    case 0xca:
      return system(I.ID_CLAC);
    case 0xcb:
      return system(I.ID_STAC);
    case 0xd0:
      return system(I.ID_XGETBV);
    case 0xd1:
      return system(I.ID_XSETBV);
    case 0xf8:
      return mode & MODE_64 ? system(I.ID_SWAPGS) : H.H_UD;
    case 0xf9:
      return system(I.ID_RDTSCP);
    default:
      break;
  }
  if (digit() == 4) return system(I.ID_SMSW);
  if (digit() == 6) return system(I.ID_LMSW);
  return H.H_UD;
}

export function group9(): u32 {
  takeModrm();
  if (digit() == 1 && isMemory()) {
    allowLock();
    id(I.ID_CMPXCHG8B);
    return H.H_ALU;
  }
  if (!isMemory()) {
    if (digit() == 6) return prefix & (PREFIX_REP | PREFIX_REPNE) ? H.H_UD : system(I.ID_RDRAND);
    if (digit() == 7) {
      if (prefix & PREFIX_REP) return system(I.ID_RDPID);
      return prefix & PREFIX_REPNE ? H.H_UD : system(I.ID_RDSEED);
    }
  }
  // XSAVEC; XSAVES and VMX instructions are not there.
  return vector(1);
}

export function group15(): u32 {
  takeModrm();
  if (!isMemory()) {
    if (prefix & PREFIX_REP && digit() < 4) {
      if (!(mode & MODE_64)) return H.H_UD;
      return system(I.ID_RDFSBASE + digit());
    }
    if (digit() >= 5 && !(prefix & (PREFIX_66 | PREFIX_REP | PREFIX_REPNE))) {
      if (digit() == 6) return system(I.ID_MFENCE);
      // LFENCE, SFENCE: loads are in order anyway, and so are stores.
      id(I.ID_NOP);
      return H.H_NOP;
    }
  } else if (digit() == 7) {
    if (prefix & (PREFIX_REP | PREFIX_REPNE)) return H.H_UD;
    // CLFLUSH, CLFLUSHOPT: translate the byte's address for reading; there is no cache to flush.
    id(I.ID_CLFLUSH);
    endsBlock();
    return H.H_SYSTEM;
  }
  return vector(1);
}
