/**
 * Before a domain in the bin goes for good with its snapshots, the images with which its disks began take in what was written since. So its user's own disks
 * have in the end what the domain had when it was deleted.
 * First the tree forgets the snapshots, in one step, because they would soon show something else. Then each first image takes in those over it, the lowest first:
 * until that is done, the domain's own image shows what it showed. At last the tree names the first images as the domain's. Whoever puts the domain back after
 * this was broken off has its disks as they were.
 */
import type { BigIntStats } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { writeWhole } from "../../files/whole.ts";
import { Refusal } from "../../toolstack/error.ts";
import { fileError, WRITING } from "../../toolstack/saved-file.ts";
import { readPlain } from "../plain.ts";
import { absorbed } from "./merging.ts";
import { learnNames, type Parts } from "./parts.ts";
import { withCurrent, type Layer, type Tree } from "./tree.ts";
import { MERGING_FILE, type Trees } from "./trees.ts";

/** The image that a disk began with, and those over it in their order. */
export type Chain = readonly [first: Layer, ...over: Layer[]];

/** Returns the disks that can be merged, as chains. `isUsed` tells whether another domain needs a file: what that and those below it show must stay. */
export function lastChains(tree: Tree, isUsed: (file: string) => boolean): Chain[] {
  const layers = new Map(tree.layers.map((layer) => [layer.file, layer]));
  const chainOf = (file: string): Layer[] => {
    const chain: Layer[] = [];
    for (let at = layers.get(file); at; at = at.base === null ? undefined : layers.get(at.base)) chain.unshift(at);
    return chain;
  };
  const chains = tree.current.disks.map(({ file }) => chainOf(file));
  // Images that the domain has left by hand are known to its user by their names, and show what is below them.
  const all = [...tree.left.map(chainOf), ...chains].flat();
  const isShared = (layer: Layer): boolean => all.filter((each) => each === layer).length > 1;
  const used = new Set(tree.layers.filter(({ file }) => isUsed(file)).flatMap(({ file }) => chainOf(file)));
  return chains.flatMap(([first, ...over]): Chain[] => {
    if (!first || over.length === 0 || first.isOwn || (first.format !== "raw" && first.format !== "qcow2")) return [];
    if (!over.every(({ isOwn, format }) => isOwn && format === "qcow2")) return [];
    const isNeeded = [first, ...over].some((layer) => layer.isForeign || isShared(layer) || used.has(layer));
    return isNeeded ? [] : [[first, ...over]];
  });
}

/** Whether something was written to a disk since its first snapshot that no first image takes in. */
export function losesWrites(tree: Tree, chains: readonly Chain[]): boolean {
  const kept = new Set(chains.map((chain) => chain.at(-1)!.file));
  const own = new Set(tree.layers.filter(({ isOwn }) => isOwn).map(({ file }) => file));
  return tree.current.disks.some(({ file }) => own.has(file) && !kept.has(file));
}

/** Returns the tree of the domain as it is now, without its snapshots. */
export function withoutPast(tree: Tree): Tree {
  const needed = new Set([...tree.left, ...tree.current.disks.map(({ file }) => file)]);
  const bases = new Map(tree.layers.map(({ file, base }) => [file, base]));
  for (const file of needed) {
    const base = bases.get(file);
    if (base) needed.add(base);
  }
  return onlyWith({ ...tree, snapshots: [], current: { ...tree.current, parent: null } }, needed);
}

/** Returns the tree after the first images have taken in what was over them. */
function withFirst(tree: Tree, chains: readonly Chain[]): Tree {
  const first = new Map(chains.map((chain) => [chain.at(-1)!.file, chain[0].file]));
  const disks = tree.current.disks.map((disk) => ({ ...disk, file: first.get(disk.file) ?? disk.file }));
  const over = new Set(chains.flatMap(([, ...others]) => others.map(({ file }) => file)));
  const needed = new Set(tree.layers.map(({ file }) => file).filter((file) => !over.has(file)));
  return onlyWith(withCurrent(tree, { ...tree.current, disks }), needed);
}

function onlyWith(tree: Tree, needed: ReadonlySet<string>): Tree {
  const gone = tree.layers.filter(({ file }) => !needed.has(file));
  const going = gone.filter(({ isOwn }) => isOwn).map(({ file }) => file);
  return { ...tree, layers: tree.layers.filter(({ file }) => needed.has(file)), going: [...tree.going, ...going] };
}

/**
 * Returns the chains of a domain that is kept, or that lies in that folder of the bin. One of which an image is missing is not among them: nothing can be saved
 * of it. Neither is one whose first image somebody has changed since the domain was deleted: that may be another disk by now, which takes nothing in.
 * One that is a disk of a domain without snapshots in the bin is among them: the merge waits until that domain is gone for good. The trees have to know what
 * configurations name now.
 */
export async function chainsIn(trees: Trees, tree: Tree, binned: string | null): Promise<Chain[]> {
  const there: Chain[] = [];
  for (const chain of lastChains(tree, (file) => trees.isUsedByOthers(tree.uuid, file, binned))) {
    const found = await Promise.all(chain.map(({ file }) => factsOf(file)));
    if (found.some((each) => each === null)) continue;
    if (binned === null || (await isAsDeleted(binned, chain[0].file))) there.push(chain);
  }
  return there;
}

const factsOf = (file: string): Promise<BigIntStats | null> => lstat(file, { bigint: true }).catch(() => null);

/** Says which files are being changed here, so that whoever goes on knows them. It counts in the folder that it names alone. */
const NOTED = z.strictObject({ folder: z.string(), inodes: z.record(z.string(), z.string()) });
const MOST_NOTE_BYTES = 2 ** 20;
const noteIn = (folder: string): string => path.join(folder, "snapshots", MERGING_FILE);

/** The name of a folder of the bin begins with the time at which its domain was deleted, in milliseconds since 1970. */
async function isAsDeleted(folder: string, file: string): Promise<boolean> {
  const facts = await factsOf(file);
  if (!facts) return false;
  if (facts.ctimeMs <= BigInt(Number.parseInt(path.basename(folder), 10))) return true;
  return (await notedIn(folder))?.[file] === String(facts.ino);
}

/** The files that are being changed for that folder, with their inodes; null where that has not begun. */
async function notedIn(folder: string): Promise<Readonly<Record<string, string>> | null> {
  const text = await readPlain(noteIn(folder), MOST_NOTE_BYTES).catch(() => null);
  const noted = text && NOTED.safeParse(jsonIn(text.toString("utf8"))).data;
  return noted?.folder === path.basename(folder) ? noted.inodes : null;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function note(folder: string, chains: readonly Chain[]): Promise<void> {
  const inodes: [string, string][] = [];
  for (const [{ file }] of chains) inodes.push([file, String((await factsOf(file))?.ino)]);
  const text = JSON.stringify({ folder: path.basename(folder), inodes: Object.fromEntries(inodes) });
  await writeWhole(noteIn(folder), `${text}\n`).catch((error: unknown) => {
    throw fileError(error, `${noteIn(folder)} can't be written`, WRITING);
  });
}

/** Errors that come before the first byte is written. */
const BEFORE_WRITING = new Set(["EBUSY", "ENOENT", "EACCES", "EPERM", "EROFS"]);

/**
 * Whether something is to be done before what lies in that folder of the bin goes for good: disks are to be merged, or it is not known who else needs the images
 * that go with it. The trees have to know what configurations name now.
 */
export async function isAwaited(trees: Trees, folder: string): Promise<boolean> {
  const tree = trees.awayIn(folder);
  return tree !== null && (!trees.isSure(tree) || (await chainsIn(trees, tree, folder)).length > 0);
}

/**
 * Does it for what lies in that folder of the bin, where there is something to do. Throws Refusal; the domain has its disks as they were then, and its snapshots too
 * if nothing was written yet. It can be done again.
 */
export async function mergeLast(parts: Parts, folder: string): Promise<void> {
  const { trees } = parts;
  await learnNames(parts);
  const tree = trees.awayIn(folder);
  if (!tree) return;
  try {
    // Images that somebody may need would stay, and nobody would know them any more.
    if (!trees.isSure(tree)) trees.checkKnown(tree.uuid);
    const chains = await chainsIn(trees, tree, folder);
    if (chains.length === 0) return;
    checkUnnamed(parts, tree, chains);
    await mergeChains(parts, folder, tree, chains);
  } catch (error) {
    const { code = "EIO", message } = error as Refusal;
    throw new Refusal(
      code,
      `${tree.name} can't be removed for good yet, as its disks are to take in what was written since its first snapshot. ${message}`,
    );
  }
}

/** Throws Refusal EBUSY where a domain in the bin has one of the images as a disk, and would show something else when it is put back. */
function checkUnnamed({ trees }: Parts, { uuid }: Tree, chains: readonly Chain[]): void {
  for (const { file } of chains.flat()) {
    const name = trees.namedInBin(uuid, file);
    if (name === null) continue;
    throw new Refusal(
      "EBUSY",
      `${name}, which lies in the bin too, has ${file} as a disk: remove that for good first.`,
    );
  }
}

/** Notes what is changed, and lets the tree forget the snapshots. Throws Refusal; then the tree is as it was. */
async function begin({ trees }: Parts, folder: string, only: Tree, chains: readonly Chain[]): Promise<void> {
  try {
    await note(folder, chains);
    await trees.saveAway(folder, only);
  } catch (error) {
    const { code = "EIO", message } = error as Refusal;
    if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
    throw new Refusal(
      code,
      `${message} A few KiB are needed there: remove something else from the bin, discard a download that was stopped, or delete other files on that disk, and try again. Until then nothing is lost.`,
    );
  }
}

async function mergeChains(parts: Parts, folder: string, tree: Tree, chains: readonly Chain[]): Promise<void> {
  const { trees } = parts;
  const only = withoutPast(tree);
  // Once a file was changed, the note has to stay until all of it is done: without it the change would be taken for somebody else's.
  let isWritten = (await notedIn(folder)) !== null;
  const merge = async (): Promise<void> => {
    for (const [first, ...over] of chains)
      for (const top of over) {
        await absorbed(parts, first, top, unwatched());
        isWritten = true;
      }
  };
  try {
    await begin(parts, folder, only, chains);
  } catch (error) {
    if (!isWritten) await rm(noteIn(folder), { force: true });
    throw error;
  }
  try {
    await merge();
  } catch (error) {
    const { code = "EIO" } = error as Refusal;
    if (!isWritten && BEFORE_WRITING.has(code)) {
      await trees.saveAway(folder, tree);
      await rm(noteIn(folder), { force: true });
      throw error;
    }
    // What only snapshots needed makes room on a disk that is full.
    await trees.sweepAway(folder);
    if (code !== "ENOSPC") throw error;
    await merge();
  }
  await trees.saveAway(folder, withFirst(only, chains));
}

const unwatched = () => ({ progress: () => {}, signal: new AbortController().signal });
