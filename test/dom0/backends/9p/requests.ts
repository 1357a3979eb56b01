/** Requests of 9P2000.L as a client writes them, and its answers taken apart. */
import { T } from "../../../../core/dom0/backends/9p/messages.ts";

export const NOFID = 0xffffffff;
export type Field = ["u8" | "u16" | "u32", number] | ["u64", bigint] | ["text", string] | ["bytes", Uint8Array];

export const u8 = (value: number): Field => ["u8", value];
export const u16 = (value: number): Field => ["u16", value];
export const u32 = (value: number): Field => ["u32", value];
export const u64 = (value: bigint | number): Field => ["u64", BigInt(value)];
export const text = (value: string): Field => ["text", value];

export function message(type: number, tag: number, ...fields: Field[]): Buffer {
  const parts = fields.map(([kind, value]) => {
    if (kind === "bytes") return Buffer.from(value);
    if (kind === "text") {
      const bytes = Buffer.from(value);
      const head = Buffer.alloc(2);
      head.writeUInt16LE(bytes.length);
      return Buffer.concat([head, bytes]);
    }
    const bytes = Buffer.alloc({ u8: 1, u16: 2, u32: 4, u64: 8 }[kind]);
    if (kind === "u64") bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
    else bytes.writeUIntLE(value, 0, bytes.length);
    return bytes;
  });
  const head = Buffer.alloc(7);
  head.writeUInt32LE(7 + parts.reduce((sum, { length }) => sum + length, 0), 0);
  head.writeUInt8(type, 4);
  head.writeUInt16LE(tag, 5);
  return Buffer.concat([head, ...parts]);
}

/** Sends one request and returns the bytes of its answer. */
export type Exchange = (request: Buffer) => Promise<Buffer>;

/** Linux's numbers. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  ENXIO: 6,
  EBADF: 9,
  EXDEV: 18,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EROFS: 30,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EILSEQ: 84,
  EOPNOTSUPP: 95,
  ESTALE: 116,
};

export class NinepError extends Error {
  readonly errno: number;
  constructor(errno: number) {
    super(Object.entries(ERRNO).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`);
    this.errno = errno;
  }
}

export interface ListedEntry {
  name: string;
  next: bigint;
  type: number;
  inode: bigint;
}

/** A client that has one request under way at a time and numbers its fids itself. */
export class NinepClient {
  readonly #exchange: Exchange;
  #next = 1;
  root = 0;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  /** Returns the fields of the answer, from the end of its header. */
  async call(type: number, ...fields: Field[]): Promise<Buffer> {
    const answer = await this.#exchange(message(type, 1, ...fields));
    if (answer.readUInt32LE(0) !== answer.length || answer.readUInt16LE(5) !== 1) throw new Error("no answer to this");
    if (answer[4] === 7) throw new NinepError(answer.readUInt32LE(7));
    if (answer[4] !== type + 1) throw new Error(`answer ${answer[4]} to request ${type}`);
    return answer.subarray(7);
  }

  async begin(bytes = 65536): Promise<number> {
    const agreed = (await this.call(T.version, u32(bytes), text("9P2000.L"))).readUInt32LE(0);
    await this.call(T.attach, u32(this.root), u32(NOFID), text("root"), text(""), u32(0));
    return agreed;
  }
  /** Makes a new fid for what these names lead to. */
  async walk(names: readonly string[], from = this.root): Promise<number> {
    const fid = this.#next++;
    const found = await this.call(T.walk, u32(from), u32(fid), u16(names.length), ...names.map(text));
    if (found.readUInt16LE(0) < names.length) throw new NinepError(ERRNO.ENOENT);
    return fid;
  }
  async clunk(fid: number): Promise<void> {
    await this.call(T.clunk, u32(fid));
  }
  async open(names: readonly string[], flags = 0): Promise<number> {
    const fid = await this.walk(names);
    await this.call(T.lopen, u32(fid), u32(flags));
    return fid;
  }
  async create(folder: readonly string[], name: string, flags = 0o102, mode = 0o644): Promise<number> {
    const fid = await this.walk(folder);
    await this.call(T.lcreate, u32(fid), text(name), u32(flags), u32(mode), u32(0));
    return fid;
  }
  async read(fid: number, offset = 0, count = 4096): Promise<Buffer> {
    const answer = await this.call(T.read, u32(fid), u64(offset), u32(count));
    return answer.subarray(4, 4 + answer.readUInt32LE(0));
  }
  async write(fid: number, offset: number, bytes: Uint8Array): Promise<number> {
    return (await this.call(T.write, u32(fid), u64(offset), u32(bytes.length), ["bytes", bytes])).readUInt32LE(0);
  }
  async content(...names: string[]): Promise<string> {
    const fid = await this.open(names);
    const bytes = await this.read(fid);
    await this.clunk(fid);
    return bytes.toString();
  }
  async list(fid: number, place = 0n, count = 8192): Promise<ListedEntry[]> {
    const answer = await this.call(T.readdir, u32(fid), u64(place), u32(count));
    const entries: ListedEntry[] = [];
    for (let at = 4; at < answer.length;) {
      const length = answer.readUInt16LE(at + 22);
      entries.push({
        inode: answer.readBigUInt64LE(at + 5),
        next: answer.readBigUInt64LE(at + 13),
        type: answer[at + 21]!,
        name: answer.subarray(at + 24, at + 24 + length).toString(),
      });
      at += 24 + length;
    }
    return entries;
  }
}
