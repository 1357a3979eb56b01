/** x87 instructions: the interpreter does them, several that follow each other by one call. */
import type { DecodedOp } from "./decoded.ts";

/** As many as a list in the pool has room for. */
const MOST = 16;

/** FLD, FILD: reg of ModRM by opcode, for memory operands of opcodes that have stores too. */
const LOADS = new Map([
  [0xd9, [0]],
  [0xdb, [0, 5]],
  [0xdd, [0]],
  [0xdf, [0, 4, 5]],
]);

/** Whether it changes and looks at nothing but the x87 unit, reads memory perhaps, but writes none. */
function isAlone(op: DecodedOp): boolean {
  if (op.family !== "x87") return false;
  const reg = op.reg & 7;
  if (op.isMemory) return !(op.opcode & 1) || LOADS.get(op.opcode)!.includes(reg);
  // FCMOVcc, FCOMI, FUCOMI and FNSTSW AX are in DA, DB and DF.
  return op.opcode === 0xda ? reg > 3 : op.opcode !== 0xdb && op.opcode !== 0xdf;
}

/** The instructions from `first` on that one call may do. */
export function x87Run(ops: DecodedOp[], first: number): DecodedOp[] {
  let end = first;
  while (end < ops.length && end - first < MOST && isAlone(ops[end]!) && ops[end]!.page === ops[first]!.page) end++;
  return ops.slice(first, end);
}
