/**
 * The tree of a domain's snapshots, and the images of disks that they need. Pure functions; trees.ts keeps it on the disk.
 * Images (`layers`) and snapshots are distinct. A layer is a file that others may be based on. A snapshot names a layer for each disk, and so does
 * the domain's present state (`current`). A layer that nobody names is needed only while others are based on it; merging.ts joins it with its only
 * child.
 */
import path from "node:path";
import { z } from "zod";
import { isDomainName } from "../../toolstack/domain-name.ts";
import { SNAPSHOT_NAME } from "./snapshot-name.ts";

const LAST_TIME = 8.64e15;
const UUID = z.string().regex(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
const SNAPSHOT_ID = z.string().regex(/^[\da-f]{8}$/);
const FILE = z
  .string()
  .max(4096)
  .refine(
    (file) => path.isAbsolute(file) && path.normalize(file) === file && !file.includes("\0"),
    "must be a whole path",
  );
/** With those in the bin. */
export const MOST_SNAPSHOTS = 1000;
const MOST_LAYERS = 4000;
/** More than a fork may have copies. */
const MOST_MAKING = 64;

const LAYER = z.strictObject({
  file: FILE,
  format: z.enum(["raw", "qcow2", "vhd", "vmdk"]),
  /** The layer that it is based on; null for the image at the beginning. */
  base: FILE.nullable(),
  /** Whether it was made here and is deleted when nobody needs it. The user's own images are only forgotten. */
  isOwn: z.boolean(),
  /** Whether it belongs to a snapshot of another domain, of which this domain is a clone. It is never changed. */
  isForeign: z.boolean(),
});
const TIME = z.int().min(0).max(LAST_TIME);
const DISK = z.strictObject({
  /** Id of the device. */
  id: z.string().regex(/^\d{1,10}$/),
  vdev: z.string().min(1).max(32),
  file: FILE,
});
const SNAPSHOT = z.strictObject({
  id: SNAPSHOT_ID,
  name: SNAPSHOT_NAME,
  parent: SNAPSHOT_ID.nullable(),
  takenAt: z.number().min(0).max(LAST_TIME),
  hasMemory: z.boolean(),
  memoryMiB: z
    .number()
    .min(0)
    .max(1 << 20),
  disks: z.array(DISK).max(256),
  picture: z.enum(["screen", "console"]).nullable(),
  /**
   * null unless it lies in the bin (bin.ts), where it needs all that it needed before. `at`: when it was deleted, in milliseconds since 1970. `over`: when
   * it was first found to have lain there for a day; null: it was not.
   */
  deleted: z.strictObject({ at: TIME, over: TIME.nullable() }).nullable().default(null),
});
const TREE = z.strictObject({
  version: z.literal(1),
  uuid: UUID,
  /** The latest name of the domain. */
  name: z.string().refine(isDomainName),
  /** The snapshot of another domain that this domain was made from. */
  origin: z.strictObject({ uuid: UUID, snapshot: SNAPSHOT_ID }).nullable(),
  layers: z.array(LAYER).max(MOST_LAYERS),
  snapshots: z.array(SNAPSHOT).max(MOST_SNAPSHOTS),
  /** The domain's present state: the snapshot that it continues from, and the images that it writes to. */
  current: z.strictObject({ parent: SNAPSHOT_ID.nullable(), disks: z.array(DISK).max(256) }),
  /** Images that the domain no longer has because its disks were changed by hand. Only their user knows whether they are needed. */
  left: z.array(FILE).max(MOST_LAYERS),
  /**
   * Images that the domain's configuration may still name for a device although the domain has gone on from them. The configuration is written after
   * the tree, so an interruption between the two leaves it behind.
   */
  former: z
    .array(z.strictObject({ id: DISK.shape.id, file: FILE }))
    .max(MOST_LAYERS)
    .default([]),
  /** Images that were made here and are to be deleted unless a layer names them. An interrupted step leaves such images. */
  going: z.array(FILE).max(MOST_LAYERS),
  /**
   * Domains that are being made from a snapshot, and the name of the snapshot if that is taken for them alone. Who is killed meanwhile leaves them half
   * done; all of that goes when the library is opened next (unfinished.ts).
   */
  making: z
    .strictObject({ domains: z.array(UUID).max(MOST_MAKING), snapshot: SNAPSHOT_NAME.nullable() })
    .nullable()
    .default(null),
});

export type Layer = z.infer<typeof LAYER>;
export type LayerDisk = z.infer<typeof DISK>;
export type Snapshot = z.infer<typeof SNAPSHOT>;
export type Tree = z.infer<typeof TREE>;

export function emptyTree(uuid: string, name: string): Tree {
  const current = { parent: null, disks: [] };
  const lists = { layers: [], snapshots: [], left: [], former: [], going: [] };
  return { version: 1, uuid, name, origin: null, current, making: null, ...lists };
}

export const treeText = (tree: Tree): string => `${JSON.stringify(tree, null, 2)}\n`;

/** Throws an Error whose message says what is wrong, a sentence without its full stop. */
export function parseTree(text: string, uuid: string): Tree {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("it is no JSON");
  }
  const parsed = TREE.safeParse(found);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error([issue?.path.join("."), issue?.message].filter(Boolean).join(": "));
  }
  const tree = parsed.data;
  if (tree.uuid !== uuid) throw new Error(`it is of the domain ${tree.uuid}`);
  checkLayers(tree);
  checkSnapshots(tree);
  return tree;
}

function checkLayers({ layers, snapshots, current, left }: Tree): void {
  const bases = new Map(layers.map(({ file, base }) => [file, base]));
  if (bases.size !== layers.length) throw new Error("it has an image twice");
  for (const { file } of layers)
    for (let at: string | null = file, steps = 0; at !== null; at = bases.get(at)!)
      if (!bases.has(at) || ++steps > layers.length) throw new Error(`${file} has no first image that it is based on`);
  for (const file of [...left, ...[...snapshots, current].flatMap(({ disks }) => disks.map((disk) => disk.file))])
    if (!bases.has(file)) throw new Error(`it does not know the image ${file} that it names`);
}

function checkSnapshots({ snapshots, current }: Tree): void {
  const parents = new Map(snapshots.map(({ id, parent }) => [id, parent]));
  if (parents.size !== snapshots.length) throw new Error("it has a snapshot twice");
  for (const start of [...parents.keys(), current.parent])
    for (let at = start, steps = 0; at !== null; at = parents.get(at)!)
      if (!parents.has(at) || ++steps > parents.size) throw new Error(`snapshot ${start} has no beginning`);
}

/** Returns the files that snapshots or the domain name, or that the domain has left. */
export function namedFiles({ snapshots, current, left }: Tree): ReadonlySet<string> {
  return new Set([...left, ...[...snapshots, current].flatMap(({ disks }) => disks.map(({ file }) => file))]);
}

export function childrenOf({ layers }: Tree, file: string): Layer[] {
  return layers.filter(({ base }) => base === file);
}

/** Returns the images that nobody may write: all except those that the domain has now, and those that it has left and nothing is based on. */
export function frozenFiles(tree: Tree): string[] {
  const { layers, current, left } = tree;
  const free = left.filter((file) => childrenOf(tree, file).length === 0);
  const written = new Set([...free, ...current.disks.map(({ file }) => file)]);
  return layers.map(({ file }) => file).filter((file) => !written.has(file));
}

/** Returns the tree with the images that the domain has now; its user may have given it others since the last deed. */
export function adopted(tree: Tree, disks: readonly (LayerDisk & { format: string })[]): Tree {
  const known = new Set(tree.layers.map(({ file }) => file));
  const layers = disks
    .filter(({ file }) => !known.has(file))
    .map(({ file, format }): Layer => {
      return { file, format: LAYER.shape.format.parse(format), base: null, isOwn: false, isForeign: false };
    });
  const current = disks.map(({ id, vdev, file }) => ({ id, vdev, file }));
  const now = new Set(current.map(({ file }) => file));
  const left = new Set([...tree.left, ...tree.current.disks.map(({ file }) => file)].filter((file) => !now.has(file)));
  return {
    ...tree,
    layers: [...tree.layers, ...layers],
    current: { ...tree.current, disks: current },
    left: [...left],
  };
}

/** Adds a snapshot, from which the domain continues. */
export function withSnapshot(tree: Tree, snapshot: Snapshot): Tree {
  return {
    ...tree,
    snapshots: [...tree.snapshots, snapshot],
    current: { ...tree.current, parent: snapshot.id },
  };
}

/** Removes a snapshot; those after it continue from the one before it. */
export function withoutSnapshot(tree: Tree, id: string): Tree {
  const gone = tree.snapshots.find((each) => each.id === id);
  const parent = (of: string | null): string | null => (of === id ? (gone?.parent ?? null) : of);
  return {
    ...tree,
    snapshots: tree.snapshots
      .filter((each) => each.id !== id)
      .map((each) => ({ ...each, parent: parent(each.parent) })),
    current: { ...tree.current, parent: parent(tree.current.parent) },
  };
}

/** Returns the tree of a domain that continues with those disks, which its configuration is still to name. */
export function withCurrent(tree: Tree, current: Tree["current"]): Tree {
  const now = new Map(current.disks.map(({ id, file }) => [id, file]));
  const gone = tree.current.disks.filter(({ id, file }) => now.has(id) && now.get(id) !== file);
  return { ...tree, current, former: [...tree.former, ...gone.map(({ id, file }) => ({ id, file }))] };
}

/** Returns the tree after `base` has taken in what `top` had, and replaces both. */
export function withMerged(tree: Tree, base: string, top: string): Tree {
  const renamed = (file: string): string => (file === top ? base : file);
  const disks = (all: readonly LayerDisk[]): LayerDisk[] => all.map((disk) => ({ ...disk, file: renamed(disk.file) }));
  return {
    ...withCurrent(tree, { ...tree.current, disks: disks(tree.current.disks) }),
    layers: tree.layers
      .filter(({ file }) => file !== top)
      .map((layer) => ({ ...layer, base: layer.base === null ? null : renamed(layer.base) })),
    snapshots: tree.snapshots.map((each) => ({ ...each, disks: disks(each.disks) })),
    left: tree.left.map(renamed),
    going: [...tree.going, top],
  };
}

/**
 * Removes layers that nobody names and nothing is based on, then those below them of which that is now true. `isUsed` tells whether another domain
 * uses a file.
 */
export function withoutLeaves(tree: Tree, isUsed: (file: string) => boolean): Tree {
  const named = namedFiles(tree);
  for (let now = tree; ;) {
    const leaves = now.layers.filter(
      ({ file, isForeign }) => !named.has(file) && childrenOf(now, file).length === 0 && (isForeign || !isUsed(file)),
    );
    if (leaves.length === 0) return now;
    const gone = new Set(leaves.map(({ file }) => file));
    const going = leaves.filter(({ isOwn }) => isOwn).map(({ file }) => file);
    now = { ...now, layers: now.layers.filter(({ file }) => !gone.has(file)), going: [...now.going, ...going] };
  }
}

/** Returns a layer that nobody names and its only child, which are to become one; null when there is none. */
export function nextMerge(tree: Tree, isUsed: (file: string) => boolean): { base: Layer; top: Layer } | null {
  const named = namedFiles(tree);
  for (const base of tree.layers) {
    if (named.has(base.file) || base.isForeign || isUsed(base.file)) continue;
    if (base.format !== "raw" && base.format !== "qcow2") continue;
    const [top, ...others] = childrenOf(tree, base.file);
    // The user knows an image that the domain has left by its name.
    if (top && tree.left.includes(top.file)) continue;
    if (top && others.length === 0 && top.isOwn && top.format === "qcow2" && !isUsed(top.file)) return { base, top };
  }
  return null;
}
