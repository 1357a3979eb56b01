/** Directory records of ISO 9660 (ECMA-119, 9.1). They never cross the border of a sector. */
import { BootError } from "../error.ts";

export interface IsoRecord {
  name: Buffer;
  /** First logical block, and size in bytes. */
  extent: number;
  size: number;
  isDirectory: boolean;
  /** Whether the file continues in the next record. */
  hasMore: boolean;
  systemUse: Buffer;
}

/** Yields the records of one sector. */
export function* isoRecords(sector: Buffer): Generator<IsoRecord> {
  for (let at = 0; at + 33 < sector.length && sector[at] !== 0;) {
    const length = sector[at]!;
    const nameLength = sector[at + 32]!;
    if (length < 34 || at + length > sector.length || 33 + nameLength > length)
      throw new BootError("The file system is damaged: a directory is broken.");
    const flags = sector[at + 25]!;
    // A name of even length is followed by a byte of padding.
    const use = at + 33 + nameLength + (nameLength % 2 === 0 ? 1 : 0);
    yield {
      name: sector.subarray(at + 33, at + 33 + nameLength),
      extent: sector.readUInt32LE(at + 2) + sector[at + 1]!,
      size: sector.readUInt32LE(at + 10),
      isDirectory: (flags & 2) !== 0,
      hasMore: (flags & 0x80) !== 0,
      systemUse: sector.subarray(Math.min(use, at + length), at + length),
    };
    at += length;
  }
}
