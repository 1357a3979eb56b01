/**
 * Disk images that were deleted, for a day. Each stays in its folder, beside what it is based on, and keeps its ending, which says what it is; a mark that names
 * of images never have (../library/names.ts) says when it was deleted.
 */
import { rm } from "node:fs/promises";
import path from "node:path";
import { moveWhole } from "../files/whole.ts";
import type { KeptFile, KeptFolder } from "../library/kept-folder.ts";
import { BIN_MS, SURE_MS } from "../library/library.ts";
import { Refusal } from "../toolstack/error.ts";

const BINNED = /^(.+)~(\d{13})(\.[^.~]*)?$/;

function marked(file: string, at: number): string {
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}~${String(at).padStart(13, "0")}${ext}`);
}

export interface BinnedImage extends KeptFile {
  id: string;
  deletedAt: number;
  goneAt: number;
}

/** What lies in the bin, of the files of a folder; null: it does not. */
export function binnedOf(file: KeptFile): BinnedImage | null {
  const [id, stem, at, ending = ""] = BINNED.exec(file.name) ?? [];
  if (id === undefined) return null;
  const deletedAt = Number(at);
  return { ...file, id, name: `${stem}${ending}`, deletedAt, goneAt: deletedAt + BIN_MS };
}

export class DiskBin {
  readonly #files: () => Promise<KeptFile[]>;
  readonly #place: KeptFolder["place"];
  /** When each was first found to have lain here for a day, by a clock that nobody sets. */
  readonly #over = new Map<string, number>();

  /** `files`: all of the folder; `place`: gives a name in it. */
  constructor(files: () => Promise<KeptFile[]>, place: KeptFolder["place"]) {
    this.#files = files;
    this.#place = place;
  }

  /** The latest first. */
  async all(): Promise<BinnedImage[]> {
    const found = (await this.#files()).flatMap((file) => binnedOf(file) ?? []);
    return found.sort((a, b) => b.deletedAt - a.deletedAt || (a.name < b.name ? -1 : 1));
  }

  /** Of a file of the folder. */
  async put(file: string, now = Date.now()): Promise<void> {
    const taken = new Set((await this.all()).map(({ path: there }) => there));
    let at = now;
    while (taken.has(marked(file, at))) at++;
    await moveWhole(file, marked(file, at));
  }

  /** Under its name again, or one made of it that is free. Throws Refusal ESRCH. */
  async restore(id: string): Promise<{ path: string }> {
    const found = await this.#find(id);
    const place = await this.#place(found.name);
    try {
      await moveWhole(found.path, place.path);
      return { path: place.path };
    } finally {
      place.left();
    }
  }

  /** For good: one, or all of it. Throws Refusal ESRCH. */
  async purge(id: string | null): Promise<void> {
    for (const each of id === null ? await this.all() : [await this.#find(id)]) await rm(each.path, { force: true });
  }

  /** What has lain here for a day goes; a clock may be wrong when a computer starts, so each is found so twice. */
  async purgeOld(now = Date.now(), sure = performance.now()): Promise<void> {
    const over = (await this.all()).filter(({ goneAt }) => goneAt <= now);
    for (const id of [...this.#over.keys()]) if (!over.some((each) => each.id === id)) this.#over.delete(id);
    for (const { id, path: file } of over) {
      const since = this.#over.get(id) ?? sure;
      this.#over.set(id, since);
      if (since <= sure - SURE_MS) await rm(file, { force: true });
    }
  }

  async #find(id: string): Promise<BinnedImage> {
    const found = (await this.all()).find((each) => each.id === id);
    if (found) return found;
    throw new Refusal("ESRCH", "That is not in the bin any more.");
  }
}

/** The file's name as it was, where it lies in the bin. */
export function nameBefore(file: string): string {
  const [name, stem, , ending = ""] = BINNED.exec(path.basename(file)) ?? [path.basename(file)];
  return stem === undefined ? name : `${stem}${ending}`;
}
