/** The GUID partition table (UEFI specification, section 5.3): the header is in the second sector, its copy in the last. */
import { crc32 } from "node:zlib";
import type { Region } from "../region.ts";
import type { Partition } from "./partition.ts";

const SIGNATURE = "EFI PART";
const MOST_ENTRIES = 1024;
const MOST_ENTRY_BYTES = 4096;
/** Attribute bit 2: legacy BIOS bootable. */
const BOOTABLE = 4;

/** Returns null when neither header is valid. */
export async function gptPartitions(disk: Region): Promise<Partition[] | null> {
  for (const sectorBytes of [512, 4096])
    for (const at of [sectorBytes, disk.size - sectorBytes]) {
      const found = await readHeader(disk, at, sectorBytes);
      if (found) return found;
    }
  return null;
}

async function readHeader(disk: Region, at: number, sectorBytes: number): Promise<Partition[] | null> {
  if (at < 0 || at + 512 > disk.size) return null;
  const header = await disk.read(at, 512);
  if (Buffer.from(header.buffer, 0, 8).toString("latin1") !== SIGNATURE) return null;
  const length = header.getUint32(12, true);
  if (length < 92 || length > 512) return null;
  const checksum = header.getUint32(16, true);
  header.setUint32(16, 0, true);
  if (crc32(new Uint8Array(header.buffer, 0, length)) !== checksum) return null;
  const table = Number(header.getBigUint64(72, true)) * sectorBytes;
  const count = header.getUint32(80, true);
  const size = header.getUint32(84, true);
  if (count > MOST_ENTRIES || size < 128 || size > MOST_ENTRY_BYTES || table + count * size > disk.size) return null;
  const entries = await disk.read(table, count * size);
  if (crc32(new Uint8Array(entries.buffer)) !== header.getUint32(88, true)) return null;
  const found: Partition[] = [];
  for (let i = 0; i < count; i++) {
    const entry = i * size;
    if (entries.getBigUint64(entry, true) === 0n && entries.getBigUint64(entry + 8, true) === 0n) continue;
    const first = Number(entries.getBigUint64(entry + 32, true));
    const last = Number(entries.getBigUint64(entry + 40, true));
    const region = disk.part(first * sectorBytes, (last - first + 1) * sectorBytes);
    const active = (entries.getUint32(entry + 48, true) & BOOTABLE) !== 0;
    if (region) found.push({ number: i + 1, active, region });
  }
  return found;
}
