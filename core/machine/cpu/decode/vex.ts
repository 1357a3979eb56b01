/** The opcode maps with a VEX prefix: BMI1 and BMI2, and what the AVX family knows. */
import * as H from "../handlers";
import * as I from "../ids";
import { PAGE_INTEGER } from "../avx/avx";
import { floatForms } from "../avx/float_forms";
import { FORM_NONE, formIsValid } from "../avx/forms";
import { integerForms } from "../avx/integer_forms";
import { OP_IMM, OP_INDEX, OP_REG, OP_VEX, OP_VREG, VEX_L, VEX_NO_VREG, VEX_W } from "../op";
import { MODE_64 } from "../mode_bits";
import { mode, op, opcode } from "./decode";
import { bits, digit, id, isMemory } from "./family";

/** `map` 1 0F, 2 0F38, 3 0F3A; `last` is the last byte of the prefix: from its lowest bit on VEX.pp (0 none, 1 66, 2 F3, 3 F2), VEX.L, VEX.vvvv. */
export function decodeVex(map: u32, last: u32, w: bool): u32 {
  if (map < 1 || map > 3) return H.H_UD;
  const pp = last & 3;
  const wide = (last & 4) != 0;
  const noVreg = (last & 0x78) == 0x78;
  if (map > 1 && opcode >= 0xf0) return wide ? H.H_UD : decodeGeneral(map, pp, noVreg);
  store<u8>(op, <u8>((wide ? VEX_L : 0) | (w ? VEX_W : 0) | (noVreg ? VEX_NO_VREG : 0)), OP_VEX);
  // Outside 64-bit mode there are 8 registers, so the highest bit of the fourth operand means nothing.
  if (map == 3 && opcode - 0x4a <= 2 && !(mode & MODE_64)) store<u8>(op, load<u8>(op, OP_IMM) & 0x7f, OP_IMM);
  const page = (map - 1) * 4 + pp;
  const floats = floatForms(map, pp, opcode, digit(), isMemory());
  id(((floats == FORM_NONE ? PAGE_INTEGER + page : page) << 8) | opcode);
  if (!formIsValid(op, floats == FORM_NONE ? integerForms(map, pp, opcode, digit()) : floats)) return H.H_UD;
  return map == 2 && opcode >> 2 == 0x24 && !gatherIsValid() ? H.H_UD : H.H_AVX;
}

/** 0F38 90 to 93 need a vector of indices, and three different registers. */
function gatherIsValid(): bool {
  const index = load<u8>(op, OP_INDEX);
  const destination = load<u8>(op, OP_REG);
  const mask = load<u8>(op, OP_VREG);
  return index < 16 && index != destination && index != mask && destination != mask;
}

/** BMI1 and BMI2, whose operands are general registers. */
function decodeGeneral(map: u32, pp: u32, noVreg: bool): u32 {
  if (map == 3) return opcode == 0xf0 && pp == 3 && noVreg ? bits(I.ID_RORX, I.FORM_REG_RM) : H.H_UD;
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
