/** The integer instructions of AVX and AVX2, permutes, gathers and masked moves of integers. */
import { VECTOR_UD, raise } from "../machine";
import { FORM_NONE } from "./forms";

/** Returns the forms (forms.ts) of an opcode in `map` (1..3) with VEX.pp; `digit` is ModRM.reg as encoded. */
export function integerForms(map: u32, pp: u32, opcode: u32, digit: u32): u32 {
  return FORM_NONE;
}

/** Executes an op that integerForms() knows; `page` is (map - 1) * 4 + VEX.pp. */
export function avxIntegerExecute(op: usize, page: u32, opcode: u32): void {
  raise(VECTOR_UD);
}
