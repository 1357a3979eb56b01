/**
 * WebAssembly's binary format as far as the translator writes it (specification, chapter 5): instructions into a growing body,
 * functions into a module.
 */

export const I32 = 0x7f;
export const I64 = 0x7e;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof I64 | typeof V128;

/** Opcodes without immediates; blocks, locals, constants, memory and calls are methods of Code. */
export const Op = {
  unreachable: 0x00,
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
  i32Extend8S: 0xc0,
  i32Extend16S: 0xc1,
  i64Extend8S: 0xc2,
  i64Extend16S: 0xc3,
  i64Extend32S: 0xc4,
} as const;

/** Loads and stores: opcode. Alignment is always given as 1: guests align as they like. */
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

/** Appends an unsigned LEB128 number below 2^32. */
export function pushUnsigned(to: number[], value: number): void {
  let rest = value >>> 0;
  while (rest >= 0x80) {
    to.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  to.push(rest);
}

function pushSigned32(to: number[], value: number): void {
  let rest = value | 0;
  while (rest < -64 || rest > 63) {
    to.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  to.push(rest & 0x7f);
}

function pushSigned64(to: number[], value: bigint): void {
  let rest = BigInt.asIntN(64, value);
  if (rest >= -0x80000000n && rest <= 0x7fffffffn) {
    pushSigned32(to, Number(rest));
    return;
  }
  while (rest < -64n || rest > 63n) {
    to.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  to.push(Number(rest & 0x7fn));
}

/** The instructions of one function. A label is the depth of nesting it was opened at. */
export class Code {
  readonly bytes: number[] = [];
  /** Where in `bytes` the branches are that are hardly ever taken. */
  readonly unlikely: number[] = [];
  #depth = 0;

  op(...opcodes: number[]): this {
    this.bytes.push(...opcodes);
    return this;
  }
  /** An instruction of the vector extension, with lanes or other bytes after it. */
  vector(opcode: number, ...immediates: number[]): this {
    this.bytes.push(0xfd);
    pushUnsigned(this.bytes, opcode);
    this.bytes.push(...immediates);
    return this;
  }
  /** v128.load, v128.store and their kin: opcode of the vector extension with an offset. */
  vectorMemory(opcode: number, offset: number, ...lane: number[]): this {
    this.bytes.push(0xfd);
    pushUnsigned(this.bytes, opcode);
    this.bytes.push(0);
    pushUnsigned(this.bytes, offset);
    this.bytes.push(...lane);
    return this;
  }
  i32(value: number): this {
    this.bytes.push(0x41);
    pushSigned32(this.bytes, value);
    return this;
  }
  i64(value: bigint | number): this {
    this.bytes.push(0x42);
    pushSigned64(this.bytes, BigInt(value));
    return this;
  }
  get(local: number): this {
    this.bytes.push(0x20);
    pushUnsigned(this.bytes, local);
    return this;
  }
  set(local: number): this {
    this.bytes.push(0x21);
    pushUnsigned(this.bytes, local);
    return this;
  }
  tee(local: number): this {
    this.bytes.push(0x22);
    pushUnsigned(this.bytes, local);
    return this;
  }
  memory(opcode: number, offset = 0): this {
    this.bytes.push(opcode, 0);
    pushUnsigned(this.bytes, offset);
    return this;
  }
  fence(): this {
    this.bytes.push(0xfe, 3, 0);
    return this;
  }
  /** An aligned atomic access: opcode of the threads extension, log2 of its bytes. */
  atomic(opcode: number, alignment: number, offset = 0): this {
    this.bytes.push(0xfe, opcode, alignment);
    pushUnsigned(this.bytes, offset);
    return this;
  }
  call(index: number): this {
    this.bytes.push(0x10);
    pushUnsigned(this.bytes, index);
    return this;
  }

  block(): number {
    this.bytes.push(0x02, EMPTY_BLOCK);
    return this.#depth++;
  }
  loop(): number {
    this.bytes.push(0x03, EMPTY_BLOCK);
    return this.#depth++;
  }
  if(): number {
    this.bytes.push(0x04, EMPTY_BLOCK);
    return this.#depth++;
  }
  /** An `if` that hardly ever holds: what is in it is kept out of the way. */
  ifUnlikely(): number {
    this.unlikely.push(this.bytes.length);
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
    this.bytes.push(0x0c);
    pushUnsigned(this.bytes, this.#depth - 1 - label);
    return this;
  }
  branchIf(label: number): this {
    this.bytes.push(0x0d);
    pushUnsigned(this.bytes, this.#depth - 1 - label);
    return this;
  }
}

/** One after the other. */
export function joined(...parts: Code[]): Code {
  const whole = new Code();
  for (const { bytes, unlikely } of parts) {
    for (const at of unlikely) whole.unlikely.push(whole.bytes.length + at);
    for (const byte of bytes) whole.bytes.push(byte);
  }
  return whole;
}

export interface FunctionType {
  parameters: ValueType[];
  results: ValueType[];
}
export interface ImportedFunction extends FunctionType {
  name: string;
}
export interface FunctionBody {
  /** Types of the locals after the parameters. */
  locals: ValueType[];
  code: Code;
}

function section(id: number, content: number[], into: number[]): void {
  into.push(id);
  pushUnsigned(into, content.length);
  for (const byte of content) into.push(byte);
}
function name(text: string): number[] {
  const bytes = [...Buffer.from(text)];
  return [bytes.length, ...bytes];
}
function typeBytes({ parameters, results }: FunctionType): number[] {
  return [0x60, parameters.length, ...parameters, results.length, ...results];
}

/**
 * A module whose functions, all of one type, are exported under their numbers from 0 on. It imports `core.memory` (shared) and the
 * functions given. (It does not import the table they go into: V8 keeps a copy of a table for every instance that does.)
 */
export function moduleBytes(
  imports: ImportedFunction[],
  type: FunctionType,
  bodies: FunctionBody[],
): Uint8Array<ArrayBuffer> {
  const out = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const types: number[] = [];
  pushUnsigned(types, imports.length + 1);
  for (const each of [...imports, type]) types.push(...typeBytes(each));
  section(1, types, out);

  const imported: number[] = [];
  pushUnsigned(imported, imports.length + 1);
  imported.push(...name("core"), ...name("memory"), 0x02, 0x03);
  pushUnsigned(imported, 1);
  pushUnsigned(imported, 65536);
  imports.forEach((each, index) => {
    imported.push(...name("core"), ...name(each.name), 0x00);
    pushUnsigned(imported, index);
  });
  section(2, imported, out);

  const declared: number[] = [];
  pushUnsigned(declared, bodies.length);
  for (let i = 0; i < bodies.length; i++) pushUnsigned(declared, imports.length);
  section(3, declared, out);

  const exported: number[] = [];
  pushUnsigned(exported, bodies.length);
  bodies.forEach((_, i) => {
    exported.push(...name(String(i)), 0x00);
    pushUnsigned(exported, imports.length + i);
  });
  section(7, exported, out);

  const code: number[] = [];
  pushUnsigned(code, bodies.length);
  const hints: number[] = [];
  pushUnsigned(hints, bodies.length);
  for (const [i, body] of bodies.entries()) {
    const bytes: number[] = [];
    const runs: [number, ValueType][] = [];
    for (const local of body.locals) {
      const last = runs[runs.length - 1];
      if (last?.[1] === local) last[0]++;
      else runs.push([1, local]);
    }
    pushUnsigned(bytes, runs.length);
    for (const [count, local] of runs) {
      pushUnsigned(bytes, count);
      bytes.push(local);
    }
    pushUnsigned(hints, imports.length + i);
    pushUnsigned(hints, body.code.unlikely.length);
    for (const at of body.code.unlikely) {
      pushUnsigned(hints, bytes.length + at);
      hints.push(1, 0);
    }
    for (const byte of body.code.bytes) bytes.push(byte);
    bytes.push(0x0b);
    pushUnsigned(code, bytes.length);
    for (const byte of bytes) code.push(byte);
  }
  // Branch hints (tool-conventions and the proposal of that name): from a function's first byte, 0 = not taken.
  section(0, [...name("metadata.code.branch_hint"), ...hints], out);
  section(10, code, out);
  return Uint8Array.from(out);
}
