/** VPSLLV, VPSRLV, VPSRAV: every lane is shifted by a count of its own, which WebAssembly's vector instructions cannot do. */
import { high64, low64, vector } from "../sse/operand";

/** Opcodes of 0F38: logical right, arithmetic right (doublewords only), left. */
const RIGHT: u32 = 0x45;
const ARITHMETIC: u32 = 0x46;

function doubleword(opcode: u32, value: u32, count: u32): u32 {
  if (opcode == ARITHMETIC) return <u32>((<i32>value) >> (<i32>min<u32>(count, 31)));
  if (count > 31) return 0;
  return opcode == RIGHT ? value >> count : value << count;
}
function doublewords(opcode: u32, values: u64, counts: u64): u64 {
  const low = doubleword(opcode, <u32>values, <u32>counts);
  return (<u64>low) | ((<u64>doubleword(opcode, <u32>(values >> 32), <u32>(counts >> 32))) << 32);
}
function quadword(opcode: u32, value: u64, count: u64): u64 {
  if (count > 63) return 0;
  return opcode == RIGHT ? value >> count : value << count;
}

/** 0F38 45, 46, 47 on one half; a count of at least the lane's width gives zero, or copies of the sign. */
export function variableShift(opcode: u32, wide: bool, a: v128, counts: v128): v128 {
  if (wide) return vector(quadword(opcode, low64(a), low64(counts)), quadword(opcode, high64(a), high64(counts)));
  return vector(doublewords(opcode, low64(a), low64(counts)), doublewords(opcode, high64(a), high64(counts)));
}
