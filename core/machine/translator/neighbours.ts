/**
 * Accesses to memory whose distance from an earlier one is known while writing: fields of one structure, slots of one stack frame, pushes in a row.
 * The TLB is asked for the first; whether the next lies in the same page is one comparison of the host address (whose low 12 bits are the linear
 * address's), or known.
 * What has been found holds as long as the function runs: nothing flushes a translation while translated code does not return to the run loop.
 * What may be written is known to be readable, but not the other way round.
 */
import type { DecodedOp } from "./decoded.ts";

/** The value of a general register: an unknown number, which has a number itself here, plus a distance. */
interface Value {
  readonly unknown: number;
  readonly distance: number;
}

/** An address: something unknown plus a distance. Two addresses differ by their distances alone if all else is the same. */
export interface Place {
  /** The offset of the segment base in the vCPU's state, 0 without a segment. */
  readonly segment: number;
  /** What the base register's value counts from: its unknown number, or NO_NUMBER, or PAGE_NUMBER. */
  readonly base: number;
  /** The same for the index register, and its scale. */
  readonly index: number;
  readonly scale: number;
  readonly distance: number;
}
const NO_NUMBER = -1;
/** The page in which the region begins. */
const PAGE_NUMBER = -2;

/** An access that was found. */
export interface Found extends Place {
  readonly op: DecodedOp;
  readonly size: number;
  readonly write: boolean;
  /** The number of the local with its host address. */
  readonly local: number;
}

/** An earlier access, and the distance from it. */
export interface Neighbour {
  readonly found: Found;
  readonly distance: number;
  /**
   * Both lie in the same page if the low 12 bits of the earlier access's host address are at least `least`, and at most `most`. At most one of them is
   * given; with neither they surely do.
   */
  readonly least: number | null;
  readonly most: number | null;
}

/** What is known at a place in the code. */
export interface NeighbourState {
  readonly values: readonly Value[];
  readonly found: readonly Found[];
}

const PAGE = 4096;
const REGISTERS = 16;
/** Values of an operation's base register (decoded.ts): the displacement counts from the page, or from the next instruction. */
const PAGE_RELATIVE = 17;
const NEXT_RELATIVE = 18;

export class Neighbours {
  #unknowns = 0;
  #values: Value[] = [];
  /** Those used last are at the end. */
  #found: Found[] = [];

  constructor() {
    this.state = this.nothing();
  }

  /** What is known where control may come from anywhere. */
  nothing(): NeighbourState {
    const values: Value[] = [];
    for (let n = 0; n < REGISTERS; n++) values.push(this.#unknown());
    return { values, found: [] };
  }
  /** What is known where these ways join. */
  joined([first, ...others]: NeighbourState[]): NeighbourState {
    if (!first || !others.length) return first ?? this.nothing();
    const values = first.values.map((value, n) => {
      const agreed = others.every(({ values: { [n]: other } }) => isSame(other!, value));
      return agreed ? value : this.#unknown();
    });
    return { values, found: first.found.filter((each) => others.every(({ found }) => found.includes(each))) };
  }
  get state(): NeighbourState {
    return { values: this.#values.slice(), found: this.#found.slice() };
  }
  set state({ values, found }: NeighbourState) {
    this.#values = values.slice();
    this.#found = found.slice();
  }

  #unknown(): Value {
    return { unknown: this.#unknowns++, distance: 0 };
  }
  /** Records that the register has a new value. */
  changed(register: number): void {
    this.#values[register] = this.#unknown();
  }
  /** Returns the value plus a distance, which can be given to a register after it was written. */
  sum(register: number, distance: number): Value {
    const { unknown, distance: before } = this.#values[register]!;
    return { unknown, distance: before + distance };
  }
  set(register: number, value: Value): void {
    this.#values[register] = value;
  }

  /** The address of the memory operand; null if nothing can be said about it. */
  placeOf(op: DecodedOp): Place | null {
    if (op.addressSize !== 8) return null;
    const first = op.base < REGISTERS ? this.#values[op.base]! : null;
    const second = op.index < REGISTERS ? this.#values[op.index]! : null;
    const fromNext = op.base === NEXT_RELATIVE;
    const fromPage = fromNext || op.base === PAGE_RELATIVE;
    const start = fromNext ? op.offset + op.length : fromPage ? op.page : (first?.distance ?? 0);
    return {
      segment: op.segmentSlot,
      base: fromPage ? PAGE_NUMBER : (first?.unknown ?? NO_NUMBER),
      index: second?.unknown ?? NO_NUMBER,
      scale: second ? op.scale : 0,
      distance: start + op.disp + (second?.distance ?? 0) * 2 ** op.scale,
    };
  }
  /** The address in a register, plus a distance, without a segment. */
  placeIn(register: number, distance: number): Place {
    const { unknown, distance: before } = this.#values[register]!;
    return { segment: 0, base: unknown, index: NO_NUMBER, scale: 0, distance: before + distance };
  }

  /** Returns the neighbour of an access to `size` bytes; null if there is none that helps. */
  of(place: Place, size: number, write: boolean): Neighbour | null {
    let at = this.#found.length - 1;
    while (at >= 0 && !areNear(this.#found[at]!, place)) at--;
    const found = this.#found[at];
    if (!found || (write && !found.write)) return null;
    const { distance } = place;
    const fromPage = place.base === PAGE_NUMBER && place.index === NO_NUMBER && !place.segment;
    const away = distance - found.distance;
    // Where the earlier access may begin in its page, and where it has to.
    const first = fromPage ? found.distance & (PAGE - 1) : 0;
    const last = fromPage ? first : PAGE - found.size;
    const least = -away;
    const most = PAGE - size - away;
    if (least > last || most < first || (least > first && most < last)) return null;
    // It is the one that was used last.
    this.#found.splice(at, 1);
    this.#found.push(found);
    return { found, distance: away, least: least > first ? least : null, most: most < last ? most : null };
  }
  /**
   * Records an access. Returns the number of the local that is to hold its host address, below `most` (at most 31); so another access may be forgotten.
   */
  record(place: Place, op: DecodedOp, size: number, write: boolean, most: number): number {
    let used = 0;
    let before = -1;
    for (let n = 0; n < this.#found.length; n++) {
      const each = this.#found[n]!;
      if (areNear(each, place)) before = n;
      used |= 1 << each.local;
    }
    // Without an older access to the same, the one that was not used for longest makes room.
    if (before < 0 && this.#found.length === most) before = 0;
    if (before >= 0) used &= ~(1 << this.#found.splice(before, 1)[0]!.local);
    // The lowest bit that is clear.
    const local = 31 - Math.clz32(~used & -~used);
    const { segment, base, index, scale, distance } = place;
    this.#found.push({ segment, base, index, scale, distance, op, size, write, local });
    return local;
  }
}

function areNear(a: Place, b: Place): boolean {
  return a.base === b.base && a.index === b.index && a.scale === b.scale && a.segment === b.segment;
}
function isSame(a: Value, b: Value): boolean {
  return a.unknown === b.unknown && a.distance === b.distance;
}
