/**
 * The one-byte opcode map: identifies the instruction, its operands and its handler. Intel's manual volume 2, appendix A. As in all map files, the
 * variables of decode.ts are set, with prefixes consumed and the opcode in `opcode`; the handler is returned.
 */
import * as H from "../handlers";
import * as I from "../ids";
import { MODE_64, MODE_UNLIMITED } from "../mode_bits";
import { OP_FORM, OP_IMM, OP_REG, OP_REG8, OP_RM, OP_RM8 } from "../op";
import { CS, DS, ES, GS } from "../state";
import { x87Identify } from "../x87/x87";
import {
  allowLock,
  endsBlock,
  immediate16u,
  immediate8,
  immediate8u,
  immediateEnter,
  immediateFar,
  immediateIsRelative,
  immediateOffset,
  immediateV,
  immediateZ,
  mode,
  op,
  opcode,
  operandSize,
  publishFields,
  registerInOpcode,
  setOperandSize,
  takeModrm,
} from "./decode";
import {
  branchSize,
  conditionalJump,
  control,
  data,
  digit,
  id,
  isMemory,
  loadFarPointer,
  popSegment,
  stack,
  stackSize,
  string,
  system,
} from "./family";
import { group2, group3, group5 } from "./groups";
import { hotLoad, hotSized, plain, reg, rm, setPair, twoOperands, wholeOffset } from "./hot_forms";

export function decodeMap0(): u32 {
  const long = (mode & MODE_64) != 0;
  if (opcode < 0x40) {
    const low = opcode & 7;
    if (low < 6) {
      const wide = (low & 1) != 0;
      if (low < 4) {
        takeModrm();
        return twoOperands(opcode >> 3, low < 2 ? I.FORM_RM_REG : I.FORM_REG_RM, wide ? operandSize : 1);
      }
      accumulator();
      if (wide) immediateZ();
      else immediate8();
      return twoOperands(opcode >> 3, I.FORM_RM_IMM, wide ? operandSize : 1);
    }
    if (long) return H.H_UD;
    switch (opcode) {
      case 0x06:
      case 0x0e:
      case 0x16:
      case 0x1e:
        store<u8>(op, <u8>(opcode >> 3), OP_REG);
        return stack(I.ID_PUSH_SEG);
      case 0x07:
      case 0x17:
      case 0x1f:
        return popSegment(opcode >> 3);
      case 0x27:
        return data(I.ID_DAA);
      case 0x2f:
        return data(I.ID_DAS);
      case 0x37:
        return data(I.ID_AAA);
      default:
        return data(I.ID_AAS);
    }
  }
  switch (opcode >> 3) {
    case 0x40 >> 3:
    case 0x48 >> 3:
      // In 64-bit mode these are REX prefixes, so only the old forms get here.
      registerInOpcode();
      setPair(rm(), 0);
      id(opcode < 0x48 ? I.ID_INC : I.ID_DEC);
      return hotSized(opcode < 0x48 ? H.H_INC_R32 : H.H_DEC_R32, H.H_ALU);
    case 0x50 >> 3:
      registerInOpcode();
      stackSize();
      setPair(rm(), rm());
      id(I.ID_PUSH_REG);
      return long && operandSize == 8 ? H.H_PUSH_R : H.H_STACK;
    case 0x58 >> 3:
      registerInOpcode();
      stackSize();
      setPair(rm(), rm());
      id(I.ID_POP_REG);
      return long && operandSize == 8 ? H.H_POP_R : H.H_STACK;
    case 0x70 >> 3:
    case 0x78 >> 3:
      immediate8();
      return conditionalJump();
    case 0xb0 >> 3:
      registerInOpcode();
      immediate8();
      setOperandSize(1);
      store<u8>(op, I.FORM_RM_IMM, OP_FORM);
      return data(I.ID_MOV);
    case 0xb8 >> 3:
      registerInOpcode();
      immediateV();
      store<u8>(op, I.FORM_RM_IMM, OP_FORM);
      setPair(rm(), 0);
      id(I.ID_MOV);
      return hotSized(H.H_MOV_RI32, H.H_DATA);
    case 0x90 >> 3:
      registerInOpcode();
      if (!load<u8>(op, OP_RM)) {
        // NOP, or PAUSE with F3.
        id(I.ID_NOP);
        return H.H_NOP;
      }
      return data(I.ID_XCHG);
    case 0xd8 >> 3: {
      takeModrm();
      publishFields(0);
      const found = x87Identify(op);
      id(found);
      return found ? H.H_X87 : H.H_UD;
    }
    default:
      break;
  }
  switch (opcode) {
    case 0x60:
    case 0x61:
      return long ? H.H_UD : stack(opcode == 0x60 ? I.ID_PUSHA : I.ID_POPA);
    case 0x62:
      if (long) return H.H_UD;
      takeModrm();
      return isMemory() ? control(I.ID_BOUND) : H.H_UD;
    case 0x63:
      takeModrm();
      if (!long) {
        setOperandSize(2);
        id(I.ID_ARPL);
        return H.H_SEGMENT;
      }
      id(I.ID_MOVSXD);
      setPair(reg(), rm());
      if (operandSize == 8 && plain()) return isMemory() ? H.H_MOVSXD_RM : H.H_MOVSXD_RR;
      return H.H_DATA;
    case 0x68:
      stackSize();
      immediateZ();
      return pushImmediate();
    case 0x6a:
      stackSize();
      immediate8();
      return pushImmediate();
    case 0x69:
      takeModrm();
      immediateZ();
      id(I.ID_IMUL3);
      return H.H_ALU;
    case 0x6b:
      takeModrm();
      immediate8();
      id(I.ID_IMUL3);
      return H.H_ALU;
    case 0x6c:
    case 0x6d:
    case 0x6e:
    case 0x6f:
      if (!(opcode & 1)) setOperandSize(1);
      else if (operandSize == 8) setOperandSize(4);
      return string(opcode < 0x6e ? I.ID_INS : I.ID_OUTS);
    case 0x80:
    case 0x82:
      if (opcode == 0x82 && long) return H.H_UD;
      takeModrm();
      immediate8();
      return twoOperands(digit(), I.FORM_RM_IMM, 1);
    case 0x81:
      takeModrm();
      immediateZ();
      return twoOperands(digit(), I.FORM_RM_IMM, operandSize);
    case 0x83:
      takeModrm();
      immediate8();
      return twoOperands(digit(), I.FORM_RM_IMM, operandSize);
    case 0x84:
    case 0x85:
      takeModrm();
      return twoOperands(I.ID_TEST, I.FORM_RM_REG, opcode & 1 ? operandSize : 1);
    case 0x86:
    case 0x87:
      takeModrm();
      if (opcode == 0x86) setOperandSize(1);
      allowLock();
      return data(I.ID_XCHG);
    case 0x88:
      takeModrm();
      setOperandSize(1);
      store<u8>(op, I.FORM_RM_REG, OP_FORM);
      setPair(load<u8>(op, OP_RM8), load<u8>(op, OP_REG8));
      id(I.ID_MOV);
      return !plain() ? H.H_DATA : isMemory() ? H.H_MOV_MR8 : H.H_MOV_RR8;
    case 0x89:
      takeModrm();
      store<u8>(op, I.FORM_RM_REG, OP_FORM);
      setPair(rm(), reg());
      id(I.ID_MOV);
      if (operandSize == 2 && isMemory() && plain()) return H.H_MOV_MR16;
      return hotSized(isMemory() ? H.H_MOV_MR32 : H.H_MOV_RR32, H.H_DATA);
    case 0x8a:
      takeModrm();
      setOperandSize(1);
      store<u8>(op, I.FORM_REG_RM, OP_FORM);
      setPair(load<u8>(op, OP_REG8), load<u8>(op, OP_RM8));
      id(I.ID_MOV);
      return !plain() ? H.H_DATA : isMemory() ? H.H_MOV_RM8 : H.H_MOV_RR8;
    case 0x8b:
      takeModrm();
      store<u8>(op, I.FORM_REG_RM, OP_FORM);
      id(I.ID_MOV);
      return hotLoad(H.H_MOV_RR32, H.H_MOV_RM32, H.H_DATA);
    case 0x8c:
      takeModrm();
      if (digit() > <u32>GS) return H.H_UD;
      id(I.ID_MOV_FROM_SEG);
      return H.H_SEGMENT;
    case 0x8d:
      takeModrm();
      if (!isMemory()) return H.H_UD;
      id(I.ID_LEA);
      setPair(reg(), 0);
      return wholeOffset() && operandSize >= 4 ? (operandSize == 8 ? H.H_LEA64 : H.H_LEA32) : H.H_DATA;
    case 0x8e:
      takeModrm();
      if (digit() > <u32>GS || digit() == <u32>CS) return H.H_UD;
      id(I.ID_MOV_TO_SEG);
      endsBlock();
      return H.H_SEGMENT;
    case 0x8f:
      takeModrm();
      if (digit()) return H.H_UD;
      stackSize();
      return stack(I.ID_POP_RM);
    case 0x98:
      return data(I.ID_CBW);
    case 0x99:
      return data(I.ID_CWD);
    case 0x9a:
      if (long) return H.H_UD;
      immediateFar();
      return control(I.ID_CALLF_IMM);
    case 0x9b:
      return H.H_WAIT;
    case 0x9c:
      stackSize();
      return stack(I.ID_PUSHF);
    case 0x9d:
      stackSize();
      return system(I.ID_POPF);
    case 0x9e:
      return data(I.ID_SAHF);
    case 0x9f:
      return data(I.ID_LAHF);
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3:
      if (!(opcode & 1)) setOperandSize(1);
      immediateOffset();
      store<u8>(op, opcode & 2 ? I.FORM_RM_REG : I.FORM_REG_RM, OP_FORM);
      return data(I.ID_MOV_MOFFS);
    case 0xa4:
    case 0xa5:
      return stringSized(I.ID_MOVS);
    case 0xa6:
    case 0xa7:
      return stringSized(I.ID_CMPS);
    case 0xa8:
      accumulator();
      immediate8();
      return twoOperands(I.ID_TEST, I.FORM_RM_IMM, 1);
    case 0xa9:
      accumulator();
      immediateZ();
      return twoOperands(I.ID_TEST, I.FORM_RM_IMM, operandSize);
    case 0xaa:
    case 0xab:
      return stringSized(I.ID_STOS);
    case 0xac:
    case 0xad:
      return stringSized(I.ID_LODS);
    case 0xae:
    case 0xaf:
      return stringSized(I.ID_SCAS);
    case 0xc0:
    case 0xc1:
      takeModrm();
      immediate8u();
      return group2(opcode & 1 ? operandSize : 1, I.FORM_RM_IMM);
    case 0xd0:
    case 0xd1:
      takeModrm();
      store<u64>(op, 1, OP_IMM);
      return group2(opcode & 1 ? operandSize : 1, I.FORM_RM_IMM);
    case 0xd2:
    case 0xd3:
      takeModrm();
      return group2(opcode & 1 ? operandSize : 1, I.FORM_RM_REG);
    case 0xc2:
    case 0xc3:
      branchSize();
      if (opcode == 0xc2) immediate16u();
      control(I.ID_RET);
      return long && opcode == 0xc3 ? H.H_RET : H.H_CONTROL;
    case 0xc4:
    case 0xc5:
      // LES and LDS exist outside 64-bit mode and with memory; otherwise this is VEX.
      takeModrm();
      return loadFarPointer(opcode == 0xc4 ? ES : DS);
    case 0xc6:
      takeModrm();
      if (digit()) return H.H_UD;
      immediate8();
      setOperandSize(1);
      store<u8>(op, I.FORM_RM_IMM, OP_FORM);
      id(I.ID_MOV);
      return isMemory() && plain() ? H.H_MOV_MI8 : H.H_DATA;
    case 0xc7:
      takeModrm();
      if (digit()) return H.H_UD;
      immediateZ();
      store<u8>(op, I.FORM_RM_IMM, OP_FORM);
      setPair(rm(), 0);
      id(I.ID_MOV);
      return hotSized(isMemory() ? H.H_MOV_MI32 : H.H_MOV_RI32, H.H_DATA);
    case 0xc8:
      stackSize();
      immediateEnter();
      return stack(I.ID_ENTER);
    case 0xc9:
      stackSize();
      stack(I.ID_LEAVE);
      return long && operandSize == 8 ? H.H_LEAVE64 : H.H_STACK;
    case 0xca:
    case 0xcb:
      if (opcode == 0xca) immediate16u();
      return control(I.ID_RETF);
    case 0xcc:
      return control(I.ID_INT3);
    case 0xcd:
      immediate8u();
      return control(I.ID_INT);
    case 0xce:
      return long ? H.H_UD : control(I.ID_INTO);
    case 0xcf:
      return control(I.ID_IRET);
    case 0xd4:
    case 0xd5:
      if (long) return H.H_UD;
      immediate8u();
      return data(opcode == 0xd4 ? I.ID_AAM : I.ID_AAD);
    case 0xd6:
      return long ? H.H_UD : data(I.ID_SALC);
    case 0xd7:
      return data(I.ID_XLAT);
    case 0xe0:
    case 0xe1:
    case 0xe2:
    case 0xe3:
      branchSize();
      immediate8();
      immediateIsRelative();
      return control(I.ID_LOOPNE + (opcode - 0xe0));
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
      if (!(opcode & 1)) setOperandSize(1);
      else if (operandSize == 8) setOperandSize(4);
      immediate8u();
      store<u8>(op, I.FORM_RM_IMM, OP_FORM);
      return system(opcode & 2 ? I.ID_OUT : I.ID_IN);
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
      if (!(opcode & 1)) setOperandSize(1);
      else if (operandSize == 8) setOperandSize(4);
      store<u8>(op, I.FORM_RM_REG, OP_FORM);
      return system(opcode & 2 ? I.ID_OUT : I.ID_IN);
    case 0xe8:
      branchSize();
      immediateZ();
      immediateIsRelative();
      control(I.ID_CALL_REL);
      return long ? H.H_CALL : H.H_CONTROL;
    case 0xe9:
    case 0xeb:
      branchSize();
      if (opcode == 0xe9) immediateZ();
      else immediate8();
      immediateIsRelative();
      control(I.ID_JMP_REL);
      return operandSize == 2 || !(mode & MODE_UNLIMITED) ? H.H_CONTROL : H.H_JMP;
    case 0xea:
      if (long) return H.H_UD;
      immediateFar();
      return control(I.ID_JMPF_IMM);
    case 0xf1:
      return control(I.ID_INT1);
    case 0xf4:
      return control(I.ID_HLT);
    case 0xf5:
      return data(I.ID_CMC);
    case 0xf6:
    case 0xf7:
      return group3();
    case 0xf8:
      return data(I.ID_CLC);
    case 0xf9:
      return data(I.ID_STC);
    case 0xfa:
      return system(I.ID_CLI);
    case 0xfb:
      return system(I.ID_STI);
    case 0xfc:
      return data(I.ID_CLD);
    case 0xfd:
      return data(I.ID_STD);
    case 0xfe:
      takeModrm();
      if (digit() > 1) return H.H_UD;
      setOperandSize(1);
      allowLock();
      id(digit() ? I.ID_DEC : I.ID_INC);
      return H.H_ALU;
    case 0xff:
      return group5();
    default:
      return H.H_UD;
  }
}

function accumulator(): void {
  store<u8>(op, 0, OP_RM);
  store<u8>(op, 0, OP_RM8);
}

function pushImmediate(): u32 {
  id(I.ID_PUSH_IMM);
  return mode & MODE_64 && operandSize == 8 ? H.H_PUSH_I : H.H_STACK;
}

function stringSized(value: u32): u32 {
  if (!(opcode & 1)) setOperandSize(1);
  return string(value);
}
