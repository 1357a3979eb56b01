/** The objects of the folder for which a guest has numbers (fids), some of them open. */
import { FolderError } from "./errno.ts";
import { pathBytes, type Entry } from "./folder/folder.ts";
import type { Listing } from "./folder/listing.ts";
import type { OpenFile } from "./folder/open-file.ts";

export class Fid {
  entry: Entry;
  /** Set once it is open: the file, or the directory's entries. */
  file: OpenFile | null = null;
  listing: Listing | null = null;
  /** The files on which it has locks. */
  readonly locked = new Set<string>();
  isGone = false;

  /** Takes over the entry, and will release it. */
  constructor(entry: Entry) {
    this.entry = entry;
  }

  get isOpen(): boolean {
    return this.file !== null || this.listing !== null;
  }

  /** Takes over what was opened. Throws FolderError EBADF if the fid was opened or given up meanwhile. */
  open(what: { file: OpenFile } | { listing: Listing }): void {
    if (this.isGone || this.isOpen) {
      if ("file" in what) what.file.close();
      else what.listing.close();
      throw new FolderError("EBADF");
    }
    if ("file" in what) this.file = what.file;
    else this.listing = what.listing;
  }

  close(): void {
    this.isGone = true;
    this.file?.close();
    this.listing?.close();
    this.entry.release();
  }
}

export class Fids {
  readonly #fids = new Map<number, Fid>();
  readonly #most: number;
  readonly #onClose: (fid: Fid) => void;

  constructor(most: number, onClose: (fid: Fid) => void) {
    this.#most = most;
    this.#onClose = onClose;
  }

  get size(): number {
    return this.#fids.size;
  }
  get open(): number {
    return [...this.#fids.values()].filter(({ isOpen }) => isOpen).length;
  }

  get(number: number): Fid {
    const fid = this.#fids.get(number);
    if (!fid) throw new FolderError("EBADF", "there is no such fid");
    return fid;
  }

  /** Throws FolderError when the number is taken or there are too many. */
  checkNew(number: number): void {
    if (this.#fids.has(number)) throw new FolderError("EBADF", "the fid is in use");
    if (this.#fids.size >= this.#most) throw new FolderError("ENFILE", `at most ${this.#most} fids`);
  }

  /** Takes over the entry, and will release it. */
  add(number: number, entry: Entry): void {
    try {
      this.checkNew(number);
    } catch (error) {
      entry.release();
      throw error;
    }
    this.#fids.set(number, new Fid(entry));
  }

  remove(number: number): void {
    const fid = this.get(number);
    this.#fids.delete(number);
    this.#onClose(fid);
    fid.close();
  }

  clear(): void {
    for (const number of [...this.#fids.keys()]) this.remove(number);
  }

  /** Returns the number of bytes of the longest path below those names that a fid stands for, without the names themselves. */
  bytesBelow(names: readonly string[]): number {
    const below = [...this.#fids.values()].filter(({ entry }) => names.every((name, i) => entry.names[i] === name));
    return Math.max(0, ...below.map(({ entry }) => pathBytes(entry.names.slice(names.length))));
  }

  /** Records that an object was renamed, and so all that are found below it. */
  renamed(from: readonly string[], to: readonly string[]): void {
    for (const { entry } of this.#fids.values())
      if (from.every((name, i) => entry.names[i] === name)) entry.names = [...to, ...entry.names.slice(from.length)];
  }
}
