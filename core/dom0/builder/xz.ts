/**
 * Unpacks the .xz container as far as kernels use it. The library decodes LZMA2, but not the x86 branch filter that Linux's build applies before it.
 * Therefore a block with that filter is passed on without it, and the filter is undone here. Facts: the .xz file format specification 1.1.0, and the
 * x86 BCJ filter as the XZ for Java and 7-Zip sources describe it.
 */
import xzDecompress from "xz-decompress";
import { crc32 } from "./crc32.ts";
import { UnpackError, type UnpackedBytes } from "./unpacked-bytes.ts";

const MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const FILTER_X86 = 4;
const FILTER_LZMA2 = 0x21;
/** Size of the check in bytes, by type: none, CRC32, CRC64 and SHA-256 are 0, 1, 4 and 10. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

interface XzPlan {
  /** A stream that a decoder without branch filters can read; the same as the input when it has no filter. */
  stream: Uint8Array;
  x86Filter: boolean;
  /** CRC32 of the whole output, if the block has one. */
  crc32: number | null;
}

/** Throws with a reason for damaged data, and what `output` throws. */
export async function unpackXz(input: Uint8Array, output: UnpackedBytes): Promise<void> {
  const plan = planXz(input);
  const source = new Blob([plan.stream as Uint8Array<ArrayBuffer>]).stream();
  const start = output.length;
  for await (const chunk of new xzDecompress.XzReadableStream(source) as unknown as AsyncIterable<Uint8Array>)
    output.write(chunk);
  const unpacked = output.bytes.subarray(start);
  if (plan.x86Filter) undoX86Filter(unpacked);
  if (plan.crc32 !== null && crc32(unpacked) !== plan.crc32)
    throw new UnpackError("the unpacked data fail their checksum");
}

/** Looks at the first block. Bytes after the stream (Linux's size word) are dropped. */
function planXz(input: Uint8Array): XzPlan {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (bytes.length < 32 || !bytes.subarray(0, 6).equals(MAGIC)) throw new UnpackError("not an .xz stream");
  const check = bytes[7]! & 15;
  const headerSize = (bytes[12]! + 1) * 4;
  const flags = bytes[13]!;
  let at = 14;
  const integer = (): number => {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = bytes[at++]!;
      value += (byte & 127) * 2 ** shift;
      if (!(byte & 128)) break;
    }
    return value;
  };
  if (flags & 0x40) integer();
  if (flags & 0x80) integer();
  const filters: { id: number; properties: Buffer }[] = [];
  for (let i = 0; i <= (flags & 3); i++) {
    const id = integer();
    const size = integer();
    filters.push({ id, properties: bytes.subarray(at, at + size) });
    at += size;
  }
  if (filters[0]?.id !== FILTER_X86 || filters[1]?.id !== FILTER_LZMA2 || filters.length !== 2)
    return { stream: trim(bytes), x86Filter: false, crc32: null };

  // The sizes are in the index, which ends where the footer says.
  const stream = trim(bytes);
  const footer = stream.length - 12;
  const indexSize = (stream.readUInt32LE(footer + 4) + 1) * 4;
  at = footer - indexSize + 1;
  const records = integer();
  if (records !== 1) throw new UnpackError(`an .xz stream of ${records} blocks with the x86 filter is not supported`);
  const unpadded = integer();
  const uncompressed = integer();
  const checkSize = CHECK_SIZES[check]!;
  const data = bytes.subarray(12 + headerSize, 12 + unpadded - checkSize);
  const checkAt = 12 + Math.ceil(unpadded / 4) * 4 - checkSize;
  return {
    stream: wrapLzma2(data, filters[1].properties[0]!, uncompressed),
    x86Filter: true,
    crc32: check === 1 ? bytes.readUInt32LE(checkAt) : null,
  };
}

/** Returns the stream without what follows it. It ends with the "YZ" of the footer. */
function trim(bytes: Buffer): Buffer {
  const end = bytes.lastIndexOf("YZ");
  return end < 0 ? bytes : bytes.subarray(0, end + 2);
}

/** Makes a stream of one block, without a check, around raw LZMA2 data. */
function wrapLzma2(data: Buffer, dictionary: number, uncompressed: number): Buffer {
  const streamFlags = Buffer.from([0, 0]);
  const header = Buffer.concat([MAGIC, streamFlags, crcBytes(streamFlags)]);
  const block = Buffer.from([2, 0, FILTER_LZMA2, 1, dictionary, 0, 0, 0]);
  const blockHeader = Buffer.concat([block, crcBytes(block)]);
  const unpadded = blockHeader.length + data.length;
  const padding = Buffer.alloc((4 - (unpadded % 4)) % 4);
  let index = Buffer.from([0, 1, ...variable(unpadded), ...variable(uncompressed)]);
  index = Buffer.concat([index, Buffer.alloc((4 - (index.length % 4)) % 4)]);
  const footer = Buffer.alloc(6);
  footer.writeUInt32LE((index.length + 4) / 4 - 1, 0);
  return Buffer.concat([
    header,
    blockHeader,
    data,
    padding,
    index,
    crcBytes(index),
    crcBytes(footer),
    footer,
    Buffer.from("YZ"),
  ]);
}

function variable(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

function crcBytes(bytes: Uint8Array): Buffer {
  const result = Buffer.alloc(4);
  result.writeUInt32LE(crc32(bytes), 0);
  return result;
}

const ALLOWED_MASKS = [true, true, true, false, true, false, false, false];
const MASK_BITS = [0, 1, 2, 2, 3, 3, 3, 3];

/** Undoes the x86 branch filter in place: the targets of CALL and JMP become relative again. */
export function undoX86Filter(bytes: Uint8Array): void {
  const topByte = (byte: number): boolean => byte === 0 || byte === 0xff;
  let mask = 0;
  let previous = -1;
  const end = bytes.length - 4;
  for (let i = 0; i < end; i++) {
    if ((bytes[i]! & 0xfe) !== 0xe8) continue;
    const distance = i - previous;
    if (distance > 3) {
      mask = 0;
    } else {
      mask = (mask << (distance - 1)) & 7;
      if (mask !== 0 && (!ALLOWED_MASKS[mask] || topByte(bytes[i + 4 - MASK_BITS[mask]!]!))) {
        previous = i;
        mask = (mask << 1) | 1;
        continue;
      }
    }
    previous = i;
    if (!topByte(bytes[i + 4]!)) {
      mask = (mask << 1) | 1;
      continue;
    }
    let source = bytes[i + 1]! | (bytes[i + 2]! << 8) | (bytes[i + 3]! << 16) | (bytes[i + 4]! << 24);
    let target: number;
    for (;;) {
      target = (source - (i + 5)) | 0;
      if (mask === 0) break;
      const index = MASK_BITS[mask]! * 8;
      if (!topByte((target >>> (24 - index)) & 0xff)) break;
      source = target ^ ((1 << (32 - index)) - 1);
    }
    bytes[i + 1] = target;
    bytes[i + 2] = target >>> 8;
    bytes[i + 3] = target >>> 16;
    bytes[i + 4] = target & 0x1000000 ? 0xff : 0;
    i += 4;
  }
}
