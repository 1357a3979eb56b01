/** What the boot loader needs of every file system: nodes, found by name; and the walk along a path through symbolic links. */
import { BootError } from "../error.ts";

export interface Node {
  readonly kind: "file" | "directory" | "link" | "other";
  /** Size in bytes. */
  readonly size: number;
}

export interface FileSystem<N extends Node = Node> {
  /** Such as "ext4", "FAT32" or "ISO 9660", for people. */
  readonly type: string;
  /** As in GRUB's `search` and Linux' `root=UUID=`, lower case; "" for none. */
  readonly uuid: string;
  readonly label: string;
  root(): Promise<N>;
  /** Returns null when there is none of that name. */
  find(directory: N, name: string): Promise<N | null>;
  /** Returns the names, at most MOST_NAMES. */
  names(directory: N): Promise<string[]>;
  /** Fills the target with the file's bytes from `offset` on, which all lie inside the file. */
  read(file: N, offset: number, target: Uint8Array): Promise<void>;
  linkTarget(link: N): Promise<string>;
}

export const MOST_NAMES = 4096;
/** Linux' MAXSYMLINKS and PATH_MAX. */
const MOST_LINKS = 40;
const MOST_PATH = 4096;

/** Returns null when nothing is there. Throws BootError when links lead in a circle. */
export async function lookUp<N extends Node>(system: FileSystem<N>, path: string): Promise<N | null> {
  let left = split(path);
  const trail: N[] = [await system.root()];
  for (let links = 0; left.length > 0;) {
    const name = left.shift()!;
    const directory = trail.at(-1)!;
    if (directory.kind !== "directory") return null;
    if (name === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const node = await system.find(directory, name);
    if (!node) return null;
    if (node.kind !== "link") {
      trail.push(node);
      continue;
    }
    if (++links > MOST_LINKS) throw new BootError(`${path} is a symbolic link that leads in a circle.`);
    const target = await system.linkTarget(node);
    if (target.startsWith("/")) trail.length = 1;
    left = [...split(target), ...left];
    if (left.length > MOST_PATH) throw new BootError(`${path} leads along a path that is too long.`);
  }
  return trail.at(-1)!;
}

function split(path: string): string[] {
  if (path.length > MOST_PATH) throw new BootError(`A path of ${path.length} characters is too long.`);
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Throws BootError when there is no such file, or it is larger than `limit` bytes. */
export async function readFile(system: FileSystem, path: string, limit: number): Promise<Uint8Array> {
  const node = await lookUp(system, path);
  if (!node) throw new BootError(`There is no ${path} on the disk's ${system.type} file system.`);
  if (node.kind !== "file") throw new BootError(`${path} on the disk is no file.`);
  if (node.size > limit)
    throw new BootError(`${path} on the disk has ${inMebibytes(node.size)}; at most ${inMebibytes(limit)} are taken.`);
  const bytes = new Uint8Array(node.size);
  await system.read(node, 0, bytes);
  return bytes;
}

function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / (1 << 20))} MiB`;
}
