/** x87 instructions whose common case has a function of its own (../cpu/x87/fast.ts). */
import type { DecodedOp } from "./decoded.ts";
import { Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** FSUB and FSUBR, FDIV and FDIVR change places where ST(i) is the destination. */
function fromTop(which: number): number {
  return which >= 4 ? which ^ 1 : which;
}

/** Pushes whether the instruction is done; false if it has no such function. Its registers are given by its ModRM byte. */
function attempt(w: RegionWriter, op: DecodedOp): boolean {
  const { code } = w;
  const i = op.rm & 7;
  const which = op.reg & 7;
  const rip = () => code.get(w.pageBase).i64(op.offset).op(Op.i64Add);
  const compute = (operation: number, to: number, from: number, pops: number): boolean => {
    if (operation > 1 && operation !== 4 && operation !== 5) return false;
    code.i32(operation).i32(to).i32(from).i32(pops);
    rip();
    w.call("region_x87_compute");
    return true;
  };
  if (op.isMemory) {
    if (op.opcode !== 0xdb || which !== 5) return false;
    w.hostOf(op, 10, false);
    rip();
    w.call("region_x87_load");
    return true;
  }
  switch (op.opcode) {
    case 0xd8:
      return compute(which, 0, i, 0);
    case 0xdc:
      return compute(fromTop(which), i, 0, 0);
    case 0xde:
      return compute(fromTop(which), i, 0, 1);
    case 0xd9:
      if (which > 1) return false;
      code.i32(i);
      rip();
      w.call(which ? "region_x87_exchange" : "region_x87_duplicate");
      return true;
    default:
      return false;
  }
}

/** Tries the common case; `otherwise` writes what does the instruction if that is not it. False: nothing was written. */
export function writeX87(w: RegionWriter, op: DecodedOp, otherwise: () => void): boolean {
  if (!attempt(w, op)) return false;
  w.code.op(Op.i32Eqz);
  w.code.ifUnlikely();
  otherwise();
  w.code.end();
  return true;
}
