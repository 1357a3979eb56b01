/** Domains that are saved until they are restored: a file each in a folder that outlives the application. */
import { readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { privateFolder, removeParts } from "../files/whole.ts";
import type { SavedDomain } from "../toolstack/messages.ts";
import { readSavedHeader } from "../toolstack/saved-file.ts";
import { ApiFailure } from "./failure.ts";

const SUFFIX = ".saved";
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;

export class SavedDomains {
  readonly #folder: string | null;
  readonly #tell: (domains: readonly SavedDomain[]) => void;
  readonly #warn: (message: string) => void;
  #all: SavedDomain[] = [];

  /** `folder`: null where nothing is kept. `tell` is called with all of them when they have changed. */
  constructor(folder: string | null, tell: (domains: readonly SavedDomain[]) => void, warn: (message: string) => void) {
    this.#folder = folder;
    this.#tell = tell;
    this.#warn = warn;
  }

  /** The latest first. */
  get all(): readonly SavedDomain[] {
    return this.#all;
  }

  /** Where a domain is to be saved. Throws ApiFailure when nothing is kept here. */
  async place(uuid: string): Promise<string> {
    await privateFolder(this.#needFolder());
    return this.#file(uuid);
  }

  /** The file of one. Throws ApiFailure ESRCH when it is not saved. */
  find(uuid: string): string {
    if (this.#all.some((each) => each.uuid === uuid)) return this.#file(uuid);
    throw new ApiFailure("ESRCH", "That domain is not saved.");
  }

  /** Throws ApiFailure ESRCH when it is not saved. */
  async discard(uuid: string): Promise<void> {
    this.find(uuid);
    await this.remove(uuid);
  }

  /** It may be gone already. */
  async remove(uuid: string): Promise<void> {
    await rm(this.#file(uuid), { force: true });
    await this.look();
  }

  /** Once, before anything is saved: what a crash has left half written is of no use. */
  async start(): Promise<void> {
    if (this.#folder === null) return;
    await removeParts(this.#folder);
    await this.look();
  }

  /** Reads what is there. A file that can't be read is told of and left alone. */
  async look(): Promise<void> {
    if (this.#folder === null) return;
    const names = await readdir(this.#folder).catch((): string[] => []);
    const found: SavedDomain[] = [];
    for (const name of names) {
      const uuid = path.basename(name, SUFFIX);
      if (!name.endsWith(SUFFIX) || !UUID.test(uuid)) continue;
      const file = this.#file(uuid);
      try {
        const [{ name: called, savedAt, memoryMiB }, { size }] = [await readSavedHeader(file), await stat(file)];
        found.push({ uuid, name: called, savedAt, memoryMiB, bytes: size });
      } catch (error) {
        this.#warn(error instanceof Error ? error.message : String(error));
      }
    }
    this.#all = found.toSorted((a, b) => b.savedAt - a.savedAt);
    this.#tell(this.#all);
  }

  #needFolder(): string {
    if (this.#folder !== null) return this.#folder;
    throw new ApiFailure("EROFS", "This host keeps nothing on disk: name a file to save to.");
  }
  #file(uuid: string): string {
    return path.join(this.#needFolder(), `${uuid}${SUFFIX}`);
  }
}
