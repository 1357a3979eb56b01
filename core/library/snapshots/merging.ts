/**
 * Images that nobody names any more. One that nobody is based on goes; one with a single child takes in what the child has and stands for both.
 * One with several children stays: what they share lies there once.
 *
 * A merge can stop anywhere and be begun again: until the end the child shows what it showed (core/dom0/storage/absorb.ts). Then the child's
 * children are based on the image, the tree says so, and the child goes, in this order.
 *
 * The image that a domain writes to is merged while it runs: it goes on with another image for as long as that takes, again and again until little
 * is left, which is taken in while its requests wait.
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

/** Bytes that may be left when a running domain's requests wait for the last of them. */
const FOLD_BYTES = 16 << 20;
/** Who writes faster than his image is merged is not waited for. */
const MOST_ROUNDS = 8;

/** How many images are still to be merged. */
export function unmerged(parts: Parts, tree: Tree): number {
  let count = 0;
  for (let now = tree, next = nextOf(parts, now); next; next = nextOf(parts, now), count++)
    now = withMerged(now, next.base.file, next.top.file);
  return count;
}

function nextOf({ trees }: Parts, tree: Tree): { base: Layer; top: Layer } | null {
  return nextMerge(tree, (file) => trees.isUsedElsewhere(tree.uuid, file));
}

/** Images that nobody needs go. */
export async function collect(parts: Parts, uuid: string): Promise<void> {
  const { trees } = parts;
  const tree = trees.find(uuid);
  if (!tree) return;
  const without = withoutLeaves(tree, (file) => trees.isUsedElsewhere(uuid, file));
  if (without !== tree) await keep(parts, without);
  await trees.sweep(uuid);
}

/** All that can be merged. Throws Refusal; ECANCELED when that was wanted. What was merged until then stays merged. */
export async function merge(parts: Parts, uuid: string, { progress, signal }: Watch): Promise<void> {
  await collect(parts, uuid);
  for (let tree = parts.trees.find(uuid); tree; tree = parts.trees.find(uuid)) {
    const next = nextOf(parts, tree);
    if (!next) return;
    signal.throwIfAborted();
    // It may have been saved since the last: its memory goes on with the images that it has.
    checkNotSaved(await parts.definitions.find(uuid));
    const domain = await running(parts, uuid);
    const disk = tree.current.disks.find(({ file }) => file === next.top.file);
    if (domain && disk) await mergeWritten(parts, uuid, domain, disk.id, next, { progress, signal });
    else await mergeStill(parts, tree, domain, next, { progress, signal });
    await parts.trees.sweep(uuid);
    parts.changed(uuid);
  }
}

/** Of an image that nobody writes. A domain that does not run is not to begin meanwhile. */
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

/** What was based on `top` is based on `base`, which shows the same. */
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
  // The last of them: with it the tree says that nobody needs the image any more.
  const record = { file: parts.trees.file(tree.uuid), text: treeText(after) };
  await hostOf(parts).request("diskRebase", {
    ...{ domid: domain.domid, device: written.id, from: written.file, base: imageOf(base) },
    record,
  });
}

const imageOf = ({ file, format }: Layer): { file: string; format: string } => ({ file, format });

async function absorbed(parts: Parts, base: Layer, top: Layer, { progress, signal }: Watch): Promise<void> {
  const all = Math.max(1, await allocated(top.file));
  const tell = (bytes: number): void => progress(Math.min(1, bytes / all));
  const toolstack = parts.toolstack();
  if (!toolstack) {
    // Nobody else has an image open: the host is off.
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

/** Of the image that a running domain writes to. */
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

/** A new image over the one that the domain writes to. */
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

/** Throws Refusal EBUSY: domains were made from that snapshot, and are based on it. */
export function checkUnused({ trees }: Parts, uuid: string, id: string, name: string): void {
  const clones = trees.clonesOf(uuid, id).map((tree) => tree.name);
  if (clones.length === 0) return;
  throw new Refusal(
    "EBUSY",
    `${clones.join(", ")} ${clones.length === 1 ? "was" : "were"} made from the snapshot ${name} and ${clones.length === 1 ? "needs" : "need"} its disks: delete ${clones.length === 1 ? "that domain" : "those domains"} first.`,
  );
}
