/**
 * A folder of the host's computer, and what is in it. Every object is found name by name from the folder itself, and no link is ever followed, so
 * nothing outside is reached. How that is made sure depends on the operating system: ./descriptors.ts, ./checked-paths.ts.
 */
import type { BigIntStats } from "node:fs";
import { FolderError } from "../errno.ts";
import type { MovesIn } from "./moves.ts";

/** PATH_MAX of Linux, without its zero. */
const MOST_PATH_BYTES = 4095;

export type EntryType = "directory" | "file" | "link" | "special";

/** One object in the folder. Whoever has it must release it. */
export class Entry {
  /** The names from the folder's root to it, as it was found, or its new names if it was renamed here. */
  names: readonly string[];
  readonly type: EntryType;
  readonly device: bigint;
  readonly inode: bigint;
  /** An open descriptor that stands for it; -1 where its names do. */
  readonly descriptor: number;
  readonly #end: (entry: Entry) => void;
  #users = 1;

  constructor(names: readonly string[], status: BigIntStats, descriptor: number, end: (entry: Entry) => void) {
    this.names = names;
    this.type = typeOf(status);
    this.device = status.dev;
    this.inode = status.ino;
    this.descriptor = descriptor;
    this.#end = end;
  }

  retain(): this {
    this.#users++;
    return this;
  }

  release(): void {
    if (--this.#users === 0) this.#end(this);
  }

  is(status: BigIntStats): boolean {
    return status.dev === this.device && status.ino === this.inode;
  }
}

export interface Folder {
  readonly root: Entry;
  readonly moves: MovesIn;
  /** Flags for opening a path that reach() gave. */
  readonly openFlags: number;
  /** Returns an entry of a directory: the object itself, even if it is a link. Rejects with the host's error, or FolderError EXDEV. */
  walk(directory: Entry, name: string): Promise<Entry>;
  status(entry: Entry): Promise<BigIntStats>;
  /**
   * Calls `action` with paths by which the host's calls reach these very objects, and `PATH/name` the entries of directories. A call must not follow
   * a link in its last place. The paths are valid until `action` has ended. Rejects with FolderError ESTALE when one of the objects is no longer
   * there.
   */
  reach<T>(entries: readonly Entry[], action: (paths: string[]) => Promise<T>): Promise<T>;
  close(): void;
}

export function typeOf(status: BigIntStats): EntryType {
  if (status.isDirectory()) return "directory";
  if (status.isFile()) return "file";
  return status.isSymbolicLink() ? "link" : "special";
}

/** Returns the number of bytes of a path of these names. */
export function pathBytes(names: readonly string[]): number {
  return names.reduce((sum, name) => sum + Buffer.byteLength(name) + 1, 0);
}

/**
 * Checks that an entry may have these names. Entries keep their names, and a guest could make directories in directories without end, as no call here
 * has the whole path in it. Throws FolderError ENAMETOOLONG.
 */
export function checkPath(bytes: number): void {
  if (bytes > MOST_PATH_BYTES) throw new FolderError("ENAMETOOLONG", `a path has at most ${MOST_PATH_BYTES} bytes`);
}

/** Returns the names of an entry of a directory. Throws FolderError ENAMETOOLONG. */
export function namesBelow({ names }: Entry, name: string): readonly string[] {
  const below = [...names, name];
  checkPath(pathBytes(below));
  return below;
}

/** Returns what these names lead to, from the root on. The caller releases it. */
export async function find(folder: Folder, names: readonly string[]): Promise<Entry> {
  let entry = folder.root.retain();
  for (const name of names) {
    try {
      const next = await step(folder, entry, name);
      entry.release();
      entry = next;
    } catch (error) {
      entry.release();
      throw error;
    }
  }
  return entry;
}

/** As walk(), but `from` may be no directory. */
export function step(folder: Folder, from: Entry, name: string): Promise<Entry> {
  if (from.type !== "directory") return Promise.reject(new FolderError("ENOTDIR"));
  return folder.walk(from, name);
}

/**
 * Calls `action` with the directory that an entry is in, after making sure that it still is in there; the directory is released when `action` ends.
 * Rejects with ESTALE.
 */
export async function inParent<T>(
  folder: Folder,
  entry: Entry,
  action: (parent: Entry, name: string) => Promise<T>,
): Promise<T> {
  const name = entry.names.at(-1);
  if (name === undefined) throw new FolderError("EBUSY", "it is the shared folder itself");
  const parent = await find(folder, entry.names.slice(0, -1));
  try {
    const there = await step(folder, parent, name);
    const isSame = there.device === entry.device && there.inode === entry.inode;
    there.release();
    if (!isSame) throw new FolderError("ESTALE");
    return await action(parent, name);
  } finally {
    parent.release();
  }
}
