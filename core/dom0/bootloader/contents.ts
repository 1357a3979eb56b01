/** What is on a disk, for people to read: its partitions, their file systems, the operating system found there. */
import { BootDisk, readText, type Volume } from "./disk.ts";
import { BootError } from "./error.ts";

export interface DiskPart {
  /** The number as in xvda1; 0 is the whole disk. */
  partition: number;
  bytes: number;
  /** Whether it is marked as the one to boot from. */
  active: boolean;
  /** Such as "ext4" or "swap space"; null where nothing is known. */
  holds: string | null;
  label: string;
  /** The name that the system there has for itself; null where none is found. */
  system: string | null;
}

/** Where a system has its name (os-release(5)); a medium of Debian's or Ubuntu's has it in .disk/info. */
const OS_RELEASE = ["/etc/os-release", "/usr/lib/os-release"];
const MEDIUM = "/.disk/info";
const MOST_RELEASE_BYTES = 64 * 1024;
const MOST_NAME = 120;

/** Returns the parts in the order of the disk. One that can't be read affects only its own line. */
export async function contentsOf(disk: BootDisk): Promise<DiskPart[]> {
  const parts: DiskPart[] = [];
  for (const volume of disk.volumes) {
    const { partition, bytes, active, system } = volume;
    const part = { partition, bytes, active, holds: system.type, label: plain(system.label) };
    parts.push({ ...part, system: await systemOf(volume) });
  }
  for (const { partition, bytes, active, holds } of disk.others)
    if (partition > 0 || holds !== null) parts.push({ partition, bytes, active, holds, label: "", system: null });
  return parts.sort((a, b) => a.partition - b.partition);
}

async function systemOf(volume: Volume): Promise<string | null> {
  try {
    for (const path of OS_RELEASE) {
      const text = await readText({ volume, path }, MOST_RELEASE_BYTES);
      const found = text === null ? null : (valueOf(text, "PRETTY_NAME") ?? valueOf(text, "NAME"));
      if (found) return found;
    }
    const medium = await readText({ volume, path: MEDIUM }, MOST_RELEASE_BYTES);
    return medium === null ? null : plain(medium.split("\n")[0]!) || null;
  } catch (error) {
    if (error instanceof BootError) return null;
    throw error;
  }
}

/** Returns the value in a line NAME=VALUE as a shell would read it. */
function valueOf(text: string, name: string): string | null {
  const [, value] = new RegExp(`^${name}=(.*)$`, "m").exec(text) ?? [];
  return value === undefined ? null : plain(value.trim().replace(/^(["'])(.*)\1$/, "$2")) || null;
}

/** Removes control characters and those that change the direction of text, because an image may come from anybody. */
function plain(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "")
    .trim()
    .slice(0, MOST_NAME);
}
