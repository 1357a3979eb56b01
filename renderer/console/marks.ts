/**
 * Limits the number of marks on one letter. xterm.js keeps as many as a guest writes into one cell, and the browser lays all of them out again for
 * each picture, so that a megabyte of them stops the whole window. No script uses more than a few.
 */
const MOST_MARKS = 16;
/** A character that takes no cell of its own but belongs to the letter before it. */
const MARK = /^[\p{M}\p{Cf}\u1160-\u11ff]$/u;

export class MarkFilter {
  /** The first bytes of a letter whose last bytes have not arrived. */
  #held = new Uint8Array(0);
  #marks = 0;

  /** Returns the bytes without the marks that are too many. The bytes are UTF-8; anything else passes unchanged. */
  pass(bytes: Uint8Array): Uint8Array {
    if (this.#held.length === 0 && bytes.every((byte) => byte < 0x80)) {
      if (bytes.some(isPrinted)) this.#marks = 0;
      return bytes;
    }
    const all = new Uint8Array(this.#held.length + bytes.length);
    all.set(this.#held);
    all.set(bytes, this.#held.length);
    let to = 0;
    let from = 0;
    while (from < all.length) {
      const length = letterAt(all, from);
      if (length > all.length - from) break;
      if (this.#passes(all, from, length)) {
        all.copyWithin(to, from, from + length);
        to += length;
      }
      from += length;
    }
    this.#held = all.slice(from);
    return all.subarray(0, to);
  }

  #passes(bytes: Uint8Array, at: number, length: number): boolean {
    if (length === 1) {
      if (isPrinted(bytes[at]!)) this.#marks = 0;
      return true;
    }
    let code = bytes[at]! & (0xff >> (length + 1));
    for (let i = 1; i < length; i++) code = (code << 6) | (bytes[at + i]! & 0x3f);
    // This is not a letter at all, however it is written, so it does not end a row of marks.
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return true;
    if (!MARK.test(String.fromCodePoint(code))) this.#marks = 0;
    else if (++this.#marks > MOST_MARKS) return false;
    return true;
  }
}

const isPrinted = (byte: number): boolean => byte >= 0x20 && byte < 0x7f;

/** Returns the length in bytes of the letter that begins there, including bytes that have not arrived. It is 1 for a byte that begins no letter. */
function letterAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const length =
    first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xc2 && first < 0xe0 ? 2 : 1;
  for (let i = 1; i < length && at + i < bytes.length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 1;
  return length;
}
