/** The parts of a disk that may hold a file system: its partitions, or all of it. */
import type { Region } from "../region.ts";
import { gptPartitions } from "./gpt.ts";
import { mbrPartitions, PROTECTIVE, readTable } from "./mbr.ts";
import type { Partition } from "./partition.ts";

/** The whole disk comes first, because an image of a CD may have a partition table as well as its file system. */
export async function partitions(disk: Region): Promise<Partition[]> {
  const whole: Partition = { number: 0, active: false, region: disk };
  if (disk.size < 512) return [whole];
  const table = readTable(await disk.read(0, 512));
  const gpt = !table || table.some(({ type }) => type === PROTECTIVE) ? await gptPartitions(disk) : null;
  return [whole, ...(gpt ?? (table ? await mbrPartitions(disk, table) : []))];
}
