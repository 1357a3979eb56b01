/**
 * Files of a folder (disk images, kernels) that were deleted, for a day. Each stays in its folder, beside what it is based on, under a name that nobody
 * else has and that keeps its ending, which says what it is. What lies in the bin is what the bin's record says, a file beside the folder, and no other
 * file, whatever its name. A record names a file before that gets its name, and after it is gone: who is killed meanwhile leaves an entry of no file,
 * which means nothing. A record that is damaged means nothing either: what it named is a file as any.
 */
import { randomBytes } from "node:crypto";
import { lstat, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { oneAtATime } from "../files/one-at-a-time.ts";
import { moveWhole, PART, writeWhole } from "../files/whole.ts";
import { BIN_MS, overSince, SURE_MS } from "./bin.ts";
import { isFileError, libraryFailure } from "./failure.ts";
import { isThere } from "./images/facts.ts";
import type { KeptFile, KeptFolder } from "./kept-folder.ts";
import { plainName } from "./names.ts";
import { readPlain } from "./plain.ts";
import { Refusal } from "../toolstack/error.ts";

const MOST_RECORD_BYTES = 16 * 1024 * 1024;
/** Twelve random digits: a name that nobody gives by chance. */
const BINNED = /^[\w.+-]+~[\da-f]{12}(\.\w{1,10})?$/;
const ENDING = /\.\w{1,10}$/;

const isFileName = (name: string): boolean =>
  name === path.basename(name) && !["", ".", ".."].includes(name) && !name.includes("\0") && !name.endsWith(PART);
const RECORD = z.strictObject({
  version: z.literal(1),
  images: z.array(
    z.strictObject({
      /** The file's name in the bin, by which it is also asked for. */
      id: z.string().regex(BINNED),
      /** The name that it had. */
      name: z.string().refine(isFileName),
      /** Milliseconds since 1970. `over`: when it was first found to have lain here for a day; null: it was not. */
      deletedAt: z.int().min(0),
      over: z.int().min(0).nullable(),
    }),
  ),
});
type Entry = z.infer<typeof RECORD>["images"][number];

export interface BinnedFile extends KeptFile {
  id: string;
  deletedAt: number;
  goneAt: number;
}

export class FileBin {
  readonly #folder: string | null;
  readonly #files: () => Promise<KeptFile[]>;
  readonly #placeAgain: KeptFolder["placeAgain"];
  readonly #what: string;
  /** The record is read and written by one at a time. */
  readonly #next = oneAtATime();

  /** `what`: one of its files in words, as "disk image". `files`: all of the folder; `placeAgain`: gives a name in it. */
  constructor(
    folder: string | null,
    what: string,
    files: () => Promise<KeptFile[]>,
    placeAgain: KeptFolder["placeAgain"],
  ) {
    this.#folder = folder;
    this.#what = what;
    this.#files = files;
    this.#placeAgain = placeAgain;
  }

  /** The latest first. Throws Refusal where the record can't be read now. */
  async all(): Promise<BinnedFile[]> {
    // Files first: one that has a name of the bin by then is in the record.
    return binnedOf(await this.#files(), await this.#read());
  }

  /** Those of the folder's files that don't lie in the bin. Throws Refusal as all() does. */
  async others(): Promise<KeptFile[]> {
    const files = await this.#files();
    const binned = new Set((await this.#read()).map(({ id }) => id));
    return files.filter(({ name }) => !binned.has(name));
  }

  /** Throws Refusal ESRCH. */
  async find(id: string): Promise<BinnedFile> {
    const found = (await this.all()).find((each) => each.id === id);
    if (found) return found;
    throw notThere();
  }

  /** Of a file of the folder. Throws Refusal; then it is where it was. */
  put(file: string, now = Date.now()): Promise<void> {
    return this.#next(async () => {
      const { dir, base: name } = path.parse(file);
      const ending = ENDING.exec(name)?.[0] ?? "";
      const stem = plainName(name.slice(0, name.length - ending.length), this.#what.replaceAll(" ", "-"));
      const id = `${stem}~${randomBytes(6).toString("hex")}${ending}`;
      const before = await this.#read();
      try {
        await this.#write(before, { id, name, deletedAt: now, over: null });
        await move(file, path.join(dir, id));
      } catch (error) {
        throw libraryFailure(error, `${name} can't be deleted`);
      }
    });
  }

  /** Under its name again, or one made of it that is free. Throws Refusal: ESRCH. */
  restore(id: string): Promise<{ path: string }> {
    return this.#next(async () => {
      const found = await this.find(id);
      const place = await this.#placeAgain(found.name);
      try {
        await move(found.path, place.path);
      } catch (error) {
        throw libraryFailure(error, `${found.name} can't be restored`);
      } finally {
        place.left();
      }
      await this.#forget(id);
      return { path: place.path };
    });
  }

  /** It stays under the name that it has, and is a file as any from now on. */
  show(id: string): Promise<void> {
    return this.#next(async () => {
      const rest = (await this.#read()).filter((each) => each.id !== id);
      await this.#write(rest).catch((error: unknown) => {
        throw libraryFailure(error, "What lies in the bin can't be noted");
      });
    });
  }

  /** For good. Whoever calls knows that nobody needs it. Throws Refusal: ESRCH. */
  purge(id: string): Promise<void> {
    return this.#next(async () => {
      const found = await this.find(id);
      await rm(found.path, { force: true }).catch((error: unknown) => {
        throw libraryFailure(error, `${found.name} can't be removed`);
      });
      await this.#forget(id);
    });
  }

  /**
   * Ids of those that were found at least an hour ago to have lain here for a day; each that is found so is noted. A note with a time in the future was
   * made by a wrong clock and counts for nothing.
   */
  overdue(now: number): Promise<string[]> {
    return this.#next(async () => {
      const before = await this.#read();
      const entries = before.map((each) => ({ ...each, over: overSince(each, now) }));
      // Where that can't be noted now it is at another time.
      if (entries.some(({ over }, i) => over !== before[i]!.over)) await this.#write(entries).catch(() => {});
      return entries.flatMap(({ id, over }) => (over !== null && over <= now - SURE_MS ? [id] : []));
    });
  }

  /** Of a file that is gone from its name: if that can't be written, the entry means nothing and goes with the next that is. */
  async #forget(id: string): Promise<void> {
    const rest = (await this.#read().catch(() => null))?.filter((each) => each.id !== id);
    if (rest) await this.#write(rest).catch(() => {});
  }

  get #record(): string | null {
    return this.#folder === null ? null : `${path.resolve(this.#folder)}-bin.json`;
  }

  async #read(): Promise<Entry[]> {
    if (this.#record === null) return [];
    try {
      return RECORD.parse(JSON.parse((await readPlain(this.#record, MOST_RECORD_BYTES)).toString("utf8"))).images;
    } catch (error) {
      if (!isFileError(error) || (error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw libraryFailure(error, `The record of deleted ${this.#what}s can't be read`);
    }
  }

  /** Without entries of files that are gone. `coming`: of a file that is to get its name. */
  async #write(entries: readonly Entry[], coming?: Entry): Promise<void> {
    if (this.#record === null) return;
    const folder = this.#folder!;
    const isGone = await Promise.all(
      entries.map(({ id }) => lstat(path.join(folder, id)).then(() => false, isMissing)),
    );
    const images = [...entries.filter((_, i) => !isGone[i]), ...(coming ? [coming] : [])];
    if (images.length === 0) await rm(this.#record, { force: true });
    else await writeWhole(this.#record, `${JSON.stringify({ version: 1, images }, null, 2)}\n`);
  }
}

function binnedOf(files: readonly KeptFile[], entries: readonly Entry[]): BinnedFile[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  return entries
    .flatMap(({ id, name, deletedAt }): BinnedFile[] => {
      const file = byName.get(id);
      return file ? [{ ...file, id, name, deletedAt, goneAt: deletedAt + BIN_MS }] : [];
    })
    .sort((a, b) => b.deletedAt - a.deletedAt || (a.name < b.name ? -1 : 1));
}

/** What has moved has moved, also where the folder does not reach the disk: who is told that it failed would look for it where it is no more. */
async function move(from: string, to: string): Promise<void> {
  await moveWhole(from, to).catch(async (error: unknown) => {
    if (!(await lstat(from).then(() => false, isMissing)) || !(await isThere(to))) throw error;
  });
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";
const notThere = (): Refusal => new Refusal("ESRCH", "That is not in the bin any more.");
