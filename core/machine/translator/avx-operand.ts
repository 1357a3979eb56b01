/** Operands of AVX instructions: 16 bytes, or 32 in two halves. */
import type { DecodedOp } from "./decoded.ts";
import { V } from "./simd.ts";
import { I32 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** Pushes half 0 or 1. */
export type PushHalf = (half: number) => void;

/** Finds the r/m operand, of 16 or 32 bytes by VEX.L, once; what it returns may push each half several times. */
export function halves(w: RegionWriter, op: DecodedOp, aligned = false): PushHalf {
  if (!op.isMemory) return (half) => w.vectorHalf(op.rm, half);
  const size = op.is256 ? 32 : 16;
  const host = w.temporary("vectorHost", I32);
  w.hostOf(op, size, false);
  if (aligned) w.aligned(op, size);
  w.code.set(host);
  return (half) => void w.code.get(host).vectorMemory(V.load, 16 * half);
}

/**
 * Writes a register: both halves, or the low one and zero above. What is pushed for the high half must not depend on a low half, which may have been
 * written already.
 */
export function setHalves(w: RegionWriter, op: DecodedOp, register: number, push: PushHalf): void {
  push(0);
  w.setVectorHalf(register, 0);
  if (op.is256) {
    push(1);
    w.setVectorHalf(register, 1);
  } else w.clearVectorHalf(register, 1);
}
