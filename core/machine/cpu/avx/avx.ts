/**
 * AVX, FMA and F16C: the first step of dispatch. As with SSE, the id of an instruction is `page << 8 | opcode byte`; the page is made of opcode map and
 * VEX.pp. Those that integerForms() knows have pages from PAGE_INTEGER on, and integer.ts executes them.
 */
import { OP_ID } from "../op";
import { extract } from "../sse/move";
import { immediate } from "../sse/operand";
import * as convert from "./convert";
import { multiplyAdd } from "./fma";
import { narrowToHalves, widenHalves } from "./half";
import { avxIntegerExecute } from "./integer";
import { DWORDS_TO_SINGLES, SINGLES_TO_DWORDS_TRUNCATED } from "./convert";
import * as L from "./lanes";
import { approximatePacked, dotDoublesLow, dotSinglesBoth, duplicateDoubles } from "./lanes";
import { packedArithmetic, rearrange } from "./lanes";
import { avxAvailable } from "./operand";
import { maskedLoad, maskedStore } from "./masked";
import * as move from "./move";
import { PAGE_0F, PAGE_0F38_66, PAGE_0F3A_66, PAGE_0F_66, PAGE_0F_F2, PAGE_0F_F3 } from "./pages";
import * as permute from "./permute";
import * as scalar from "./scalar";
import { signMask, testSigns } from "./signs";

export const PAGE_INTEGER: u32 = 16;

/** Executes an op that floatForms() or integerForms() knows. On a fault nothing has changed, except MXCSR flags for #XM. */
export function avxExecute(op: usize): void {
  if (!avxAvailable()) return;
  const id = <u32>load<u16>(op, OP_ID);
  const opcode = id & 0xff;
  switch (id >> 8) {
    case PAGE_0F:
      return execute0F(op, opcode, true);
    case PAGE_0F_66:
      return execute0F(op, opcode, false);
    case PAGE_0F_F3:
      return executeScalar(op, opcode, true);
    case PAGE_0F_F2:
      return executeScalar(op, opcode, false);
    case PAGE_0F38_66:
      return execute38(op, opcode);
    case PAGE_0F3A_66:
      return execute3A(op, opcode);
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
    case 0x12:
      return move.loadLow(op);
    case 0x13:
      return move.storeQuad(op, 0);
    case 0x14:
      return rearrange(op, single ? L.UNPACK_LOW32 : L.UNPACK_LOW64, 0);
    case 0x15:
      return rearrange(op, single ? L.UNPACK_HIGH32 : L.UNPACK_HIGH64, 0);
    case 0x16:
      return move.loadHigh(op);
    case 0x17:
      return move.storeQuad(op, 8);
    case 0x28:
      return move.loadAligned(op);
    case 0x29:
    case 0x2b:
      return move.storeAligned(op);
    case 0x2e:
    case 0x2f:
      return scalar.orderedCompare(op, opcode == 0x2f, single);
    case 0x50:
      return signMask(op, single);
    case 0x52:
    case 0x53:
      return approximatePacked(op, opcode == 0x53);
    case 0x54:
    case 0x55:
    case 0x56:
    case 0x57:
      return rearrange(op, L.AND + opcode - 0x54, 0);
    case 0x5a:
      return single ? convert.widenSingles(op) : convert.narrowDoubles(op);
    case 0x5b:
      return packedArithmetic(op, single ? DWORDS_TO_SINGLES : L.SINGLES_TO_DWORDS, true);
    case 0x77:
      return move.zero(op);
    case 0x7c:
      return packedArithmetic(op, L.HADD, single);
    case 0x7d:
      return packedArithmetic(op, L.HSUB, single);
    case 0xd0:
      return packedArithmetic(op, L.ADDSUB, single);
    case 0xae:
      return move.mxcsr(op);
    case 0xc2:
      return packedArithmetic(op, L.COMPARE, single);
    case 0xc6:
      return rearrange(op, single ? L.SHUFFLE32 : L.SHUFFLE64, single ? immediate(op) : immediate(op) >> 2);
    case 0xe6:
      return convert.doublesToDwords(op, true);
    default:
      return packedArithmetic(op, L.ARITHMETIC + (opcode & 15), single); // 51 58 59 5C 5D 5E 5F
  }
}

/** F3: scalar singles, F2: scalar doubles, and some packed ones. */
function executeScalar(op: usize, opcode: u32, single: bool): void {
  switch (opcode) {
    case 0x10:
      return move.loadScalar(op, single);
    case 0x11:
      return move.storeScalar(op, single);
    case 0x12:
      return single ? rearrange(op, L.EVEN_SINGLES, 0) : duplicateDoubles(op);
    case 0x16:
      return rearrange(op, L.ODD_SINGLES, 0);
    case 0x2a:
      return scalar.fromGeneral(op, single);
    case 0x2c:
      return scalar.toGeneral(op, single, true);
    case 0x2d:
      return scalar.toGeneral(op, single, false);
    case 0x52:
    case 0x53:
      return scalar.scalarApproximate(op, opcode == 0x53);
    case 0x5a:
      return scalar.scalarResize(op, single);
    case 0x5b:
      return packedArithmetic(op, SINGLES_TO_DWORDS_TRUNCATED, true);
    case 0x7c:
      return packedArithmetic(op, L.HADD, true);
    case 0x7d:
      return packedArithmetic(op, L.HSUB, true);
    case 0xd0:
      return packedArithmetic(op, L.ADDSUB, true);
    case 0xc2:
      return scalar.scalarCompare(op, single);
    case 0xe6:
      return single ? convert.dwordsToDoubles(op) : convert.doublesToDwords(op, false);
    default:
      return scalar.scalarArithmetic(op, opcode & 15, single); // 51 58 59 5C 5D 5E 5F
  }
}

function execute38(op: usize, opcode: u32): void {
  switch (opcode) {
    case 0x0c:
      return rearrange(op, L.PERMUTE_VARIABLE32, 0);
    case 0x0d:
      return rearrange(op, L.PERMUTE_VARIABLE64, 0);
    case 0x0e:
    case 0x0f:
      return testSigns(op, opcode == 0x0e);
    case 0x13:
      return widenHalves(op);
    case 0x18:
    case 0x19:
    case 0x1a:
      return permute.broadcast(op, opcode);
    case 0x2c:
    case 0x2d:
      return maskedLoad(op, opcode == 0x2d);
    case 0x2e:
    case 0x2f:
      return maskedStore(op, opcode == 0x2f);
    default:
      return multiplyAdd(op, opcode);
  }
}

function execute3A(op: usize, opcode: u32): void {
  const imm = immediate(op);
  switch (opcode) {
    case 0x04:
      return rearrange(op, L.PERMUTE32, imm);
    case 0x05:
      return rearrange(op, L.PERMUTE64, imm >> 2);
    case 0x06:
      return permute.chooseHalves(op);
    case 0x08:
    case 0x09:
      return packedArithmetic(op, L.ROUND, opcode == 0x08);
    case 0x0a:
    case 0x0b:
      return scalar.scalarRound(op, opcode == 0x0a);
    case 0x0c:
      return rearrange(op, L.BLEND32, imm >> 4);
    case 0x0d:
      return rearrange(op, L.BLEND64, imm >> 2);
    case 0x17:
      return extract(op, opcode);
    case 0x18:
      return permute.insertHalf(op);
    case 0x19:
      return permute.extractHalf(op);
    case 0x1d:
      return narrowToHalves(op);
    case 0x21:
      return move.insertSingle(op);
    case 0x40:
      return dotSinglesBoth(op);
    case 0x41:
      return dotDoublesLow(op);
    case 0x4a:
      return rearrange(op, L.BLEND_VARIABLE32, 0);
    default:
      return rearrange(op, L.BLEND_VARIABLE64, 0); // 4B
  }
}
