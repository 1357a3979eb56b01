/**
 * The definitions that a host keeps in its state folder. Steps are carried out one after the other. A step is completely on the disk when it is
 * answered, and where it fails everything is as it was. The state folder is locked before (core/api/state-lock.ts), so nobody else writes there.
 */
import { readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { oneAtATime } from "../files/one-at-a-time.ts";
import { moveWhole, syncFolder } from "../files/whole.ts";
import { Refusal } from "../toolstack/error.ts";
import { readSaved, readSavedHeader } from "../toolstack/saved-file.ts";
import { withValue } from "../toolstack/config-text.ts";
import { isDomainName, NAME_ALLOWED } from "../toolstack/domain-name.ts";
import { awayTexts, binnedTexts } from "./away.ts";
import { BIN_MS, SURE_MS, type BinEntry } from "./bin.ts";
import { clonedText, copiesFor, Making, type Move } from "./cloning.ts";
import { Contents } from "./contents.ts";
import {
  identityOf,
  MOST_CONFIG_BYTES,
  namedFiles,
  type AwayText,
  type Definition,
  type Description,
  type SavedMemory,
} from "./definition.ts";
import { isFileError, libraryFailure } from "./failure.ts";
import { Folders, type Stored } from "./folders.ts";

const SAVED_FILE = "memory.saved";

/** What a domain was created from. */
export interface Given {
  uuid: string;
  config: string;
  configName: string | null;
  files: Readonly<Record<string, Uint8Array>>;
}

export interface LibraryParts {
  /** Called when a definition was added, changed or removed. */
  changed: () => void;
  /** Is given a sentence about what was found on the disk. */
  warn: (message: string) => void;
  /** The folder of saved domains of versions before there was a library; they are moved into it. */
  savedBefore?: string | null;
  /** Called before a folder with everything in it is deleted for good, with what is away then; false: it must not be yet. */
  purging?: (folder: string, away: readonly AwayText[]) => Promise<boolean>;
  /** Milliseconds since 1970. */
  now?: () => number;
}

export class Library {
  readonly #folders: Folders | null;
  readonly #contents: Contents | null;
  readonly #making: Making | null;
  readonly #parts: Required<LibraryParts>;
  readonly #all = new Map<string, Definition & { file: string }>();
  readonly #next = oneAtATime();
  #opened: Promise<void> | null = null;

  /** `root` is the folder; null where nothing is kept. */
  constructor(root: string | null, parts: LibraryParts) {
    this.#folders = root === null ? null : new Folders(root);
    this.#contents = root === null ? null : new Contents(path.join(root, "files"));
    this.#making = root === null ? null : new Making(path.join(root, "making"));
    this.#parts = { now: () => Date.now(), savedBefore: null, purging: () => Promise.resolve(true), ...parts };
  }

  get isKept(): boolean {
    return this.#folders !== null;
  }

  /** Reads the definitions, once. Never rejects. */
  open(): Promise<void> {
    return (this.#opened ??= this.#next(() => this.#open()).then(() => this.#takeOld()));
  }

  async #open(): Promise<void> {
    if (!this.#folders || !this.#contents) return;
    try {
      await this.#contents.open();
      for (const { description, config } of await this.#folders.open(this.#parts.warn)) {
        const saved = await this.#readSaved(description.uuid);
        this.#all.set(description.uuid, definitionOf({ description, config }, saved));
      }
      await this.#making?.open((uuid) => this.#all.has(uuid));
    } catch (error) {
      this.#parts.warn(`The library of domains can't be read: ${(error as Error).message}.`);
    }
    await this.#purgeOld().catch((error: unknown) =>
      this.#parts.warn(`The bin of the library can't be read: ${(error as Error).message}.`),
    );
    await this.#collect();
    this.#parts.changed();
  }

  /** In the order of their creation. */
  get all(): readonly Definition[] {
    return [...this.#all.values()].sort((a, b) => a.createdAt - b.createdAt || (a.uuid < b.uuid ? -1 : 1));
  }
  find(uuid: string): Definition | null {
    return this.#all.get(uuid) ?? null;
  }
  /** Throws Refusal ESRCH. */
  get(uuid: string): Definition {
    const found = this.#all.get(uuid);
    if (found) return found;
    throw new Refusal("ESRCH", `No domain ${uuid} is kept in the library.`);
  }
  byName(name: string): Definition | null {
    return this.all.find((each) => each.name === name) ?? null;
  }

  /** Returns the files that were given with it. Throws Refusal EIO for one that is gone or damaged. */
  async files(uuid: string): Promise<Record<string, Uint8Array>> {
    const { files } = this.get(uuid);
    const read = Object.entries(files).map(
      async ([name, sum]) => [name, await this.#contents!.read(sum, name)] as const,
    );
    return Object.fromEntries(await Promise.all(read));
  }

  /**
   * Keeps what a domain was just created from, under its UUID: as a new definition, or as a change of the one that has this UUID. Throws Refusal
   * EEXIST where another definition has its name.
   */
  async keep(given: Given): Promise<Definition> {
    return this.#step(`${identityOf(given.config).name ?? given.uuid} can't be kept`, async ({ now }) => {
      const before = this.#all.get(given.uuid) ?? null;
      const files = await this.#put(given.config, given.files);
      const fresh = { createdAt: now, autostart: false, template: false };
      return this.#write(before, {
        ...(before ?? fresh),
        uuid: given.uuid,
        config: given.config,
        configName: given.configName,
        files,
        lastRunAt: now,
      });
    });
  }

  /** Keeps a definition of a domain that has not been started. */
  async define(given: Given, template = false): Promise<Definition> {
    return this.#step(`${identityOf(given.config).name ?? given.uuid} can't be kept`, async ({ now }) => {
      if (this.#all.has(given.uuid))
        throw new Refusal("EEXIST", `A domain with the UUID ${given.uuid} is kept already.`);
      const files = await this.#put(given.config, given.files);
      return this.#write(null, { ...given, files, createdAt: now, lastRunAt: null, autostart: false, template });
    });
  }

  /** Keeps noted which files `then` moves before it makes a definition that names them. If somebody is killed before that is there, they go at the next start. */
  moving<T>(uuid: string, moves: readonly Move[], then: () => Promise<T>): Promise<T> {
    return this.#kept().making.moving(uuid, moves, then);
  }

  /** Keeps the folder of an export noted until `then` has ended: if somebody is killed before, it goes at the next start. */
  exporting<T>(folder: string, then: () => Promise<T>): Promise<T> {
    return this.#kept().making.exporting(folder, then);
  }

  /**
   * Adds a definition that is like another, with copies of the disks that its domain may write; if there are any, the domain must not run meanwhile.
   * `progress` is told the share that is done. Throws Refusal, and what `progress` throws.
   */
  async clone(uuid: string, name: string, progress: (share: number) => void): Promise<Definition> {
    this.#checkFree(name);
    const { config, configName, files } = this.get(uuid);
    const folder = configName === null ? "." : path.dirname(path.resolve(configName));
    const copies = copiesFor(config, folder, name);
    const other = crypto.randomUUID();
    try {
      // Images may be large, so other steps go on meanwhile.
      return await this.#kept().making.copy(other, copies, progress, () =>
        this.#step(`${name} can't be kept`, ({ now }) =>
          this.#write(null, {
            uuid: other,
            config: clonedText(config, name, copies),
            configName,
            files,
            createdAt: now,
            lastRunAt: null,
            autostart: false,
            template: false,
          }),
        ),
      );
    } catch (error) {
      throw isFileError(error) ? libraryFailure(error, `${name} can't be made`) : error;
    }
  }

  #checkFree(name: string): void {
    if (!isDomainName(name))
      throw new Refusal("EINVAL", `${JSON.stringify(name)} can't be a name; allowed: ${NAME_ALLOWED}.`);
    this.#checkName(name, "");
  }

  /**
   * Gives it another text. Of its earlier files and those given now, it keeps the ones that the text names. Without `configName` the earlier one
   * stays.
   */
  async edit(
    uuid: string,
    { config, files, configName }: { config: string; files?: Given["files"]; configName?: string | null },
  ): Promise<Definition> {
    return this.#step(`${this.get(uuid).name} can't be changed`, async () => {
      const before = this.#get(uuid);
      const had = namedFiles(config, before.files);
      const put = files ? await this.#put(config, files) : {};
      const name = configName === undefined ? before.configName : configName;
      return this.#write(before, { ...before, config, configName: name, files: { ...had, ...put } });
    });
  }

  async rename(uuid: string, name: string): Promise<Definition> {
    if (!isDomainName(name))
      throw new Refusal("EINVAL", `${JSON.stringify(name)} can't be a name; allowed: ${NAME_ALLOWED}.`);
    return this.edit(uuid, { config: withValue(this.get(uuid).config, "name", name) });
  }

  async set(uuid: string, change: Partial<Pick<Definition, "autostart" | "template">>): Promise<Definition> {
    return this.#step(`${this.get(uuid).name} can't be changed`, async () => {
      const before = this.#get(uuid);
      return this.#write(before, { ...before, ...change });
    });
  }

  /** Records that it has been started. */
  async ran(uuid: string): Promise<Definition> {
    return this.#step(`That ${this.get(uuid).name} was started can't be kept`, async ({ now }) => {
      const before = this.#get(uuid);
      return this.#write(before, { ...before, lastRunAt: now });
    });
  }

  /** Path of the file into which its memory is to be saved. */
  savedFile(uuid: string): string {
    return path.join(this.#kept().folders.place(this.get(uuid).uuid), SAVED_FILE);
  }

  /** Updates whether the domain is saved, after its memory was saved or removed. */
  async lookForSaved(uuid: string): Promise<Definition> {
    return this.#step(`${this.get(uuid).name} can't be looked at`, async () => {
      const now = { ...this.#get(uuid), saved: await this.#readSaved(uuid) };
      this.#all.set(uuid, now);
      return now;
    });
  }

  /** Throws Refusal ESRCH where the domain is not saved. */
  async discardSaved(uuid: string): Promise<void> {
    if (!this.find(uuid)?.saved) throw new Refusal("ESRCH", "That domain is not saved.");
    const file = this.savedFile(uuid);
    await rm(file, { force: true });
    // Otherwise the file could be back after a power failure, although the domain has gone on since.
    await syncFolder(path.dirname(file));
    await this.lookForSaved(uuid);
  }

  /** Moves saved domains here from the folder that they had before there was a library. */
  async #takeOld(): Promise<void> {
    const { savedBefore } = this.#parts;
    if (!this.#folders || savedBefore === null) return;
    for (const name of (await readdir(savedBefore).catch((): string[] => [])).filter((each) =>
      each.endsWith(".saved"),
    )) {
      const file = path.join(savedBefore, name);
      try {
        const { header, files } = await readSaved(file, ({ header, files }) => Promise.resolve({ header, files }));
        const { uuid, configName = null } = header;
        const config = withValue(withValue(header.config, "uuid", null), "name", header.name);
        if (!this.#all.has(uuid)) await this.define({ uuid, config, configName, files });
        await moveWhole(file, this.savedFile(uuid));
        await this.lookForSaved(uuid);
      } catch (error) {
        this.#parts.warn((error as Error).message);
      }
    }
  }

  /** Moves a definition to the bin for a day, with its saved memory and all else in its folder. Its disks stay where they are. */
  async remove(uuid: string): Promise<void> {
    return this.#step(`${this.get(uuid).name} can't be deleted`, async ({ now, folders }) => {
      this.#get(uuid);
      await folders.bin(uuid, now);
      this.#all.delete(uuid);
      await this.#purgeOld().catch(() => {});
    });
  }

  /** Returns what can be restored, the latest first. */
  bin(): Promise<BinEntry[]> {
    return this.#next(async () => {
      if (!this.#folders || !this.#contents) return [];
      const used = this.#used();
      const counted: BinEntry[] = [];
      for (const { id, deletedAt, description } of (await this.#folders.binned()).entries) {
        let bytes = await this.#folders.binnedBytes(id);
        for (const sum of new Set(Object.values(description.files)))
          if (!used.has(sum)) bytes += await this.#contents.size(sum);
        const { uuid, name } = description;
        counted.push({ id, uuid, name, deletedAt, goneAt: deletedAt + BIN_MS, bytes });
      }
      return counted;
    });
  }

  /** Returns the texts of the definitions in the bin. */
  binned(): Promise<(AwayText & { id: string })[]> {
    return this.#next(() => binnedTexts(this.#folders));
  }

  /** Returns these, and the texts of damaged definitions that may be repaired. */
  away(): Promise<AwayText[]> {
    return this.#next(() => awayTexts(this.#folders));
  }

  /** Throws Refusal: ESRCH, EEXIST where its name or UUID has been taken since. */
  async restore(id: string): Promise<Definition> {
    return this.#step("It can't be restored", async ({ folders }) => {
      const entry = (await folders.binned()).entries.find((each) => each.id === id);
      if (!entry) throw new Refusal("ESRCH", "That is not in the bin any more.");
      const { uuid, name } = entry.description;
      if (this.#all.has(uuid)) throw new Refusal("EEXIST", `A domain with the UUID ${uuid} is kept already.`);
      this.#checkName(name, uuid);
      await folders.unbin(id, uuid);
      const found = definitionOf(entry, await this.#readSaved(uuid));
      this.#all.set(uuid, found);
      return found;
    });
  }

  /** Ids of all that lies in the bin now, also of what can't be read any more. */
  inBin(): Promise<string[]> {
    return this.#next(async () => (await this.#folders?.binnedIds()) ?? []);
  }

  /** Deletes one entry of the bin for good. Throws Refusal ESRCH. */
  async purge(id: string): Promise<void> {
    return this.#step("The bin can't be emptied", async ({ folders }) => {
      if (!(await folders.binnedIds()).includes(id)) throw new Refusal("ESRCH", "That is not in the bin any more.");
      await this.#purge(folders, id);
      await this.#collect();
    });
  }

  /** Deletes what has been in the bin for a day. */
  purgeOld(): Promise<void> {
    return this.#next(async () => {
      if ((await this.#purgeOld().catch(() => 0)) > 0) this.#parts.changed();
    });
  }

  async #purgeOld(): Promise<number> {
    if (!this.#folders) return 0;
    const now = this.#parts.now();
    const over = (await this.#folders.binnedIds()).filter((id) => Number(id.slice(0, 13)) <= now - BIN_MS);
    const old = await this.#folders.overdue(over, now, SURE_MS);
    for (const id of old) await this.#purge(this.#folders, id).catch(() => {});
    if (old.length) await this.#collect();
    return old.length;
  }

  /** What belongs to it elsewhere goes first: once the folder is gone, nobody would know of it. */
  async #purge(folders: Folders, id: string): Promise<void> {
    if (await this.#parts.purging(folders.binPlace(id), await awayTexts(folders))) return folders.purge(id);
    throw new Refusal("EBUSY", "Its disks are to be merged first.");
  }

  #used(): Set<string> {
    return new Set([...this.#all.values()].flatMap(({ files }) => Object.values(files)));
  }

  /** Removes contents that nobody uses. All of them stay if that can't be found out. */
  async #collect(): Promise<void> {
    if (!this.#folders || !this.#contents) return;
    const wanted = await this.#folders.wanted((uuid) => this.#all.has(uuid)).catch(() => null);
    if (wanted) await this.#contents.keepOnly(new Set([...this.#used(), ...wanted]));
  }

  #kept(): { folders: Folders; contents: Contents; making: Making } {
    if (this.#folders && this.#contents && this.#making)
      return { folders: this.#folders, contents: this.#contents, making: this.#making };
    throw new Refusal("EROFS", "This host keeps nothing on disk: there is no library of domains.");
  }

  /** Carries out one step. `what` begins the sentence that reports a failure. */
  #step<T>(what: string, deed: (parts: { now: number; folders: Folders }) => Promise<T>): Promise<T> {
    const { folders } = this.#kept();
    return this.#next(async () => {
      try {
        const result = await deed({ now: this.#parts.now(), folders });
        this.#parts.changed();
        return result;
      } catch (error) {
        throw libraryFailure(error, what);
      }
    });
  }

  #get(uuid: string): Definition & { file: string } {
    this.get(uuid);
    return this.#all.get(uuid)!;
  }

  #checkName(name: string, uuid: string): void {
    const other = this.all.find((each) => each.name === name && each.uuid !== uuid);
    if (other)
      throw new Refusal(
        "EEXIST",
        `The library has another domain named ${name} (${other.uuid}): names are unique there.`,
      );
  }

  /** Puts those of the files that the text names. */
  async #put(config: string, files: Given["files"]): Promise<Record<string, string>> {
    const put: Record<string, string> = {};
    for (const [name, bytes] of Object.entries(namedFiles(config, files)))
      put[name] = await this.#kept().contents.put(bytes);
    return put;
  }

  async #write(
    before: (Definition & { file: string }) | null,
    wanted: Omit<Definition, "name" | "saved">,
  ): Promise<Definition> {
    const { name, uuid: said } = identityOf(wanted.config);
    if (Buffer.byteLength(wanted.config) > MOST_CONFIG_BYTES)
      throw new Refusal("E2BIG", `The configuration has more than ${MOST_CONFIG_BYTES / 1024} KiB.`);
    // A damaged text is kept as it is: whoever starts the domain is told what is wrong with it.
    const called = name ?? before?.name;
    if (called === undefined) throw new Refusal("EINVAL", `The configuration has no name; allowed: ${NAME_ALLOWED}.`);
    if (said !== null && said !== wanted.uuid)
      throw new Refusal(
        "EINVAL",
        `The configuration's uuid is ${said}, and the domain's is ${wanted.uuid}: leave it out.`,
      );
    this.#checkName(called, wanted.uuid);
    const isSame = before?.config === wanted.config;
    const file = isSame ? before.file : `config.${crypto.randomUUID().slice(0, 8)}.cfg`;
    const { uuid, config, configName, files, createdAt, lastRunAt, autostart, template } = wanted;
    const description: Description = {
      version: 1,
      uuid,
      name: called,
      config: file,
      configName,
      files,
      createdAt,
      lastRunAt,
      autostart,
      template,
    };
    const { folders } = this.#kept();
    const stored = { description, config };
    if (before) await folders.change(descriptionOf(before), stored);
    else await folders.create(stored);
    const now = definitionOf(stored, before?.saved ?? null);
    this.#all.set(uuid, now);
    const left = Object.values(before?.files ?? {}).some((sum) => !Object.values(files).includes(sum));
    if (left) await this.#collect();
    return now;
  }

  async #readSaved(uuid: string): Promise<SavedMemory | null> {
    const file = path.join(this.#kept().folders.place(uuid), SAVED_FILE);
    try {
      const { size } = await stat(file);
      const { savedAt, memoryMiB } = await readSavedHeader(file);
      return { savedAt, memoryMiB, bytes: size };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") this.#parts.warn((error as Error).message);
      return null;
    }
  }
}

function descriptionOf({ config: _config, saved: _saved, file, ...rest }: Definition & { file: string }): Description {
  return { version: 1, ...rest, config: file };
}
function definitionOf(
  { description: { version: _version, config: file, ...rest }, config }: Stored,
  saved: SavedMemory | null,
): Definition & { file: string } {
  return { ...rest, config, saved, file };
}
