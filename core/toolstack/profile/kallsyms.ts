/**
 * The table of symbols that Linux keeps in its own image for its oops messages (CONFIG_KALLSYMS, kernel/kallsyms.c). The kernels of distributions
 * have it although their symbol table is stripped. Nothing says where the table is. It is found by its table of tokens, in which the ten digits stand
 * at their places in a row, and every step is checked against what must follow.
 *
 * The parts in the file, each aligned to 8 bytes, are: offsets (i32 for each symbol), base (u64), count (u32), names, markers (u32: where every 256th
 * name begins), in some versions an order of the names, tokens (256 strings), and an index of tokens (u16). Since 6.4, offsets and base come after
 * the tokens.
 */
import { Symbols } from "./symbols.ts";

const KERNEL_HALF = 1n << 63n;
const TOKENS = 256;
const NAMES_PER_MARKER = 256;
const LONGEST_TOKEN = 1000;
const MOST_SYMBOLS = 1 << 20;
/** The bytes that names, markers and what may lie between them and the tokens take at most, with that many symbols. */
const MOST_BYTES_BEFORE = 24 << 20;
const DIGITS = Buffer.from([...Array(10).keys()].flatMap((digit) => [0x30 + digit, 0]));

const aligned = (at: number): number => (at + 7) & ~7;

/** Returns null if there is no such table, or one of another kind. */
export function kallsyms(bytes: Uint8Array): Symbols | null {
  const image = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = image.indexOf(DIGITS); at >= 0; at = image.indexOf(DIGITS, at + 1)) {
    const tokens = tokensAround(image, at);
    if (!tokens) continue;
    const names = namesBefore(image, tokens.start);
    if (!names) continue;
    const addresses = addressesOf(image, names, tokens.end);
    const found = addresses && functions(image, names.start, addresses, tokens.texts);
    if (found) return found;
  }
  return null;
}

interface Tokens {
  start: number;
  /** The end of the index. */
  end: number;
  texts: string[];
}

/** Returns the table of tokens in which "0" is at `digits`. */
function tokensAround(image: Buffer, digits: number): Tokens | null {
  let start = digits;
  for (let token = 0x30; token > 0; token--) {
    if (start < 2) return null;
    const before = image.lastIndexOf(0, start - 2);
    if (before < 0 || start - before > LONGEST_TOKEN) return null;
    start = before + 1;
  }
  // The first token begins where the table does. Before it are zeroes too, or the last marker.
  const texts: string[] = [];
  const starts: number[] = [];
  let at = start;
  for (let token = 0; token < TOKENS; token++) {
    const end = image.indexOf(0, at);
    if (end < 0) return null;
    starts.push(at - start);
    texts.push(image.toString("latin1", at, end));
    at = end + 1;
  }
  const index = aligned(at);
  if (start % 8 !== 0 || index + 2 * TOKENS > image.length) return null;
  if (starts.some((offset, token) => image.readUInt16LE(index + 2 * token) !== offset)) return null;
  return { start, end: index + 2 * TOKENS, texts };
}

interface Names {
  count: number;
  /** Where the count is, and where the first name is. */
  countAt: number;
  start: number;
}

/** The count is followed by that many names, and these by markers that say where the first name and the 257th begin. */
function namesBefore(image: Buffer, tokens: number): Names | null {
  for (let countAt = (tokens - 8) & ~7; countAt >= Math.max(0, tokens - MOST_BYTES_BEFORE); countAt -= 8) {
    const count = image.readUInt32LE(countAt);
    if (count <= NAMES_PER_MARKER || count > MOST_SYMBOLS || image.readUInt32LE(countAt + 4) !== 0) continue;
    const start = countAt + 8;
    const second = skipNames(image, start, NAMES_PER_MARKER, tokens);
    const end = second && skipNames(image, second, count - NAMES_PER_MARKER, tokens);
    if (!end) continue;
    const markers = aligned(end);
    if (markers + 8 > tokens) continue;
    if (image.readUInt32LE(markers) === 0 && image.readUInt32LE(markers + 4) === second - start)
      return { count, countAt, start };
  }
  return null;
}

/** The number of bytes that the tokens of a name take, and where they begin. */
function nameAt(image: Buffer, at: number): { length: number; tokens: number } {
  const first = image[at]!;
  return first & 0x80
    ? { length: (first & 0x7f) | (image[at + 1]! << 7), tokens: at + 2 }
    : { length: first, tokens: at + 1 };
}

/** Returns where the names end, or 0 if there are not that many before `limit`. */
function skipNames(image: Buffer, start: number, count: number, limit: number): number {
  let at = start;
  for (let n = 0; n < count; n++) {
    const { length, tokens } = nameAt(image, at);
    at = tokens + length;
    if (length === 0 || at > limit) return 0;
  }
  return at;
}

/** Returns the addresses by symbol. An offset that is positive is absolute (CONFIG_KALLSYMS_ABSOLUTE_PERCPU). */
function addressesOf(image: Buffer, { count, countAt }: Names, tokensEnd: number): BigUint64Array | null {
  const places = [
    { base: countAt - 8, offsets: (countAt - 8 - 4 * count) & ~7 },
    { base: aligned(aligned(tokensEnd) + 4 * count), offsets: aligned(tokensEnd) },
  ];
  for (const { base, offsets } of places) {
    if (offsets < 0 || Math.max(base + 8, offsets + 4 * count) > image.length) continue;
    const first = image.readBigUInt64LE(base);
    if (first < KERNEL_HALF || (first & 0xfffn) !== 0n) continue;
    return BigUint64Array.from({ length: count }, (_, n) => {
      const offset = image.readInt32LE(offsets + 4 * n);
      return offset >= 0 ? BigInt(offset) : first - 1n - BigInt(offset);
    });
  }
  return null;
}

function functions(image: Buffer, names: number, addresses: BigUint64Array, tokens: string[]): Symbols | null {
  const found: [bigint, string][] = [];
  let at = names;
  for (const address of addresses) {
    const { length, tokens: start } = nameAt(image, at);
    at = start + length;
    if (at > image.length) return null;
    let text = "";
    for (let n = start; n < at; n++) text += tokens[image[n]!];
    // The first letter is the type, as in System.map.
    if (/^[tTwW]/.test(text)) found.push([address, text.slice(1)]);
  }
  return found.length ? new Symbols(found) : null;
}
