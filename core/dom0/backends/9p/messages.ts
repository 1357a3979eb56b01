/**
 * Messages of 9P2000.L: size[4] type[1] tag[2], then fields, all little-endian. Facts: Plan 9's manual, section 5, and the description of the .L
 * requests in diod's protocol.md, which Linux's net/9p speaks.
 */
import { FolderError } from "./errno.ts";

export const HEADER_BYTES = 7;
/** Bytes before the data, in Twrite and in Rread and Rreaddir. */
export const WRITE_HEAD_BYTES = 23;
export const DATA_HEAD_BYTES = 11;
export const MOST_WALK_NAMES = 16;
export const NO_FID = 0xffffffff;
export const VERSION = "9P2000.L";

/** Types of requests; the type of an answer is one higher. */
export const T = {
  statfs: 8,
  lopen: 12,
  lcreate: 14,
  symlink: 16,
  mknod: 18,
  rename: 20,
  readlink: 22,
  getattr: 24,
  setattr: 26,
  xattrwalk: 30,
  xattrcreate: 32,
  readdir: 40,
  fsync: 50,
  lock: 52,
  getlock: 54,
  link: 70,
  mkdir: 72,
  renameat: 74,
  unlinkat: 76,
  version: 100,
  auth: 102,
  attach: 104,
  flush: 108,
  walk: 110,
  read: 116,
  write: 118,
  clunk: 120,
  remove: 122,
} as const;
const R_LERROR = 7;

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads the fields of one message. Reading beyond its end throws FolderError EPROTO. */
export class Fields {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = HEADER_BYTES;

  /** `bytes` is a private copy of the whole message. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }
  /** Throws FolderError EILSEQ for a string that is not valid UTF-8. */
  text(): string {
    const length = this.u16();
    const at = this.#advance(length);
    try {
      return decoder.decode(this.#bytes.subarray(at, at + length));
    } catch {
      throw new FolderError("EILSEQ", "names must be UTF-8");
    }
  }

  #advance(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) throw new FolderError("EPROTO", "the message is shorter than its fields");
    this.#at = at + count;
    return at;
  }
}

/** Identifies an object, so that the guest can tell it from others. */
export interface Qid {
  type: number;
  version: number;
  path: bigint;
}

/** Writes one answer. */
export class Answer {
  #bytes: Buffer;
  #length = HEADER_BYTES;

  constructor(room = 64) {
    this.#bytes = Buffer.alloc(HEADER_BYTES + room);
  }

  /** Number of bytes written so far, including the header. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#bytes.writeUInt8(value & 0xff, at);
    return this;
  }
  u16(value: number): this {
    const at = this.#grow(2);
    this.#bytes.writeUInt16LE(value & 0xffff, at);
    return this;
  }
  u32(value: number): this {
    const at = this.#grow(4);
    this.#bytes.writeUInt32LE(value >>> 0, at);
    return this;
  }
  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), at);
    return this;
  }
  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.u16(length);
    const at = this.#grow(length);
    this.#bytes.write(value, at);
    return this;
  }
  qid({ type, version, path }: Qid): this {
    return this.u8(type).u32(version).u64(path);
  }
  /** Replaces a u32 that was written before at this place. */
  patch(at: number, value: number): void {
    this.#bytes.writeUInt32LE(value, at);
  }

  /** `type` is that of the request. */
  finish(type: number, tag: number): Uint8Array {
    return header(this.#bytes.subarray(0, this.#length), type + 1, tag);
  }

  #grow(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length)
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(Math.max(count, this.#bytes.length))]);
    return at;
  }
}

function header(bytes: Buffer, type: number, tag: number): Uint8Array {
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt8(type, 4);
  bytes.writeUInt16LE(tag, 5);
  return bytes;
}

/** Returns the beginning of an Rread, which its data follows. */
export function readHead(tag: number, count: number): Uint8Array {
  const bytes = Buffer.alloc(DATA_HEAD_BYTES);
  bytes.writeUInt32LE(DATA_HEAD_BYTES + count, 0);
  bytes.writeUInt8(T.read + 1, 4);
  bytes.writeUInt16LE(tag, 5);
  bytes.writeUInt32LE(count, 7);
  return bytes;
}

export function errorAnswer(tag: number, errno: number): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES + 4);
  bytes.writeUInt32LE(errno, HEADER_BYTES);
  return header(bytes, R_LERROR, tag);
}
