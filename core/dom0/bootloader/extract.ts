/** Reads the kernel and RAM disks of an entry from the disk. */
import type { BootEntry } from "./entries.ts";
import { BootError } from "./error.ts";
import { readPlace } from "./disk.ts";

export const MOST_KERNEL_BYTES = 256 << 20;
export const MOST_RAMDISK_BYTES = 1 << 30;

export interface Extracted {
  kernel: Uint8Array;
  /** All RAM disks, one after the other as boot loaders pass them; null for none. */
  ramdisk: Uint8Array | null;
  cmdline: string;
}

/** `mostRamdiskBytes` is less than MOST_RAMDISK_BYTES if the domain has not so much memory. Throws BootError. */
export async function extract(entry: BootEntry, mostRamdiskBytes = MOST_RAMDISK_BYTES): Promise<Extracted> {
  const kernel = await readPlace(entry.kernel, MOST_KERNEL_BYTES);
  const parts: Uint8Array[] = [];
  let left = Math.min(mostRamdiskBytes, MOST_RAMDISK_BYTES);
  for (const place of entry.initrds) {
    const part = await readPlace(place, left);
    parts.push(part);
    // Each begins at a multiple of four, which the kernel's unpacker requires.
    left -= part.length + 3;
    if (left < 0) throw new BootError("The RAM disks of this entry are larger than what is taken.");
  }
  const [first] = parts;
  return { kernel, ramdisk: parts.length > 1 ? joined(parts) : (first ?? null), cmdline: entry.cmdline };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const aligned = (length: number): number => Math.ceil(length / 4) * 4;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + aligned(length), 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += aligned(part.length);
  }
  return all;
}
