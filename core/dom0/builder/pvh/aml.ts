/**
 * The encoding of ACPI Machine Language: terms from their parts. ACPI specification 6.3, chapter 20. A term is its bytes; a name is one of four
 * characters, or the bytes that name() makes of a path.
 */

type Term = Buffer;

const join = (...parts: (number | Buffer)[]): Term =>
  Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.of(part) : part)));

/** Encodes a length in as few bytes as it needs, of which each extra one makes the total longer by itself if `own` is 1. */
function lengthOf(value: number, own: 0 | 1): Term {
  for (let more = 0; more <= 3; more++) {
    const total = value + own * (1 + more);
    const most = more === 0 ? 0x3f : 2 ** (4 + 8 * more) - 1;
    if (total > most) continue;
    if (more === 0) return Buffer.of(total);
    const bytes = Buffer.alloc(1 + more);
    bytes[0] = (more << 6) | (total & 0xf);
    bytes.writeUIntLE(total >>> 4, 1, more);
    return bytes;
  }
  throw new Error(`AML knows no length of ${value}`);
}

/** An opcode, the length of what follows, and that. */
function block(opcode: readonly number[], ...parts: (number | Buffer)[]): Term {
  const content = join(...parts);
  return join(Buffer.from(opcode), lengthOf(content.length, 1), content);
}

const segment = (name: string): Buffer => Buffer.from(name.padEnd(4, "_"), "latin1");

/** Returns the name of an object by its path of one or two segments: "FLG", "^PR00.FLG", "\\_SB.PRSC". */
export function name(path: string): Term {
  const [, prefix, first, second] = /^([\\^]?)(\w{1,4})(?:\.(\w{1,4}))?$/.exec(path)!;
  const segments = second === undefined ? segment(first!) : join(0x2e, segment(first!), segment(second));
  return join(Buffer.from(prefix!, "latin1"), segments);
}

export const argument = (n: number): Term => Buffer.of(0x68 + n);
export const local = (n: number): Term => Buffer.of(0x60 + n);
/** A target that takes nothing. */
const NOWHERE = 0;

/** An integer, in the shortest form. */
export function integer(value: number): Term {
  if (value <= 1) return Buffer.of(value);
  const [prefix, size] = value <= 0xff ? [0x0a, 1] : value <= 0xffff ? [0x0b, 2] : [0x0c, 4];
  const bytes = Buffer.alloc(1 + size!);
  bytes[0] = prefix!;
  bytes.writeUIntLE(value, 1, size!);
  return bytes;
}

export const text = (value: string): Term => join(0x0d, Buffer.from(value, "latin1"), 0);
export const buffer = (...bytes: number[]): Term => block([0x11], integer(bytes.length), ...bytes);

// ---- what there is -----------------------------------------------------------------------------------------------

export const scope = (path: string, ...terms: Term[]): Term => block([0x10], name(path), ...terms);
export const named = (path: string, value: Term): Term => join(0x08, name(path), value);
export const method = (path: string, parameters: number, ...terms: Term[]): Term =>
  block([0x14], name(path), parameters, ...terms);

/** A processor and what it has; its register block is `bytes` ports from `port` on. */
export function processor(path: string, id: number, port: number, bytes: number, ...terms: Term[]): Term {
  const head = Buffer.alloc(6);
  head[0] = id;
  head.writeUInt32LE(port, 1);
  head[5] = bytes;
  return block([0x5b, 0x83], name(path), head, ...terms);
}

export const SYSTEM_MEMORY = 0;
export const SYSTEM_IO = 1;
export const region = (path: string, space: number, offset: Term, bytes: Term): Term =>
  join(0x5b, 0x80, name(path), space, offset, bytes);

/** A field's name and its bits; null for bits between fields. */
export type FieldPart = [name: string | null, bits: number];
/** Fields of a region. They are read and written by bytes, and what is between them is left alone. */
export const fields = (of: string, ...parts: FieldPart[]): Term =>
  block(
    [0x5b, 0x81],
    name(of),
    0x01,
    ...parts.map(([called, bits]) => join(called === null ? 0 : segment(called), lengthOf(bits, 0))),
  );

// ---- what is done ------------------------------------------------------------------------------------------------

export const store = (value: Term, target: Term): Term => join(0x70, value, target);
export const add = (a: Term, b: Term, target: Term = Buffer.of(NOWHERE)): Term => join(0x72, a, b, target);
export const subtract = (a: Term, b: Term, target: Term): Term => join(0x74, a, b, target);
export const and = (a: Term, b: Term, target: Term): Term => join(0x7b, a, b, target);
export const shiftRight = (value: Term, bits: Term, target: Term): Term => join(0x7a, value, bits, target);
export const element = (of: Term, index: Term): Term => join(0x83, 0x88, of, index, NOWHERE);
export const toBuffer = (value: Term): Term => join(0x96, value, NOWHERE);
export const equal = (a: Term, b: Term): Term => join(0x93, a, b);
export const not = (value: Term): Term => join(0x92, value);
export const less = (a: Term, b: Term): Term => join(0x95, a, b);
export const when = (condition: Term, ...terms: Term[]): Term => block([0xa0], condition, ...terms);
export const otherwise = (...terms: Term[]): Term => block([0xa1], ...terms);
export const give = (value: Term): Term => join(0xa4, value);
export const notify = (of: string, value: Term): Term => join(0x86, name(of), value);
export const sleep = (milliseconds: number): Term => join(0x5b, 0x22, integer(milliseconds));
/** Calls a method. */
export const call = (path: string, ...values: Term[]): Term => join(name(path), ...values);
