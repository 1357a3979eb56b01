/** The partition table of PCs: four entries in the first sector, and a chain of further ones in an extended partition. */
import type { Region } from "../region.ts";
import type { Partition } from "./partition.ts";

const SECTOR = 512;
const EXTENDED = new Set([0x05, 0x0f, 0x85]);
/** The type of the entry that covers a disk with a GPT. */
export const PROTECTIVE = 0xee;
const MOST_LOGICAL = 124;

export interface MbrEntry {
  active: boolean;
  type: number;
  /** In bytes. */
  start: number;
  size: number;
}

/** Returns null when the sector has no partition table: it lacks the signature, or its entries are none (as in a file system's boot sector). */
export function readTable(sector: DataView, base = 0): MbrEntry[] | null {
  if (sector.getUint16(510, true) !== 0xaa55) return null;
  const entries = [0, 1, 2, 3].map((i) => {
    const at = 446 + i * 16;
    return {
      status: sector.getUint8(at),
      type: sector.getUint8(at + 4),
      start: base + sector.getUint32(at + 8, true) * SECTOR,
      size: sector.getUint32(at + 12, true) * SECTOR,
    };
  });
  if (entries.some(({ status }) => status & 0x7f)) return null;
  return entries.map(({ status, type, start, size }) => ({ active: status === 0x80, type, start, size }));
}

/** Primary partitions have the numbers 1 to 4, logical ones 5 and up, as everywhere. */
export async function mbrPartitions(disk: Region, table: readonly MbrEntry[]): Promise<Partition[]> {
  const found: Partition[] = [];
  for (const [i, { active, type, start, size }] of table.entries()) {
    if (type === 0 || size === 0 || EXTENDED.has(type)) continue;
    const region = disk.part(start, size);
    if (region) found.push({ number: i + 1, active, region });
  }
  const extended = table.find(({ type, size }) => EXTENDED.has(type) && size > 0);
  if (!extended) return found;
  const seen = new Set<number>();
  let number = 5;
  for (let at = extended.start; !seen.has(at) && number < 5 + MOST_LOGICAL;) {
    seen.add(at);
    if (at + SECTOR > disk.size) break;
    const links = readTable(await disk.read(at, SECTOR), 0);
    if (!links) break;
    // The first entry is relative to this sector, the second to the extended partition.
    const [logical, next] = [links[0]!, links[1]!];
    const region = logical.size > 0 && logical.type !== 0 ? disk.part(at + logical.start, logical.size) : null;
    if (region) found.push({ number, active: logical.active, region });
    number++;
    if (!EXTENDED.has(next.type) || next.size === 0) break;
    at = extended.start + next.start;
  }
  return found;
}
