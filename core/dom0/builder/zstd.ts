/** How much a Zstandard file can unpack to, found without unpacking it (RFC 8878): a small file can say very much. */

const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const MOST_OF_BLOCK = 128 * 1024;
const BLOCK_RLE = 1;
const BLOCK_COMPRESSED = 2;

/** Bytes at most. What is no whole file counts up to where it is spoiled: who unpacks it says so. */
export function mostUnpackedZstd(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let most = 0;
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
      at += 5 + (1 - single) + [0, 1, 2, 4][descriptor & 3]!;
      // What it says of itself is made room for before anything is unpacked.
      let said = 0;
      for (let i = sizeBytes - 1; i >= 0; i--) said = said * 256 + view.getUint8(at + i);
      at += sizeBytes;
      const before = most;
      let blocks = 0;
      for (let last = false; !last;) {
        const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
        const [type, size] = [(header >> 1) & 3, header >> 3];
        last = (header & 1) === 1;
        blocks += type === BLOCK_COMPRESSED ? MOST_OF_BLOCK : size;
        most = Math.max(most, before + Math.max(said, blocks));
        at += 3 + (type === BLOCK_RLE ? 1 : size);
      }
      if (descriptor & 4) at += 4;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return most;
}
