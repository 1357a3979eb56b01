/** The compressions that Linux's payload and initrds come in. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { decompress as zstdDecompress } from "fzstd";
import lz4 from "lz4js";
import bzip2 from "seek-bzip";
import xzDecompress from "xz-decompress";
import { crc32 } from "./crc32.ts";
import { decompress as lzmaDecompress } from "./lzma.js";
import { planXz, undoX86Filter } from "./xz.ts";
import { mostUnpackedZstd } from "./zstd.ts";

export type Compression = "gzip" | "xz" | "lzma" | "lz4" | "zstd" | "bzip2";

/** Largest image that is unpacked: more than a domain's memory could hold. */
export const MAX_UNPACKED = 1 << 30;
/** `lz4 -l`, the format of Linux's build: blocks of at most 8 MiB. */
const LZ4_LEGACY_BLOCK = 8 << 20;

const SIGNATURES: [Compression, number[]][] = [
  ["gzip", [0x1f, 0x8b, 8]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]],
  ["lzma", [0x5d, 0, 0]],
  ["lz4", [0x02, 0x21, 0x4c, 0x18]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];

export function compressionOf(bytes: Uint8Array): Compression | null {
  return SIGNATURES.find(([, signature]) => signature.every((byte, i) => bytes[i] === byte))?.[0] ?? null;
}

const tooLarge = (): Error => new Error("it unpacks to more than 1 GiB");

/** Unpacks. Throws with a reason when the data are damaged, followed by something else, or more than MAX_UNPACKED. */
export async function decompress(bytes: Uint8Array, compression: Compression): Promise<Uint8Array> {
  switch (compression) {
    case "gzip":
      return unpackGzip(bytes);
    case "xz":
      return unpackXz(bytes);
    case "lzma":
      return unpackLzma(bytes);
    case "lz4":
      return unpackLz4(bytes);
    case "zstd":
      if (mostUnpackedZstd(bytes) > MAX_UNPACKED) throw tooLarge();
      return zstdDecompress(bytes);
    case "bzip2":
      return unpackBzip2(bytes);
  }
}

async function unpackGzip(bytes: Uint8Array): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: MAX_UNPACKED });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? tooLarge() : error;
  }
}

function unpackBzip2(bytes: Uint8Array): Uint8Array {
  let output = new Uint8Array(bytes.length * 4);
  let length = 0;
  bzip2.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
    writeByte(byte) {
      if (length === output.length) {
        if (length >= MAX_UNPACKED) throw tooLarge();
        const larger = new Uint8Array(Math.min(MAX_UNPACKED, length * 2));
        larger.set(output);
        output = larger;
      }
      output[length++] = byte;
    },
  });
  return output.subarray(0, length);
}

async function unpackXz(bytes: Uint8Array): Promise<Uint8Array> {
  const plan = planXz(bytes);
  const source = new Blob([plan.stream as Uint8Array<ArrayBuffer>]).stream();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of new xzDecompress.XzReadableStream(source) as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_UNPACKED) throw tooLarge();
  }
  const output = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    output.set(chunk, at);
    at += chunk.length;
  }
  if (plan.x86Filter) undoX86Filter(output);
  if (plan.crc32 !== null && crc32(output) !== plan.crc32) throw new Error("the unpacked data fail their checksum");
  return output;
}

/** Where the header says how much it is, after properties and dictionary; all ones if it does not. */
const LZMA_SIZE_AT = 5;

function unpackLzma(bytes: Uint8Array): Uint8Array {
  const said = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readBigInt64LE(LZMA_SIZE_AT);
  if (said > MAX_UNPACKED) throw tooLarge();
  const output = lzmaDecompress(bytes);
  // The library gives signed bytes, or a string when it takes them for text.
  if (typeof output === "string") return Buffer.from(output, "utf8");
  return Uint8Array.from(output);
}

function unpackLz4(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks: Uint8Array[] = [];
  let total = 0;
  for (let at = 4; at + 4 <= bytes.length;) {
    const size = view.getUint32(at, true);
    // The size word that Linux appends is no block: nothing of that length follows.
    if (size === 0 || at + 4 + size > bytes.length) break;
    const block = new Uint8Array(LZ4_LEGACY_BLOCK);
    const length = lz4.decompressBlock(bytes, block, at + 4, size, 0);
    blocks.push(block.subarray(0, length));
    total += length;
    if (total > MAX_UNPACKED) throw tooLarge();
    at += 4 + size;
  }
  const output = new Uint8Array(total);
  let at = 0;
  for (const block of blocks) {
    output.set(block, at);
    at += block.length;
  }
  return output;
}
