/**
 * AVX, FMA and F16C: the first step of dispatch. As with SSE, the id of an instruction is `page << 8 | opcode byte`; the page is made of opcode map and
 * VEX.pp. Those that integerForms() knows have pages from PAGE_INTEGER on, and integer.ts executes them.
 */
import { VECTOR_UD, raise } from "../machine";
import { OP_ID } from "../op";
import { avxIntegerExecute } from "./integer";
import { logic, packedArithmetic } from "./lanes";
import * as move from "./move";

/** Pages: (map - 1) * 4 + VEX.pp, which is 0 none, 1 66, 2 F3, 3 F2. */
const PAGE_0F: u32 = 0;
const PAGE_0F_66: u32 = 1;
export const PAGE_INTEGER: u32 = 16;

/** Executes an op that floatForms() or integerForms() knows. On a fault nothing has changed, except MXCSR flags for #XM. */
export function avxExecute(op: usize): void {
  const id = <u32>load<u16>(op, OP_ID);
  const opcode = id & 0xff;
  switch (id >> 8) {
    case PAGE_0F:
      return execute0F(op, opcode, true);
    case PAGE_0F_66:
      return execute0F(op, opcode, false);
    default:
      avxIntegerExecute(op, (id >> 8) - PAGE_INTEGER, opcode);
  }
}

/** Packed singles, and with 66 packed doubles. */
function execute0F(op: usize, opcode: u32, single: bool): void {
  switch (opcode) {
    case 0x10:
      return move.loadUnaligned(op);
    case 0x11:
      return move.storeUnaligned(op);
    case 0x28:
      return move.loadAligned(op);
    case 0x29:
    case 0x2b:
      return move.storeAligned(op);
    case 0x54:
    case 0x55:
    case 0x56:
    case 0x57:
      return logic(op, opcode);
    case 0x51:
    case 0x58:
    case 0x59:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
      return packedArithmetic(op, opcode & 15, single);
    case 0x77:
      return move.zero(op);
    default:
      raise(VECTOR_UD);
  }
}
