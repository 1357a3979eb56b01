/** Big-endian numbers, which all the protocols here use, and the Internet checksum. */

export function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function get32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Adds 16-bit big-endian words to a sum that foldChecksum() finishes. An odd last byte is padded with zero (RFC 1071). */
export function sumWords(bytes: Uint8Array, from: number, to: number, sum = 0): number {
  let at = from;
  // No frame has more than 2^15 words, whose sum is far below 2^53.
  for (; at + 1 < to; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < to) sum += bytes[at]! << 8;
  return sum;
}

/** Folds the carries of a one's complement sum into 16 bits. */
export function foldSum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}

/** The Internet checksum of a sum of words. */
export function foldChecksum(sum: number): number {
  return ~foldSum(sum) & 0xffff;
}
