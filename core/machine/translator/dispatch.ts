/**
 * A cluster's way from one of its parts to the next. The address to continue at is turned into a place in a table by a multiplication, which is chosen
 * so that every entrance has a place of its own. There the address is compared with the entrance's; any other leaves the cluster.
 */
import { CPU_CODE_BASE, CPU_RIP } from "../cpu/state.ts";
import { LEFT, POLL, STATE, TLB } from "./imports.ts";
import { RegionTooLarge, type Entrance } from "./region.ts";
import { Code, Mem, Op, type FunctionBody } from "./wasm.ts";

/** No entrance has this place in its page, so that a cluster can be called without executing anything (warm-up.ts). */
export const NO_ENTRANCE = 0xfff;
export function mayBeEntrance(offset: number): boolean {
  return (offset & 0xfff) !== NO_ENTRANCE;
}

/** `(offset * factor) >>> shift` is the place of an entrance, out of `places`. */
interface Hash {
  factor: number;
  shift: number;
  places: (Entrance | null)[];
}
const MOST_BITS = 10;
const TRIES = 400;
/** 2 to the power of 32, divided by the golden ratio, odd: multiples of it are far apart. */
const FACTOR = 0x9e3779b1;

/** Throws RegionTooLarge if there is no such table, as a guest may choose what the entrances are. */
function chooseHash(entrances: readonly Entrance[]): Hash {
  for (let bits = Math.max(1, Math.ceil(Math.log2(entrances.length))); bits <= MOST_BITS; bits++)
    for (let n = 0, factor = FACTOR; n < TRIES; n++, factor = Math.imul(factor, FACTOR)) {
      const hash = placed(entrances, factor, 32 - bits);
      if (hash) return hash;
    }
  throw new RegionTooLarge();
}

function placed(entrances: readonly Entrance[], factor: number, shift: number): Hash | null {
  const places = new Array<Entrance | null>(2 ** (32 - shift)).fill(null);
  for (const entrance of entrances) {
    const place = Math.imul(entrance.offset, factor) >>> shift;
    if (places[place]) return null;
    places[place] = entrance;
  }
  return { factor, shift, places };
}

/**
 * Writes the branch to the entrance at the address in the local `target`, out of labels by block; continues after it if there is none. `page` is the
 * local with the address from which offsets count.
 */
export function writeDispatch(
  code: Code,
  entrances: readonly Entrance[],
  target: number,
  page: number,
  labels: ReadonlyMap<number, number>,
): void {
  const { factor, shift, places } = chooseHash(entrances);
  const none = code.block();
  const tests = new Map(entrances.map((entrance) => [entrance, code.block()]));
  code.get(target).get(page).op(Op.i64Sub, Op.i32WrapI64).i32(factor).op(Op.i32Mul).i32(shift).op(Op.i32ShrU);
  code.branchTable(
    places.map((entrance) => (entrance ? tests.get(entrance)! : none)),
    none,
  );
  for (const { offset, block } of [...entrances].reverse()) {
    code.end();
    code.get(target).get(page).op(Op.i64Sub).i64(offset).op(Op.i64Eq);
    code.branchIfLikely(labels.get(block)!).branch(none);
  }
  code.end();
}

/**
 * Returns the function by which a cluster is entered at an entrance whose page is so many bytes behind the first one: it leaves the address of that in
 * the vCPU's state, and calls the cluster's function, which has this number in the module.
 */
export function entranceBody(distance: number, cluster: number): FunctionBody {
  const code = new Code();
  code.get(STATE).get(STATE).memory(Mem.i64Load, CPU_RIP).i64(-4096).op(Op.i64And).i64(distance).op(Op.i64Sub);
  code.memory(Mem.i64Store, CPU_CODE_BASE);
  for (const parameter of [STATE, LEFT, TLB, POLL]) code.get(parameter);
  return { locals: [], code: [code.call(cluster)] };
}
