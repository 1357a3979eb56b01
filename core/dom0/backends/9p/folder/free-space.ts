/** How much a guest may still write: part of the host's disk is always left free, so that the computer keeps working. */
import { statfs } from "node:fs/promises";
import { FolderError } from "../errno.ts";
import type { Folder } from "./folder.ts";

const MOST_RESERVED = 1 << 30;
/** The part of the whole file system that is left free. */
const RESERVED_PART = 0.05;
/** Bytes that are written between two looks at the free room. */
const STEP = 16 << 20;
/** Bytes that a new file, directory or link counts for. */
export const ENTRY_BYTES = 4096;

export class FreeSpace {
  readonly #folder: Folder;
  #granted = 0;

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  /** Rejects with FolderError ENOSPC if so many bytes more would use up what is to stay free. */
  async take(bytes: number): Promise<void> {
    if (this.#granted < bytes) {
      const status = await this.#folder.reach([this.#folder.root], ([at]) => statfs(at!));
      const free = status.bavail * status.bsize - Math.min(MOST_RESERVED, status.blocks * status.bsize * RESERVED_PART);
      // Some file systems do not count files.
      const isFull = status.files > 0 && status.ffree < status.files * RESERVED_PART;
      if (free < bytes || isFull) throw new FolderError("ENOSPC", "the rest of the host's disk is kept free");
      this.#granted = Math.min(free, Math.max(bytes, STEP));
    }
    this.#granted -= bytes;
  }
}
