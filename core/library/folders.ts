/**
 * Definitions as they lie on the disk, in `library/domains/UUID/`. `domain.json` is the description and names the file with the text. Each step is
 * one rename: of a whole folder when a definition comes or goes, of `domain.json` when it changes. Other things in the folder (a saved memory,
 * snapshots) belong to others and move with the folder.
 */
import { lstat, mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { PART, moveWhole, privateFolder, removeParts, writeWhole } from "../files/whole.ts";
import { CONFIG_FILE, DESCRIPTION, MOST_CONFIG_BYTES, UUID, type Description } from "./definition.ts";
import { isFileError } from "./failure.ts";
import { readPlain } from "./plain.ts";

const DESCRIPTION_FILE = "domain.json";
const MOST_DESCRIPTION_BYTES = 1024 * 1024;
const BINNED = /^(\d{13})-([\da-f-]{36})$/;
/** The name of a note that says when a deleted definition was first found to have been in the bin long enough. */
const OVER = /^(\d{13}-[\da-f-]{36})\.over-(\d{13})$/;
const ANY_SUM = /\b[\da-f]{64}\b/g;

export interface Stored {
  description: Description;
  config: string;
}
/** A definition in the bin. The name of its folder says when it was deleted, in milliseconds since 1970. */
export interface Binned extends Stored {
  id: string;
  deletedAt: number;
}

/** Returns the UUID of the domain that lies in a folder of the bin, or of those that were put aside, by the folder's path or name. */
export function uuidOf(folder: string): string {
  return folder.slice(-36);
}

export class Folders {
  readonly #domains: string;
  readonly #bin: string;
  readonly #spoiled: string;

  constructor(root: string) {
    this.#domains = path.join(root, "domains");
    this.#bin = path.join(root, "bin");
    this.#spoiled = path.join(root, "spoiled");
  }

  /** The folder of a definition. */
  place(uuid: string): string {
    return path.join(this.#domains, uuid);
  }
  binPlace(id: string): string {
    return path.join(this.#bin, id);
  }

  /**
   * Reads all definitions. One that can't be read is put aside and reported. Removes what a crash has left half done. Called once, before anything is
   * written.
   */
  async open(warn: (message: string) => void): Promise<Stored[]> {
    await this.#sweep(this.#domains);
    await this.#sweep(this.#bin).catch(() => {});
    const found: Stored[] = [];
    for (const name of (await names(this.#domains)).filter((each) => UUID.test(each))) {
      const folder = path.join(this.#domains, name);
      try {
        const stored = await read(folder, name);
        await removeParts(folder);
        for (const other of await names(folder))
          if (CONFIG_FILE.test(other) && other !== stored.description.config) await rm(path.join(folder, other));
        found.push(stored);
      } catch (error) {
        const { message } = error as Error;
        if (isPassing(error)) warn(`The definition of a domain (${folder}) can't be read now: ${message}. It stays.`);
        else warn(await this.#putAside(name, message));
      }
    }
    return found;
  }

  /** Removes a folder that was on its way in or out. */
  async #sweep(folder: string): Promise<void> {
    for (const name of await names(folder))
      if (name.endsWith(PART)) await rm(path.join(folder, name), { recursive: true, force: true });
  }

  async #putAside(name: string, why: string): Promise<string> {
    const aside = path.join(this.#spoiled, `${Date.now()}-${name}`);
    const said = `The definition of a domain (${path.join(this.#domains, name)}) can't be used: ${why}.`;
    try {
      await privateFolder(this.#spoiled);
      await moveWhole(path.join(this.#domains, name), aside);
      return `${said} It was put aside as ${aside}.`;
    } catch {
      return said;
    }
  }

  /** Adds a new definition. If it throws the file system's error, nothing of the definition is left. */
  async create({ description, config }: Stored): Promise<void> {
    await privateFolder(this.#domains);
    const part = path.join(this.#domains, `${description.uuid}.${crypto.randomUUID().slice(0, 8)}${PART}`);
    try {
      await mkdir(part, { mode: 0o700 });
      await writeWhole(path.join(part, description.config), config);
      await writeWhole(path.join(part, DESCRIPTION_FILE), jsonOf(description));
      await moveWhole(part, this.place(description.uuid));
    } catch (error) {
      await rm(part, { recursive: true, force: true }).catch(() => {});
      throw error;
    }
  }

  /** Replaces a definition. If it throws the file system's error, the earlier one is still there. */
  async change(before: Description, { description, config }: Stored): Promise<void> {
    const folder = this.place(description.uuid);
    const text = path.join(folder, description.config);
    const isNew = before.config !== description.config;
    try {
      if (isNew) await writeWhole(text, config);
      await writeWhole(path.join(folder, DESCRIPTION_FILE), jsonOf(description));
    } catch (error) {
      if (isNew) await rm(text, { force: true }).catch(() => {});
      throw error;
    }
    // If this fails, the next opening of the library removes the file.
    if (isNew) await rm(path.join(folder, before.config), { force: true }).catch(() => {});
  }

  /** Moves the definition into the bin, with everything in its folder. Returns its id there. */
  async bin(uuid: string, at: number): Promise<string> {
    const id = `${String(at).padStart(13, "0")}-${uuid}`;
    await privateFolder(this.#bin);
    await moveWhole(this.place(uuid), this.binPlace(id));
    return id;
  }

  async unbin(id: string, uuid: string): Promise<void> {
    await privateFolder(this.#domains);
    await moveWhole(this.binPlace(id), this.place(uuid));
  }

  /**
   * Returns those deleted definitions that were found to be over at least so many milliseconds ago. Each one that is over is noted beside its folder.
   * A note with a time in the future was made by a wrong clock and is removed, and so is the note of one that is no longer over.
   */
  async overdue(over: readonly string[], now: number, milliseconds: number): Promise<string[]> {
    const notes = (await names(this.#bin)).flatMap((name) => {
      const [, id, at] = OVER.exec(name) ?? [];
      return id === undefined ? [] : [{ name, id, at: Number(at) }];
    });
    const good = notes.filter(({ id, at }) => over.includes(id) && at <= now);
    for (const { name } of notes.filter((each) => !good.includes(each)))
      await rm(path.join(this.#bin, name), { force: true });
    const due: string[] = [];
    for (const id of over) {
      const note = good.find((each) => each.id === id);
      if (!note) await writeWhole(path.join(this.#bin, `${id}.over-${String(now).padStart(13, "0")}`), "");
      else if (note.at <= now - milliseconds) due.push(id);
    }
    return due;
  }

  /** Deletes it for good. It leaves the bin in one step, however much there is to remove after that. */
  async purge(id: string): Promise<void> {
    const going = `${this.binPlace(id)}${PART}`;
    await moveWhole(this.binPlace(id), going);
    await rm(going, { recursive: true, force: true });
    for (const name of await names(this.#bin))
      if (OVER.exec(name)?.[1] === id) await rm(path.join(this.#bin, name), { force: true });
  }

  /** Returns what lies in the bin, the latest first. `spoiled` has the ids of entries that can no longer be read. */
  async binned(): Promise<{ entries: Binned[]; spoiled: string[] }> {
    const entries: Binned[] = [];
    const spoiled: string[] = [];
    for (const id of await names(this.#bin)) {
      const [, at, uuid] = BINNED.exec(id) ?? [];
      if (at === undefined) continue;
      try {
        entries.push({ ...(await read(this.binPlace(id), uuid!)), id, deletedAt: Number(at) });
      } catch {
        spoiled.push(id);
      }
    }
    return { entries: entries.sort((a, b) => b.deletedAt - a.deletedAt), spoiled };
  }

  /** Ids of all that lies in the bin, also of what can no longer be read. */
  async binnedIds(): Promise<string[]> {
    return (await names(this.#bin)).filter((id) => BINNED.test(id)).reverse();
  }

  /**
   * Returns the texts of definitions that were put aside and of damaged ones in the bin, as far as they can be read. They may be repaired one day, so
   * what they name must stay. `inBin`: the ids of those in the bin.
   */
  async spoiled(
    inBin: readonly string[],
  ): Promise<{ uuid: string; place: "bin" | "spoiled"; config: string; configName: string | null }[]> {
    const folders = [
      ...inBin.map((name) => ({ place: "bin" as const, folder: path.join(this.#bin, name) })),
      ...(await names(this.#spoiled)).map((name) => ({
        place: "spoiled" as const,
        folder: path.join(this.#spoiled, name),
      })),
    ];
    const found = folders.map(async ({ place, folder }) => {
      const uuid = uuidOf(folder);
      const inside = (await readdir(folder).catch((): string[] => [])).filter((name) => CONFIG_FILE.test(name));
      const description = await readPlain(path.join(folder, DESCRIPTION_FILE), MOST_DESCRIPTION_BYTES).catch(() => "");
      const configName = configNameOf(description.toString("utf8"));
      const texts = inside.map((name) => readPlain(path.join(folder, name), MOST_CONFIG_BYTES).catch(() => null));
      return (await Promise.all(texts)).flatMap((text) =>
        text === null ? [] : [{ uuid, place, config: text.toString("utf8"), configName }],
      );
    });
    return (await Promise.all(found)).flat();
  }

  /**
   * Returns the SHA-256 of every content that something on the disk may still want, other than known definitions: entries of the bin, definitions put
   * aside, and those that could not be read. Throws the file system's error where something can't be read now, because nobody knows what it wants.
   */
  async wanted(isKnown: (uuid: string) => boolean): Promise<string[]> {
    const sums: string[] = [];
    for (const folder of [this.#domains, this.#bin, this.#spoiled])
      for (const name of await names(folder)) {
        if (folder === this.#domains && isKnown(name)) continue;
        const file = path.join(folder, name, DESCRIPTION_FILE);
        const text = await readPlain(file, MOST_DESCRIPTION_BYTES).catch((error: unknown) => {
          if (isPassing(error)) throw error;
          return Buffer.alloc(0);
        });
        sums.push(...(text.toString("latin1").match(ANY_SUM) ?? []));
      }
    return sums;
  }

  /** Total size in bytes of all files below a folder of the bin. */
  async binnedBytes(id: string): Promise<number> {
    return bytesBelow(this.binPlace(id));
  }
}

const jsonOf = (description: Description): string => `${JSON.stringify(description, null, 2)}\n`;

/**
 * Names in a folder; none where it does not exist. Throws the file system's error for a folder that exists, or that is on a drive which is not there.
 */
async function names(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || (await lstat(folder).catch(() => null))) throw error;
    return [];
  }
}

/** Whether the error is the file system's and not the file's, so that it may be readable another time. */
function isPassing(error: unknown): boolean {
  return isFileError(error) && !["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? "");
}

/** Throws an Error whose message is a sentence without its full stop, or the file system's error. */
async function read(folder: string, uuid: string): Promise<Stored> {
  if (!(await lstat(folder)).isDirectory()) throw new Error("it is no folder");
  const text = await readPlain(path.join(folder, DESCRIPTION_FILE), MOST_DESCRIPTION_BYTES);
  let given: unknown;
  try {
    given = JSON.parse(text.toString("utf8"));
  } catch {
    throw new Error(`its ${DESCRIPTION_FILE} is no JSON`);
  }
  const parsed = DESCRIPTION.safeParse(given);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const what = [issue?.path.join("."), issue?.message].filter(Boolean).join(": ");
    throw new Error(`its ${DESCRIPTION_FILE} is not understood (${what})`);
  }
  const description = parsed.data;
  if (description.uuid !== uuid) throw new Error(`its ${DESCRIPTION_FILE} is of another domain, ${description.uuid}`);
  const config = (await readPlain(path.join(folder, description.config), MOST_CONFIG_BYTES)).toString("utf8");
  return { description, config };
}

/** Reads the text's name from a description that is not valid as a whole; null where even that is missing. */
function configNameOf(text: string): string | null {
  try {
    const { configName } = JSON.parse(text) as { configName?: unknown };
    return typeof configName === "string" && !configName.includes("\0") ? configName : null;
  } catch {
    return null;
  }
}

/** Does not follow links. */
async function bytesBelow(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) sum += await bytesBelow(file);
    else sum += (await lstat(file).catch(() => null))?.size ?? 0;
  }
  return sum;
}
