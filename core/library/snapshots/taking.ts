/**
 * Takes a snapshot. The domain's images become read-only, and it continues with new ones that are based on them. The order is such that it can be
 * interrupted anywhere:
 * 1. The new images are noted as such that are removed unless something names them, and are made. They show what those below them show.
 * 2. The domain's requests wait, and the tree is written with the new images as the domain's own.
 * 3. From then on the domain writes to them. Its memory is written to a file, and the snapshot is added to the tree.
 * If it is interrupted between 2 and 3, there are images with no snapshot between them, which are merged again (merging.ts).
 */
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { Refusal } from "../../toolstack/error.ts";
import type { CheckpointResult, DomainInfo, KeptDisk } from "../../toolstack/messages.ts";
import { writeSaved } from "../../toolstack/saved-file.ts";
import { shown } from "./bin.ts";
import { isTaken, makeOverlays, overlayFile } from "./images.ts";
import {
  checkNotSaved,
  disksNow,
  freeze,
  hostOf,
  keep,
  nameImages,
  running,
  withImages,
  type Definition,
  type Parts,
  type Watch,
} from "./parts.ts";
import { keepPicture } from "./picture.ts";
import {
  adopted,
  emptyTree,
  MOST_SNAPSHOTS,
  treeText,
  withCurrent,
  withSnapshot,
  type Layer,
  type LayerDisk,
  type Snapshot,
  type Tree,
} from "./tree.ts";

export interface TakeOptions {
  name: string;
  /** Whether the snapshot has memory. A domain that does not run has none. */
  memory: boolean;
  /** The snapshot has no memory, and dom0 holds that of the moment under this name, for those domains that are made of it at once. */
  held?: { name: string; domains: readonly string[] };
}

export interface Taken {
  snapshot: Snapshot;
  /** Milliseconds during which the domain stood still; 0 for one that does not run. */
  stood: number;
}

/** The snapshot was not taken, and the domain continues as it was. `isUnmerged` says that it uses images that are still to be merged again. */
export class TakeFailure extends Error {
  readonly refusal: unknown;
  constructor(refusal: unknown) {
    super("the snapshot was not taken");
    this.refusal = refusal;
  }
}

/** If it is cancelled while the memory is written, there is no snapshot, and the domain continues. */
export async function take(
  parts: Parts,
  uuid: string,
  { name, memory, held }: TakeOptions,
  watch: Watch,
): Promise<Taken> {
  const domain = await running(parts, uuid);
  const definition = await parts.definitions.find(uuid);
  if (!definition)
    throw new Refusal("ESRCH", `${domain?.name ?? "That domain"} is not kept here, so there can be no snapshot of it.`);
  checkNotSaved(definition);
  const known = parts.trees.find(uuid) ?? emptyTree(uuid, definition.name);
  if (known.snapshots.length >= MOST_SNAPSHOTS)
    throw new Refusal(
      "E2BIG",
      `${definition.name} has ${MOST_SNAPSHOTS} snapshots, with those in the bin, and can't have more: remove some for good first.`,
    );
  if (shown(known).some((each) => each.name === name))
    throw new Refusal("EEXIST", `There is a snapshot named ${name} already.`);
  const disks = await disksNow(parts, domain, definition);
  checkWritable(disks);
  const making = held ? { domains: [...held.domains], snapshot: name } : known.making;
  const before = adopted({ ...known, name: (domain ?? definition).name, making }, disks);
  const id = await newId(before, disks);
  const overlays = disks.map(({ id: device, vdev, file }) => ({ id: device, vdev, file: overlayFile(file, vdev, id) }));
  const snapshot: Snapshot = {
    id,
    name,
    parent: before.current.parent,
    takenAt: Date.now(),
    hasMemory: domain !== null && memory && !held,
    memoryMiB: 0,
    disks: before.current.disks,
    picture: null,
    deleted: null,
  };
  await keep(parts, { ...before, going: [...before.going, ...overlays.map(({ file }) => file)] });
  const after = goingOn(before, overlays);
  try {
    await makeOverlays(
      overlays.map(({ file }, i) => ({ file, base: before.layers.find((layer) => layer.file === disks[i]!.file)! })),
    );
    if (domain) return await takeRunning(parts, domain, definition, after, snapshot, held ?? null, watch);
    return await takeHalted(parts, definition, after, snapshot);
  } catch (error) {
    await undone(parts, uuid, snapshot);
    throw error;
  }
}

function checkWritable(disks: readonly KeptDisk[]): void {
  const other = disks.find(({ format }) => format !== "raw" && format !== "qcow2");
  if (other)
    throw new Refusal(
      "EOPNOTSUPP",
      `A disk in the format ${other.format} can't be written, so there is no snapshot of it.`,
    );
}

/** Returns the tree of a domain that writes to those images from now on. */
function goingOn(tree: Tree, overlays: readonly LayerDisk[]): Tree {
  const layers: Layer[] = overlays.map(({ file }, i) => ({
    file,
    format: "qcow2",
    base: tree.current.disks[i]!.file,
    isOwn: true,
    isForeign: false,
  }));
  return {
    ...withCurrent(tree, { ...tree.current, disks: [...overlays] }),
    layers: [...tree.layers, ...layers],
  };
}

async function newId(tree: Tree, disks: readonly KeptDisk[]): Promise<string> {
  for (;;) {
    const id = randomBytes(4).toString("hex");
    const files = await Promise.all(disks.map(({ file, vdev }) => isTaken(overlayFile(file, vdev, id))));
    if (!files.includes(true) && !tree.snapshots.some((each) => each.id === id)) return id;
  }
}

async function takeRunning(
  parts: Parts,
  domain: DomainInfo,
  definition: Definition,
  after: Tree,
  snapshot: Snapshot,
  held: TakeOptions["held"] | null,
  { progress, signal }: Watch,
): Promise<Taken> {
  const { trees, definitions } = parts;
  const { uuid } = after;
  const toolstack = hostOf(parts);
  const { domid } = domain;
  const cancel = (): void => void toolstack.request("saveCancel", { domid }).catch(() => {});
  const unhear = toolstack.on("saving", (saving) => {
    if (saving.domid === domid) progress(saving.share);
  });
  signal.addEventListener("abort", cancel);
  const asked = toolstack.request("checkpoint", {
    domid,
    memory: held ? "held" : snapshot.hasMemory ? "file" : "none",
    ...(held && { held: held.name, copies: held.domains.length }),
    file: trees.part(uuid, snapshot.id, "machine"),
    disks: after.current.disks.map(({ id, file }, i) => ({ id, from: snapshot.disks[i]!.file, file })),
    record: { file: trees.file(uuid), text: treeText(after) },
  });
  const result: CheckpointResult = await asked.finally(() => {
    unhear();
    signal.removeEventListener("abort", cancel);
  });
  // The domain now writes to other images. If the tree that dom0 has written can't be read, nothing may be merged or removed, because the tree in
  // memory still marks these images as to be removed.
  await trees.reread(uuid);
  // From here on the tree is known, so whatever fails, the images are merged again.
  try {
    await freeze(parts);
    await definitions.change(uuid, definition.config);
    if (result.problem) throw new Refusal(result.problem.code, result.problem.message);
    const picture = await keepPicture(trees, uuid, snapshot.id, result);
    const whole = { ...snapshot, memoryMiB: result.memoryMiB, picture };
    await keep(parts, withSnapshot(after, whole));
    return { snapshot: whole, stood: result.stood };
  } catch (error) {
    throw new TakeFailure(error);
  }
}

async function takeHalted(parts: Parts, definition: Definition, after: Tree, snapshot: Snapshot): Promise<Taken> {
  const { uuid } = after;
  const { name, configName, files } = definition;
  const machine = {
    ...{ name, uuid, savedAt: snapshot.takenAt, memoryMiB: 0 },
    ...{ config: withImages(definition, snapshot.disks, after.layers), ...(configName !== null && { configName }) },
  };
  const nothing = (async function* (): AsyncGenerator<Uint8Array> {})();
  await writeSaved(parts.trees.part(uuid, snapshot.id, "machine"), machine, await files(), new Uint8Array(), nothing);
  const whole = withSnapshot(after, snapshot);
  await keep(parts, whole);
  await nameImages(parts, whole);
  return { snapshot, stood: 0 };
}

/** Removes what was made for the snapshot, unless the domain writes to it already. */
async function undone(parts: Parts, uuid: string, { id }: Snapshot): Promise<void> {
  const { trees } = parts;
  const tree = await trees.reread(uuid);
  if (!tree || tree.snapshots.some((each) => each.id === id)) return;
  for (const what of ["machine", "screen", "console"] as const) await rm(trees.part(uuid, id, what), { force: true });
  await trees.sweep(uuid).catch(() => {});
  await freeze(parts).catch(() => {});
  parts.changed(uuid);
}
