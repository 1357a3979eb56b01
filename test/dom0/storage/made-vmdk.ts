/** VMDKs (hosted sparse extents) that no program would make, and what reading them costs others. */
import { writeFileSync } from "node:fs";

export interface MadeVmdk {
  grains: number;
  grainSectors?: number;
  perTable?: number;
  flags?: number;
  /** The sectors of the grains in the first table, which the whole directory leads to. */
  entries: readonly number[];
  /** What lies behind the tables, at DATA. */
  data?: Buffer;
}
export const SECTOR = 512;
/** The sector of the directory. */
const DIRECTORY = 8;

/** Writes a VMDK whose tables are all the same one, and returns the sector at which its data begin. */
export function makeVmdk(
  file: string,
  { grains, grainSectors = 128, perTable = 512, flags = 3, entries, data }: MadeVmdk,
): number {
  const tables = Math.ceil(grains / perTable);
  const table = DIRECTORY + Math.ceil((tables * 4) / SECTOR);
  const first = table + Math.ceil((perTable * 4) / SECTOR);
  const bytes = Buffer.alloc(first * SECTOR);
  bytes.write("KDMV");
  bytes.writeUInt32LE(1, 4);
  bytes.writeUInt32LE(flags, 8);
  bytes.writeBigUInt64LE(BigInt(grains * grainSectors), 12);
  bytes.writeBigUInt64LE(BigInt(grainSectors), 20);
  bytes.writeUInt32LE(perTable, 44);
  bytes.writeBigUInt64LE(BigInt(DIRECTORY), 56);
  for (let i = 0; i < tables; i++) bytes.writeUInt32LE(table, DIRECTORY * SECTOR + i * 4);
  for (const [i, entry] of entries.entries()) bytes.writeUInt32LE(entry, table * SECTOR + i * 4);
  writeFileSync(file, Buffer.concat([bytes, data ?? Buffer.alloc(0)]));
  return first;
}

/** How often others had their turn meanwhile. */
export async function turnsDuring(act: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  try {
    await act();
  } finally {
    isOver = true;
  }
  return turns;
}
