/**
 * Snapshots that were deleted, for a day. They stay in the tree, with their place there, their memory, picture and images, so that nothing that is done with
 * other snapshots meanwhile can take from them what they need; only their user no longer sees them. Pure functions; binning.ts has the deeds.
 */
import { overSince, SURE_MS } from "../bin.ts";
import { MOST_NAME } from "./snapshot-name.ts";
import type { Snapshot, Tree } from "./tree.ts";

/**
 * The most that lie there for a domain: whoever takes and deletes snapshots all day long must not come to a chain of more images than can be opened
 * (../../dom0/storage/open.ts), or than are read with speed. The earliest go for good before that.
 */
export const MOST_BINNED = 64;

/** A snapshot in the bin. */
export type Binned = Snapshot & { deleted: NonNullable<Snapshot["deleted"]> };
const isBinned = (snapshot: Snapshot): snapshot is Binned => snapshot.deleted !== null;

/** The snapshots that their user sees. */
export const shown = ({ snapshots }: Pick<Tree, "snapshots">): Snapshot[] =>
  snapshots.filter(({ deleted }) => deleted === null);

/** Those in the bin, the latest first. */
export function binned({ snapshots }: Pick<Tree, "snapshots">): Binned[] {
  // Of those that were deleted in the same millisecond, the one that was taken last.
  return snapshots
    .filter(isBinned)
    .toReversed()
    .sort((a, b) => b.deleted.at - a.deleted.at);
}

/** Returns that snapshot, or the next above it, that its user sees; null for none. */
export function shownFrom({ snapshots }: Pick<Tree, "snapshots">, id: string | null): string | null {
  const known = new Map(snapshots.map((each) => [each.id, each]));
  for (let at = id; at !== null; at = known.get(at)?.parent ?? null) if (known.get(at)?.deleted === null) return at;
  return null;
}

function changed(tree: Tree, id: string, change: (snapshot: Snapshot) => Snapshot): Tree {
  return { ...tree, snapshots: tree.snapshots.map((each) => (each.id === id ? change(each) : each)) };
}

export function withDeleted(tree: Tree, id: string, now: number): Tree {
  return changed(tree, id, (each) => ({ ...each, deleted: { at: now, over: null } }));
}

/** Gives its name back, or one made of it that no other has. */
export function withRestored(tree: Tree, id: string): Tree {
  const taken = new Set([...shown(tree).map(({ name }) => name), tree.making?.snapshot]);
  return changed(tree, id, (each) => ({
    ...each,
    name: freeName(each.name, (name) => taken.has(name)),
    deleted: null,
  }));
}

function freeName(name: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(name)) return name;
  for (let n = 2; ; n++) {
    const ending = ` ${n}`;
    let stem = name;
    // By characters, so that none is cut in two.
    while (stem.length + ending.length > MOST_NAME) stem = [...stem].slice(0, -1).join("");
    if (!isTaken(stem + ending)) return stem + ending;
  }
}

/** Notes of each whether it has lain there for a day. Returns the same tree where nothing is to be noted. */
export function withOver(tree: Tree, now: number): Tree {
  const over = (each: Binned): number | null => overSince({ deletedAt: each.deleted.at, over: each.deleted.over }, now);
  if (binned(tree).every((each) => over(each) === each.deleted.over)) return tree;
  const snapshots = tree.snapshots.map((each) =>
    isBinned(each) ? { ...each, deleted: { at: each.deleted.at, over: over(each) } } : each,
  );
  return { ...tree, snapshots };
}

/** Ids of those that are to go for good: found an hour ago to have lain there for a day, or more than can lie there. */
export function due(tree: Tree, now: number): string[] {
  const all = binned(tree);
  const isOver = ({ deleted: { over } }: Binned): boolean => over !== null && over <= now - SURE_MS;
  return all.filter((each, i) => i >= MOST_BINNED || isOver(each)).map(({ id }) => id);
}
