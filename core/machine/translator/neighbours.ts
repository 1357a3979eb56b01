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

/** An address: something unknown, with a name, plus a distance. */
export interface Place {
  readonly name: string;
  readonly distance: number;
  /** The unknown part is a multiple of the page's size. */
  readonly fromPage: boolean;
}

/** An access that was found. */
export interface Found {
  readonly op: DecodedOp;
  readonly distance: number;
  readonly size: number;
  readonly write: boolean;
  /** The local with its host address. */
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
  readonly found: ReadonlyMap<string, Found>;
}

const PAGE = 4096;
const REGISTERS = 16;
/** Values of an operation's base register (decoded.ts): the displacement counts from the page, or from the next instruction. */
const PAGE_RELATIVE = 17;
const NEXT_RELATIVE = 18;

export class Neighbours {
  #unknowns = 0;
  #values: Value[] = [];
  /** By name; those used last are at the end. */
  #found = new Map<string, Found>();

  constructor() {
    this.state = this.nothing();
  }

  /** What is known where control may come from anywhere. */
  nothing(): NeighbourState {
    return { values: Array.from({ length: REGISTERS }, () => this.#unknown()), found: new Map() };
  }
  /** What is known where these ways join. */
  joined([first, ...others]: NeighbourState[]): NeighbourState {
    if (!first) return this.nothing();
    const values = first.values.map((value, n) => {
      const agreed = others.every(({ values: { [n]: other } }) => isSame(other!, value));
      return agreed ? value : this.#unknown();
    });
    const found = [...first.found].filter(([name, each]) => others.every((other) => other.found.get(name) === each));
    return { values, found: new Map(found) };
  }
  get state(): NeighbourState {
    return { values: [...this.#values], found: new Map(this.#found) };
  }
  set state({ values, found }: NeighbourState) {
    this.#values = [...values];
    this.#found = new Map(found);
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
  placeOf({ addressSize, segmentSlot, base, index, scale, disp, page, offset, length }: DecodedOp): Place | null {
    if (addressSize !== 8) return null;
    const fromPage = base === PAGE_RELATIVE || base === NEXT_RELATIVE;
    const part = (register: number): Value | null => (register < REGISTERS ? this.#values[register]! : null);
    const [first, second] = [part(base), part(index)];
    const origin = fromPage ? "page" : first ? first.unknown : "none";
    const further = second ? `${second.unknown}<<${scale}` : "none";
    const start = base === NEXT_RELATIVE ? offset + length : base === PAGE_RELATIVE ? page : (first?.distance ?? 0);
    const distance = start + (second?.distance ?? 0) * 2 ** scale + disp;
    return { name: `${segmentSlot} ${origin} ${further}`, distance, fromPage: fromPage && !second && !segmentSlot };
  }
  /** The address in a register, plus a distance, without a segment. */
  placeIn(register: number, distance: number): Place {
    const value = this.#values[register]!;
    return { name: `0 ${value.unknown} none`, distance: value.distance + distance, fromPage: false };
  }

  /** Returns the neighbour of an access to `size` bytes; null if there is none that helps. */
  of({ name, distance, fromPage }: Place, size: number, write: boolean): Neighbour | null {
    const found = this.#found.get(name);
    if (!found || (write && !found.write)) return null;
    const away = distance - found.distance;
    // Where the earlier access may begin in its page, and where it has to.
    const first = fromPage ? found.distance & (PAGE - 1) : 0;
    const last = fromPage ? first : PAGE - found.size;
    const least = -away;
    const most = PAGE - size - away;
    if (least > last || most < first || (least > first && most < last)) return null;
    // It is the one that was used last.
    this.#found.delete(name);
    this.#found.set(name, found);
    return { found, distance: away, least: least > first ? least : null, most: most < last ? most : null };
  }
  /** Records an access. Returns the local that is to hold its host address: one of `locals`, whose earlier access may be forgotten. */
  record(place: Place, found: Omit<Found, "distance" | "local">, locals: number): number {
    this.#found.delete(place.name);
    const used = new Set([...this.#found.values()].map(({ local }) => local));
    let local = 0;
    while (used.has(local)) local++;
    if (local >= locals) {
      const [name, oldest] = this.#found.entries().next().value!;
      this.#found.delete(name);
      local = oldest.local;
    }
    this.#found.set(place.name, { ...found, distance: place.distance, local });
    return local;
  }
}

function isSame(a: Value, b: Value): boolean {
  return a.unknown === b.unknown && a.distance === b.distance;
}
