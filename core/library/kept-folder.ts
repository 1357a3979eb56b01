/** A folder of complete files that the host keeps until somebody removes them. */
import { readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { PART, privateFolder, removeParts } from "../files/whole.ts";
import { Refusal } from "../toolstack/error.ts";
import { freeName, plainName } from "./names.ts";

/** A kept file. Sizes in bytes: that of the file, and what it takes on this computer. */
export interface KeptFile {
  name: string;
  path: string;
  bytes: number;
  allocated: number;
}

/** Where a file is going to lie. Nobody else gets the name until `left` is called. */
export interface Place {
  readonly path: string;
  readonly left: () => void;
}

export class KeptFolder {
  /** null where nothing is kept. */
  readonly folder: string | null;
  readonly #what: string;
  /** Names that are reserved for files on their way. */
  readonly #coming = new Set<string>();
  #started = Promise.resolve();

  /** `what` names a file of this folder in words, as "disk image". It is also the name of a file that has no usable one. */
  constructor(folder: string | null, what: string) {
    this.folder = folder;
    this.#what = what;
  }

  /** Once: what a crash has left is of no use. Whatever is given meanwhile waits. */
  start(): Promise<void> {
    if (this.folder !== null) this.#started = removeParts(this.folder);
    return this.#started;
  }

  async all(): Promise<KeptFile[]> {
    if (this.folder === null) return [];
    const found: KeptFile[] = [];
    for (const name of (await readdir(this.folder).catch((): string[] => [])).sort()) {
      if (name.endsWith(PART)) continue;
      const file = path.join(this.folder, name);
      const facts = await stat(file).catch(() => null);
      if (!facts?.isFile()) continue;
      const { size, blocks } = facts;
      found.push({ name, path: file, bytes: size, allocated: blocks ? Math.min(size, blocks * 512) : size });
    }
    return found;
  }

  /** Reserves a place for a file with this name or a similar free one. Throws Refusal EROFS where nothing is kept. */
  place(name: string): Promise<Place> {
    return this.#reserve((taken) => freeName(this.#plain(name), taken));
  }

  /** The same for a file that was in this folder: its name may be any that a file can have, and is the same again where that is free. */
  placeAgain(name: string): Promise<Place> {
    return this.#reserve((taken) => (freeName(name, taken) === name ? name : freeName(this.#plain(name), taken)));
  }

  #plain(name: string): string {
    return plainName(name, this.#what.replaceAll(" ", "-"));
  }

  async #reserve(choose: (taken: readonly string[]) => string): Promise<Place> {
    const { folder } = this;
    if (folder === null)
      throw new Refusal(
        "EROFS",
        `This host keeps nothing on disk: name a ${this.#what} where it lies, on the command line.`,
      );
    await this.#started.catch(() => {});
    await privateFolder(folder);
    const target = choose([...(await readdir(folder)), ...this.#coming]);
    this.#coming.add(target);
    return { path: path.join(folder, target), left: () => void this.#coming.delete(target) };
  }

  /** The file of that name. Throws Refusal ENOENT. */
  async find(name: string): Promise<KeptFile> {
    const found = (await this.all()).find((each) => each.name === name);
    if (!found) throw new Refusal("ENOENT", `There is no ${this.#what} ${name} among those that the host keeps.`);
    return found;
  }

  /** Throws Refusal ENOENT. */
  async remove(name: string): Promise<void> {
    await rm((await this.find(name)).path);
  }
}
