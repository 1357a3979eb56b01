/** The compressions of Linux's payload and initrds. */
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import bzip2 from "seek-bzip";
import { unpackLz4 } from "./lz4.ts";
import { unpackLzma } from "./lzma.ts";
import { UnpackedBytes } from "./unpacked-bytes.ts";
import { unpackXz } from "./xz.ts";
import { unpackZstd } from "./zstd.ts";

export type Compression = "gzip" | "xz" | "lzma" | "lz4" | "zstd" | "bzip2";

/** The largest image that is unpacked, in bytes. No kernel or RAM disk is that large. */
export const MAX_UNPACKED = 1 << 30;

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

/** Each function writes to `output` as it goes, which throws as soon as there is too much; sizes in headers are not trusted. */
const UNPACK: Record<Compression, (bytes: Uint8Array, output: UnpackedBytes) => void | Promise<void>> = {
  gzip: unpackGzip,
  xz: unpackXz,
  lzma: unpackLzma,
  lz4: unpackLz4,
  zstd: unpackZstd,
  bzip2: unpackBzip2,
};

/**
 * Unpacks at most `most` bytes. Throws with a reason when the data are damaged or unpack to more. Memory is bounded by a small multiple of `most`.
 * Time is not: hostile data can keep some of the libraries busy for as long as they are allowed (./unpack.ts ends them).
 */
export async function decompress(
  bytes: Uint8Array,
  compression: Compression,
  most = MAX_UNPACKED,
): Promise<Uint8Array<ArrayBuffer>> {
  const output = new UnpackedBytes(most, bytes.length * 4);
  await UNPACK[compression](bytes, output);
  return output.bytes;
}

async function unpackGzip(bytes: Uint8Array, output: UnpackedBytes): Promise<void> {
  await pipeline([bytes], createGunzip({ chunkSize: 1 << 18 }), async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const chunk of chunks) output.write(chunk);
  });
}

function unpackBzip2(bytes: Uint8Array, output: UnpackedBytes): void {
  bzip2.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), output);
}
