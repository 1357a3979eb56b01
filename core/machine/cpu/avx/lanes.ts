/**
 * AVX instructions whose 256-bit form does the same as the SSE instruction in each half. Two operands: VEX.vvvv and r/m.
 */
import { fault } from "../machine";
import { packedLanes } from "../sse/forms";
import { beginFloat, endFloat } from "../sse/mxcsr";
import { avxAvailable, highHalf, is256, lowHalf, readSource, setReg, sourceHigh, sourceLow, vregX } from "./operand";

/** 51 58 59 5C 5D 5E 5F packed; `kind` is the opcode's low nibble. */
export function packedArithmetic(op: usize, kind: u32, single: bool): void {
  if (!avxAvailable()) return;
  readSource(op);
  if (fault) return;
  const a = vregX(op);
  beginFloat();
  const low = packedLanes(kind, lowHalf(a), sourceLow, single);
  let high = i64x2.splat(0);
  if (is256(op)) high = packedLanes(kind, highHalf(a), sourceHigh, single);
  endFloat();
  setReg(op, low, high);
}

/** 54-57: AND, ANDN, OR, XOR. */
export function logic(op: usize, opcode: u32): void {
  if (!avxAvailable()) return;
  readSource(op);
  if (fault) return;
  const a = vregX(op);
  let high = i64x2.splat(0);
  if (is256(op)) high = bitwise(opcode, highHalf(a), sourceHigh);
  setReg(op, bitwise(opcode, lowHalf(a), sourceLow), high);
}
function bitwise(opcode: u32, a: v128, b: v128): v128 {
  if (opcode == 0x54) return v128.and(a, b);
  if (opcode == 0x55) return v128.andnot(b, a);
  return opcode == 0x56 ? v128.or(a, b) : v128.xor(a, b);
}
