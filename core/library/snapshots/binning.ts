/**
 * Deletes snapshots, which lie in the bin for a day (bin.ts), puts them back, and lets them go for good. To delete and to put back is one change of the tree,
 * written whole; only what goes for good is merged.
 */
import { BIN_MS } from "../bin.ts";
import { Refusal } from "../../toolstack/error.ts";
import { binned, due, withDeleted, withOver, withRestored, type Binned } from "./bin.ts";
import { allocated } from "./images.ts";
import { checkUnused, merge, unmerged } from "./merging.ts";
import { adopt, checkNotSaved, keep, type Parts, type Watch } from "./parts.ts";
import type { BinnedSnapshot } from "./report.ts";
import { snapshotOf } from "./reverting.ts";
import { childrenOf, type Snapshot, type Tree } from "./tree.ts";
import { dropped } from "./unfinished.ts";

/** Returns what lies in the bin, the latest first. */
export async function listed({ trees, definitions }: Parts, uuid: string): Promise<BinnedSnapshot[]> {
  const tree = trees.known(uuid);
  if (!tree) return [];
  const domain = (await definitions.find(uuid))?.name ?? tree.name;
  const found = binned(tree).map(async (each): Promise<BinnedSnapshot> => {
    const { id, name, hasMemory, deleted } = each;
    const bytes = await freed({ trees }, tree, each);
    return { id, uuid, domain, name, hasMemory, deletedAt: deleted.at, goneAt: deleted.at + BIN_MS, bytes };
  });
  return Promise.all(found);
}

/**
 * Bytes that become free when it goes for good: its memory and picture, and of an image at most so much as the one that it is merged with has too. An image
 * with several others based on it stays.
 */
async function freed({ trees }: Pick<Parts, "trees">, tree: Tree, { id, disks }: Snapshot): Promise<number> {
  const files = (["machine", "screen", "console"] as const).map((what) => allocated(trees.part(tree.uuid, id, what)));
  const images = disks.map(async ({ file }) => {
    const [child, ...others] = childrenOf(tree, file);
    if (others.length > 0) return 0;
    if (child) return Math.min(await allocated(file), await allocated(child.file));
    return tree.layers.some((layer) => layer.file === file && layer.isOwn) ? allocated(file) : 0;
  });
  return (await Promise.all([...files, ...images])).reduce((sum, each) => sum + each, 0);
}

/** Puts a snapshot into the bin. If more lie there than can, the earliest go for good. */
export async function bin(parts: Parts, uuid: string, id: string, now: number, watch: Watch): Promise<void> {
  const tree = parts.trees.find(uuid);
  const { name } = snapshotOf(tree, id);
  checkUnused(parts, uuid, id, name);
  const after = withDeleted(tree!, id, now);
  await keep(parts, after);
  // It is deleted, whatever becomes of the others; they are tried again with whatever is deleted next, and when the bin is looked through.
  const most = due(after, -Infinity).filter((each) => parts.trees.clonesOf(uuid, each).length === 0);
  if (most.length > 0) await purge(parts, uuid, most, watch).catch(() => {});
}

/** Returns the name that it has from now on. Throws Refusal ESRCH. */
export async function restore(parts: Parts, uuid: string, id: string): Promise<string> {
  const tree = parts.trees.find(uuid);
  find(tree, id);
  const after = withRestored(tree!, id);
  await keep(parts, after);
  return snapshotOf(after, id).name;
}

function find(tree: Tree | null, id: string): Binned {
  const found = tree && binned(tree).find((each) => each.id === id);
  if (found) return found;
  throw new Refusal("ESRCH", "That is not in the bin any more.");
}

/**
 * Removes snapshots in the bin for good, and merges their images into those that came after them. If cancelled, they are gone and the merge is left for
 * later. Throws Refusal; where it says nothing else, they are in the bin still.
 */
export async function purge(parts: Parts, uuid: string, ids: readonly string[], watch: Watch): Promise<void> {
  const { trees } = parts;
  const names = ids.map((id) => {
    const { name } = find(trees.find(uuid), id);
    checkUnused(parts, uuid, id, name);
    return name;
  });
  checkNotSaved(await parts.definitions.find(uuid));
  trees.checkKnown(uuid);
  await adopt(parts, uuid);
  for (const id of ids) await dropped(parts, uuid, id);
  await merge(parts, uuid, watch).catch((error: unknown) => {
    const { code = "EIO", message } = error as { code?: string; message: string };
    const what = names.length === 1 ? `snapshot ${names[0]!} is` : "snapshots are";
    throw new Refusal(code, `The ${what} removed for good, and its disks are still to be merged: ${message}`);
  });
}

/** Whether purgeOld() has something to do with that tree. `isLeft`: merging it was cancelled, so that nobody goes on with it unasked. */
export function isAwaited(parts: Parts, tree: Tree, now: number, isLeft: boolean): boolean {
  return withOver(tree, now) !== tree || due(tree, now).length > 0 || (!isLeft && unmerged(parts, tree) > 0);
}

/** Lets go for good what has lain in the bin for a day, and goes on with merges that were broken off. */
export async function purgeOld(parts: Parts, uuid: string, now: number, watch: Watch): Promise<void> {
  const tree = parts.trees.find(uuid);
  if (!tree) return;
  const noted = withOver(tree, now);
  if (noted !== tree) await keep(parts, noted);
  const ids = due(noted, now).filter((id) => parts.trees.clonesOf(uuid, id).length === 0);
  await purge(parts, uuid, ids, watch);
}
