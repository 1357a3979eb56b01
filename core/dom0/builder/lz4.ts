/**
 * Unpacks `lz4 -l`, the format of Linux's build: blocks of at most 8 MiB, each preceded by its length. The available libraries do not check whether
 * the lengths in a block stay within it. Facts: "LZ4 Block Format Description" and "LZ4 Frame Format Description" (legacy frames) of the lz4 project.
 */
import { UnpackError, type UnpackedBytes } from "./unpacked-bytes.ts";

const MAGIC = 0x184c2102;
/** The largest block, unpacked. */
const MOST_OF_BLOCK = 8 << 20;
/** The largest packed block, if nothing in it can be compressed: LZ4_COMPRESSBOUND. */
const MOST_PACKED = MOST_OF_BLOCK + Math.floor(MOST_OF_BLOCK / 255) + 16;
const LEAST_MATCH = 4;

/** Throws UnpackError for data that are damaged or cut short, and what `output` throws. */
export function unpackLz4(input: Uint8Array, output: UnpackedBytes): void {
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
  for (let at = 4; at < input.length;) {
    // Linux's build appends the unpacked size.
    if (input.length - at === 4 && view.getUint32(at, true) === output.length) return;
    if (input.length - at < 4) throw new UnpackError("the data end too early");
    const size = view.getUint32(at, true);
    at += 4;
    // Another file follows the first.
    if (size === MAGIC) continue;
    if (size > MOST_PACKED) throw new UnpackError("the data are damaged: a block is longer than LZ4's are");
    if (at + size > input.length) throw new UnpackError("the data end too early");
    unpackBlock(input.subarray(at, at + size), output);
    at += size;
  }
}

function unpackBlock(block: Uint8Array, output: UnpackedBytes): void {
  const start = output.length;
  let at = 0;
  const next = (): number => {
    if (at >= block.length) throw new UnpackError("the data are damaged: a block ends too early");
    return block[at++]!;
  };
  const check = (more: number): void => {
    if (output.length - start + more > MOST_OF_BLOCK)
      throw new UnpackError("the data are damaged: a block unpacks to more than LZ4's do");
  };
  const long = (nibble: number): number => {
    let length = nibble;
    if (nibble === 15)
      for (let byte = 255; byte === 255; length += byte) {
        byte = next();
        check(length);
      }
    return length;
  };
  while (at < block.length) {
    const token = next();
    const literals = long(token >> 4);
    if (at + literals > block.length) throw new UnpackError("the data are damaged: a block ends too early");
    check(literals);
    output.write(block.subarray(at, at + literals));
    at += literals;
    // The last sequence has no match.
    if (at === block.length) return;
    const distance = next() | (next() << 8);
    const length = long(token & 15) + LEAST_MATCH;
    check(length);
    if (distance > output.length - start)
      throw new UnpackError("the data are damaged: they refer to what is not there");
    output.repeat(distance, length);
  }
}
