/** Files so small that ext4 keeps them in the inode: in the place of the block list, and the rest in the attribute system.data. */
import { BootError } from "../error.ts";

const BLOCK_FIELD = 40;
const BLOCK_FIELD_BYTES = 60;
const ATTRIBUTES_MAGIC = 0xea020000;
const SYSTEM = 7;

/** Returns everything that the inode holds, which may be more than the file's size. */
export function inlineData(inode: DataView<ArrayBuffer>): Buffer {
  const head = Buffer.from(inode.buffer, BLOCK_FIELD, BLOCK_FIELD_BYTES);
  return Buffer.concat([head, attribute(Buffer.from(inode.buffer))]);
}

function attribute(inode: Buffer): Buffer {
  const none = Buffer.alloc(0);
  if (inode.length < 132) return none;
  const start = 128 + inode.readUInt16LE(128);
  if (start + 4 > inode.length || inode.readUInt32LE(start) !== ATTRIBUTES_MAGIC) return none;
  const first = start + 4;
  for (let at = first; at + 16 <= inode.length;) {
    const nameLength = inode[at]!;
    if (nameLength === 0 && inode[at + 1] === 0) return none;
    const name = inode.toString("latin1", at + 16, at + 16 + nameLength);
    if (inode[at + 1] === SYSTEM && name === "data") {
      const [from, size] = [first + inode.readUInt16LE(at + 2), inode.readUInt32LE(at + 8)];
      if (from + size > inode.length)
        throw new BootError("The file system is damaged: an inode's attributes are broken.");
      return inode.subarray(from, from + size);
    }
    at += (16 + nameLength + 3) & ~3;
  }
  return none;
}
