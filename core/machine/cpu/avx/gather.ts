/**
 * VPGATHER and VGATHER (0F38 90 to 93): elements from addresses that a register of indices gives, as far as the mask's signs choose them. An element
 * that is there is in the destination, and its mask is zero, so after a fault the instruction goes on where it was. What a fault leaves of the mask
 * is that of silicon: every element zero or all ones, and bits 128 to 255 zero for 128 bits.
 */
import { indexedAddress } from "../access";
import { cpu, fault } from "../machine";
import { OP_INDEX, OP_SCALE } from "../op";
import { regX } from "../sse/operand";
import { CPU_XMM, XMM_HIGH } from "../state";
import { byteAddress, readElement } from "./element";
import { HALF_DISTANCE, is256, isW, vregX } from "./operand";

/** Makes every element of the mask's half zero or all ones. */
function spreadSigns(half: usize, wide: bool): void {
  const mask = v128.load(half);
  v128.store(half, wide ? i64x2.shr_s(mask, 63) : i32x4.shr_s(mask, 31));
}
function clearHigh(register: usize): void {
  v128.store(register + HALF_DISTANCE, i64x2.splat(0));
}

export function gather(op: usize, opcode: u32): void {
  const both = is256(op);
  const wide = isW(op);
  const wideIndex = (opcode & 1) != 0;
  const size: u32 = wide ? 8 : 4;
  const indexSize: u32 = wideIndex ? 8 : 4;
  const destination = regX(op);
  const mask = vregX(op);
  const indices = cpu + CPU_XMM + ((<usize>load<u8>(op, OP_INDEX)) << 4);
  const scale = <u64>load<u8>(op, OP_SCALE);
  spreadSigns(mask, wide);
  if (both) spreadSigns(mask + HALF_DISTANCE, wide);
  else clearHigh(mask);
  const bytes: u32 = both ? 32 : 16;
  const count = bytes / max<u32>(size, indexSize);
  for (let i: u32 = 0; i < count; i++) {
    const maskAt = byteAddress(mask, i * size);
    if (!load<u8>(maskAt)) continue;
    const indexAt = byteAddress(indices, i * indexSize);
    const index = wideIndex ? load<u64>(indexAt) : <u64>(<i64>load<i32>(indexAt));
    const value = readElement(indexedAddress(op, index << scale), size);
    if (fault) return;
    const to = byteAddress(destination, i * size);
    if (wide) {
      store<u64>(to, value);
      store<u64>(maskAt, 0);
    } else {
      store<u32>(to, <u32>value);
      store<u32>(maskAt, 0);
    }
    if (!both) clearHigh(destination);
  }
  v128.store(mask, i64x2.splat(0));
  clearHigh(mask);
  if (count * size == 8) store<u64>(destination, 0, XMM_HIGH);
  if (count * size <= 16) clearHigh(destination);
}
