/**
 * The six arithmetic flags in translated code, which are never computed unless somebody looks at them.
 * What the last instruction that set them has computed is in locals: result, first and second operand, each with any bits above the size. Which
 * instruction that was is known while writing (FlagState) as long as control came one way. Where ways join, the local `kind` says it at run time, and
 * the operands have the form of the vCPU's state (../cpu/flags.ts) except for the shift. On the ways out, which are not on the fast path, they are
 * converted to that form and stored.
 */
import * as F from "../cpu/flag_kinds.ts";
import * as S from "../cpu/state.ts";
import { STATE, type HelperName } from "./imports.ts";
import { Code, I32, I64, Mem, Op, type ValueType } from "./wasm.ts";

/** What it needs from the function of which it is part (writer.ts). */
export interface FlagHost {
  readonly code: Code;
  temporary(name: string, type: ValueType): number;
  has(name: string): boolean;
  call(name: HelperName): Code;
}

type Plain = "add" | "sub" | "logic" | "adc" | "sbb" | "shl" | "shr" | "sar" | "imul" | "result" | "compared";
export type FlagState =
  /** In the vCPU's state. */
  | { kind: "memory" }
  /** In the locals, as the local `kind` says; -1: in the vCPU's state. */
  | { kind: "dynamic" }
  /**
   * For "result", CF and OF are in `a`, at their places in EFLAGS. For "compared", CF and PF are there, ZF is set if the result is zero, and the others
   * are clear; the size is 8.
   */
  | { kind: Plain; size: number; count: number }
  /** CF keeps its value. */
  | { kind: "inc" | "dec"; size: number; before: FlagState }
  /** CF and OF are new, the others stay. */
  | { kind: "rol" | "ror"; size: number; before: FlagState }
  /** CF is new. */
  | { kind: "bt"; before: FlagState }
  /** For BSF and BSR: ZF is new, CF is clear, the others stay. */
  | { kind: "scan"; before: FlagState };

export const CF_OF = 0x801;
const CF_ZF = 0x41;
const PF_PLACE = 2;
const ZF_PLACE = 6;
const IN_MEMORY = -1;

/** Condition codes 0..15 come in pairs; an odd one is the opposite. */
const OVERFLOW = 0;
const BELOW = 1;
const ZERO = 2;
const BELOW_OR_EQUAL = 3;
const SIGN = 4;
const PARITY = 5;
const LESS = 6;

type Comparison = "Eq" | "Ne" | "LtS" | "LtU" | "LeS" | "LeU" | "GeS" | "GeU" | "GtS" | "GtU";

export class FlagWriter {
  readonly #writer: FlagHost;
  readonly #code: Code;
  readonly #expected: boolean;
  state: FlagState = { kind: "memory" };

  /** `expected`: some instruction of the region leaves its flags in locals. */
  constructor(writer: FlagHost, expected: boolean) {
    this.#writer = writer;
    this.#expected = expected;
    this.#code = writer.code;
  }

  /** First and second operand, result. */
  get a(): number {
    return this.#writer.temporary("flagA", I64);
  }
  get b(): number {
    return this.#writer.temporary("flagB", I64);
  }
  get result(): number {
    return this.#writer.temporary("flagResult", I64);
  }
  /** The result of INC, DEC and rotations, while the flags that they leave are in the others. */
  get over(): number {
    return this.#writer.temporary("flagOver", I64);
  }
  /** CF of BT, or ZF of BSF and BSR: i32. */
  get bit(): number {
    return this.#writer.temporary("flagBit", I32);
  }
  /** The carry that INC and DEC leave. */
  get #carry(): number {
    return this.#writer.temporary("flagCarry", I64);
  }
  get #kind(): number {
    return this.#writer.temporary("flagKind", I32);
  }
  /** Whether an instruction of the region, as far as it is written, has left its flags in locals. */
  get used(): boolean {
    return ["flagResult", "flagOver", "flagBit"].some((name) => this.#writer.has(name));
  }

  /** Called at the region's beginning. */
  begin(before: Code): void {
    if (this.#expected) before.i32(IN_MEMORY).set(this.#kind);
  }

  /** Records that the locals hold what an instruction has computed. */
  set(kind: Plain, size: number, count = 0): void {
    this.state = { kind, size, count };
  }
  /**
   * The locals hold the result, and CF and OF (at their places in `a`), of a shift that leaves the flags if the local `count` is zero. The old flags
   * are in memory.
   */
  setUnlessZero(count: number, size: number): void {
    const code = this.#code;
    code.i32(IN_MEMORY).i32(F.FLAGS_RESULT | ((64 - 8 * size) << 8));
    code.get(count).op(Op.i64Eqz, Op.select).set(this.#kind);
    this.state = { kind: "dynamic" };
  }
  /** Returns what INC, DEC, a rotation, BT or a scan keeps of the present flags. To be called before their own locals are set. */
  keep(kind: "inc" | "dec" | "rol" | "ror" | "bt" | "scan"): FlagState {
    const { state } = this;
    const isOver = "before" in state;
    if (!isOver) return state;
    const step = kind === "inc" || kind === "dec";
    const stepped = state.kind === "inc" || state.kind === "dec";
    const rotates = kind === "rol" || kind === "ror";
    const rotated = state.kind === "rol" || state.kind === "ror";
    // The new one replaces it completely.
    if (step && stepped) return state.before;
    if (rotates && (rotated || state.kind === "bt")) return state.before;
    if (kind === "bt" && state.kind === "bt") return state.before;
    if (kind === "scan" && (state.kind === "scan" || state.kind === "bt")) return state.before;
    this.toMemory();
    return this.state;
  }

  // ---- to the vCPU's state ----

  /** Stores the flags; from here on they are in the vCPU's state. */
  toMemory(): void {
    this.settle();
    if (this.state.kind !== "memory") this.storeSettled();
    if (this.#expected) this.#code.i32(IN_MEMORY).set(this.#kind);
    this.state = { kind: "memory" };
  }

  /** Converts the locals, including `kind`, to the form of dynamic flags. `state` stays, because this may be one way of several. */
  settle(): void {
    this.#settle(this.state);
  }

  #settle(state: FlagState): void {
    if (!this.#expected) return;
    const code = this.#code;
    if (state.kind === "dynamic") return;
    if (state.kind === "memory") {
      code.i32(IN_MEMORY).set(this.#kind);
      return;
    }
    if (state.kind === "rol" || state.kind === "ror" || state.kind === "bt" || state.kind === "scan") {
      const now = this.state;
      this.#settle(state.before);
      this.storeSettled();
      code.i32({ rol: CF_OF, ror: CF_OF, bt: 1, scan: CF_ZF }[state.kind]);
      this.#overBits(state);
      this.#writer.call("region_change_flags");
      code.i32(IN_MEMORY).set(this.#kind);
      this.state = now;
      return;
    }
    if (state.kind === "inc" || state.kind === "dec") {
      const now = this.state;
      this.state = state.before;
      this.condition(BELOW << 1);
      this.state = now;
      code.op(Op.i64ExtendI32U).set(this.#carry).get(this.over).set(this.result);
      this.#setKind(state.kind === "inc" ? F.FLAGS_INC : F.FLAGS_DEC, state.size);
      return;
    }
    if (!("count" in state)) return;
    if (state.kind === "compared") return this.#setKind(F.FLAGS_STORED, state.size);
    if (state.kind === "add" || state.kind === "sub" || state.kind === "logic") {
      this.#setKind({ add: F.FLAGS_ADD, sub: F.FLAGS_SUB, logic: F.FLAGS_LOGIC }[state.kind], state.size);
      return;
    }
    this.#resultBits(state.kind, state.size, state.count);
    code.op(Op.i64ExtendI32U).set(this.a);
    this.#setKind(F.FLAGS_RESULT, state.size);
  }

  #setKind(kind: number, size: number): void {
    this.#code.i32(kind | ((64 - 8 * size) << 8)).set(this.#kind);
  }

  /** Stores what settle() has made, unless it is in memory. */
  storeSettled(): void {
    if (!this.#expected) return;
    const code = this.#code;
    const shift = this.#writer.temporary("flagShift", I64);
    code.get(this.#kind).i32(0).op(Op.i32GeS);
    code.if();
    code.get(STATE).get(this.#kind).memory(Mem.i32Store, S.CPU_FLAG_KIND);
    code.get(this.#kind).i32(8).op(Op.i32ShrU, Op.i64ExtendI32U).set(shift);
    code.get(STATE).get(this.result).get(shift).op(Op.i64Shl).memory(Mem.i64Store, S.CPU_FLAG_RESULT);
    code.get(STATE).get(this.a);
    code.i64(0).get(shift).get(this.#kind).i32(0xff).op(Op.i32And).i32(F.FLAGS_RESULT).op(Op.i32Eq, Op.select);
    code.op(Op.i64Shl).memory(Mem.i64Store, S.CPU_FLAG_A);
    code.get(STATE).get(this.#carry).memory(Mem.i64Store, S.CPU_FLAG_B);
    code.end();
  }

  /** Pushes CF and OF of a rotation, CF of BT, or ZF of a scan, as EFLAGS bits. */
  #overBits(state: FlagState): void {
    const code = this.#code;
    if (state.kind === "scan") code.get(this.bit).i32(ZF_PLACE).op(Op.i32Shl);
    if (state.kind === "bt") code.get(this.bit);
    if (state.kind !== "rol" && state.kind !== "ror") return;
    const top = BigInt(state.size * 8 - 1);
    const bit = (n: bigint) => code.get(this.over).i64(n).op(Op.i64ShrU, Op.i32WrapI64).i32(1).op(Op.i32And);
    // ROL: CF is bit 0, OF is top ^ CF. ROR: CF is the top bit, OF is top ^ the one below.
    if (state.kind === "rol") bit(0n);
    else bit(top);
    bit(top);
    if (state.kind === "rol") bit(0n);
    else bit(top - 1n);
    code.op(Op.i32Xor).i32(11).op(Op.i32Shl, Op.i32Or);
  }

  /** Pushes CF, OF and AF of the kinds that compute them, as EFLAGS bits. */
  #resultBits(kind: Plain, size: number, count: number): void {
    const code = this.#code;
    const top = size * 8 - 1;
    const { a, b, result } = this;
    const bit = (local: number, n: number) => code.get(local).i64(n).op(Op.i64ShrU, Op.i32WrapI64).i32(1).op(Op.i32And);
    switch (kind) {
      case "shl":
        bit(a, size * 8 - count);
        bit(a, size * 8 - count);
        bit(result, top);
        code.op(Op.i32Xor).i32(11).op(Op.i32Shl, Op.i32Or);
        break;
      case "shr":
        bit(a, count - 1);
        if (count === 1) {
          bit(a, top);
          code.i32(11).op(Op.i32Shl, Op.i32Or);
        }
        break;
      case "sar":
        bit(a, count - 1);
        break;
      case "result":
        code.get(a).op(Op.i32WrapI64);
        break;
      case "imul":
        if (size === 8) {
          code.get(a).get(b);
          this.#writer.call("region_imul_flags");
        } else {
          code.i32(CF_OF).i32(0);
          code.get(result).get(result).op(Op.i64Extend32S, Op.i64Ne, Op.select);
        }
        break;
      default:
        // ADC and SBB: computes carries and overflow of every bit; the top one counts.
        this.#carries(kind);
        code.i64(top).op(Op.i64ShrU, Op.i32WrapI64).i32(1).op(Op.i32And);
        this.#overflows(kind);
        code.i64(top).op(Op.i64ShrU, Op.i32WrapI64).i32(1).op(Op.i32And).i32(11).op(Op.i32Shl, Op.i32Or);
        code.get(a).get(b).op(Op.i64Xor).get(result).op(Op.i64Xor, Op.i32WrapI64).i32(16).op(Op.i32And, Op.i32Or);
        break;
    }
  }
  #carries(kind: Plain): void {
    const { a, b, result } = this;
    const code = this.#code;
    const not = (local: number) => code.get(local).i64(-1).op(Op.i64Xor);
    if (kind === "adc" || kind === "add") {
      code.get(a).get(b).op(Op.i64And).get(a).get(b).op(Op.i64Or);
      not(result);
      code.op(Op.i64And, Op.i64Or);
    } else {
      not(a);
      code.get(b).op(Op.i64And);
      not(a);
      code.get(b).op(Op.i64Or).get(result).op(Op.i64And, Op.i64Or);
    }
  }
  #overflows(kind: Plain): void {
    const { a, b, result } = this;
    const code = this.#code;
    if (kind === "adc" || kind === "add") code.get(a).get(result).op(Op.i64Xor).get(b);
    else code.get(a).get(b).op(Op.i64Xor).get(a);
    code.get(result).op(Op.i64Xor, Op.i64And);
  }

  // ---- conditions ----

  /** Pushes 1 if condition code 0..15 holds. */
  condition(wanted: number): void {
    const test = wanted >> 1;
    const not = (wanted & 1) !== 0;
    const { state } = this;
    if (state.kind === "bt" && test === BELOW) {
      this.#code.get(this.bit);
      if (not) this.#code.op(Op.i32Eqz);
      return;
    }
    if (state.kind === "scan") return this.#scanCondition(state, test, not);
    if (state.kind === "bt" && test !== BELOW_OR_EQUAL) return this.#conditionBefore(state.before, wanted);
    if ((state.kind === "rol" || state.kind === "ror") && (test === ZERO || test === SIGN || test === PARITY))
      return this.#conditionBefore(state.before, wanted);
    if (state.kind === "inc" || state.kind === "dec") {
      if (test === BELOW) return this.#conditionBefore(state.before, wanted);
      if (test !== BELOW_OR_EQUAL && test !== PARITY) return this.#stepCondition(state.kind, state.size, test, not);
    }
    const isPlain = "count" in state;
    if (!isPlain || !this.#plainCondition(state, test, not)) {
      this.toMemory();
      this.#code.i32(wanted);
      this.#writer.call("region_condition");
    }
  }

  /** After BSF or BSR. */
  #scanCondition({ before }: { before: FlagState }, test: number, not: boolean): void {
    const code = this.#code;
    const wanted = (test << 1) | (not ? 1 : 0);
    if (test === BELOW) code.i32(not ? 1 : 0);
    else if (test === ZERO || test === BELOW_OR_EQUAL) {
      code.get(this.bit);
      if (not) code.op(Op.i32Eqz);
    } else if (test <= LESS) this.#conditionBefore(before, wanted);
    else {
      this.toMemory();
      code.i32(wanted);
      this.#writer.call("region_condition");
    }
  }
  /** A condition that does not depend on the new flags. */
  #conditionBefore(before: FlagState, wanted: number): void {
    if ("count" in before && this.#plainCondition(before, wanted >> 1, (wanted & 1) !== 0)) return;
    this.toMemory();
    this.#code.i32(wanted);
    this.#writer.call("region_condition");
  }

  /** Pushes a local narrowed to the size, for a comparison. */
  #narrow(local: number, size: number, signed: boolean): void {
    const code = this.#code.get(local);
    if (size === 8) return;
    code.op(Op.i32WrapI64);
    if (size === 4) return;
    if (signed) code.op(size === 2 ? Op.i32Extend16S : Op.i32Extend8S);
    else code.i32(size === 2 ? 0xffff : 0xff).op(Op.i32And);
  }
  #compare(x: number, y: number, size: number, how: Comparison): void {
    const signed = how.endsWith("S");
    this.#narrow(x, size, signed);
    this.#narrow(y, size, signed);
    this.#code.op(size === 8 ? Op[`i64${how}`] : Op[`i32${how}`]);
  }
  #compareZero(x: number, size: number, how: Comparison): void {
    this.#narrow(x, size, how.endsWith("S"));
    if (size === 8) this.#code.i64(0).op(Op[`i64${how}`]);
    else this.#code.i32(0).op(Op[`i32${how}`]);
  }

  /** Returns false if this one is left to the interpreter's function. */
  #plainCondition(
    { kind, size, count }: { kind: Plain; size: number; count: number },
    test: number,
    not: boolean,
  ): boolean {
    const { a, b, result } = this;
    const code = this.#code;
    if (kind === "compared") this.#comparedCondition(test, not);
    else if (test === ZERO && kind !== "sub") this.#compareZero(result, size, not ? "Ne" : "Eq");
    else if (test === SIGN) this.#compareZero(result, size, not ? "GeS" : "LtS");
    else if (test === PARITY) {
      code.get(result).op(Op.i32WrapI64).i32(0xff).op(Op.i32And, Op.i32Popcnt).i32(1).op(Op.i32And);
      if (!not) code.op(Op.i32Eqz);
    } else if (kind === "sub") {
      if (test === ZERO) this.#compare(a, b, size, not ? "Ne" : "Eq");
      else if (test === BELOW) this.#compare(a, b, size, not ? "GeU" : "LtU");
      else if (test === BELOW_OR_EQUAL) this.#compare(a, b, size, not ? "GtU" : "LeU");
      else if (test === LESS) this.#compare(a, b, size, not ? "GeS" : "LtS");
      else if (test === OVERFLOW) this.#top(() => this.#overflows(kind), size, not);
      else this.#compare(a, b, size, not ? "GtS" : "LeS");
    } else if (kind === "logic") {
      if (test === BELOW || test === OVERFLOW) code.i32(not ? 1 : 0);
      else if (test === BELOW_OR_EQUAL) this.#compareZero(result, size, not ? "Ne" : "Eq");
      else if (test === LESS) this.#compareZero(result, size, not ? "GeS" : "LtS");
      else this.#compareZero(result, size, not ? "GtS" : "LeS");
    } else if (test === BELOW && kind === "add") this.#compare(result, a, size, not ? "GeU" : "LtU");
    else if (test === BELOW && (kind === "adc" || kind === "sbb")) this.#top(() => this.#carries(kind), size, not);
    else if (test === OVERFLOW && (kind === "add" || kind === "adc" || kind === "sbb"))
      this.#top(() => this.#overflows(kind), size, not);
    else if (test === BELOW && kind !== "add" && kind !== "adc" && kind !== "sbb") {
      this.#resultBits(kind, size, count);
      code.i32(1).op(Op.i32And);
      if (not) code.op(Op.i32Eqz);
    } else return false;
    return true;
  }
  #comparedCondition(test: number, not: boolean): void {
    const code = this.#code;
    const bit = (place: number) => code.get(this.a).op(Op.i32WrapI64).i32(place).op(Op.i32ShrU).i32(1).op(Op.i32And);
    const zero = () => code.get(this.result).op(Op.i64Eqz);
    if (test === BELOW) bit(0);
    else if (test === PARITY) bit(PF_PLACE);
    else if (test === ZERO || test > LESS) zero();
    else if (test === BELOW_OR_EQUAL) {
      bit(0);
      zero();
      code.op(Op.i32Or);
    } else code.i32(0);
    if (not) code.op(Op.i32Eqz);
  }
  /** Pushes the top bit of what `push` pushes. */
  #top(push: () => void, size: number, not: boolean): void {
    push();
    this.#code
      .i64(size * 8 - 1)
      .op(Op.i64ShrU, Op.i32WrapI64)
      .i32(1)
      .op(Op.i32And);
    if (not) this.#code.op(Op.i32Eqz);
  }

  /** After INC or DEC, OF says that the result is the smallest or the greatest number. */
  #stepCondition(kind: "inc" | "dec", size: number, test: number, not: boolean): void {
    const { over } = this;
    if (test === ZERO) return this.#compareZero(over, size, not ? "Ne" : "Eq");
    if (test === SIGN) return this.#compareZero(over, size, not ? "GeS" : "LtS");
    const code = this.#code;
    const least = -(1n << BigInt(size * 8 - 1));
    const limit = kind === "inc" ? least : -least - 1n;
    const overflow = () => {
      this.#narrow(over, size, true);
      if (size === 8) code.i64(limit).op(Op.i64Eq);
      else code.i32(Number(limit)).op(Op.i32Eq);
    };
    overflow();
    if (test === OVERFLOW) {
      if (not) code.op(Op.i32Eqz);
      return;
    }
    this.#compareZero(over, size, "LtS");
    code.op(Op.i32Xor);
    if (test !== LESS) {
      this.#compareZero(over, size, "Eq");
      code.op(Op.i32Or);
    }
    if (not) code.op(Op.i32Eqz);
  }
}
