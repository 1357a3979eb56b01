/** Integer operands. */
import type { DecodedOp } from "./decoded.ts";
import type { RegionWriter } from "./writer.ts";

/** Pushes the r/m operand as i64: zero-extended if it is memory, with any upper bits if it is a register. */
export function rmValue(w: RegionWriter, op: DecodedOp, size: number): void {
  if (op.isMemory) {
    w.hostOf(op, size, false);
    w.load(size);
  } else w.readSized(op.rm, op.rm8, size);
}
export function regValue(w: RegionWriter, op: DecodedOp, size: number): void {
  w.readSized(op.reg, op.reg8, size);
}
