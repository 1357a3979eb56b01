/** Finds where the blocks of an ext file lie: in trees of extents, or in the older lists of blocks, which are up to three levels indirect. */
import { BootError } from "../error.ts";
import type { Region } from "../region.ts";

/** `count` blocks of a file, beginning with the one that was asked for; null stands for a hole, which reads as zeros. */
export interface Run {
  physical: number | null;
  count: number;
}

const EXTENT_MAGIC = 0xf30a;
const MOST_DEPTH = 5;
/** Greater lengths mark blocks that are reserved but not written; these read as zeros. */
const LONGEST_EXTENT = 32768;
const DIRECT = 12;
/** Block numbers have 32 bits. */
const END = 2 ** 32;

/** `root` is the inode's i_block. */
export function mapBlock(
  region: Region,
  blockSize: number,
  root: DataView<ArrayBuffer>,
  isExtents: boolean,
  block: number,
): Promise<Run> {
  if (block >= END) throw new BootError("The file system is damaged: a file has more blocks than there can be.");
  return isExtents ? byExtents(region, blockSize, root, block) : byLists(region, blockSize, root, block);
}

async function byExtents(region: Region, blockSize: number, root: DataView<ArrayBuffer>, block: number): Promise<Run> {
  let node = root;
  let end = END;
  for (let depth: number | null = null; ;) {
    const count = node.getUint16(2, true);
    const level = node.getUint16(6, true);
    const isSound =
      node.getUint16(0, true) === EXTENT_MAGIC &&
      (depth === null ? level <= MOST_DEPTH : level === depth - 1) &&
      12 + count * 12 <= node.byteLength;
    if (!isSound) throw new BootError("The file system is damaged: a tree of extents is broken.");
    depth = level;
    const chosen = lastUpTo(node, count, block);
    if (chosen + 1 < count) end = Math.min(end, node.getUint32(12 + (chosen + 1) * 12, true));
    const hole: Run = { physical: null, count: Math.max(1, end - block) };
    if (chosen < 0) return hole;
    const at = 12 + chosen * 12;
    if (level > 0) {
      const below = node.getUint32(at + 4, true) + node.getUint16(at + 8, true) * 2 ** 32;
      node = await region.read(below * blockSize, blockSize);
      continue;
    }
    const length = node.getUint16(at + 4, true);
    const isWritten = length <= LONGEST_EXTENT;
    const within = block - node.getUint32(at, true);
    const left = (isWritten ? length : length - LONGEST_EXTENT) - within;
    if (left <= 0) return hole;
    const start = node.getUint32(at + 8, true) + node.getUint16(at + 6, true) * 2 ** 32;
    return { physical: isWritten ? start + within : null, count: left };
  }
}

/** Returns the last entry that begins at or before the block; -1 for none. */
function lastUpTo(node: DataView, count: number, block: number): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (node.getUint32(12 + middle * 12, true) <= block) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

async function byLists(region: Region, blockSize: number, root: DataView<ArrayBuffer>, block: number): Promise<Run> {
  if (block < DIRECT) return runIn(root, block, DIRECT);
  const perBlock = blockSize / 4;
  let within = block - DIRECT;
  let level = 1;
  let span = perBlock;
  while (within >= span) {
    within -= span;
    span *= perBlock;
    if (++level > 3) throw new BootError("The file system is damaged: a file is longer than its lists of blocks.");
  }
  let list = root.getUint32((DIRECT + level - 1) * 4, true);
  for (;;) {
    if (list === 0) return { physical: null, count: span - within };
    const node = await region.read(list * blockSize, blockSize);
    span /= perBlock;
    const index = Math.floor(within / span);
    within %= span;
    if (span === 1) return runIn(node, index, perBlock);
    list = node.getUint32(index * 4, true);
  }
}

/** Returns as many blocks as follow each other on the disk. */
function runIn(list: DataView, index: number, end: number): Run {
  const first = list.getUint32(index * 4, true);
  let count = 1;
  while (index + count < end && list.getUint32((index + count) * 4, true) === (first === 0 ? 0 : first + count))
    count++;
  return { physical: first === 0 ? null : first, count };
}
