/**
 * Reads a directory piece by piece, however large it is. A place in it is the number of entries before it. The guest continues from there, begins
 * again at 0, and may go back to any place that it was told.
 */
import type { Dir, Dirent } from "node:fs";
import { opendir } from "node:fs/promises";
import { FolderError } from "../errno.ts";
import { find, type Entry, type Folder } from "./folder.ts";
import { Turns } from "./turns.ts";

const READ_AHEAD = 128;
/** The entries of one piece, which are looked at together. */
const MOST_AT_ONCE = 64;

/** Node leaves out these two. */
const DOTS = [{ name: "." }, { name: ".." }];

export interface Listed {
  name: string;
  entry: Entry;
  /** The place of the entry that follows. */
  next: number;
}

export class Listing {
  readonly #folder: Folder;
  readonly #directory: Entry;
  readonly #turns = new Turns();
  #open: Dir | null = null;
  #place = 0;
  /** Entries that were read and not yet taken. */
  #ahead: (Dirent | { name: string })[] = [...DOTS];
  #isEnded = false;
  #isClosed = false;

  constructor(folder: Folder, directory: Entry) {
    this.#folder = folder;
    this.#directory = directory.retain();
  }

  /**
   * Passes entries to `take`, from a place on, until it refuses one; they are released afterwards. What has gone meanwhile, or has a name that is not
   * valid text, is left out.
   */
  read(place: number, take: (listed: Listed) => boolean): Promise<void> {
    return this.#turns.take(async () => {
      if (this.#isClosed) throw new FolderError("EBADF");
      if (place !== this.#place) await this.#seek(place);
      for (;;) {
        const piece = await this.#piece();
        if (piece.length === 0) return;
        const entries = await Promise.all(piece.map(({ name }) => this.#entry(name)));
        let taken = 0;
        for (const [i, { name }] of piece.entries()) {
          const entry = entries[i]!;
          if (entry && !take({ name, entry, next: this.#place + 1 })) break;
          taken++;
          this.#place++;
        }
        for (const entry of entries) entry?.release();
        this.#ahead.splice(0, taken);
        if (taken < piece.length) return;
      }
    });
  }

  close(): void {
    this.#isClosed = true;
    void this.#turns.take(async () => {
      await this.#open?.close().catch(() => {});
      this.#directory.release();
    });
  }

  async #piece(): Promise<{ name: string }[]> {
    while (this.#ahead.length < MOST_AT_ONCE && !this.#isEnded) {
      this.#open ??= await this.#folder.reach([this.#directory], ([at]) => opendir(at!, { bufferSize: READ_AHEAD }));
      const entry = await this.#open.read();
      if (entry) this.#ahead.push(entry);
      else this.#isEnded = true;
    }
    return this.#ahead.slice(0, MOST_AT_ONCE);
  }

  async #entry(name: string): Promise<Entry | null> {
    if (name === ".") return this.#directory.retain();
    try {
      if (name === "..") return await find(this.#folder, this.#directory.names.slice(0, -1));
      return await this.#folder.walk(this.#directory, name);
    } catch {
      return null;
    }
  }

  /** The host's directories can't be read from a place, so it is read again from the beginning. */
  async #seek(place: number): Promise<void> {
    if (place < this.#place) {
      await this.#open?.close();
      this.#open = null;
      this.#isEnded = false;
      this.#place = 0;
      this.#ahead = [...DOTS];
    }
    while (this.#place < place) {
      const skipped = (await this.#piece()).length;
      if (skipped === 0) return;
      const count = Math.min(skipped, place - this.#place);
      this.#ahead.splice(0, count);
      this.#place += count;
    }
  }
}
