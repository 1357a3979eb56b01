/**
 * Which forms an AVX instruction has: the bits that floatForms() and integerForms() answer for an opcode, and the check of an op against them. Source:
 * SDM volume 2, chapters 2.3 and 5; where that is silent, silicon (npm run test:cpu).
 */
import { OP_PREFIX, OP_VEX, PREFIX_MEMORY, VEX_L, VEX_NO_VREG, VEX_W } from "../op";

/** No instruction. */
export const FORM_NONE: u32 = 0;
/** The r/m operand may be memory, may be a register. */
export const FORM_MEMORY: u32 = 1;
export const FORM_REGISTER: u32 = 2;
const FORM_BOTH: u32 = 3;
/** VEX.L may be 0, may be 1. */
export const FORM_128: u32 = 4;
export const FORM_256: u32 = 8;
/** VEX.W may be 0, may be 1. */
export const FORM_W0: u32 = 16;
export const FORM_W1: u32 = 32;
/** VEX.vvvv is an operand; without this bit it has to be 1111. */
const FORM_VREG: u32 = 64;

/** Any length, any W: one source, or two. */
export const FORM_UNARY: u32 = FORM_BOTH | FORM_128 | FORM_256 | FORM_W0 | FORM_W1;
export const FORM_BINARY: u32 = FORM_UNARY | FORM_VREG;

/** Returns whether the op, whose fields are complete, is one of `forms`. */
export function formIsValid(op: usize, forms: u32): bool {
  const vex = <u32>load<u8>(op, OP_VEX);
  const operand = load<u8>(op, OP_PREFIX) & PREFIX_MEMORY ? FORM_MEMORY : FORM_REGISTER;
  if (!(forms & operand)) return false;
  if (!(forms & (vex & VEX_L ? FORM_256 : FORM_128))) return false;
  if (!(forms & (vex & VEX_W ? FORM_W1 : FORM_W0))) return false;
  return (forms & FORM_VREG) != 0 || (vex & VEX_NO_VREG) != 0;
}
