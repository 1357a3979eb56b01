/** Unpacks Zstandard (RFC 8878), block by block. */
import { Decompress } from "fzstd";
import { UnpackError, type UnpackedBytes } from "./unpacked-bytes.ts";

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const BLOCK_RLE = 1;
/** How much of a frame is kept for references. No kernel needs more than Linux's own decompressor allows (ZSTD_WINDOWLOG_MAX). */
const MOST_OF_WINDOW = 128 << 20;
/** Input is passed on in pieces of this size, so that the output can be checked between them. */
const PIECE = 1 << 16;

/** Throws with a reason for data that are damaged or cut short, and what `output` throws. */
export function unpackZstd(input: Uint8Array, output: UnpackedBytes): void {
  if (widestWindow(input) > MOST_OF_WINDOW)
    throw new UnpackError(`it wants a window of more than ${MOST_OF_WINDOW / 2 ** 20} MiB`);
  const stream = new Decompress((bytes) => output.write(bytes));
  for (let at = 0; at < input.length; at += PIECE)
    stream.push(input.subarray(at, at + PIECE), at + PIECE >= input.length);
}

/** Returns the largest window of all frames in bytes. A damaged file counts up to where it is damaged; unpacking it reports that. */
function widestWindow(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let widest = 0;
  try {
    for (let at = 0; at < bytes.length;) {
      const magic = view.getUint32(at, true);
      if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
        at += 8 + view.getUint32(at + 4, true);
        continue;
      }
      if (magic !== MAGIC) break;
      const descriptor = view.getUint8(at + 4);
      const single = (descriptor >> 5) & 1;
      const sizeFlag = descriptor >> 6;
      const sizeBytes = sizeFlag ? 1 << sizeFlag : single;
      at += 5;
      if (!single) {
        const window = view.getUint8(at++);
        widest = Math.max(widest, 2 ** (10 + (window >> 3)) * (1 + (window & 7) / 8));
      }
      at += [0, 1, 2, 4][descriptor & 3]!;
      let size = sizeFlag === 1 ? 256 : 0;
      for (let i = 0; i < sizeBytes; i++) size += view.getUint8(at + i) * 256 ** i;
      // A frame without a window is in one piece, and refers to any of it.
      if (single) widest = Math.max(widest, size);
      at += sizeBytes;
      for (let last = false; !last;) {
        const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
        last = (header & 1) === 1;
        at += 3 + (((header >> 1) & 3) === BLOCK_RLE ? 1 : header >> 3);
      }
      if (descriptor & 4) at += 4;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return widest;
}
