/** The opcode map after 0F: integer and system instructions. The rest belongs to the vector families. */
import * as H from "../handlers";
import * as I from "../ids";
import { MODE_64 } from "../mode_bits";
import { OP_CONDITION, OP_FORM, OP_REG, OP_RM8, PREFIX_66, PREFIX_REP, PREFIX_REPNE } from "../op";
import { DS, FS, GS, SS } from "../state";
import {
  allowLock,
  defaultSegment,
  immediate8u,
  immediateZ,
  mode,
  op,
  opcode,
  operandSize,
  prefix,
  registerInOpcode,
  setOperandSize,
  takeModrm,
  takeModrmRegister,
} from "./decode";
import {
  bits,
  branchSize,
  conditionalJump,
  control,
  data,
  digit,
  id,
  isMemory,
  loadFarPointer,
  popSegment,
  segmentCheck,
  stack,
  stackSize,
  system,
  vector,
} from "./family";
import { group15, group7, group9 } from "./groups";
import { hotLoad, hotSized, reg, rm, setPair } from "./hot_forms";

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
      return control(I.ID_SYSCALL);
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
      // EMMS has no ModRM.
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
      return loadFarPointer(opcode == 0xb2 ? SS : opcode == 0xb4 ? FS : GS);
    case 0xc0:
    case 0xc1:
      takeModrm();
      if (opcode == 0xc0) setOperandSize(1);
      allowLock();
      id(I.ID_XADD);
      return H.H_ALU;
    case 0xc3:
      takeModrm();
      // MOVNTI: a store whose hint is ignored; it has no 16-bit form.
      if (!isMemory() || prefix & (PREFIX_66 | PREFIX_REP | PREFIX_REPNE)) return H.H_UD;
      if (operandSize == 2) setOperandSize(4);
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
  // The remaining opcodes without a ModRM byte are undefined: 04, 0A, 0C, 0E, 24..27, 36..3F, A6, A7, AA.
  if (opcode < 0x10 || (opcode >= 0x24 && opcode < 0x28) || (opcode >= 0x36 && opcode < 0x40)) return H.H_UD;
  if (opcode == 0xa6 || opcode == 0xa7 || opcode == 0xaa) return H.H_UD;
  takeModrm();
  if ((opcode >= 0x70 && opcode < 0x74) || opcode == 0xc2 || (opcode >= 0xc4 && opcode < 0xc7)) immediate8u();
  // MASKMOVQ and MASKMOVDQU store through DS:rDI although their ModRM names registers.
  if (opcode == 0xf7 && !isMemory()) defaultSegment(DS);
  return vector(1);
}

function immediate32Near(): void {
  branchSize();
  immediateZ();
}

/** SLDT, STR, SMSW have memory operands of 16 bits. */
function setOperandSizeForSystem(): void {
  if (isMemory() || digit() > 1) setOperandSize(2);
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
