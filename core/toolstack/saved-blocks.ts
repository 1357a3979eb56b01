/**
 * What a saved domain's file has after its magic, in blocks: u32 length, u32 CRC-32 of the bytes (that of zlib), the bytes. Numbers are little-endian. A
 * block without bytes is the last one. So what a disk or a copy has spoiled is noticed before it is used, and a guest's memory is written as fast
 * as disks are, which packing is not.
 */
import { crc32 } from "node:zlib";
import { StreamError, type Source } from "../dom0/saved/stream.ts";

/** The most bytes of a block. Whoever reads takes one in one go. */
const BLOCK_MOST = 8 << 20;
const HEAD_BYTES = 8;

/** Yields the blocks of a content that comes in pieces. While one is being written, the next piece is made. */
export async function* intoBlocks(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of ahead(content))
    for (let from = 0; from < piece.length; from += BLOCK_MOST) {
      const bytes = piece.subarray(from, from + BLOCK_MOST);
      yield head(bytes);
      yield bytes;
    }
  yield head(new Uint8Array(0));
}

function head(bytes: Uint8Array): Uint8Array {
  const made = new DataView(new ArrayBuffer(HEAD_BYTES));
  made.setUint32(0, bytes.length, true);
  made.setUint32(4, crc32(bytes), true);
  return new Uint8Array(made.buffer);
}

/** Yields the content of blocks, each piece after it was checked. Throws StreamError. */
export async function* outOfBlocks(source: Source): AsyncGenerator<Uint8Array> {
  for (;;) {
    const header = await source.take(HEAD_BYTES);
    const view = new DataView(header.buffer, header.byteOffset, HEAD_BYTES);
    const [length, sum] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (length > BLOCK_MOST) throw new StreamError(`a block is ${length} bytes long; ${BLOCK_MOST} are allowed`);
    const bytes = await source.take(length);
    if (crc32(bytes) !== sum) throw new StreamError("it is damaged (a block is not what its CRC-32 says)");
    if (length === 0) return await source.end();
    yield bytes;
  }
}

/** Yields the same, with the next one on its way while one is being used. */
async function* ahead<T>(of: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = of[Symbol.asyncIterator]();
  let next = iterator.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done) return;
      next = iterator.next();
      // It is awaited in the next turn, or below by nobody.
      next.catch(() => {});
      yield value;
    }
  } finally {
    await next.catch(() => {});
    await iterator.return?.();
  }
}
