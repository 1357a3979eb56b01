/**
 * Runs of x87 instructions with the register stack in locals. Within a run, the distance of every ST(i) from TOP at the run's beginning is known
 * here. So FXCH and FLD ST(i) only rename, and one look at the unit's state is enough for all its instructions.
 * The run is written twice. The fast version requires: CR0.EM and TS clear, no exception pending, all masked, 64 bits of precision, rounding to
 * nearest, and every register that it touches valid or empty as it needs (so that there is no stack fault). Otherwise the interpreter's functions
 * execute each instruction. In the fast version the vCPU's state is older than the locals. Whatever may leave, and whatever the interpreter executes
 * (numbers that are not normal: ../cpu/x87/fast.ts), stores them first.
 */
import * as S from "../cpu/state.ts";
import type { DecodedOp } from "./decoded.ts";
import { STATE } from "./imports.ts";
import { I32, I64, Mem, Op } from "./wasm.ts";
import type { RegionWriter } from "./writer.ts";

const ADD = 0;
const MULTIPLY = 1;
const SUBTRACT = 4;
const SUBTRACT_REVERSED = 5;

/** What an instruction of a run does. `to` and `from` are i of ST(i) as the instruction sees it. */
type Step =
  | { kind: "compute"; which: number; to: number; from: number; pops: boolean }
  | { kind: "exchange"; i: number }
  | { kind: "duplicate"; i: number }
  | { kind: "constant"; se: number; significand: bigint }
  | { kind: "sign"; keep: number; flip: number }
  | { kind: "move"; to: number; pops: boolean }
  | { kind: "load" }
  | { kind: "store" };

const COMPUTED = [ADD, MULTIPLY, SUBTRACT, SUBTRACT_REVERSED];

function compute(which: number, to: number, from: number, pops: boolean): Step | null {
  return COMPUTED.includes(which) ? { kind: "compute", which, to, from, pops } : null;
}

/** FSUB and FSUBR are exchanged if ST(i) is the destination. */
function fromTop(which: number): number {
  return which >= 4 ? which ^ 1 : which;
}

/** Returns null for an instruction that can't be in a run. ModRM gives reg and rm. SDM volume 2, appendix A, tables of escapes. */
function stepOf(op: DecodedOp): Step | null {
  if (op.family !== "x87") return null;
  const which = op.reg & 7;
  const i = op.rm & 7;
  if (op.isMemory) {
    if (op.opcode !== 0xdb) return null;
    return which === 5 ? { kind: "load" } : which === 7 ? { kind: "store" } : null;
  }
  switch (op.opcode) {
    case 0xd8:
      return compute(which, 0, i, false);
    case 0xdc:
      return compute(fromTop(which), i, 0, false);
    case 0xde:
      return compute(fromTop(which), i, 0, true);
    case 0xdd:
      return which === 2 || which === 3 ? { kind: "move", to: i, pops: which === 3 } : null;
    case 0xd9:
      if (which === 0) return { kind: "duplicate", i };
      if (which === 1) return { kind: "exchange", i };
      if (which === 4 && i === 0) return { kind: "sign", keep: 0xffff, flip: 0x8000 };
      if (which === 4 && i === 1) return { kind: "sign", keep: 0x7fff, flip: 0 };
      if (which === 5 && i === 0) return { kind: "constant", se: 0x3fff, significand: 1n << 63n };
      return which === 5 && i === 6 ? { kind: "constant", se: 0, significand: 0n } : null;
    default:
      return null;
  }
}

/** Tags of the registers by their distance from TOP at the run's beginning; undefined for those of which nothing was needed yet. */
class Tags {
  /** Distance of TOP from where it was at the beginning. */
  top = 0;
  readonly before: (boolean | undefined)[] = [];
  readonly now: (boolean | undefined)[] = [];

  at(i: number): number {
    return (this.top + i) & 7;
  }
  #need(i: number, valid: boolean): boolean {
    const register = this.at(i);
    if (this.now[register] === undefined) this.before[register] = this.now[register] = valid;
    return this.now[register] === valid;
  }
  #push(): boolean {
    if (!this.#need(7, false)) return false;
    this.top = this.at(7);
    this.now[this.top] = true;
    return true;
  }
  #pop(): void {
    this.now[this.top] = false;
    this.top = this.at(1);
  }
  /** Makes the step. Returns false if it can't be made without a stack fault. */
  take(step: Step): boolean {
    switch (step.kind) {
      case "compute":
        if (!this.#need(step.to, true) || !this.#need(step.from, true)) return false;
        if (step.pops) this.#pop();
        return true;
      case "exchange":
        return this.#need(0, true) && this.#need(step.i, true);
      case "duplicate":
        return this.#need(step.i, true) && this.#push();
      case "move":
        if (!this.#need(0, true) || !this.#need(step.to, true)) return false;
        if (step.pops) this.#pop();
        return true;
      case "sign":
        return this.#need(0, true);
      case "constant":
      case "load":
        return this.#push();
      case "store":
        if (!this.#need(0, true)) return false;
        this.#pop();
        return true;
    }
  }
  /** Returns the bits of the registers for which `which` holds. */
  mask(which: (register: number) => boolean): number {
    return [0, 1, 2, 3, 4, 5, 6, 7].filter(which).reduce((bits, register) => bits | (1 << register), 0);
  }
}

/** Finds out what state the run that begins at ops[from] requires, and how many instructions it has. */
function measure(ops: DecodedOp[], from: number): { steps: Step[]; needed: number; wanted: number } {
  const tags = new Tags();
  const steps: Step[] = [];
  for (let i = from; i < ops.length; i++) {
    const step = stepOf(ops[i]!);
    if (!step || !tags.take(step)) break;
    steps.push(step);
  }
  return {
    steps,
    needed: tags.mask((register) => tags.before[register] !== undefined),
    wanted: tags.mask((register) => tags.before[register] === true),
  };
}

class FastSide {
  readonly #w: RegionWriter;
  readonly #tags = new Tags();
  /** By distance from the first TOP: which pair of locals has the register's number; undefined if only the state has it. */
  readonly #values: (number | undefined)[] = [];
  readonly #stale = new Set<number>();
  /** The last instruction that was executed; and whether C1 is determined by its result, or is 0. */
  #last: DecodedOp | null = null;
  #hasRounded = false;
  /** Whether something was pushed or popped. */
  #moved = false;

  constructor(w: RegionWriter) {
    this.#w = w;
  }

  #local(name: string): number {
    return this.#w.temporary(`x87${name}`, I32);
  }
  #significand(value: number): number {
    return this.#w.temporary(`x87Significand${value}`, I64);
  }
  #exponent(value: number): number {
    return this.#w.temporary(`x87Exponent${value}`, I32);
  }
  /** Returns a pair of locals that holds no register. */
  #fresh(): number {
    for (let value = 0; ; value++) if (!this.#values.includes(value)) return value;
  }

  /** Pushes 0 if the run can be executed in the fast version. */
  begin(needed: number, wanted: number): void {
    const { code } = this.#w;
    const status = this.#local("Status");
    const top = this.#local("Top");
    const valid = this.#local("Valid");
    code.get(STATE).memory(Mem.i32Load16U, S.CPU_FSW).tee(status);
    code.i32(11).op(Op.i32ShrU).i32(7).op(Op.i32And).set(top);
    code.get(STATE).memory(Mem.i32Load8U, S.CPU_FTW).tee(valid);
    code.get(valid).i32(8).op(Op.i32Shl, Op.i32Or).get(top).op(Op.i32ShrU);
    code.i32(needed).op(Op.i32And).i32(wanted).op(Op.i32Xor);
    // Precision, rounding and masks.
    code.get(STATE).memory(Mem.i32Load16U, S.CPU_FCW).i32(0xf3f).op(Op.i32And).i32(0x33f).op(Op.i32Xor, Op.i32Or);
    // ES.
    code.get(status).i32(0x80).op(Op.i32And, Op.i32Or);
    code.get(STATE).memory(Mem.i32Load, S.CPU_CR0).i32(0xc).op(Op.i32And, Op.i32Or);
  }

  /** Clears what the run collects. */
  start(): void {
    this.#w.code.i32(0).set(this.#local("Raised"));
  }

  step(op: DecodedOp, step: Step): void {
    this.#w.unsettled = () => this.settle();
    this.#write(op, step);
    this.#w.unsettled = null;
    const { top } = this.#tags;
    this.#tags.take(step);
    this.#moved ||= this.#tags.top !== top;
    this.#last = op;
  }

  #write(op: DecodedOp, step: Step): void {
    const tags = this.#tags;
    switch (step.kind) {
      case "compute":
        return this.#compute(op, step);
      case "exchange": {
        const a = this.#read(tags.at(0));
        const b = this.#read(tags.at(step.i));
        this.#set(tags.at(0), b);
        this.#set(tags.at(step.i), a);
        return this.#exact();
      }
      case "duplicate":
        this.#set(tags.at(7), this.#read(tags.at(step.i)));
        return this.#exact();
      case "move":
        this.#set(tags.at(step.to), this.#read(tags.at(0)));
        return this.#exact();
      case "constant": {
        const value = this.#fresh();
        this.#w.code.i64(step.significand).set(this.#significand(value)).i32(step.se).set(this.#exponent(value));
        this.#set(tags.at(7), value);
        return this.#exact();
      }
      case "sign": {
        const from = this.#read(tags.at(0));
        const value = this.#fresh();
        const { code } = this.#w;
        code.get(this.#significand(from)).set(this.#significand(value));
        code.get(this.#exponent(from)).i32(step.keep).op(Op.i32And).i32(step.flip).op(Op.i32Xor);
        code.set(this.#exponent(value));
        this.#set(tags.at(0), value);
        return this.#exact();
      }
      case "load": {
        const host = this.#local("Host");
        this.#w.hostOf(op, 10, false);
        const value = this.#fresh();
        const { code } = this.#w;
        code.tee(host).memory(Mem.i64Load).set(this.#significand(value));
        code.get(host).memory(Mem.i32Load16U, 8).set(this.#exponent(value));
        this.#set(tags.at(7), value);
        return this.#exact();
      }
      case "store": {
        const host = this.#local("Host");
        const value = this.#read(tags.at(0));
        this.#w.hostOf(op, 10, true);
        const { code } = this.#w;
        code.tee(host).get(this.#significand(value)).memory(Mem.i64Store);
        code.get(host).get(this.#exponent(value)).memory(Mem.i32Store16, 8);
        return this.#exact();
      }
    }
  }

  #exact(): void {
    this.#hasRounded = false;
  }
  #set(register: number, value: number): void {
    this.#values[register] = value;
    this.#stale.add(register);
  }
  /** Returns the pair of locals with a register's number. */
  #read(register: number): number {
    let value = this.#values[register];
    if (value === undefined) {
      this.#values[register] = value = this.#fresh();
      this.#load(register, value);
    }
    return value;
  }
  #load(register: number, value: number): void {
    const { code } = this.#w;
    this.#address(register);
    code.memory(Mem.i64Load, S.CPU_FPR).set(this.#significand(value));
    code
      .get(this.#local("At"))
      .memory(Mem.i32Load16U, S.CPU_FPR + 8)
      .set(this.#exponent(value));
  }
  /** Pushes the value to which CPU_FPR is to be added, and leaves it in its local. */
  #address(register: number): void {
    const { code } = this.#w;
    code.get(this.#local("Top")).i32(register).op(Op.i32Add).i32(7).op(Op.i32And).i32(4).op(Op.i32Shl);
    code.get(STATE).op(Op.i32Add).tee(this.#local("At"));
  }

  #compute(op: DecodedOp, { which, to, from }: Step & { kind: "compute" }): void {
    const w = this.#w;
    const { code } = w;
    const destination = this.#tags.at(to);
    const a = this.#read(destination);
    const b = this.#read(this.#tags.at(from));
    const [first, second] = which === SUBTRACT_REVERSED ? [b, a] : [a, b];
    const result = this.#local("Result");
    const raised = this.#local("Raised");
    code.get(this.#significand(first)).get(this.#significand(second));
    code.get(this.#exponent(first)).get(this.#exponent(second));
    if (which >= SUBTRACT) code.i32(0x8000).op(Op.i32Xor);
    w.call(which === MULTIPLY ? "region_x87_product" : "region_x87_sum");
    const value = this.#fresh();
    code.tee(result).i32(0).op(Op.i32LtS);
    code.ifUnlikely();
    this.settle();
    w.unsettled = null;
    w.executeApart("region_x87", op);
    this.#load(destination, value);
    const status = this.#local("Status");
    code.get(STATE).memory(Mem.i32Load16U, S.CPU_FSW).tee(status).i32(16).op(Op.i32Shl).set(result);
    code.else();
    code.get(STATE).memory(Mem.i64Load, S.CPU_X87_SIGNIFICAND).set(this.#significand(value));
    code.get(result).i32(0xffff).op(Op.i32And).set(this.#exponent(value));
    code.get(result).get(raised).op(Op.i32Or).set(raised);
    code.end();
    this.#set(destination, value);
    this.#hasRounded = true;
  }

  /** Stores what the state does not have yet: the unit as it is after the last instruction that was executed. */
  settle(): void {
    if (!this.#last) return;
    const { code } = this.#w;
    const tags = this.#tags;
    for (const register of this.#stale) {
      const value = this.#values[register]!;
      this.#address(register);
      code.get(this.#significand(value)).memory(Mem.i64Store, S.CPU_FPR);
      code
        .get(this.#local("At"))
        .get(this.#exponent(value))
        .memory(Mem.i32Store16, S.CPU_FPR + 8);
    }
    // Tags that are again what they were are stored too, because the interpreter may have stored other values in between.
    if (this.#moved) {
      const changed = tags.mask((register) => tags.now[register] !== tags.before[register]);
      const turned = this.#local("Turned");
      code.get(STATE).i32(changed).get(this.#local("Top")).op(Op.i32Shl).tee(turned);
      code.get(turned).i32(8).op(Op.i32ShrU, Op.i32Or).get(this.#local("Valid")).op(Op.i32Xor);
      code.memory(Mem.i32Store8, S.CPU_FTW);
    }
    // TOP and C1 are new; PE stays, or is raised; B is clear, as ES is.
    code
      .get(STATE)
      .get(this.#local("Status"))
      .i32(~(0x3800 | 0x8200))
      .op(Op.i32And);
    code.get(this.#local("Raised")).i32(16).op(Op.i32ShrU).i32(0x20).op(Op.i32And, Op.i32Or);
    if (this.#hasRounded) code.get(this.#local("Result")).i32(16).op(Op.i32ShrU).i32(0x200).op(Op.i32And, Op.i32Or);
    code.get(this.#local("Top")).i32(tags.top).op(Op.i32Add).i32(7).op(Op.i32And).i32(11).op(Op.i32Shl, Op.i32Or);
    code.memory(Mem.i32Store16, S.CPU_FSW);
    code.get(STATE);
    this.#w.codeAddress(this.#last.offset);
    code.memory(Mem.i64Store, S.CPU_FIP);
  }
}

/** Writes the run that begins at ops[from], if there is one. Returns the number of its instructions, and counts them as done. */
export function writeX87Run(w: RegionWriter, ops: DecodedOp[], from: number): number {
  const { steps, needed, wanted } = measure(ops, from);
  if (!steps.length) return 0;
  const { code, done } = w;
  const fast = new FastSide(w);
  fast.begin(needed, wanted);
  code.ifUnlikely();
  for (let i = 0; i < steps.length; i++) {
    w.executeApart("region_x87", ops[from + i]!);
    w.done++;
  }
  code.else();
  w.done = done;
  fast.start();
  for (const [i, step] of steps.entries()) {
    fast.step(ops[from + i]!, step);
    w.done++;
  }
  fast.settle();
  code.end();
  return steps.length;
}
