/** Small files that unpack to a lot, one for each compression, made without the programs that pack. */
import { gzipSync } from "node:zlib";

/**
 * Each of its `matches` is 273 zeros. `sizeSaid` is the size in its header in bytes; by default the header says that it is not known. It has no end
 * marker.
 */
export function lzmaBomb(matches: number, sizeSaid = 2n ** 64n - 1n): Buffer {
  const header = Buffer.from([0x5d, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeBigUInt64LE(sizeSaid, 5);
  return Buffer.concat([header, new ZeroEncoder().encode(matches)]);
}

/** Where the probabilities of each kind of bit are. */
const MATCH = 0;
const REP = MATCH + 12 * 4;
const REP_G0 = REP + 12;
const REP0_LONG = REP_G0 + 12;
const SLOT = REP0_LONG + 12 * 4;
const LITERAL = SLOT + 64;
const LENGTH = LITERAL + 256;
const REP_LENGTH = LENGTH + 2 + 256;

/** LZMA's range coder, as far as it is needed for a literal zero and matches of the longest length at the last distance. */
class ZeroEncoder {
  #low = 0;
  #range = 0xffffffff;
  #cache = 0;
  #pending = 1;
  readonly #out: number[] = [];
  readonly #probabilities = new Uint16Array(REP_LENGTH + 2 + 256).fill(1024);

  encode(matches: number): Buffer {
    // A literal zero, then a match of the distance 1.
    this.#bit(MATCH, 0);
    for (let i = 0, node = 1; i < 8; i++, node <<= 1) this.#bit(LITERAL + node, 0);
    let position = 1;
    this.#bit(MATCH + (position & 3), 1);
    this.#bit(REP, 0);
    this.#length(LENGTH);
    for (let i = 0, node = 1; i < 6; i++, node <<= 1) this.#bit(SLOT + node, 0);
    let state = 7;
    for (let i = 1; i < matches; i++) {
      position += 273;
      this.#bit(MATCH + state * 4 + (position & 3), 1);
      this.#bit(REP + state, 1);
      this.#bit(REP_G0 + state, 0);
      this.#bit(REP0_LONG + state * 4 + (position & 3), 1);
      this.#length(REP_LENGTH);
      state = 11;
    }
    for (let i = 0; i < 5; i++) this.#shift();
    return Buffer.from(this.#out);
  }

  /** 273, which is the longest. */
  #length(first: number): void {
    this.#bit(first, 1);
    this.#bit(first + 1, 1);
    for (let i = 0, node = 1; i < 8; i++, node = (node << 1) | 1) this.#bit(first + 2 + node, 1);
  }

  #bit(index: number, bit: number): void {
    const probability = this.#probabilities[index]!;
    const bound = (this.#range >>> 11) * probability;
    if (bit === 0) {
      this.#range = bound;
      this.#probabilities[index] = probability + ((2048 - probability) >> 5);
    } else {
      this.#low += bound;
      this.#range -= bound;
      this.#probabilities[index] = probability - (probability >> 5);
    }
    while (this.#range < 2 ** 24) {
      this.#range = (this.#range << 8) >>> 0;
      this.#shift();
    }
  }

  #shift(): void {
    if (this.#low < 0xff000000 || this.#low >= 2 ** 32) {
      const carry = this.#low >= 2 ** 32 ? 1 : 0;
      for (let byte = this.#cache; this.#pending > 0; byte = 0xff, this.#pending--)
        this.#out.push((byte + carry) & 0xff);
      this.#cache = Math.floor(this.#low / 2 ** 24) & 0xff;
    }
    this.#pending++;
    this.#low = (this.#low % 2 ** 24) * 256;
  }
}

/** That many times 16 MiB of zeros. Gzip files one after the other are one file. */
export function gzipBomb(times: number): Buffer {
  const one = gzipSync(Buffer.alloc(16 << 20));
  return Buffer.concat(Array.from({ length: times }, () => one));
}

/** That many blocks, each of which says "2 MiB less 1 of zeros" in four bytes, and the last one. */
export function zstdBomb(blocks: number): Buffer {
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x60]),
    ...Array.from({ length: blocks }, (_, i) => Buffer.from([i === blocks - 1 ? 0xfb : 0xfa, 0xff, 0xff, 0])),
  ]);
}

/** That many blocks of 8 MiB of zeros. */
export function lz4Bomb(blocks: number): Buffer {
  // One literal, then a match of the distance 1 that is as long as the block allows: 15 + 255 n + rest + 4.
  const length = (8 << 20) - 1 - 4 - 15;
  const block = Buffer.concat([
    Buffer.from([0x1f, 0, 1, 0]),
    Buffer.alloc(Math.floor(length / 255), 255),
    Buffer.from([length % 255]),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length);
  return Buffer.concat([
    Buffer.from([0x02, 0x21, 0x4c, 0x18]),
    ...Array.from({ length: blocks }, () => Buffer.concat([size, block])),
  ]);
}
