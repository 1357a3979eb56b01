/**
 * Segments outside 64-bit mode. Nothing in a region can load one, so what an access needs to know of its segment is in a local from the beginning: the
 * last offset that may be accessed in any way. What a segment allows only in part (read-only data, readable code, expand-down) it counts as allowing
 * nothing, and the interpreter looks at each access.
 */
import * as S from "../cpu/state.ts";
import type { DecodedOp } from "./decoded.ts";
import { LEFT, STATE } from "./imports.ts";
import { Code, I64, Mem, Op, type ValueType } from "./wasm.ts";

/** What it needs from the function of which it is part (writer.ts). */
export interface SegmentHost {
  readonly code: Code;
  temporary(name: string, type: ValueType): number;
  bail(op: DecodedOp): void;
}

/** The attributes that tell whether a segment is usable and holds writable data that does not expand down, and what they then are. */
const KIND = 0x800e;
const WRITABLE_DATA = 2;

function stateOf(segment: number): number {
  return S.CPU_SEG + segment * S.SEG_SIZE;
}

/** Takes an i64 and pushes its lower `size` bytes, zero-extended. */
export function cut(code: Code, size: number): void {
  if (size === 4) code.op(Op.i32WrapI64, Op.i64ExtendI32U);
  else if (size === 2) code.i64(0xffff).op(Op.i64And);
}

export class SegmentWriter {
  readonly #host: SegmentHost;
  readonly #used = new Set<number>();

  constructor(host: SegmentHost) {
    this.#host = host;
  }

  #last(segment: number): number {
    this.#used.add(segment);
    return this.#host.temporary(`segment${segment}Last`, I64);
  }

  /** Takes an offset, cut to its size, and pushes the linear address of `size` bytes there. Bails out if the segment may not allow that. */
  linear(op: DecodedOp, segment: number, size: number): void {
    const { code } = this.#host;
    const offset = this.#host.temporary("segmentOffset", I64);
    code.tee(offset);
    if (size > 1) code.i64(size - 1).op(Op.i64Add);
    code.get(this.#last(segment)).op(Op.i64GtS);
    code.ifUnlikely();
    this.#host.bail(op);
    code.end();
    code
      .get(STATE)
      .memory(Mem.i64Load, stateOf(segment) + S.SEG_BASE)
      .get(offset)
      .op(Op.i64Add);
    cut(code, 4);
  }

  /** Bails out at `op`, a transfer to the offset in the local, if that is beyond the limit of CS. */
  target(op: DecodedOp, offset: number): void {
    const { code } = this.#host;
    code.get(offset).get(STATE);
    code.memory(Mem.i64Load32U, stateOf(S.CS) + S.SEG_LIMIT).op(Op.i64GtU);
    code.ifUnlikely();
    this.#host.bail(op);
    code.end();
  }

  /** At the region's beginning: sets the locals. */
  begin(before: Code): void {
    for (const segment of this.#used) {
      const at = stateOf(segment);
      before
        .get(STATE)
        .memory(Mem.i64Load32U, at + S.SEG_LIMIT)
        .i64(-1);
      before
        .get(STATE)
        .memory(Mem.i32Load16U, at + S.SEG_ATTR)
        .i32(KIND)
        .op(Op.i32And)
        .i32(WRITABLE_DATA)
        .op(Op.i32Eq);
      before.op(Op.select).set(this.#last(segment));
    }
  }

  /**
   * At the region's beginning, after `pageBase` is set: leaves everything to the interpreter unless CS's limit allows all of the code, whose offsets from
   * there are `first` to `last`, and no transfer in it is cut to 16 bits.
   */
  beginCode(before: Code, pageBase: number, first: number, last: number, word: number): void {
    before.get(pageBase).i64(first).op(Op.i64Add).i64(0).op(Op.i64LtS);
    before.get(pageBase).i64(last).op(Op.i64Add);
    before
      .get(STATE)
      .memory(Mem.i64Load32U, stateOf(S.CS) + S.SEG_LIMIT)
      .op(Op.i64GtS, Op.i32Or);
    if (word === 2) before.get(pageBase).i64(last).op(Op.i64Add).i64(0xffff).op(Op.i64GtS, Op.i32Or);
    before.if();
    before.get(STATE).i32(S.BAILED_UNDONE).memory(Mem.i32Store, S.CPU_BAILED);
    before.get(LEFT).op(Op.return).end();
  }
}
