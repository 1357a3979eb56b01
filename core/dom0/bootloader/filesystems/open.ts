/** Recognises which file system a region holds, if any. */
import { BootError } from "../error.ts";
import type { Region } from "../region.ts";
import { ExtFileSystem } from "./ext.ts";
import { FatFileSystem } from "./fat.ts";
import type { FileSystem } from "./filesystem.ts";
import { IsoFileSystem } from "./iso9660.ts";

/** Names of formats that are known but can't be read, by what their first bytes hold, and where. */
const UNREADABLE: readonly [string, number, string][] = [
  ["XFS", 0, "XFSB"],
  ["Btrfs", 0x10040, "_BHRfS_M"],
  ["LUKS (encrypted)", 0, "LUKS\xba\xbe"],
  ["LVM", 0x218, "LVM2 001"],
  ["swap space", 4086, "SWAPSPACE2"],
  ["F2FS", 0x400, "\x10\x20\xf5\xf2"],
  ["NTFS", 3, "NTFS    "],
  ["SquashFS", 0, "hsqs"],
];

export type Content = { system: FileSystem } | { unreadable: string } | null;

/** Returns null when the region holds nothing that is known. A damaged file system counts as unreadable. */
export async function openFileSystem(region: Region): Promise<Content> {
  try {
    const opened =
      (await ExtFileSystem.open(region)) ?? (await IsoFileSystem.open(region)) ?? (await FatFileSystem.open(region));
    if (opened) return { system: opened as FileSystem };
  } catch (error) {
    if (error instanceof BootError) return { unreadable: `a file system that can't be read (${error.message})` };
    throw error;
  }
  for (const [name, offset, magic] of UNREADABLE) {
    if (offset + magic.length > region.size) continue;
    const { buffer } = await region.read(offset, magic.length);
    if (Buffer.from(buffer).toString("latin1") === magic) return { unreadable: name };
  }
  return null;
}
