/**
 * WebAssembly's binary format, as far as the translator writes it (specification, chapter 5): instructions into a growing body, functions into a
 * module.
 */

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F64 = 0x7c;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof I64 | typeof F64 | typeof V128;

/** Opcodes without immediates. Blocks, locals, constants, memory and calls are methods of Code. */
export const Op = {
  unreachable: 0x00,
  return: 0x0f,
  drop: 0x1a,
  select: 0x1b,
  i32Eqz: 0x45,
  i32Eq: 0x46,
  i32Ne: 0x47,
  i32LtS: 0x48,
  i32LtU: 0x49,
  i32GtS: 0x4a,
  i32GtU: 0x4b,
  i32LeS: 0x4c,
  i32LeU: 0x4d,
  i32GeS: 0x4e,
  i32GeU: 0x4f,
  i64Eqz: 0x50,
  i64Eq: 0x51,
  i64Ne: 0x52,
  i64LtS: 0x53,
  i64LtU: 0x54,
  i64GtS: 0x55,
  i64GtU: 0x56,
  i64LeS: 0x57,
  i64LeU: 0x58,
  i64GeS: 0x59,
  i64GeU: 0x5a,
  f32Ne: 0x5c,
  f32Lt: 0x5d,
  f64Ne: 0x62,
  f64Lt: 0x63,
  i32Clz: 0x67,
  i32Ctz: 0x68,
  i32Popcnt: 0x69,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  i32Mul: 0x6c,
  i32And: 0x71,
  i32Or: 0x72,
  i32Xor: 0x73,
  i32Shl: 0x74,
  i32ShrS: 0x75,
  i32ShrU: 0x76,
  i32Rotl: 0x77,
  i32Rotr: 0x78,
  i64Clz: 0x79,
  i64Ctz: 0x7a,
  i64Popcnt: 0x7b,
  i64Add: 0x7c,
  i64Sub: 0x7d,
  i64Mul: 0x7e,
  i64DivS: 0x7f,
  i64DivU: 0x80,
  i64RemS: 0x81,
  i64RemU: 0x82,
  i64And: 0x83,
  i64Or: 0x84,
  i64Xor: 0x85,
  i64Shl: 0x86,
  i64ShrS: 0x87,
  i64ShrU: 0x88,
  i64Rotl: 0x89,
  i64Rotr: 0x8a,
  i32WrapI64: 0xa7,
  i64ExtendI32S: 0xac,
  i64ExtendI32U: 0xad,
  f32ConvertI64S: 0xb4,
  f64ConvertI64S: 0xb9,
  f64PromoteF32: 0xbb,
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
  i64Extend8S: 0xc2,
  i64Extend16S: 0xc3,
  i64Extend32S: 0xc4,
} as const;

/** Opcodes of loads and stores. Alignment is always given as 1, because guests align as they like. */
export const Mem = {
  i32Load: 0x28,
  i64Load: 0x29,
  i32Load8U: 0x2d,
  i32Load16U: 0x2f,
  i64Load8S: 0x30,
  i64Load8U: 0x31,
  i64Load16S: 0x32,
  i64Load16U: 0x33,
  i64Load32S: 0x34,
  i64Load32U: 0x35,
  i32Store: 0x36,
  i64Store: 0x37,
  i32Store8: 0x3a,
  i32Store16: 0x3b,
  i64Store8: 0x3c,
  i64Store16: 0x3d,
  i64Store32: 0x3e,
} as const;

const EMPTY_BLOCK = 0x40;

/** Bytes that are written one after the other; the buffer grows by doubling. */
export class Bytes {
  #buffer = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }
  /** What was written; invalid after more is written. */
  get written(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#length + more));
    larger.set(this.written);
    this.#buffer = larger;
  }

  byte(value: number): void {
    if (this.#length === this.#buffer.length) this.#room(1);
    this.#buffer[this.#length++] = value;
  }
  append(bytes: ArrayLike<number>): void {
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }
  /** An unsigned LEB128 number below 2^32. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }
  signed32(value: number): void {
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }
  signed64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -0x80000000n || rest > 0x7fffffffn) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.signed32(Number(rest));
  }
  /** Writes bytes preceded by their length, as a vector of bytes or the content of a section. */
  counted(bytes: Uint8Array): void {
    this.unsigned(bytes.length);
    this.append(bytes);
  }
  name(text: string): void {
    this.counted(Buffer.from(text));
  }
}

/** An i32 as LEB128 of five bytes. */
export function addressBytes(value: number): number[] {
  return [0, 7, 14, 21].map((shift) => ((value >> shift) & 0x7f) | 0x80).concat((value >> 28) & 0x7f);
}

/** The instructions of one function. A label is the nesting depth at which it was opened. */
export class Code {
  readonly #bytes = new Bytes();
  /** Where the branches are that are hardly ever taken, or nearly always. */
  readonly hints: { at: number; taken: 0 | 1 }[] = [];
  /** Where machine addresses stand (address()). */
  readonly addresses: { at: number; value: number }[] = [];
  #depth = 0;

  /** Number of bytes written. */
  get length(): number {
    return this.#bytes.length;
  }
  get written(): Uint8Array {
    return this.#bytes.written;
  }

  /** Nesting depth. */
  get depth(): number {
    return this.#depth;
  }

  op(...opcodes: number[]): this {
    for (const opcode of opcodes) this.#bytes.byte(opcode);
    return this;
  }
  /** Writes an instruction of the vector extension, followed by lanes or other bytes. */
  vector(opcode: number, ...immediates: number[]): this {
    this.#bytes.byte(0xfd);
    this.#bytes.unsigned(opcode);
    this.#bytes.append(immediates);
    return this;
  }
  /** v128.load, v128.store and similar: an opcode of the vector extension with an offset. */
  vectorMemory(opcode: number, offset: number, ...lane: number[]): this {
    this.#bytes.byte(0xfd);
    this.#bytes.unsigned(opcode);
    this.#bytes.byte(0);
    this.#bytes.unsigned(offset);
    this.#bytes.append(lane);
    return this;
  }
  i32(value: number): this {
    this.#bytes.byte(0x41);
    this.#bytes.signed32(value);
    return this;
  }
  /** A machine address, which may be replaced by another one (addressBytes), as all have the same number of bytes. */
  address(value: number): this {
    this.#bytes.byte(0x41);
    this.addresses.push({ at: this.length, value });
    this.#bytes.append(addressBytes(value));
    return this;
  }
  i64(value: bigint | number): this {
    this.#bytes.byte(0x42);
    // Most constants are small, and BigInt arithmetic is slow.
    const small = Number(value);
    if (small === (small | 0)) this.#bytes.signed32(small);
    else this.#bytes.signed64(BigInt(value));
    return this;
  }
  get(local: number): this {
    this.#bytes.byte(0x20);
    this.#bytes.unsigned(local);
    return this;
  }
  set(local: number): this {
    this.#bytes.byte(0x21);
    this.#bytes.unsigned(local);
    return this;
  }
  tee(local: number): this {
    this.#bytes.byte(0x22);
    this.#bytes.unsigned(local);
    return this;
  }
  memory(opcode: number, offset = 0): this {
    this.#bytes.byte(opcode);
    this.#bytes.byte(0);
    this.#bytes.unsigned(offset);
    return this;
  }
  /** i64.trunc_sat_f64_s. */
  truncateF64S(): this {
    this.#bytes.byte(0xfc);
    this.#bytes.byte(6);
    return this;
  }
  fence(): this {
    this.#bytes.byte(0xfe);
    this.#bytes.byte(3);
    this.#bytes.byte(0);
    return this;
  }
  /** An aligned atomic access: opcode of the threads extension, and log2 of the number of bytes. */
  atomic(opcode: number, alignment: number, offset = 0): this {
    this.#bytes.byte(0xfe);
    this.#bytes.byte(opcode);
    this.#bytes.byte(alignment);
    this.#bytes.unsigned(offset);
    return this;
  }
  /** Calls a function of the module. */
  call(index: number): this {
    this.#bytes.byte(0x10);
    this.#bytes.unsigned(index);
    return this;
  }
  /** Calls the function at `index` of the table, which has the module's type number `type`. */
  callHelper(index: number, type: number): this {
    this.i32(index);
    this.#bytes.byte(0x11);
    this.#bytes.unsigned(type);
    this.#bytes.byte(0);
    return this;
  }

  block(): number {
    this.#bytes.byte(0x02);
    this.#bytes.byte(EMPTY_BLOCK);
    return this.#depth++;
  }
  loop(): number {
    this.#bytes.byte(0x03);
    this.#bytes.byte(EMPTY_BLOCK);
    return this.#depth++;
  }
  if(): number {
    this.#bytes.byte(0x04);
    this.#bytes.byte(EMPTY_BLOCK);
    return this.#depth++;
  }
  /** An `if` whose condition hardly ever holds, so that its content is placed out of the way. */
  ifUnlikely(): number {
    this.hints.push({ at: this.length, taken: 0 });
    return this.if();
  }
  else(): this {
    return this.op(0x05);
  }
  end(): this {
    this.#depth--;
    return this.op(0x0b);
  }
  branch(label: number): this {
    this.#bytes.byte(0x0c);
    this.#bytes.unsigned(this.#depth - 1 - label);
    return this;
  }
  branchIf(label: number): this {
    this.#bytes.byte(0x0d);
    this.#bytes.unsigned(this.#depth - 1 - label);
    return this;
  }
  /** Takes a number from 0 and branches to the label in that place of the list, or to the last one. */
  branchTable(labels: number[], otherwise: number): this {
    this.#bytes.byte(0x0e);
    this.#bytes.unsigned(labels.length);
    for (const label of [...labels, otherwise]) this.#bytes.unsigned(this.#depth - 1 - label);
    return this;
  }
  /**
   * A branch that is nearly always taken. What is hardly ever executed, and has a call in it, should stand between such a branch and its label, and
   * not in an `if`. At the end of an `if`, V8's first machine code has all locals where the arm that is written first has left them. After a call
   * that is on the stack, so the way around the call would have to put them there and to load them again.
   */
  branchIfLikely(label: number): this {
    this.hints.push({ at: this.length, taken: 1 });
    return this.branchIf(label);
  }
  /** A branch that is hardly ever taken. */
  branchIfUnlikely(label: number): this {
    this.hints.push({ at: this.length, taken: 0 });
    return this.branchIf(label);
  }
}

export interface FunctionType {
  parameters: ValueType[];
  results: ValueType[];
}
export interface FunctionBody {
  /** Types of the locals after the parameters. */
  locals: ValueType[];
  /** The parts of the code, one after the other. */
  code: CodePart[];
}
/** Instructions, with what is known of some of them. */
export type CodePart = Pick<Code, "written" | "length" | "hints" | "addresses">;

function section(id: number, content: Bytes, into: Bytes): void {
  into.byte(id);
  into.counted(content.written);
}

/** A function that everything in the module may call. */
export interface SharedFunction {
  type: number;
  code: Code;
}

/**
 * Returns a module: `shared` functions, then `bodies`, all of type number `type`, of which the first `exports` are exported under their numbers from 0 on. It imports
 * `core.memory` (shared) and `core.helpers`, a table of `helpers` functions that they call. It imports no functions directly, because V8 makes a
 * wrapper in machine code for each type of imported functions of every module, which costs more than a region. (The table into which the functions
 * are put is another one: V8 keeps a copy of a table for every instance that imports it.)
 */
export function moduleBytes(
  types: readonly FunctionType[],
  type: number,
  helpers: number,
  shared: readonly SharedFunction[],
  bodies: FunctionBody[],
  exports = bodies.length,
): Uint8Array<ArrayBuffer> {
  const out = new Bytes();
  out.append([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]);

  const declaredTypes = new Bytes();
  declaredTypes.unsigned(types.length);
  for (const { parameters, results } of types)
    declaredTypes.append([0x60, parameters.length, ...parameters, results.length, ...results]);
  section(1, declaredTypes, out);

  const imported = new Bytes();
  imported.unsigned(2);
  imported.name("core");
  imported.name("memory");
  imported.append([0x02, 0x03]);
  imported.unsigned(1);
  imported.unsigned(65536);
  imported.name("core");
  imported.name("helpers");
  // funcref, with exactly this length
  imported.append([0x01, 0x70, 0x01]);
  imported.unsigned(helpers);
  imported.unsigned(helpers);
  section(2, imported, out);

  const declared = new Bytes();
  declared.unsigned(shared.length + bodies.length);
  for (const each of shared) declared.unsigned(each.type);
  bodies.forEach(() => declared.unsigned(type));
  section(3, declared, out);

  const exported = new Bytes();
  exported.unsigned(exports);
  bodies.slice(0, exports).forEach((_, i) => {
    exported.name(String(i));
    exported.byte(0x00);
    exported.unsigned(shared.length + i);
  });
  section(7, exported, out);

  const code = new Bytes();
  code.unsigned(shared.length + bodies.length);
  for (const each of shared) {
    // No locals, and the end.
    code.unsigned(each.code.length + 2);
    code.byte(0);
    code.append(each.code.written);
    code.byte(0x0b);
  }
  // Branch hints (tool-conventions and the proposal of that name): offsets from a function's first byte, 0 = not taken, 1 = taken.
  const hints = new Bytes();
  hints.name("metadata.code.branch_hint");
  hints.unsigned(bodies.length);
  bodies.forEach((body, i) => {
    const locals = declaredLocals(body.locals);
    let length = locals.length;
    hints.unsigned(shared.length + i);
    hints.unsigned(body.code.reduce((sum, part) => sum + part.hints.length, 0));
    for (const part of body.code) {
      for (const { at, taken } of part.hints) {
        hints.unsigned(length + at);
        hints.byte(1);
        hints.byte(taken);
      }
      length += part.length;
    }
    code.unsigned(length + 1);
    code.append(locals.written);
    for (const part of body.code) code.append(part.written);
    code.byte(0x0b);
  });
  section(0, hints, out);
  section(10, code, out);
  return out.written.slice();
}

function declaredLocals(locals: ValueType[]): Bytes {
  const runs: [number, ValueType][] = [];
  for (const local of locals) {
    const last = runs[runs.length - 1];
    if (last?.[1] === local) last[0]++;
    else runs.push([1, local]);
  }
  const bytes = new Bytes();
  bytes.unsigned(runs.length);
  for (const [count, local] of runs) {
    bytes.unsigned(count);
    bytes.byte(local);
  }
  return bytes;
}
