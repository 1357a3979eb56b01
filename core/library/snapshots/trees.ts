/**
 * The trees of all domains on the disk: `tree.json` in each domain's folder, written whole, and beside it for each snapshot a file with what the
 * domain was (`ID.saved`) and its picture. A tree that can't be read is reported and left alone, and its images stay as they are.
 */
import { lstat, readdir, readFile, rm, stat } from "node:fs/promises";
import path from "node:path";
import { PART, privateFolder, removeParts, writeWhole } from "../../files/whole.ts";
import { Refusal } from "../../toolstack/error.ts";
import { fileError, WRITING } from "../../toolstack/saved-file.ts";
import { uuidOf } from "../folders.ts";
import { readPlain } from "../plain.ts";
import { frozenFiles, parseTree, treeText, type Snapshot, type Tree } from "./tree.ts";

const TREE_FILE = "tree.json";
/** Says of a domain in the bin which files are being changed there (last-merge.ts). One that is back needs it no more. */
export const MERGING_FILE = "merging.json";
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
/** Endings of a snapshot's files: what the domain was, its screen, its console. */
const ENDINGS = { machine: ".saved", screen: ".png", console: ".txt" } as const;
const PART_OF_SNAPSHOT = /^([\da-f]{8})\.(saved|png|txt)$/;
const MOST_BYTES = 8 * 2 ** 20;

/** An image that a domain's configuration names, with links resolved. */
export interface NamedImage {
  readonly uuid: string;
  /** Of the domain. */
  readonly name: string;
  readonly place: "kept" | "bin" | "spoiled";
  readonly file: string;
}

/** A tree whose domain is in the bin or was put aside. */
export interface Away {
  readonly tree: Tree;
  /** "spoiled" means put aside because its definition can't be read. */
  readonly place: "bin" | "spoiled";
  readonly where: string;
  /** A sentence that says what the user may do. */
  readonly instead: string;
}

/** The folders of such domains, beside the one of the domains. */
const AWAY = [
  { place: "bin", where: "in the bin", instead: "Restore it from there, or remove it for good" },
  { place: "spoiled", where: "put aside as its definition can't be read", instead: "Mend it and put it back" },
] as const;

export class Trees {
  /** `library/domains`; null where nothing is kept. */
  readonly #root: string | null;
  readonly #warn: (message: string) => void;
  readonly #trees = new Map<string, Tree>();
  /** By UUID, why a tree can't be read. */
  readonly #spoiled = new Map<string, string>();

  /** By folder, the trees of domains in the bin and of those whose definitions were put aside. Their images are kept as long as these are. */
  #away = new Map<string, Away>();
  /** Faults of trees in those folders; nobody knows which images they need. */
  #unread: string[] = [];
  /** Images that configurations of domains name, also of those in the bin and put aside, whether these have snapshots or not. */
  #named: readonly NamedImage[] = [];
  /** Why these are not known; null: they are. */
  #unnamed: string | null = null;

  constructor(root: string | null, warn: (message: string) => void) {
    this.#root = root;
    this.#warn = warn;
  }

  get all(): readonly Tree[] {
    return [...this.#trees.values()];
  }
  /** Trees of domains that are in the bin or were put aside. */
  get away(): readonly Away[] {
    return [...this.#away.values()];
  }
  /** The folder of what lies in the bin under that id. Throws Refusal EROFS where nothing is kept. */
  binFolder(id: string): string {
    if (this.#root !== null) return path.join(path.dirname(this.#root), "bin", id);
    throw new Refusal("EROFS", "This host keeps nothing on disk, so there is no bin.");
  }
  /** The tree of a domain in that folder of the bin; null if it has none, or one that can't be read. */
  awayIn(folder: string): Tree | null {
    return this.#away.get(folder)?.tree ?? null;
  }
  /** Changes it. Throws Refusal; then it is as it was, or its folder is there no more. */
  async saveAway(folder: string, tree: Tree): Promise<void> {
    await this.#write(path.join(folder, "snapshots", TREE_FILE), tree);
    const away = this.#away.get(folder);
    if (away) this.#away.set(folder, { ...away, tree });
  }

  /** Removes what the tree of a domain in that folder of the bin no longer names: files of its snapshots, and images that nobody else needs. */
  async sweepAway(folder: string): Promise<void> {
    const tree = this.awayIn(folder);
    if (!tree) return;
    await sweepParts(path.join(folder, "snapshots"), tree);
    for (const file of tree.going) if (!this.isUsedElsewhere(tree.uuid, file, folder)) await removed(file);
  }

  /** Reads all trees, and removes what interrupted steps have left. Called once, before anything else. */
  async open(): Promise<void> {
    if (this.#root === null) return;
    await this.#lookAway(this.#root);
    for (const uuid of (await names(this.#root)).filter((name) => UUID.test(name))) await this.#open(uuid);
  }

  /** Told when the folder of that domain has moved to the bin or back; null: when something in the bin was deleted. */
  async moved(uuid: string | null): Promise<void> {
    if (this.#root === null) return;
    await this.#lookAway(this.#root);
    if (uuid === null) return;
    this.#trees.delete(uuid);
    this.#spoiled.delete(uuid);
    await this.#open(uuid);
  }

  async #lookAway(root: string): Promise<void> {
    const found = new Map<string, Away>();
    const unread: string[] = [];
    for (const { place, where, instead } of AWAY) {
      const parent = path.join(path.dirname(root), place);
      const inside = await readdir(parent).catch((error: NodeJS.ErrnoException): string[] => {
        if (error.code !== "ENOENT") unread.push(error.message);
        return [];
      });
      // A folder with this ending is being removed.
      for (const name of inside.filter((each) => !each.endsWith(PART))) {
        const folder = path.join(parent, name);
        try {
          const tree = await awayTree(folder);
          if (tree) found.set(folder, { tree, place, where, instead });
        } catch (error) {
          unread.push(`${path.join(folder, "snapshots", TREE_FILE)}: ${(error as Error).message}`);
        }
      }
    }
    this.#away = found;
    this.#unread = unread;
  }

  /** Told before a folder in the bin is deleted for good. Images that anybody may need stay. */
  async purging(folder: string): Promise<void> {
    const tree = await awayTree(folder).catch(() => null);
    this.#away.delete(folder);
    if (!tree) return;
    for (const file of this.madeFor(tree, folder)) await removed(file);
  }

  /**
   * The images that were made for the snapshots of that domain, and that nobody else needs: they go with it for good. `folder`: the one of the bin in which it
   * lies; null: it is kept.
   */
  madeFor(tree: Tree, folder: string | null): string[] {
    const own = [...tree.going, ...tree.layers.filter(({ isOwn }) => isOwn).map(({ file }) => file)];
    return own.filter(
      (file) => !(folder === null ? this.isUsedElsewhere(tree.uuid, file) : this.#isNeeded(tree, file, folder)),
    );
  }

  /** Whether a layer of any other tree or the configuration of another domain needs the file. A tree that can't be read may need any file. */
  #isNeeded({ uuid }: Tree, file: string, but: string | null = null): boolean {
    const own = this.#trees.get(uuid)?.layers ?? [];
    return own.some((layer) => layer.file === file) || this.isUsedElsewhere(uuid, file, but);
  }

  /** Sets which images configurations name. `unread`: why they are not known; null: they are. */
  named(images: readonly NamedImage[], unread: string | null): void {
    this.#named = images;
    this.#unnamed = unread;
  }

  /** Throws Refusal EIO where something can't be read that may be based on that domain's images: they can't be merged then. */
  checkKnown(uuid: string): void {
    const [why] = this.#unknown(uuid);
    if (why)
      throw new Refusal(
        "EIO",
        `The snapshots of another domain can't be read, and its disks may be based on these images: none is deleted or merged until that is mended, or is gone. ${why}.`,
      );
  }

  /** Whether it is known for each image that was made for that domain who else needs it. */
  isSure({ uuid, going, layers }: Tree): boolean {
    return this.#unknown(uuid).length === 0 || (going.length === 0 && !layers.some(({ isOwn }) => isOwn));
  }

  #unknown(uuid: string): string[] {
    const spoiled = [...this.#spoiled].filter(([other]) => other !== uuid).map(([, why]) => why);
    return [...spoiled, ...this.#unread, ...(this.#unnamed === null ? [] : [this.#unnamed])];
  }

  async #open(uuid: string): Promise<void> {
    const file = this.file(uuid);
    try {
      const facts = await lstat(file).catch(() => null);
      if (!facts) return;
      if (!facts.isFile() || facts.size > MOST_BYTES) throw new Error("it is no file of a size that it can have");
      const tree = parseTree(await readFile(file, "utf8"), uuid);
      this.#trees.set(uuid, tree);
      await removeParts(this.folder(uuid));
      await rm(path.join(this.folder(uuid), MERGING_FILE), { force: true });
      await this.sweep(uuid);
    } catch (error) {
      const why = `${file} can't be used: ${(error as Error).message}`;
      this.#spoiled.set(uuid, why);
      this.#warn(`The snapshots of a domain can't be used, and their disks' images are left as they are. ${why}.`);
    }
  }

  /** Returns the file with what the domain was of every snapshot, those in the bin and of domains that are away included. */
  machines(): { tree: Tree; snapshot: Snapshot; file: string }[] {
    const folders = [
      ...this.all.map((tree) => ({ tree, folder: this.folder(tree.uuid) })),
      ...[...this.#away].map(([folder, { tree }]) => ({ tree, folder: path.join(folder, "snapshots") })),
    ];
    return folders.flatMap(({ tree, folder }) =>
      tree.snapshots.map((snapshot) => ({
        ...{ tree, snapshot },
        file: path.join(folder, `${snapshot.id}${ENDINGS.machine}`),
      })),
    );
  }

  /** Removes files of snapshots that no longer exist, and images that were to be deleted. What can't be removed now is removed another time. */
  async sweep(uuid: string): Promise<void> {
    const tree = this.#trees.get(uuid);
    if (!tree) return;
    await sweepParts(this.folder(uuid), tree);
    if (tree.going.length === 0 || this.#unknown(uuid).length > 0) return;
    const left: string[] = [];
    for (const file of tree.going) if (!this.#isNeeded(tree, file) && !(await removed(file))) left.push(file);
    if (left.length < tree.going.length) await this.save({ ...tree, going: left });
  }

  /** Forgets a domain that was deleted for good: removes its snapshots, and the images that were made for it and that nothing else is based on. */
  async forget(uuid: string): Promise<void> {
    const tree = this.#trees.get(uuid);
    if (!tree) return;
    const going = [...tree.going, ...tree.layers.filter(({ isOwn }) => isOwn).map(({ file }) => file)];
    const current = { parent: null, disks: [] };
    await this.save({ ...tree, origin: null, layers: [], snapshots: [], current, left: [], going });
    await this.sweep(uuid);
    await rm(this.folder(uuid), { recursive: true, force: true });
    this.#trees.delete(uuid);
  }

  /** Throws Refusal when there is a tree that can't be read. */
  find(uuid: string): Tree | null {
    const why = this.#spoiled.get(uuid);
    if (why) throw new Refusal("EIO", `The snapshots of this domain can't be used: ${why}.`);
    return this.#trees.get(uuid) ?? null;
  }

  /** Returns null for a domain whose tree is not known or can't be read. */
  known(uuid: string): Tree | null {
    return this.#trees.get(uuid) ?? null;
  }

  /** When it resolves, the tree is on the disk; if it rejects, everything is as it was. */
  async save(tree: Tree): Promise<void> {
    const file = this.file(tree.uuid);
    await privateFolder(this.folder(tree.uuid)).catch((error: unknown) => {
      throw fileError(error, `${file} can't be written`, WRITING);
    });
    await this.#write(file, tree);
    this.#trees.set(tree.uuid, tree);
  }

  async #write(file: string, tree: Tree): Promise<void> {
    await writeWhole(file, treeText(tree)).catch((error: unknown) => {
      throw fileError(error, `${file} can't be written`, WRITING);
    });
  }

  /** Reads a tree again that somebody else has written or removed. */
  async reread(uuid: string): Promise<Tree | null> {
    const text = await readFile(this.file(uuid), "utf8").catch(() => null);
    if (text === null) this.#trees.delete(uuid);
    else this.#trees.set(uuid, parseTree(text, uuid));
    return this.#trees.get(uuid) ?? null;
  }

  /** Throws Refusal EROFS where nothing is kept. */
  folder(uuid: string): string {
    if (this.#root !== null) return path.join(this.#root, uuid, "snapshots");
    throw new Refusal("EROFS", "This host keeps nothing on disk, so there can't be snapshots.");
  }
  file(uuid: string): string {
    return path.join(this.folder(uuid), TREE_FILE);
  }
  part(uuid: string, id: string, what: keyof typeof ENDINGS): string {
    return path.join(this.folder(uuid), `${id}${ENDINGS[what]}`);
  }

  get #awayTrees(): Tree[] {
    return [...this.#away.values()].map(({ tree }) => tree);
  }

  /**
   * Whether another domain, as far as is known, uses the file: in its configuration, or as something that its images are based on. `but`: the folder of
   * the domain's own in the bin, whose tree may be read again meanwhile.
   */
  isUsedElsewhere(uuid: string, file: string, but: string | null = null): boolean {
    return this.namedInBin(uuid, file) !== null || this.isUsedByOthers(uuid, file, but);
  }

  /** The name of another domain in the bin whose configuration names the file as a disk; null where there is none. */
  namedInBin(uuid: string, file: string): string | null {
    return this.#named.find((each) => each.place === "bin" && each.uuid !== uuid && each.file === file)?.name ?? null;
  }

  /** As isUsedElsewhere(), leaving out those that only have the file as a disk in the bin. */
  isUsedByOthers(uuid: string, file: string, but: string | null = null): boolean {
    const others = [
      ...this.all.filter((tree) => tree.uuid !== uuid),
      ...[...this.#away].filter(([folder]) => folder !== but).map(([, { tree }]) => tree),
    ];
    return (
      this.#unknown(uuid).length > 0 ||
      others.some(({ layers }) => layers.some((layer) => layer.file === file)) ||
      this.#named.some((each) => each.place !== "bin" && each.uuid !== uuid && each.file === file)
    );
  }

  /** Returns the domains that were made from a snapshot and whose disks are still based on it. */
  clonesOf(uuid: string, snapshot: string): Tree[] {
    return [...this.all, ...this.#awayTrees].filter(
      ({ origin, layers }) =>
        origin?.uuid === uuid && origin.snapshot === snapshot && layers.some(({ isForeign }) => isForeign),
    );
  }

  /** Images that nobody may write. */
  frozen(): { file: string; why: string }[] {
    return [
      ...this.all.flatMap((tree) =>
        frozenFiles(tree).map((file) => ({
          file,
          why: `snapshots of ${tree.name} are based on it. Start ${tree.name} itself, or clone one of its snapshots`,
        })),
      ),
      ...[...this.#away.values()].flatMap(({ tree, where, instead }) =>
        frozenFiles(tree).map((file) => ({
          file,
          why: `snapshots of ${tree.name}, which is ${where}, are based on it. ${instead}`,
        })),
      ),
    ];
  }
}

/** Reads the tree of a domain that is not there now; null where it has none. Throws what is wrong with it. */
async function awayTree(folder: string): Promise<Tree | null> {
  const file = path.join(folder, "snapshots", TREE_FILE);
  const facts = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw error;
  });
  if (!facts) return null;
  const text = await readPlain(file, MOST_BYTES);
  return parseTree(text.toString("utf8"), uuidOf(folder));
}

/** Removes the files of snapshots that the tree does not have. */
async function sweepParts(folder: string, tree: Tree): Promise<void> {
  const known = new Set(tree.snapshots.map(({ id }) => id));
  for (const name of await names(folder)) {
    const id = PART_OF_SNAPSHOT.exec(name)?.[1];
    if (id !== undefined && !known.has(id)) await rm(path.join(folder, name), { force: true }).catch(() => {});
  }
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((): string[] => []);
}

/** Returns false where the file is still there. */
async function removed(file: string): Promise<boolean> {
  return rm(file, { force: true }).then(
    () => true,
    () => false,
  );
}
