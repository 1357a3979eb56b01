/**
 * The opcode maps: which instruction, which operands, which handler. Intel's manual volume 2, appendix A.
 * Each function sees the fields of decode.ts with prefixes taken and the opcode in `opcode`, and returns the handler.
 */
import {
  MODE_64,
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
  prefix,
  publishFields,
  registerInOpcode,
  setOperandSize,
  takeModrm,
  takeModrmRegister,
  defaultSegment,
} from "./decode";
import * as H from "./handlers";
import * as I from "./ids";
import {
  OPF_SIMPLE,
  OP_CONDITION,
  OP_DST,
  OP_FLAGS,
  OP_FORM,
  OP_ID,
  OP_IMM,
  OP_MODRM,
  OP_REG,
  OP_REG8,
  OP_RM,
  OP_RM8,
  OP_SRC,
  PREFIX_66,
  PREFIX_LOCK,
  PREFIX_MEMORY,
  PREFIX_REP,
  PREFIX_REPNE,
  PREFIX_REXW,
} from "./op";
import { CS, DS, FS, GS, SS } from "./state";
import { sseIdentify } from "./sse/sse";
import { x87Identify } from "./x87/x87";

const FORM_RR: u32 = 0;
const FORM_RI: u32 = 1;
const FORM_RM: u32 = 2;
const FORM_MR: u32 = 3;
const FORM_MI: u32 = 4;

// @ts-ignore: decorator
@inline
function id(value: u32): void {
  store<u16>(op, <u16>value, OP_ID);
}
// @ts-ignore: decorator
@inline
function isMemory(): bool {
  return (prefix & PREFIX_MEMORY) != 0;
}
// @ts-ignore: decorator
@inline
function digit(): u32 {
  return (load<u8>(op, OP_MODRM) >> 3) & 7;
}
/** The loop's own form may be used: no LOCK, an address without checks. */
function plain(): bool {
  return !(prefix & PREFIX_LOCK) && (!isMemory() || (load<u8>(op, OP_FLAGS) & OPF_SIMPLE) != 0);
}
function setPair(destination: u32, source: u32): void {
  store<u8>(op, <u8>destination, OP_DST);
  store<u8>(op, <u8>source, OP_SRC);
}
function reg(): u32 {
  return (<u32>load<u8>(op, OP_REG)) << 3;
}
function rm(): u32 {
  return (<u32>load<u8>(op, OP_RM)) << 3;
}

/** Place of an ALU instruction among the loop's own, or -1. */
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

/** Handler of a two-operand arithmetic instruction; operands and `size` (1, or operandSize) are decoded. */
function twoOperands(aluId: u32, form: u32, size: u32): u32 {
  id(aluId);
  store<u8>(op, <u8>form, OP_FORM);
  setOperandSize(size);
  if (form != I.FORM_REG_RM && aluId != I.ID_CMP && aluId != I.ID_TEST) allowLock();
  const index = hotIndex(aluId);
  if (index < 0 || !plain()) return H.H_ALU;
  if (size == 1) return byteForm(aluId, form);
  if (size == 2) return H.H_ALU;
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

/** The loop's 32- or 64-bit form `handler32` (+1 for 64) if operand size and operands allow it. */
function hotSized(handler32: u32, otherwise: u32): u32 {
  return plain() && operandSize >= 4 ? handler32 + (operandSize == 8 ? 1 : 0) : otherwise;
}
/** Register destination from r/m: `handler32` is the register source, `memory32` the memory source. */
function hotLoad(handler32: u32, memory32: u32, otherwise: u32): u32 {
  setPair(reg(), rm());
  return hotSized(isMemory() ? memory32 : handler32, otherwise);
}

/** The family's handler that does the same as one of the loop's own memory forms. */
export function genericHandler(handler: u32): u32 {
  if (handler < <u32>H.H_HOT) return handler;
  if (handler < <u32>H.H_MOV_RR32 || (handler >= <u32>H.H_CMP_RI8 && handler <= <u32>H.H_TEST_MI8)) return H.H_ALU;
  if (handler == H.H_PUSH_M) return H.H_STACK;
  if (handler == H.H_CALL_M || handler == H.H_JMP_M) return H.H_CONTROL;
  return H.H_DATA;
}

function accumulator(): void {
  store<u8>(op, 0, OP_RM);
  store<u8>(op, 0, OP_RM8);
}

function control(value: u32): u32 {
  id(value);
  endsBlock();
  return H.H_CONTROL;
}
function system(value: u32): u32 {
  id(value);
  endsBlock();
  return H.H_SYSTEM;
}
function data(value: u32): u32 {
  id(value);
  return H.H_DATA;
}
function stack(value: u32): u32 {
  id(value);
  return H.H_STACK;
}
/** Push, pop and near branches: 64 bits in 64-bit mode, or 16 with 66. */
function stackSize(): void {
  if (mode & MODE_64) setOperandSize(prefix & PREFIX_66 && !(prefix & PREFIX_REXW) ? 2 : 8);
}
function branchSize(): void {
  if (mode & MODE_64) setOperandSize(8);
}

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
      // REX in 64-bit mode, so only the old forms get here.
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
      return !(prefix & PREFIX_LOCK) && operandSize >= 4 ? (operandSize == 8 ? H.H_LEA64 : H.H_LEA32) : H.H_DATA;
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
      return shift(opcode & 1 ? operandSize : 1, I.FORM_RM_IMM);
    case 0xd0:
    case 0xd1:
      takeModrm();
      store<u64>(op, 1, OP_IMM);
      return shift(opcode & 1 ? operandSize : 1, I.FORM_RM_IMM);
    case 0xd2:
    case 0xd3:
      takeModrm();
      return shift(opcode & 1 ? operandSize : 1, I.FORM_RM_REG);
    case 0xc2:
    case 0xc3:
      branchSize();
      if (opcode == 0xc2) immediate16u();
      control(I.ID_RET);
      return long && opcode == 0xc3 ? H.H_RET : H.H_CONTROL;
    case 0xc4:
    case 0xc5:
      // LES and LDS: only outside 64-bit mode, where no program of our days has them.
      return H.H_UD;
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
      return operandSize == 2 ? H.H_CONTROL : H.H_JMP;
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

function popSegment(n: u32): u32 {
  stackSize();
  store<u8>(op, <u8>n, OP_REG);
  id(I.ID_POP_SEG);
  endsBlock();
  return H.H_SEGMENT;
}

function pushImmediate(): u32 {
  id(I.ID_PUSH_IMM);
  return mode & MODE_64 && operandSize == 8 ? H.H_PUSH_I : H.H_STACK;
}

function conditionalJump(): u32 {
  branchSize();
  immediateIsRelative();
  control(I.ID_JCC);
  store<u8>(op, <u8>(opcode & 15), OP_CONDITION);
  return operandSize == 2 ? H.H_CONTROL : H.H_JCC + (opcode & 15);
}

function string(value: u32): u32 {
  id(value);
  return H.H_STRING;
}
function stringSized(value: u32): u32 {
  if (!(opcode & 1)) setOperandSize(1);
  return string(value);
}

function shift(size: u32, form: u32): u32 {
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

function group3(): u32 {
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

function group5(): u32 {
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

/** An opcode that is not in the integer set: fields are complete, the vector family says what it is. */
function vector(map: u32): u32 {
  publishFields(map);
  const found = sseIdentify(op);
  id(found);
  return found ? H.H_SSE : H.H_UD;
}

function bits(value: u32, form: u32): u32 {
  id(value);
  store<u8>(op, <u8>form, OP_FORM);
  return H.H_BITS;
}

export function decodeMap1(): u32 {
  const long = (mode & MODE_64) != 0;
  const repeated = (prefix & PREFIX_REP) != 0;
  switch (opcode >> 4) {
    case 4:
      takeModrm();
      id(I.ID_CMOV);
      store<u8>(op, <u8>(opcode & 15), OP_CONDITION);
      return hotLoad(H.H_CMOV_RR32, H.H_CMOV_RM32, H.H_DATA);
    case 8:
      immediate32Near();
      return conditionalJump();
    case 9:
      takeModrm();
      setOperandSize(1);
      id(I.ID_SETCC);
      store<u8>(op, <u8>(opcode & 15), OP_CONDITION);
      setPair(load<u8>(op, OP_RM8), 0);
      return isMemory() ? H.H_DATA : H.H_SETCC_R8;
    default:
      break;
  }
  switch (opcode) {
    case 0x00:
      takeModrm();
      setOperandSizeForSystem();
      switch (digit()) {
        case 0:
          return system(I.ID_SLDT);
        case 1:
          return system(I.ID_STR);
        case 2:
          return system(I.ID_LLDT);
        case 3:
          return system(I.ID_LTR);
        case 4:
          return segmentCheck(I.ID_VERR);
        case 5:
          return segmentCheck(I.ID_VERW);
        default:
          return H.H_UD;
      }
    case 0x01:
      return group7();
    case 0x02:
      takeModrm();
      return segmentCheck(I.ID_LAR);
    case 0x03:
      takeModrm();
      return segmentCheck(I.ID_LSL);
    case 0x05:
      return long ? control(I.ID_SYSCALL) : control(I.ID_SYSCALL);
    case 0x06:
      return system(I.ID_CLTS);
    case 0x07:
      return long ? control(I.ID_SYSRET) : H.H_UD;
    case 0x08:
      return system(I.ID_INVD);
    case 0x09:
      return system(I.ID_WBINVD);
    case 0x0b:
      return H.H_UD;
    case 0xb9:
    case 0xff:
      // UD1 and UD0 have a ModRM byte, which is fetched.
      takeModrm();
      return H.H_UD;
    case 0x0d:
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1b:
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x1f:
      // Prefetches and hints, multi-byte NOP, ENDBR.
      takeModrm();
      id(I.ID_NOP);
      return H.H_NOP;
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
      return controlRegister();
    case 0x30:
      return system(I.ID_WRMSR);
    case 0x31:
      return system(I.ID_RDTSC);
    case 0x32:
      return system(I.ID_RDMSR);
    case 0x33:
      return system(I.ID_RDPMC);
    case 0x34:
      return control(I.ID_SYSENTER);
    case 0x35:
      return control(I.ID_SYSEXIT);
    case 0x77:
      // EMMS: no ModRM.
      return vector(1);
    case 0xa0:
    case 0xa8:
      stackSize();
      store<u8>(op, opcode == 0xa0 ? FS : GS, OP_REG);
      return stack(I.ID_PUSH_SEG);
    case 0xa1:
    case 0xa9:
      return popSegment(opcode == 0xa1 ? FS : GS);
    case 0xa2:
      return system(I.ID_CPUID);
    case 0xa3:
      takeModrm();
      return bits(I.ID_BT, I.FORM_RM_REG);
    case 0xab:
      takeModrm();
      allowLock();
      return bits(I.ID_BTS, I.FORM_RM_REG);
    case 0xb3:
      takeModrm();
      allowLock();
      return bits(I.ID_BTR, I.FORM_RM_REG);
    case 0xbb:
      takeModrm();
      allowLock();
      return bits(I.ID_BTC, I.FORM_RM_REG);
    case 0xba:
      takeModrm();
      immediate8u();
      if (digit() < 4) return H.H_UD;
      if (digit() > 4) allowLock();
      return bits(I.ID_BT + digit() - 4, I.FORM_RM_IMM);
    case 0xa4:
    case 0xac:
      takeModrm();
      immediate8u();
      id(opcode == 0xa4 ? I.ID_SHLD : I.ID_SHRD);
      store<u8>(op, I.FORM_RM_IMM, OP_FORM);
      return H.H_SHIFT;
    case 0xa5:
    case 0xad:
      takeModrm();
      id(opcode == 0xa5 ? I.ID_SHLD : I.ID_SHRD);
      store<u8>(op, I.FORM_RM_REG, OP_FORM);
      return H.H_SHIFT;
    case 0xaf:
      takeModrm();
      id(I.ID_IMUL2);
      setPair(reg(), rm());
      return isMemory() ? H.H_ALU : hotSized(H.H_IMUL_RR32, H.H_ALU);
    case 0xb0:
    case 0xb1:
      takeModrm();
      if (opcode == 0xb0) setOperandSize(1);
      allowLock();
      id(I.ID_CMPXCHG);
      return H.H_ALU;
    case 0xb6:
      takeModrm();
      id(I.ID_MOVZX8);
      setPair(reg(), load<u8>(op, OP_RM8));
      return hotSized(isMemory() ? H.H_MOVZX8_RM32 : H.H_MOVZX8_RR32, H.H_DATA);
    case 0xb7:
      takeModrm();
      id(I.ID_MOVZX16);
      return hotLoad(H.H_MOVZX16_RR32, H.H_MOVZX16_RM32, H.H_DATA);
    case 0xbe:
      takeModrm();
      id(I.ID_MOVSX8);
      setPair(reg(), load<u8>(op, OP_RM8));
      return hotSized(isMemory() ? H.H_MOVSX8_RM32 : H.H_MOVSX8_RR32, H.H_DATA);
    case 0xbf:
      takeModrm();
      id(I.ID_MOVSX16);
      return hotLoad(H.H_MOVSX16_RR32, H.H_MOVSX16_RM32, H.H_DATA);
    case 0xb8:
      takeModrm();
      return repeated ? bits(I.ID_POPCNT, I.FORM_REG_RM) : H.H_UD;
    case 0xbc:
      takeModrm();
      return bits(repeated ? I.ID_TZCNT : I.ID_BSF, I.FORM_REG_RM);
    case 0xbd:
      takeModrm();
      return bits(repeated ? I.ID_LZCNT : I.ID_BSR, I.FORM_REG_RM);
    case 0xb2:
    case 0xb4:
    case 0xb5:
      // LSS, LFS, LGS.
      takeModrm();
      if (!isMemory()) return H.H_UD;
      store<u8>(op, opcode == 0xb2 ? SS : opcode == 0xb4 ? FS : GS, OP_RM);
      id(I.ID_LFP);
      endsBlock();
      return H.H_SEGMENT;
    case 0xc0:
    case 0xc1:
      takeModrm();
      if (opcode == 0xc0) setOperandSize(1);
      allowLock();
      id(I.ID_XADD);
      return H.H_ALU;
    case 0xc3:
      takeModrm();
      // MOVNTI: the store without its hint.
      if (!isMemory() || prefix & (PREFIX_66 | PREFIX_REP | PREFIX_REPNE)) return H.H_UD;
      store<u8>(op, I.FORM_RM_REG, OP_FORM);
      setPair(0, reg());
      id(I.ID_MOV);
      return hotSized(H.H_MOV_MR32, H.H_DATA);
    case 0xc7:
      return group9();
    case 0xae:
      return group15();
    case 0xc8:
    case 0xc9:
    case 0xca:
    case 0xcb:
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
      registerInOpcode();
      return data(I.ID_BSWAP);
    default:
      break;
  }
  // What is left that has no ModRM byte is undefined: 04, 0A, 0C, 0E, 24..27, 36..3F, A6, A7, AA.
  if (opcode < 0x10 || (opcode >= 0x24 && opcode < 0x28) || (opcode >= 0x36 && opcode < 0x40)) return H.H_UD;
  if (opcode == 0xa6 || opcode == 0xa7 || opcode == 0xaa) return H.H_UD;
  takeModrm();
  if ((opcode >= 0x70 && opcode < 0x74) || opcode == 0xc2 || (opcode >= 0xc4 && opcode < 0xc7)) immediate8u();
  // MASKMOVQ, MASKMOVDQU store through DS:rDI though their ModRM names registers.
  if (opcode == 0xf7 && !isMemory()) defaultSegment(DS);
  return vector(1);
}

function immediate32Near(): void {
  branchSize();
  immediateZ();
}

function segmentCheck(value: u32): u32 {
  id(value);
  return H.H_SEGMENT;
}

/** SLDT, STR, SMSW: memory operands are 16 bits. */
function setOperandSizeForSystem(): void {
  if (isMemory() || digit() > 1) setOperandSize(2);
}

function group7(): u32 {
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

/** MOV to and from control and debug registers: the r/m operand is a register whatever ModRM.mod says. */
function controlRegister(): u32 {
  takeModrmRegister();
  setOperandSize(mode & MODE_64 ? 8 : 4);
  if (opcode & 1) {
    if (load<u8>(op, OP_REG) > 7) return H.H_UD;
    return system(opcode & 2 ? I.ID_MOV_TO_DR : I.ID_MOV_FROM_DR);
  }
  const n = load<u8>(op, OP_REG);
  if (n == 1 || (n > 4 && n != 8)) return H.H_UD;
  return system(opcode & 2 ? I.ID_MOV_TO_CR : I.ID_MOV_FROM_CR);
}

function group9(): u32 {
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
  // XSAVEC, XSAVES and VMX instructions.
  return vector(1);
}

function group15(): u32 {
  takeModrm();
  if (!isMemory()) {
    if (prefix & PREFIX_REP && digit() < 4) {
      if (!(mode & MODE_64)) return H.H_UD;
      return system(I.ID_RDFSBASE + digit());
    }
    if (digit() >= 5 && !(prefix & (PREFIX_66 | PREFIX_REP | PREFIX_REPNE))) {
      // LFENCE, MFENCE, SFENCE: memory is sequentially consistent as it is.
      id(I.ID_NOP);
      return H.H_NOP;
    }
  } else if (digit() == 7) {
    if (prefix & (PREFIX_REP | PREFIX_REPNE)) return H.H_UD;
    // CLFLUSH, CLFLUSHOPT: reads the byte's translation, has no cache to flush.
    id(I.ID_FENCE);
    endsBlock();
    return H.H_SYSTEM;
  }
  return vector(1);
}

export function decodeMap2(): u32 {
  takeModrm();
  if (opcode == 0xf0 || opcode == 0xf1) {
    if (prefix & PREFIX_REPNE) {
      // CRC32: 66 makes the source 16 bits, REX.W the destination 64.
      if (opcode == 0xf0) {
        store<u8>(op, prefix & PREFIX_REXW ? 8 : 4, OP_FORM);
        setOperandSize(1);
      } else store<u8>(op, prefix & PREFIX_REXW ? 8 : 4, OP_FORM);
      id(I.ID_CRC32);
      return H.H_BITS;
    }
    if (isMemory() && !(prefix & PREFIX_REP)) return data(opcode == 0xf0 ? I.ID_MOVBE_LOAD : I.ID_MOVBE_STORE);
    return H.H_UD;
  }
  if (opcode == 0xf6 && prefix & (PREFIX_66 | PREFIX_REP)) {
    if (prefix & PREFIX_REPNE) return H.H_UD;
    if (operandSize == 2) setOperandSize(4);
    return bits(prefix & PREFIX_REP ? I.ID_ADOX : I.ID_ADCX, I.FORM_REG_RM);
  }
  if (opcode == 0x82) return isMemory() && prefix & PREFIX_66 ? system(I.ID_INVPCID) : H.H_UD;
  return vector(2);
}

export function decodeMap3(): u32 {
  takeModrm();
  immediate8u();
  return vector(3);
}

/** BMI1 and BMI2; `pp` 0 none, 1 66, 2 F3, 3 F2. */
export function decodeVex(map: u32, pp: u32): u32 {
  if (map == 3) return opcode == 0xf0 && pp == 3 ? bits(I.ID_RORX, I.FORM_REG_RM) : H.H_UD;
  switch (opcode) {
    case 0xf2:
      return pp == 0 ? bits(I.ID_ANDN, I.FORM_REG_RM) : H.H_UD;
    case 0xf3:
      if (pp || digit() < 1 || digit() > 3) return H.H_UD;
      return bits(I.ID_BLSR + digit() - 1, I.FORM_REG_RM);
    case 0xf5:
      if (pp == 0) return bits(I.ID_BZHI, I.FORM_REG_RM);
      if (pp == 2) return bits(I.ID_PEXT, I.FORM_REG_RM);
      return pp == 3 ? bits(I.ID_PDEP, I.FORM_REG_RM) : H.H_UD;
    case 0xf6:
      return pp == 3 ? bits(I.ID_MULX, I.FORM_REG_RM) : H.H_UD;
    case 0xf7:
      if (pp == 0) return bits(I.ID_BEXTR, I.FORM_REG_RM);
      return bits(pp == 1 ? I.ID_SHLX : pp == 2 ? I.ID_SARX : I.ID_SHRX, I.FORM_REG_RM);
    default:
      return H.H_UD;
  }
}
