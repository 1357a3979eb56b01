/** Operands of SSE instructions. */
import type { DecodedOp } from "./decoded.ts";
import { V } from "./simd.ts";
import type { RegionWriter } from "./writer.ts";

/** Opcode map and mandatory prefix, as in an instruction's id in ../cpu/sse/sse.ts. */
export const PAGE_0F = 0;
export const PAGE_66 = 1;
export const PAGE_F3 = 2;
export const PAGE_F2 = 3;
/** The same of AVX alone: opcode maps 0F38 and 0F3A with 66. */
export const PAGE_0F38_66 = 5;
export const PAGE_0F3A_66 = 9;

/** Pushes a 16-byte operand, which must be aligned if it is in memory. */
export function vectorOperand(w: RegionWriter, op: DecodedOp, aligned = true): void {
  if (!op.isMemory) return w.vectorRegister(op.rm);
  w.hostOf(op, 16, false);
  if (aligned) w.aligned(op);
  w.code.vectorMemory(V.load, 0);
}
