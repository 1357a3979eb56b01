/**
 * A region as the cache on disk keeps it: what it was made of, by the content of its pages, and its function. It may be used for every place where the same
 * code lies, because regions don't depend on addresses (../translator.ts), but for those of the operations that they pass to the interpreter.
 */
import { OP_COLD_BYTES, OP_SIZE } from "../../cpu/op.ts";
import type { FunctionBody, ValueType } from "../wasm.ts";

/** Number of bytes of a hash of a page's content: the beginning of its SHA-256. */
export const HASH_BYTES = 16;
/** The bytes of an operation: its two halves (../../cpu/op.ts). */
export const KEPT_OP_BYTES = OP_SIZE + OP_COLD_BYTES;

export interface KnownPage {
  /** Linear distance from the region's first page, in bytes. */
  offset: number;
  hash: Uint8Array;
}

export interface KnownRegion {
  /** The first is the one in which the region begins. */
  pages: KnownPage[];
  /** Where in that page it begins. */
  offset: number;
  mode: number;
  extent: number;
  locals: ValueType[];
  code: Uint8Array;
  hints: { at: number; taken: 0 | 1 }[];
  /** Where in the code the address of an operation stands, and the operation's number. */
  addresses: { at: number; op: number }[];
  /** KEPT_OP_BYTES each. */
  ops: Uint8Array;
}

/** Returns the region's function as the cache keeps it. `kept` are the addresses of its operations, and `raw` returns the bytes of one. */
export function describe(
  body: FunctionBody,
  kept: readonly number[],
  raw: (at: number) => Uint8Array,
): Pick<KnownRegion, "locals" | "code" | "hints" | "addresses" | "ops"> {
  const numbers = new Map(kept.map((at, n) => [at, n]));
  const code = new Uint8Array(body.code.reduce((sum, part) => sum + part.length, 0));
  const hints: KnownRegion["hints"] = [];
  const addresses: KnownRegion["addresses"] = [];
  let length = 0;
  for (const part of body.code) {
    code.set(part.written, length);
    for (const { at, taken } of part.hints) hints.push({ at: length + at, taken });
    for (const { at, value } of part.addresses) addresses.push({ at: length + at, op: numbers.get(value)! });
    length += part.length;
  }
  const ops = new Uint8Array(kept.length * KEPT_OP_BYTES);
  kept.forEach((at, n) => ops.set(raw(at), n * KEPT_OP_BYTES));
  return { locals: body.locals, code, hints, addresses, ops };
}

/** Bytes that are written and read one after the other, little-endian. */
class Writer {
  #bytes = Buffer.alloc(4096);
  #length = 0;
  #room(more: number): number {
    if (this.#length + more > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes], Math.max(2 * this.#bytes.length, this.#length + more));
    this.#length += more;
    return this.#length - more;
  }
  u16(value: number): void {
    const at = this.#room(2);
    this.#bytes.writeUInt16LE(value, at);
  }
  u32(value: number): void {
    const at = this.#room(4);
    this.#bytes.writeUInt32LE(value >>> 0, at);
  }
  bytes(value: Uint8Array): void {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

export function encode(region: KnownRegion): Buffer {
  const w = new Writer();
  w.u16(region.offset);
  w.u16(region.mode);
  w.u16(region.extent);
  w.u16(region.pages.length);
  for (const { offset, hash } of region.pages) {
    w.u32(offset);
    w.bytes(hash);
  }
  w.u16(region.locals.length);
  w.bytes(Uint8Array.from(region.locals));
  w.u16(region.hints.length);
  for (const { at, taken } of region.hints) w.u32(2 * at + taken);
  w.u16(region.addresses.length);
  for (const { at, op } of region.addresses) {
    w.u32(at);
    w.u16(op);
  }
  w.u16(region.ops.length / KEPT_OP_BYTES);
  w.bytes(region.ops);
  w.u32(region.code.length);
  w.bytes(region.code);
  return w.written;
}

/** Returns what a region is found by. Throws RangeError if the bytes are too few. */
export function beginningOf(bytes: Buffer): { page: Uint8Array; offset: number; mode: number; extent: number } {
  const [offset, mode, extent, pages] = [0, 2, 4, 6].map((at) => bytes.readUInt16LE(at));
  // The distance of the first page comes before its hash.
  const page = bytes.subarray(12, 12 + HASH_BYTES);
  if (!pages || page.length < HASH_BYTES) throw new RangeError("The region has no page.");
  return { page, offset: offset!, mode: mode!, extent: extent! };
}

/** Throws RangeError if the bytes are not one region. */
export function decode(bytes: Buffer): KnownRegion {
  let at = 0;
  const u16 = (): number => bytes.readUInt16LE((at += 2) - 2);
  const u32 = (): number => bytes.readUInt32LE((at += 4) - 4);
  const some = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new RangeError("The region is cut off.");
    return bytes.subarray(at, (at += length));
  };
  const list = <T>(count: number, item: () => T): T[] => Array.from({ length: count }, item);
  const [offset, mode, extent] = [u16(), u16(), u16()];
  const pages = list(u16(), () => ({ offset: u32() | 0, hash: some(HASH_BYTES) }));
  const locals = [...some(u16())] as ValueType[];
  const hints = list(u16(), () => {
    const hint = u32();
    return { at: hint >>> 1, taken: (hint & 1) as 0 | 1 };
  });
  const addresses = list(u16(), () => ({ at: u32(), op: u16() }));
  const ops = some(u16() * KEPT_OP_BYTES);
  const code = some(u32());
  if (at !== bytes.length) throw new RangeError("The region has more bytes than it says.");
  return { pages, offset, mode, extent, locals, code, hints, addresses, ops };
}
