/**
 * Removes images that nobody names any more. One that no other is based on is deleted. One with a single child takes in what the child has and
 * replaces both. One with several children stays, since what they share lies there only once.
 * A merge can stop anywhere and be repeated: until the end the child shows what it showed (core/dom0/storage/absorb.ts). Then, in this order, the
 * child's children are based on the image, the tree records this, and the child is deleted.
 * The image that a domain writes to is merged while the domain runs. The domain writes to a new image meanwhile, again and again until little is
 * left, and requests wait only while that little is taken in.
 */
import { randomBytes, randomUUID } from "node:crypto";
import path from "node:path";
import { tmpdir } from "node:os";
import { absorbImage, Disks } from "../../dom0/backends/blk/disks.ts";
import { rebaseImage } from "../../dom0/storage/qcow2/rebase.ts";
import { Refusal } from "../../toolstack/error.ts";
import type { DomainInfo } from "../../toolstack/messages.ts";
import { allocated, imageFailure, isTaken, makeOverlays, overlayFile } from "./images.ts";
import { checkNotSaved, freeze, hostOf, keep, nameImages, running, type Parts, type Watch } from "./parts.ts";
import {
  childrenOf,
  nextMerge,
  treeText,
  withCurrent,
  withMerged,
  withoutLeaves,
  type Layer,
  type Tree,
} from "./tree.ts";

/** A running domain's requests may wait while at most so many bytes are taken in. */
const FOLD_BYTES = 16 << 20;
/** After so many rounds the merge no longer waits for a domain that writes faster than its image is merged. */
const MOST_ROUNDS = 8;

/** Returns the number of images that are still to be merged. */
export function unmerged(parts: Parts, tree: Tree): number {
  let count = 0;
  for (let now = tree, next = nextOf(parts, now); next; next = nextOf(parts, now), count++)
    now = withMerged(now, next.base.file, next.top.file);
  return count;
}

function nextOf({ trees }: Parts, tree: Tree): { base: Layer; top: Layer } | null {
  return nextMerge(tree, (file) => trees.isUsedElsewhere(tree.uuid, file));
}

/** Removes images that nobody needs. */
export async function collect(parts: Parts, uuid: string): Promise<void> {
  const { trees } = parts;
  const tree = trees.find(uuid);
  if (!tree) return;
  const without = withoutLeaves(tree, (file) => trees.isUsedElsewhere(uuid, file));
  if (without !== tree) await keep(parts, without);
  await trees.sweep(uuid);
}

/** Merges everything that can be merged. Throws Refusal, ECANCELED when it was cancelled. What was merged until then stays merged. */
export async function merge(parts: Parts, uuid: string, { progress, signal }: Watch): Promise<void> {
  await collect(parts, uuid);
  for (let tree = parts.trees.find(uuid); tree; tree = parts.trees.find(uuid)) {
    const next = nextOf(parts, tree);
    if (!next) return;
    signal.throwIfAborted();
    // The domain may have been saved since the last merge; its saved memory needs the images that it has.
    checkNotSaved(await parts.definitions.find(uuid));
    const domain = await running(parts, uuid);
    const disk = tree.current.disks.find(({ file }) => file === next.top.file);
    if (domain && disk) await mergeWritten(parts, uuid, domain, disk.id, next, { progress, signal });
    else await mergeStill(parts, tree, domain, next, { progress, signal });
    await parts.trees.sweep(uuid);
    parts.changed(uuid);
  }
}

/** Merges an image that nobody writes. A domain that does not run must not start meanwhile. */
async function mergeStill(
  parts: Parts,
  tree: Tree,
  domain: DomainInfo | null,
  { base, top }: { base: Layer; top: Layer },
  options: Watch,
): Promise<void> {
  const mine = tree.current.disks.map(({ file }) => file);
  if (!domain) await freeze(parts, mine);
  try {
    await absorbed(parts, base, top, options);
    const after = withMerged(tree, base.file, top.file);
    await rebased(parts, domain, tree, after, { base, top });
    await keep(parts, after, domain ? [] : mine);
    if (mine.includes(top.file)) await nameImages(parts, after);
  } finally {
    if (!domain) await freeze(parts);
  }
}

/** Makes what was based on `top` be based on `base`, which shows the same. */
async function rebased(
  parts: Parts,
  domain: DomainInfo | null,
  tree: Tree,
  after: Tree,
  { base, top }: { base: Layer; top: Layer },
): Promise<void> {
  const children = childrenOf(tree, top.file).map(({ file }) => file);
  const written = domain ? tree.current.disks.find(({ file }) => children.includes(file)) : undefined;
  for (const file of children)
    if (file !== written?.file)
      await rebaseImage(file, { file: path.basename(base.file), format: base.format }).catch((error: unknown) => {
        throw imageFailure(error, "An image can't be based on another");
      });
  if (!domain || !written) return;
  // Written last: with it the tree says that nobody needs the image any more.
  const record = { file: parts.trees.file(tree.uuid), text: treeText(after) };
  await hostOf(parts).request("diskRebase", {
    ...{ domid: domain.domid, device: written.id, from: written.file, base: imageOf(base) },
    record,
  });
}

const imageOf = ({ file, format }: Layer): { file: string; format: string } => ({ file, format });

/** Lets an image take in another that is based on it. Throws Refusal. */
export async function absorbed(
  parts: Pick<Parts, "toolstack">,
  base: Layer,
  top: Layer,
  { progress, signal }: Watch,
): Promise<void> {
  const all = Math.max(1, await allocated(top.file));
  const tell = (bytes: number): void => progress(Math.min(1, bytes / all));
  const toolstack = parts.toolstack();
  if (!toolstack) {
    // The host is off, so nobody else has an image open.
    await absorbImage(new Disks(tmpdir()), imageOf(base), imageOf(top), { progress: tell, signal }).catch(
      (error: unknown) => {
        throw imageFailure(error, "Images can't be merged");
      },
    );
    return;
  }
  const task = randomUUID();
  const hear = (event: { task: string; bytes: number }): void => {
    if (event.task === task) tell(event.bytes);
  };
  const cancel = (): void => void toolstack.request("absorbCancel", { task }).catch(() => {});
  const unhear = toolstack.on("absorbing", hear);
  signal.addEventListener("abort", cancel);
  try {
    await toolstack.request("imageAbsorb", { task, base: imageOf(base), top: imageOf(top) });
  } finally {
    unhear();
    signal.removeEventListener("abort", cancel);
  }
}

/** Merges the image that a running domain writes to. */
async function mergeWritten(
  parts: Parts,
  uuid: string,
  { domid }: DomainInfo,
  device: string,
  { base, top: first }: { base: Layer; top: Layer },
  options: Watch,
): Promise<void> {
  const { trees } = parts;
  const toolstack = hostOf(parts);
  const record = (tree: Tree) => ({ file: trees.file(uuid), text: treeText(tree) });
  let top = first;
  for (let round = 0; (await allocated(top.file)) > FOLD_BYTES && round < MOST_ROUNDS; round++) {
    options.signal.throwIfAborted();
    const next = await overlay(parts, uuid, device, top);
    const between = trees.find(uuid)!;
    await toolstack.request("checkpoint", {
      ...{ domid, memory: "none", file: null, disks: [{ id: device, from: top.file, file: next.file }] },
      record: record(goneOn(between, device, next)),
    });
    const tree = (await trees.reread(uuid))!;
    await freeze(parts);
    await absorbed(parts, base, top, options);
    const after = withMerged(tree, base.file, top.file);
    await toolstack.request("diskRebase", {
      ...{ domid, device, from: next.file, base: imageOf(base) },
      record: record(after),
    });
    await trees.reread(uuid);
    await trees.sweep(uuid);
    top = next;
  }
  const tree = trees.find(uuid)!;
  const after = withMerged(tree, base.file, top.file);
  await toolstack.request("diskFold", {
    ...{ domid, device, from: top.file, base: imageOf(base) },
    record: record(after),
  });
  await trees.reread(uuid);
  await freeze(parts);
  await nameImages(parts, after);
}

/** Makes a new image over the one that the domain writes to. */
async function overlay(parts: Parts, uuid: string, device: string, top: Layer): Promise<Layer> {
  const tree = parts.trees.find(uuid)!;
  const { vdev } = tree.current.disks.find(({ id }) => id === device)!;
  let file: string;
  do file = overlayFile(top.file, vdev, randomBytes(4).toString("hex"));
  while (await isTaken(file));
  await keep(parts, { ...tree, going: [...tree.going, file] });
  await makeOverlays([{ file, base: top }]);
  return { file, format: "qcow2", base: top.file, isOwn: true, isForeign: false };
}

function goneOn(tree: Tree, device: string, layer: Layer): Tree {
  const disks = tree.current.disks.map((disk) => (disk.id === device ? { ...disk, file: layer.file } : disk));
  return {
    ...withCurrent(tree, { ...tree.current, disks }),
    layers: [...tree.layers, layer],
    going: tree.going.filter((file) => file !== layer.file),
  };
}

/** Throws Refusal EBUSY if domains were made from that snapshot and are based on it. */
export function checkUnused({ trees }: Parts, uuid: string, id: string, name: string): void {
  const clones = trees.clonesOf(uuid, id).map((tree) => tree.name);
  if (clones.length === 0) return;
  throw new Refusal(
    "EBUSY",
    `${clones.join(", ")} ${clones.length === 1 ? "was" : "were"} made from the snapshot ${name} and ${clones.length === 1 ? "needs" : "need"} its disks: delete ${clones.length === 1 ? "that domain" : "those domains"} first.`,
  );
}
