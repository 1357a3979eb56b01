/** Moves of integers between vector registers, general registers and memory. */
import { effectiveAddress, write64 } from "../access";
import { cpu, fault } from "../machine";
import { storeMaskedBytes } from "../sse/move";
import {
  immediate,
  isMemory,
  regX,
  rm64,
  rmGeneral,
  rmGeneralNarrow,
  rmX,
  setRegGeneral,
  setRmGeneral,
  vector,
} from "../sse/operand";
import { compareStrings } from "../sse/string";
import { CPU_YMM_HIGH } from "../state";
import { highHalf, is256, lowHalf, setHalves, setReg128, vregX } from "./operand";

/** 66 6E, 66 7E: VMOVD, VMOVQ with general registers. */
export function fromGeneral(op: usize): void {
  const value = rmGeneral(op);
  setReg128(op, vector(value, 0));
}
export function toGeneral(op: usize): void {
  setRmGeneral(op, load<u64>(regX(op)));
}
/** F3 7E, 66 D6: VMOVQ. */
export function loadQuadword(op: usize): void {
  const value = rm64(op);
  setReg128(op, vector(value, 0));
}
export function storeQuadword(op: usize): void {
  const value = load<u64>(regX(op));
  if (!isMemory(op)) return setHalves(rmX(op), vector(value, 0), i64x2.splat(0));
  const lin = effectiveAddress(op);
  if (!fault) write64(lin, value);
}

/** 66 D7: VPMOVMSKB. */
export function signs(op: usize): void {
  const from = rmX(op);
  let mask = <u32>i8x16.bitmask(lowHalf(from));
  if (is256(op)) mask |= (<u32>i8x16.bitmask(highHalf(from))) << 16;
  setRegGeneral(op, <u64>mask);
}
/** 66 C5: VPEXTRW to a general register. */
export function extractWord(op: usize): void {
  setRegGeneral(op, <u64>load<u16>(rmX(op) + (((<usize>immediate(op)) & 7) << 1)));
}
/** VPINSRB, VPINSRW, VPINSRD, VPINSRQ: VEX.vvvv's low half with one element of `bytes` replaced. */
export function insert(op: usize, bytes: u32): void {
  const value = bytes < 4 ? <u64>rmGeneralNarrow(op, bytes) : rmGeneral(op);
  if (fault) return;
  setReg128(op, lowHalf(vregX(op)));
  const to = regX(op) + ((<usize>immediate(op) * bytes) & 15);
  if (bytes == 1) store<u8>(to, <u8>value);
  else if (bytes == 2) store<u16>(to, <u16>value);
  else if (bytes == 4) store<u32>(to, <u32>value);
  else store<u64>(to, value);
}

/** 66 F7: VMASKMOVDQU. */
export function storeBytes(op: usize): void {
  storeMaskedBytes(op, 16, regX(op), rmX(op));
}

/** 0F3A 60-63: as SSE4.2's; those that make a mask write all of YMM0. */
export function strings(op: usize, opcode: u32): void {
  compareStrings(op, opcode);
  if (!fault && !(opcode & 1)) v128.store(cpu, i64x2.splat(0), CPU_YMM_HIGH);
}
