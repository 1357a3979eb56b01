/** The opcode maps after 0F 38 and 0F 3A: CRC32, MOVBE, ADX and INVPCID. The rest belongs to the vector families. */
import * as H from "../handlers";
import * as I from "../ids";
import { OP_FORM, PREFIX_66, PREFIX_REP, PREFIX_REPNE, PREFIX_REXW } from "../op";
import { immediate8u, op, opcode, operandSize, prefix, setOperandSize, takeModrm } from "./decode";
import { bits, data, id, isMemory, system, vector } from "./family";

export function decodeMap2(): u32 {
  takeModrm();
  if (opcode == 0xf0 || opcode == 0xf1) {
    if (prefix & PREFIX_REPNE) {
      // CRC32: prefix 66 makes the source 16 bits wide, REX.W the destination 64.
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
