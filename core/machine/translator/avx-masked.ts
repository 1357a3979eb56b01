/**
 * VPMASKMOVD, VPMASKMOVQ, VMASKMOVPS and VMASKMOVPD. As the operand is accessed only if all of it lies in one page that the TLB has, those of its elements
 * that are not chosen may be read as well, but are not written. Where it does not, and only elements that are not chosen may be missing, the
 * interpreter finds that out. If none is chosen, memory must not be touched at all.
 */
import type { DecodedOp } from "./decoded.ts";
import { key } from "./lanes.ts";
import { V } from "./simd.ts";
import { PAGE_0F38_66 } from "./vector-operand.ts";
import { I32, Op, V128 } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

/** What distinguishes them. The integer ones say by VEX.W how wide their elements are. */
const MOVES = new Map<number, { stores: boolean; width: 4 | 8 | null }>([
  [key(PAGE_0F38_66, 0x2c), { stores: false, width: 4 }],
  [key(PAGE_0F38_66, 0x2d), { stores: false, width: 8 }],
  [key(PAGE_0F38_66, 0x2e), { stores: true, width: 4 }],
  [key(PAGE_0F38_66, 0x2f), { stores: true, width: 8 }],
  [key(PAGE_0F38_66, 0x8c), { stores: false, width: null }],
  [key(PAGE_0F38_66, 0x8e), { stores: true, width: null }],
]);

/** Writes one of them. Returns false, with nothing written, for all other instructions. */
export function writeMasked(w: RegionWriter, op: DecodedOp, page: number): boolean {
  const move = MOVES.get(key(page, op.opcode));
  if (!move) return false;
  const width = move.width ?? (op.isVexW ? 8 : 4);
  if (move.stores) store(w, op, width);
  else load(w, op, width);
  return true;
}

function halvesOf(op: DecodedOp): number[] {
  return op.is256 ? [0, 1] : [0];
}
function locals(w: RegionWriter): number[] {
  return [w.temporary("vectorR", V128), w.temporary("vectorRHigh", V128)];
}

function load(w: RegionWriter, op: DecodedOp, width: 4 | 8): void {
  const { code } = w;
  const results = locals(w);
  const host = w.temporary("vectorHost", I32);
  for (const half of halvesOf(op)) {
    w.vectorHalf(op.vreg, half);
    if (width === 4) code.i32(31).vector(V.i32x4ShrS);
    else code.i32(63).vector(V.i64x2ShrS);
    code.set(results[half]!);
  }
  for (const half of halvesOf(op)) {
    code.get(results[half]!);
    if (half) code.vector(V.or);
  }
  code.vector(V.anyTrue).op(Op.i32Eqz).ifUnlikely();
  code.else();
  w.hostOf(op, op.is256 ? 32 : 16, false);
  code.set(host);
  for (const half of halvesOf(op))
    code
      .get(host)
      .vectorMemory(V.load, 16 * half)
      .get(results[half]!)
      .vector(V.and)
      .set(results[half]!);
  code.end();
  for (const half of halvesOf(op)) {
    code.get(results[half]!);
    w.setVectorHalf(op.reg, half);
  }
  if (!op.is256) w.clearVectorHalf(op.reg, 1);
}

function store(w: RegionWriter, op: DecodedOp, width: 4 | 8): void {
  const { code } = w;
  const values = locals(w);
  const host = w.temporary("vectorHost", I32);
  const chosen = w.temporary("vectorChosen", I32);
  const lanes = 16 / width;
  for (const half of halvesOf(op)) {
    w.vectorHalf(op.reg, half);
    code.set(values[half]!);
  }
  for (const half of halvesOf(op)) {
    w.vectorHalf(op.vreg, half);
    code.vector(width === 4 ? V.i32x4Bitmask : V.i64x2Bitmask);
    if (half) code.i32(lanes).op(Op.i32Shl, Op.i32Or);
  }
  code.tee(chosen).op(Op.i32Eqz).ifUnlikely();
  code.else();
  w.hostOf(op, op.is256 ? 32 : 16, true);
  code.set(host);
  const all = (1 << (lanes * halvesOf(op).length)) - 1;
  code.get(chosen).i32(all).op(Op.i32Eq).if();
  for (const half of halvesOf(op))
    code
      .get(host)
      .get(values[half]!)
      .vectorMemory(V.store, 16 * half);
  code.else();
  for (const half of halvesOf(op))
    for (let lane = 0; lane < lanes; lane++) {
      code
        .get(chosen)
        .i32(1 << (lanes * half + lane))
        .op(Op.i32And)
        .if();
      code.get(host).get(values[half]!);
      code.vectorMemory(width === 4 ? V.store32Lane : V.store64Lane, 16 * half + width * lane, lane);
      code.end();
    }
  code.end().end();
}
