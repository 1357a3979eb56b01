/** The folders that devices of this domain share, and what these need to know of each other. */
import { readFileSync } from "node:fs";
import { CheckedFolder } from "./folder/checked-paths.ts";
import { DescriptorFolder, hasDescriptors } from "./folder/descriptors.ts";
import type { Folder } from "./folder/folder.ts";
import { Moves } from "./folder/moves.ts";
import { Turns } from "./folder/turns.ts";
import { FileLocks } from "./locks.ts";

/** The most objects for which the guest of one device may have numbers. */
const MOST_FIDS = 4096;
/** One device may use this part of the files that this process may have open. */
const PART = 8;

export class Folders {
  readonly locks = new FileLocks();
  readonly mostFids = mostFids();
  readonly #turns = new Turns();
  readonly #moves = new Moves();
  #sessions = 0;
  readonly #way: (path: string) => Promise<Folder>;

  /** `byDescriptors` is whether the host has calls that begin at a directory. */
  constructor(byDescriptors = hasDescriptors()) {
    this.#way = byDescriptors
      ? (path) => DescriptorFolder.open(path, this.#moves)
      : (path) => CheckedFolder.open(path, this.#turns, this.#moves);
  }

  newSession(): number {
    return this.#sessions++;
  }

  /** Rejects with the host's error, or FolderError. */
  open(path: string): Promise<Folder> {
    return this.#way(path);
  }
}

/** Each fid may take two numbers of open files. */
function mostFids(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    if (limit !== undefined) return Math.max(64, Math.min(MOST_FIDS, Math.floor(Number(limit) / PART / 2)));
  } catch {
    // The host is not Linux.
  }
  return 1024;
}
