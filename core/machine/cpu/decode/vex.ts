/** The opcode maps with a VEX prefix, of which only BMI1 and BMI2 exist here. */
import * as H from "../handlers";
import * as I from "../ids";
import { opcode } from "./decode";
import { bits, digit } from "./family";

/** `pp` 0 none, 1 66, 2 F3, 3 F2. */
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
