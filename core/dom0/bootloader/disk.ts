/** A disk as the boot loader sees it: its volumes with their file systems, and files under the names that boot loaders use. */
import type { BlockStore } from "../storage/block-store.ts";
import { BootError } from "./error.ts";
import { lookUp, readFile, type FileSystem } from "./filesystems/filesystem.ts";
import { openFileSystem } from "./filesystems/open.ts";
import { partitions } from "./partitions/volumes.ts";
import { Region } from "./region.ts";

export interface Volume {
  /** The number as in xvda1; 0 is the whole disk. */
  readonly partition: number;
  readonly active: boolean;
  readonly bytes: number;
  readonly system: FileSystem;
}

/** A part of the disk whose files can't be read. */
export interface Unreadable {
  readonly partition: number;
  readonly active: boolean;
  readonly bytes: number;
  /** Such as "swap space" or "LVM", or why it can't be read; null where nothing is known. */
  readonly holds: string | null;
}

/** A file on one of the volumes. */
export interface Place {
  volume: Volume;
  path: string;
}

export class BootDisk {
  readonly volumes: readonly Volume[];
  readonly others: readonly Unreadable[];

  private constructor(volumes: readonly Volume[], others: readonly Unreadable[]) {
    this.volumes = volumes;
    this.others = others;
  }

  /** Describes what lies on the volumes that can't be read. */
  get unreadable(): readonly string[] {
    return this.others.flatMap(({ partition, holds }) =>
      holds === null ? [] : [`${partition === 0 ? "the whole disk" : `partition ${partition}`} holds ${holds}`],
    );
  }

  static async open(store: BlockStore): Promise<BootDisk> {
    const volumes: Volume[] = [];
    const others: Unreadable[] = [];
    for (const { number, active, region } of await partitions(Region.whole(store))) {
      const content = await openFileSystem(region);
      const part = { partition: number, active, bytes: region.size };
      if (content && "system" in content) volumes.push({ ...part, system: content.system });
      else others.push({ ...part, holds: content?.unreadable ?? null });
    }
    return new BootDisk(volumes, others);
  }

  /**
   * Returns the volume that GRUB calls "hd0,msdos1", "hd0,gpt2", "hd0" (all of it) or "xen/xvda,1"; null when there is none. `isLegacy`: GRUB 0.97
   * counts partitions from 0.
   */
  named(device: string, isLegacy = false): Volume | null {
    const [, number] = /^[^,]*(?:,[a-z]*(\d+))?/.exec(device)!;
    const partition = number === undefined ? 0 : Number(number) + (isLegacy ? 1 : 0);
    return this.volumes.find((volume) => volume.partition === partition) ?? null;
  }

  withUuid(uuid: string): Volume | null {
    return this.volumes.find(({ system }) => system.uuid.toLowerCase() === uuid.toLowerCase()) ?? null;
  }

  withLabel(label: string): Volume | null {
    return this.volumes.find(({ system }) => system.label === label) ?? null;
  }

  async withFile(path: string): Promise<Volume | null> {
    for (const volume of this.volumes) if (await exists({ volume, path }, "file")) return volume;
    return null;
  }

  /**
   * Returns the place of "(hd0,msdos1)/boot/vmlinuz", or of "/boot/vmlinuz" on the volume `root`. A device that is not on this disk counts as `root`.
   */
  place(name: string, root: Volume, isLegacy = false): Place {
    const match = /^\(([^)]*)\)(.*)$/s.exec(name);
    if (!match) return { volume: root, path: name };
    return { volume: this.named(match[1]!, isLegacy) ?? root, path: match[2]! };
  }
}

export async function exists({ volume, path }: Place, kind: "file" | "directory" | "any"): Promise<boolean> {
  const node = await lookUp(volume.system, path);
  return node !== null && (kind === "any" || node.kind === kind);
}

/** Returns null when there is no such file. Throws BootError when it is larger than `limit` bytes. */
export async function readText({ volume, path }: Place, limit: number): Promise<string | null> {
  const node = await lookUp(volume.system, path);
  if (node?.kind !== "file") return null;
  return Buffer.from(await readFile(volume.system, path, limit)).toString("utf8");
}

/** Returns the names in a directory, sorted; none when there is no such directory. */
export async function namesIn({ volume, path }: Place): Promise<string[]> {
  const node = await lookUp(volume.system, path);
  return node?.kind === "directory" ? (await volume.system.names(node)).sort() : [];
}

/** Reads a whole file. The error says on which partition it was looked for. */
export async function readPlace({ volume, path }: Place, limit: number): Promise<Uint8Array> {
  try {
    return await readFile(volume.system, path, limit);
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    throw new BootError(`${volume.partition === 0 ? "" : `Partition ${volume.partition}: `}${error.message}`);
  }
}
