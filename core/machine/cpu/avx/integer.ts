/**
 * AVX's and AVX2's integer instructions, and the permutes and gathers of both kinds: the first step of dispatch. Where the 256-bit form does in each
 * half what SSE's instruction does, it is SSE's function that does it (sources.ts).
 */
import { VECTOR_UD, raise } from "../machine";
import { extract } from "../sse/move";
import { isWide } from "../sse/operand";
import { gather } from "./gather";
import * as integerMove from "./integer_move";
import { maskedLoad, maskedStore } from "./masked";
import { loadAligned, loadUnaligned, storeAligned, storeUnaligned } from "./move";
import { isW } from "./operand";
import { PAGE_0F38_66, PAGE_0F3A_66, PAGE_0F_66, PAGE_0F_F2, PAGE_0F_F3 } from "./pages";
import * as permute from "./permute";
import { blendBytes, extended, oneSource, shiftByImmediate, shiftByRegister, testBits, twoSources } from "./sources";

/** Executes an op that integerForms() knows; `page` is (map - 1) * 4 + VEX.pp. On a fault nothing has changed, except by a gather. */
export function avxIntegerExecute(op: usize, page: u32, opcode: u32): void {
  switch (page) {
    case PAGE_0F_66:
      return execute0F66(op, opcode);
    case PAGE_0F_F3:
    case PAGE_0F_F2:
      return execute0FScalar(op, page, opcode);
    case PAGE_0F38_66:
      return execute0F38(op, opcode);
    case PAGE_0F3A_66:
      return execute0F3A(op, opcode);
    default:
      raise(VECTOR_UD);
  }
}

function execute0F66(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x6e:
      return integerMove.fromGeneral(op);
    case 0x6f:
      return loadAligned(op);
    case 0x70:
      return oneSource(op, PAGE_0F_66, opcode);
    case 0x71:
    case 0x72:
    case 0x73:
      return shiftByImmediate(op, opcode);
    case 0x7e:
      return integerMove.toGeneral(op);
    case 0x7f:
    case 0xe7:
      return storeAligned(op);
    case 0xc4:
      return integerMove.insert(op, 2);
    case 0xc5:
      return integerMove.extractWord(op);
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xe1:
    case 0xe2:
    case 0xf1:
    case 0xf2:
    case 0xf3:
      return shiftByRegister(op, opcode);
    case 0xd6:
      return integerMove.storeQuadword(op);
    case 0xd7:
      return integerMove.signs(op);
    case 0xf7:
      return integerMove.storeBytes(op);
    default:
      return twoSources(op, PAGE_0F_66, opcode);
  }
}

/** With F3 and F2: moves, VPSHUFHW, VPSHUFLW. */
function execute0FScalar(op: usize, page: u32, opcode: u32): void {
  switch (opcode) {
    case 0x6f:
    case 0xf0:
      return loadUnaligned(op);
    case 0x70:
      return oneSource(op, page, opcode);
    case 0x7e:
      return integerMove.loadQuadword(op);
    default:
      return storeUnaligned(op);
  }
}

function execute0F38(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x16:
    case 0x36:
      return permute.doublewords(op);
    case 0x17:
      return testBits(op);
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x41:
    case 0xdb:
      return oneSource(op, PAGE_0F38_66, opcode);
    case 0x20:
    case 0x21:
    case 0x22:
    case 0x23:
    case 0x24:
    case 0x25:
    case 0x30:
    case 0x31:
    case 0x32:
    case 0x33:
    case 0x34:
    case 0x35:
      return extended(op, opcode);
    case 0x2a:
      return loadAligned(op);
    case 0x58:
    case 0x59:
    case 0x5a:
    case 0x78:
    case 0x79:
      return permute.broadcast(op, opcode);
    case 0x8c:
      return maskedLoad(op, isW(op));
    case 0x8e:
      return maskedStore(op, isW(op));
    case 0x90:
    case 0x91:
    case 0x92:
    case 0x93:
      return gather(op, opcode);
    default:
      return twoSources(op, PAGE_0F38_66, opcode);
  }
}

function execute0F3A(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x00:
    case 0x01:
      return permute.quadwords(op);
    case 0x14:
    case 0x15:
    case 0x16:
      return extract(op, opcode);
    case 0x20:
      return integerMove.insert(op, 1);
    case 0x22:
      return integerMove.insert(op, isWide(op) ? 8 : 4);
    case 0x38:
      return permute.insertHalf(op);
    case 0x39:
      return permute.extractHalf(op);
    case 0x46:
      return permute.chooseHalves(op);
    case 0x4c:
      return blendBytes(op);
    case 0x60:
    case 0x61:
    case 0x62:
    case 0x63:
      return integerMove.strings(op, opcode);
    case 0xdf:
      return oneSource(op, PAGE_0F3A_66, opcode);
    default:
      return twoSources(op, PAGE_0F3A_66, opcode);
  }
}
