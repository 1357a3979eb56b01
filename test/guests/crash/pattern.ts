/** Compares what pattern-writer.c has promised with what is on a disk. */

const BLOCK = 4096;
const SECTOR = 512;
/** How many blocks may have been written since the last reported flush. Reports arrive late on the console too. */
const MOST_AHEAD = 100_000;

export function placeOf(number: number, blocks: number): number {
  return (Math.imul(number, 2654435761) >>> 0) % blocks;
}

/** The content of block `number`. */
export function blockOf(number: number, blocks: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  for (let at = 0; at < BLOCK; at += 16) {
    block.writeUInt32LE(number, at);
    block.writeUInt32LE(placeOf(number, blocks), at + 8);
  }
  return block;
}

/** Says what is wrong with the disk, given that everything up to block `flushed` was flushed; null if nothing is. Parts of a block may be newer. */
export function lostOf(disk: Buffer, flushed: number): string | null {
  const blocks = disk.length / BLOCK;
  const promised = new Uint32Array(blocks);
  for (let number = 1; number <= flushed; number++) promised[placeOf(number, blocks)] = number;
  for (let place = 0; place < blocks; place++)
    for (let at = place * BLOCK; at < (place + 1) * BLOCK; at += SECTOR) {
      const number = disk.readUInt32LE(at);
      if (number < promised[place]!)
        return `block ${place} was flushed as ${promised[place]} and is ${number} at byte ${at}`;
      if (number === 0) {
        if (disk.subarray(at, at + SECTOR).some((byte) => byte !== 0))
          return `byte ${at} was never written and is not zero`;
        continue;
      }
      if (number > flushed + MOST_AHEAD || placeOf(number, blocks) !== place)
        return `block ${place} holds ${number}, which does not belong there`;
      const wanted = blockOf(number, blocks).subarray(0, SECTOR);
      if (!disk.subarray(at, at + SECTOR).equals(wanted)) return `the sector at byte ${at} is torn`;
    }
  return null;
}
