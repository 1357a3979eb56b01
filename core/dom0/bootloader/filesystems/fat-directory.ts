/** Entries of FAT directories: short names, preceded by the long ones in pieces, last piece first. */

export interface FatEntry {
  /** The long name if there is one. */
  name: string;
  shortName: string;
  isDirectory: boolean;
  size: number;
  cluster: number;
}

/** The most pieces of a long name, which has up to 255 characters. */
const MOST_PIECES = 20;
const LABEL = 0x08;
const DIRECTORY = 0x10;
const LONG = 0x0f;
/** NTRES: the name, or its extension, was given in lower case. */
const SMALL_NAME = 0x08;
const SMALL_EXTENSION = 0x10;

export function fatEntries(bytes: Buffer): FatEntry[] {
  const entries: FatEntry[] = [];
  let pieces: string[] = [];
  let sum = -1;
  for (let at = 0; at + 32 <= bytes.length && bytes[at] !== 0; at += 32) {
    const entry = bytes.subarray(at, at + 32);
    const attributes = entry[11]!;
    if (entry[0] === 0xe5) {
      pieces = [];
    } else if ((attributes & 0x3f) === LONG) {
      if (entry[0]! & 0x40 || entry[13] !== sum) pieces = [];
      sum = entry[13]!;
      if (pieces.length < MOST_PIECES) pieces.unshift(piece(entry));
    } else {
      if (!(attributes & LABEL)) entries.push(entryOf(entry, sum === checksum(entry) ? pieces : []));
      pieces = [];
    }
  }
  return entries;
}

function piece(entry: Buffer): string {
  const characters = [entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)];
  return characters.map((part) => part.toString("utf16le")).join("");
}

function entryOf(entry: Buffer, pieces: readonly string[]): FatEntry {
  const flags = entry[12]!;
  const text = (from: number, to: number, isSmall: boolean): string => {
    const part = entry.toString("latin1", from, to).trimEnd();
    return isSmall ? part.toLowerCase() : part;
  };
  const base = text(0, 8, (flags & SMALL_NAME) !== 0);
  const extension = text(8, 11, (flags & SMALL_EXTENSION) !== 0);
  const shortName = extension === "" ? base : `${base}.${extension}`;
  const longName = pieces.join("").replace(/[\0\uffff].*$/s, "");
  return {
    name: longName || shortName,
    shortName,
    isDirectory: (entry[11]! & DIRECTORY) !== 0,
    size: entry.readUInt32LE(28),
    cluster: entry.readUInt16LE(26) | (entry.readUInt16LE(20) << 16),
  };
}

function checksum(entry: Buffer): number {
  let sum = 0;
  for (let i = 0; i < 11; i++) sum = (((sum & 1) << 7) + (sum >> 1) + entry[i]!) & 0xff;
  return sum;
}
