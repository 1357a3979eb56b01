/** A block of an ext directory: entries one after the other. Indexed directories (htree) have the same, and their index is in what looks unused. */
import { BootError } from "../error.ts";

export interface ExtEntry {
  inode: number;
  name: Buffer;
}

export function* entriesOf(block: Buffer): Generator<ExtEntry> {
  for (let at = 0; at + 8 <= block.length;) {
    const inode = block.readUInt32LE(at);
    const given = block.readUInt16LE(at + 4);
    // The length of a block of 64 KiB does not fit into 16 bits.
    const length = block.length === 65536 && (given === 0 || given === 0xffff) ? 65536 : given;
    const nameLength = block[at + 6]!;
    if (length < 8 || at + length > block.length || nameLength > length - 8)
      throw new BootError("The file system is damaged: a directory is broken.");
    if (inode !== 0 && nameLength > 0) yield { inode, name: block.subarray(at + 8, at + 8 + nameLength) };
    at += length;
  }
}

/** Returns the inode of that name. */
export function findEntry(block: Buffer, name: Buffer): number | null {
  for (const entry of entriesOf(block)) if (entry.name.equals(name)) return entry.inode;
  return null;
}
