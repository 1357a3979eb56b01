/**
 * The trees of all domains as they lie on the disk: `tree.json` in each domain's folder, written whole, beside it a file for each snapshot with
 * what the domain was (`ID.saved`) and its picture. A tree that can't be read is told of and left alone: its images stay as they are.
 */
import { lstat, readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { privateFolder, removeParts, writeWhole } from "../../files/whole.ts";
import { Refusal } from "../../toolstack/error.ts";
import { fileError, WRITING } from "../../toolstack/saved-file.ts";
import { frozenFiles, parseTree, treeText, type Tree } from "./tree.ts";

const TREE_FILE = "tree.json";
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
/** Of a snapshot: what the domain was, its screen, its console. */
const ENDINGS = { machine: ".saved", screen: ".png", console: ".txt" } as const;
const PART_OF_SNAPSHOT = /^([\da-f]{8})\.(saved|png|txt)$/;
const MOST_BYTES = 8 * 2 ** 20;

export class Trees {
  /** `library/domains`; null where nothing is kept. */
  readonly #root: string | null;
  readonly #warn: (message: string) => void;
  readonly #trees = new Map<string, Tree>();
  /** Why one can't be read, by UUID. */
  readonly #spoiled = new Map<string, string>();

  /** Of domains in the library's bin, by their folder there: their images are kept as long as they are. */
  #binned = new Map<string, Tree>();

  constructor(root: string | null, warn: (message: string) => void) {
    this.#root = root;
    this.#warn = warn;
  }

  get all(): readonly Tree[] {
    return [...this.#trees.values()];
  }
  get binned(): readonly Tree[] {
    return [...this.#binned.values()];
  }

  /** Reads all that there are, and takes away what steps that were broken off have left. Once, before anything else. */
  async open(): Promise<void> {
    if (this.#root === null) return;
    await this.#lookIntoBin(this.#root);
    for (const uuid of (await names(this.#root)).filter((name) => UUID.test(name))) await this.#open(uuid);
  }

  /** The folder of that domain has gone to the bin, or come back; null: something has gone from there. */
  async moved(uuid: string | null): Promise<void> {
    if (this.#root === null) return;
    await this.#lookIntoBin(this.#root);
    if (uuid === null) return;
    this.#trees.delete(uuid);
    this.#spoiled.delete(uuid);
    await this.#open(uuid);
  }

  async #lookIntoBin(root: string): Promise<void> {
    const bin = path.join(path.dirname(root), "bin");
    const found = new Map<string, Tree>();
    for (const name of await names(bin)) {
      const tree = await binnedTree(path.join(bin, name));
      if (tree) found.set(path.join(bin, name), tree);
    }
    this.#binned = found;
  }

  /** A folder in the bin is about to be gone for good. */
  async purging(folder: string): Promise<void> {
    const tree = await binnedTree(folder);
    if (!tree) return;
    this.#binned.delete(folder);
    const kept = this.#images();
    for (const file of [...tree.going, ...tree.layers.filter(({ isOwn }) => isOwn).map(({ file }) => file)])
      if (!kept.has(file)) await removed(file);
  }

  /** Of all domains, those in the bin too. */
  #images(): ReadonlySet<string> {
    return new Set([...this.all, ...this.#binned.values()].flatMap(({ layers }) => layers.map(({ file }) => file)));
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
      await this.sweep(uuid);
    } catch (error) {
      const why = `${file} can't be used: ${(error as Error).message}`;
      this.#spoiled.set(uuid, why);
      this.#warn(`The snapshots of a domain can't be used, and their disks' images are left as they are. ${why}.`);
    }
  }

  /** Files of snapshots that there are not, and images that were to go. What can't be removed now is another time. */
  async sweep(uuid: string): Promise<void> {
    const tree = this.#trees.get(uuid);
    if (!tree) return;
    const known = new Set(tree.snapshots.map(({ id }) => id));
    for (const name of await names(this.folder(uuid))) {
      const id = PART_OF_SNAPSHOT.exec(name)?.[1];
      if (id !== undefined && !known.has(id))
        await rm(path.join(this.folder(uuid), name), { force: true }).catch(() => {});
    }
    if (tree.going.length === 0) return;
    const kept = this.#images();
    const left: string[] = [];
    for (const file of tree.going) if (!kept.has(file) && !(await removed(file))) left.push(file);
    if (left.length < tree.going.length) await this.save({ ...tree, going: left });
  }

  /** The domain is gone for good: its snapshots, and the images that were made for it and that nobody else is based on. */
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

  /** Throws Refusal when it is there and can't be read. */
  find(uuid: string): Tree | null {
    const why = this.#spoiled.get(uuid);
    if (why) throw new Refusal("EIO", `The snapshots of this domain can't be used: ${why}.`);
    return this.#trees.get(uuid) ?? null;
  }

  /** null for one that is not known, or can't be read. */
  known(uuid: string): Tree | null {
    return this.#trees.get(uuid) ?? null;
  }

  /** On the disk when it resolves; if it rejects, everything is as it was. */
  async save(tree: Tree): Promise<void> {
    const file = this.file(tree.uuid);
    try {
      await privateFolder(this.folder(tree.uuid));
      await writeWhole(file, treeText(tree));
    } catch (error) {
      throw fileError(error, `${file} can't be written`, WRITING);
    }
    this.#trees.set(tree.uuid, tree);
  }

  /** Somebody else has written it, or it is gone. */
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

  /** Whether another domain's images are based on that file. */
  isUsedElsewhere(uuid: string, file: string): boolean {
    const others = [...this.all.filter((tree) => tree.uuid !== uuid), ...this.#binned.values()];
    return others.some(({ layers }) => layers.some((layer) => layer.file === file));
  }

  /** Domains that were made from a snapshot, and whose disks are based on it yet. */
  clonesOf(uuid: string, snapshot: string): Tree[] {
    return [...this.all, ...this.#binned.values()].filter(
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
      ...[...this.#binned.values()].flatMap((tree) =>
        frozenFiles(tree).map((file) => ({
          file,
          why: `snapshots of ${tree.name}, which is in the bin, are based on it. Restore it from there, or remove it for good`,
        })),
      ),
    ];
  }
}

/** What can't be read is of no use there, and goes with its folder. */
async function binnedTree(folder: string): Promise<Tree | null> {
  try {
    const text = await readFile(path.join(folder, "snapshots", TREE_FILE), "utf8");
    const { uuid } = JSON.parse(text) as { uuid: string };
    return parseTree(text, uuid);
  } catch {
    return null;
  }
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((): string[] => []);
}

/** False where it is there yet. */
async function removed(file: string): Promise<boolean> {
  return rm(file, { force: true }).then(
    () => true,
    () => false,
  );
}
