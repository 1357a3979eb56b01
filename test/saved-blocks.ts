/** A saved domain's file by hand: what it holds, out of its blocks (core/toolstack/saved-blocks.ts) and into them. */
import { crc32 } from "node:zlib";

export const MAGIC_BYTES = 32;
const MAGIC = Buffer.from("Xenarium saved domain in blocks".padEnd(MAGIC_BYTES, "\n"));

/** Throws RangeError where a block ends too early. */
export function contentOf(file: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = MAGIC_BYTES, length = -1; length !== 0; at += 8 + length) {
    length = file.readUInt32LE(at);
    const piece = file.subarray(at + 8, at + 8 + length);
    if (file.readUInt32LE(at + 4) !== crc32(piece)) throw new Error(`the block at ${at} has another CRC-32`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Of the most that a block may have. */
const BLOCK_BYTES = 8 << 20;

export function fileOf(content: Buffer): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < content.length; at += BLOCK_BYTES)
    blocks.push(...block(content.subarray(at, at + BLOCK_BYTES)));
  return Buffer.concat([MAGIC, ...blocks, ...block(Buffer.alloc(0))]);
}

function block(bytes: Buffer): Buffer[] {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(bytes.length);
  head.writeUInt32LE(crc32(bytes), 4);
  return [head, bytes];
}
