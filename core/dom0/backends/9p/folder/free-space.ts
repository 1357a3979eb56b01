/** What a guest may still write: some of the host's disk is left free whatever it does, so that the computer goes on. */
import { statfs } from "node:fs/promises";
import { FolderError } from "../errno.ts";
import type { Folder } from "./folder.ts";

const MOST_RESERVED = 1 << 30;
/** Of the whole file system. */
const RESERVED_PART = 0.05;
/** Written between two looks. */
const STEP = 16 << 20;
/** That a new file, directory or link takes. */
export const ENTRY_BYTES = 4096;

export class FreeSpace {
  readonly #folder: Folder;
  #granted = 0;

  constructor(folder: Folder) {
    this.#folder = folder;
  }

  /** Rejects with FolderError ENOSPC where so many bytes more would use up what is to stay free. */
  async take(bytes: number): Promise<void> {
    if (this.#granted < bytes) {
      const status = await this.#folder.reach([this.#folder.root], ([at]) => statfs(at!));
      const free = status.bavail * status.bsize - Math.min(MOST_RESERVED, status.blocks * status.bsize * RESERVED_PART);
      // Some file systems count no files.
      const isFull = status.files > 0 && status.ffree < status.files * RESERVED_PART;
      if (free < bytes || isFull) throw new FolderError("ENOSPC", "the rest of the host's disk is kept free");
      this.#granted = Math.min(free, Math.max(bytes, STEP));
    }
    this.#granted -= bytes;
  }
}
