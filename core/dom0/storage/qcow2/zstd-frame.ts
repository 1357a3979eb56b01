/** Finds where a zstd frame ends (RFC 8878, 3.1.1), because the last sector of one may hold the beginning of another cluster's frame. */

const MAGIC = 0xfd2fb528;

/** Returns the length of the frame at the beginning; that of `bytes` if the frame is cut off. Throws if there is none. */
export function zstdFrameLength(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6 || view.getUint32(0, true) !== MAGIC) throw new Error("no zstd frame");
  const descriptor = bytes[4]!;
  const singleSegment = (descriptor >> 5) & 1;
  const sizeFlag = descriptor >> 6;
  const contentSize = sizeFlag === 0 ? singleSegment : 2 ** sizeFlag;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  let at = 5 + (singleSegment ? 0 : 1) + dictionary + contentSize;
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) return bytes.length;
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    last = (header & 1) !== 0;
    const runLength = ((header >> 1) & 3) === 1;
    at += 3 + (runLength ? 1 : header >> 3);
  }
  return Math.min(bytes.length, at + ((descriptor >> 2) & 1 ? 4 : 0));
}
