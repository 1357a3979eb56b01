/**
 * The guest's general and vector registers while a region runs. Their place is the vCPU's state in memory; a local of the function is a copy. While
 * writing, it is known whether a local is
 * - available: it has the register's value, and
 * - unsaved: memory does not have that value yet.
 * Of a vector register it may be known instead that it is zero.
 * At the end of a block nothing is unsaved. So a block depends on the one before it only for the loads that it can save, and a way out in the middle
 * of a block stores only what that block has written. Small loops (small-loops.ts) are the exception: all that they write is unsaved from block to
 * block until they are left, because a loop of a few instructions would otherwise do little but store. A function that kept all registers in locals from beginning to end, and stored
 * everything that any of its instructions writes at its single end, would take V8's optimizer twice as long: every way out would be a place where all
 * of them have to be brought together.
 * Where ways join, those registers are available that are so on all of the ways. A loop loads what it touches before it begins, and has it available
 * again whenever it goes back.
 * Code in an arm (nested deeper than the block's beginning) may be skipped, so it must leave what is known as it was. It stores at once what it
 * writes, and loads for itself what it loads.
 */
import * as S from "../cpu/state.ts";
import { STATE } from "./imports.ts";
import { Neighbours, type NeighbourState } from "./neighbours.ts";
import { V } from "./simd.ts";
import { I64, Mem, Op, V128, type Code, type ValueType } from "./wasm.ts";

/** Registers have one common numbering: general ones from 0, XMM registers and the high halves of YMM registers from here. */
const VECTORS = 16;
const HIGH_HALVES = 32;
export function vectorNumber(n: number): number {
  return VECTORS + n;
}
export function highHalfNumber(n: number): number {
  return HIGH_HALVES + n;
}

/** What is known of the locals at a place. */
export interface RegisterState {
  available: ReadonlySet<number>;
  unsaved: ReadonlySet<number>;
  zero: ReadonlySet<number>;
  depth: number;
  neighbours: NeighbourState;
}

/** Offset in the vCPU's state. */
function vectorPlace(n: number): number {
  return n < HIGH_HALVES ? S.CPU_XMM + 16 * (n - VECTORS) : S.CPU_YMM_HIGH + 16 * (n - HIGH_HALVES);
}
const ZERO = new Array<number>(16).fill(0);
function pushZero(code: Code): void {
  code.vector(V.const, ...ZERO);
}

export class RegisterWriter {
  readonly #code: Code;
  readonly #temporary: (name: string, type: ValueType) => number;
  readonly #locals: number[] = [];
  #available = new Set<number>();
  #unsaved = new Set<number>();
  /** Vector registers that are zero, whatever their locals have. */
  #zero = new Set<number>();
  /** Nesting depth at which the block began. */
  #depth = 0;
  /** Registers that the running block touches, and those of them that it writes. */
  touched = new Set<number>();
  written = new Set<number>();
  /** What is known of the registers' values, and of memory that they point to. */
  readonly neighbours = new Neighbours();

  constructor(code: Code, temporary: (name: string, type: ValueType) => number) {
    this.#code = code;
    this.#temporary = temporary;
  }

  #local(n: number): number {
    return (this.#locals[n] ??= n < VECTORS ? this.#temporary(`r${n}`, I64) : this.#temporary(`x${n - VECTORS}`, V128));
  }
  /** Whether the code that is written now may be skipped. */
  get inArm(): boolean {
    return this.#code.depth > this.#depth;
  }

  /** Begins a block with these registers available, of which these are unsaved. */
  begin(available: Iterable<number>, unsaved: Iterable<number>, neighbours: NeighbourState): void {
    this.neighbours.state = neighbours;
    this.#available = new Set(available);
    this.#unsaved = new Set(unsaved);
    this.#zero = new Set();
    this.#depth = this.#code.depth;
    this.touched = new Set();
    this.written = new Set();
  }
  get available(): ReadonlySet<number> {
    return this.#available;
  }
  /** What is known here, for a second way that continues from here. */
  get state(): RegisterState {
    return {
      available: new Set(this.#available),
      unsaved: new Set(this.#unsaved),
      zero: new Set(this.#zero),
      depth: this.#depth,
      neighbours: this.neighbours.state,
    };
  }
  set state({ available, unsaved, zero, depth, neighbours }: RegisterState) {
    this.neighbours.state = neighbours;
    this.#available = new Set(available);
    this.#unsaved = new Set(unsaved);
    this.#zero = new Set(zero);
    this.#depth = depth;
  }

  #load(n: number): void {
    this.#code.get(STATE);
    if (n < VECTORS) this.#code.memory(Mem.i64Load, S.CPU_GPR + 8 * n);
    else this.#code.vectorMemory(V.load, vectorPlace(n));
  }
  #store(n: number): void {
    this.#code.get(STATE);
    this.#value(n);
    if (n < VECTORS) this.#code.memory(Mem.i64Store, S.CPU_GPR + 8 * n);
    else this.#code.vectorMemory(V.store, vectorPlace(n));
  }
  /** Pushes the value of a register that is available or zero. */
  #value(n: number): void {
    if (this.#zero.has(n)) pushZero(this.#code);
    else this.#code.get(this.#local(n));
  }

  /** Pushes the register. */
  read(n: number): void {
    if (this.#zero.has(n)) return pushZero(this.#code);
    this.touched.add(n);
    if (this.#available.has(n)) return void this.#code.get(this.#local(n));
    this.#load(n);
    if (this.inArm) return;
    this.#code.tee(this.#local(n));
    this.#available.add(n);
  }
  /** Takes the register's new value. */
  write(n: number): void {
    this.touched.add(n);
    this.written.add(n);
    if (n < VECTORS) this.neighbours.changed(n);
    this.#code.set(this.#local(n));
    if (this.inArm && this.#zero.has(n)) throw new Error("what is known to be zero was written in an arm");
    if (this.inArm) return this.#store(n);
    this.#zero.delete(n);
    this.#available.add(n);
    this.#unsaved.add(n);
  }
  /**
   * Makes a vector register zero. As VEX.128 instructions do so with the high halves of what they write, and hardly anybody looks at those, this is
   * one store in a block, and none in a small loop before its end. Not allowed in an arm.
   */
  clear(n: number): void {
    this.written.add(n);
    if (this.#zero.has(n)) return;
    this.#zero.add(n);
    this.#available.delete(n);
    if (!this.#unsaved.has(n)) this.#store(n);
  }

  /**
   * Writes the sum of a register's value and a number, in all 64 bits. In an arm this is allowed only if what is known is set back after it (state):
   * where the arm was skipped the register does not have the sum.
   */
  writeSum(n: number, from: number, distance: number): void {
    const sum = this.neighbours.sum(from, distance);
    this.read(from);
    this.#code.i64(distance).op(Op.i64Add);
    this.write(n);
    this.neighbours.set(n, sum);
  }

  /** Makes the registers available, for a loop that begins next or goes back. */
  fetch(wanted: Iterable<number>): void {
    for (const n of wanted) {
      if (this.#available.has(n)) continue;
      if (this.#zero.has(n)) pushZero(this.#code);
      else this.#load(n);
      this.#code.set(this.#local(n));
      if (!this.inArm) this.#available.add(n);
    }
  }
  /** Stores all registers in memory. */
  save(): void {
    for (const n of this.#unsaved) this.#store(n);
    if (!this.inArm) this.#unsaved.clear();
  }
  /**
   * Records that something else has changed the registers in memory, after save(). In an arm, where one of them may be known to be zero, what is known
   * has to be set back at the end of the arm (state), and what was changed has to be written after it.
   */
  changed(registers: Iterable<number>): void {
    for (const n of registers) {
      if (n < VECTORS) this.neighbours.changed(n);
      const wasZero = this.#zero.delete(n);
      if (wasZero && this.inArm) this.#available.add(n);
      if (!this.#available.has(n)) continue;
      if (this.inArm) {
        this.#load(n);
        this.#code.set(this.#local(n));
      } else this.#available.delete(n);
    }
  }
}
