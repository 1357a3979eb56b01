/** AVX moves between registers and memory, and VZEROUPPER, VZEROALL. */
import { cpu } from "../machine";
import { isMemory, regX, rmX } from "../sse/operand";
import { CPU_EFER, CPU_SEG, CPU_XMM, CPU_YMM_HIGH, CS, SEG_ATTR, SEG_SIZE } from "../state";
import {
  avxAvailable,
  highHalf,
  is256,
  lowHalf,
  readAlignedSource,
  readSource,
  setHalves,
  setReg,
  sourceHigh,
  sourceLow,
  storeAlignedMemory,
  storeMemory,
} from "./operand";

export function loadUnaligned(op: usize): void {
  if (!avxAvailable()) return;
  readSource(op);
  setReg(op, sourceLow, sourceHigh);
}
export function loadAligned(op: usize): void {
  if (!avxAvailable()) return;
  readAlignedSource(op);
  setReg(op, sourceLow, sourceHigh);
}
export function storeUnaligned(op: usize): void {
  if (!avxAvailable()) return;
  const from = regX(op);
  if (isMemory(op)) storeMemory(op, lowHalf(from), highHalf(from));
  else copyToRm(op);
}
/** VMOVAPS, VMOVAPD, VMOVDQA and the non-temporal stores. */
export function storeAligned(op: usize): void {
  if (!avxAvailable()) return;
  const from = regX(op);
  if (isMemory(op)) storeAlignedMemory(op, lowHalf(from), highHalf(from));
  else copyToRm(op);
}
function copyToRm(op: usize): void {
  const from = regX(op);
  setHalves(rmX(op), lowHalf(from), is256(op) ? highHalf(from) : i64x2.splat(0));
}

/** Outside 64-bit mode only the first 8 registers are touched. */
function registerBytes(): usize {
  const long = load<u64>(cpu, CPU_EFER) & 0x400 && load<u16>(cpu + CS * SEG_SIZE, CPU_SEG + SEG_ATTR) & 0x200;
  return long ? 256 : 128;
}
/** 77: VZEROUPPER, and VZEROALL with VEX.L. */
export function zero(op: usize): void {
  if (!avxAvailable()) return;
  const bytes = registerBytes();
  memory.fill(cpu + CPU_YMM_HIGH, 0, bytes);
  if (is256(op)) memory.fill(cpu + CPU_XMM, 0, bytes);
}
