/**
 * Goes back to a snapshot, or makes another domain of it: with new images based on the snapshot's, and with its memory if it has that. The tree is
 * written when the domain exists and before it runs. Until then nothing has changed, except that the domain was stopped if it ran.
 */
import { randomBytes } from "node:crypto";
import { Refusal } from "../../toolstack/error.ts";
import type { CreateResult, RestoreAs } from "../../toolstack/messages.ts";
import { readSaved, readSavedHeader, type SavedHeader } from "../../toolstack/saved-file.ts";
import { withValue } from "../../toolstack/config-text.ts";
import { apart } from "../apart.ts";
import { isTaken, makeOverlays, overlayFile } from "./images.ts";
import { hostOf, keep, running, withImages, type Definition, type Parts } from "./parts.ts";
import { emptyTree, withCurrent, type Layer, type LayerDisk, type Snapshot, type Tree } from "./tree.ts";
import { removed } from "./unfinished.ts";

export interface Continued {
  uuid: string;
  name: string;
  /** null where the domain does not run, because the snapshot has no memory. */
  domid: number | null;
}

/** Throws Refusal ESRCH for one that lies in the bin too. */
export function snapshotOf(tree: Tree | null, id: string): Snapshot {
  const found = tree?.snapshots.find((each) => each.id === id);
  if (found?.deleted === null) return found;
  if (found) throw new Refusal("ESRCH", `The snapshot ${found.name} lies in the bin: put it back first.`);
  throw new Refusal("ESRCH", "There is no such snapshot.");
}

/** Makes the domain what it was then. What it was until now is lost unless a snapshot has it. */
export async function revert(parts: Parts, uuid: string, id: string): Promise<Continued> {
  const { trees } = parts;
  const known = trees.find(uuid)!;
  // It may have been renamed since.
  const tree = { ...known, name: (await parts.definitions.find(uuid))?.name ?? known.name };
  const snapshot = snapshotOf(tree, id);
  const toolstack = parts.toolstack();
  needHost(parts, snapshot);
  const header = await machineOf(parts, tree, snapshot);
  const disks = await newDisks(tree, snapshot);
  await keep(parts, { ...tree, going: [...tree.going, ...disks.map(({ file }) => file)] });
  try {
    const reverted = onto(tree, snapshot, disks, false);
    await makeOverlays(overlaysOf(reverted, disks));
    const config = withValue(configOn(header, reverted), "name", tree.name);
    const before = await running(parts, uuid);
    if (before) await toolstack!.request("destroy", { domid: before.domid });
    if (!snapshot.hasMemory) {
      await keep(parts, reverted);
      await parts.definitions.change(uuid, config);
      return { uuid, name: tree.name, domid: null };
    }
    const as = { config, name: tree.name, uuid };
    const domid = await restored(parts, snapshotFile(parts, uuid, id), as, async () => {
      await keep(parts, reverted);
      await parts.definitions.change(uuid, config);
    }).catch((error: unknown) => {
      const { code = "EIO", message } = error as { code?: string; message: string };
      const stopped = before ? ` ${tree.name} was stopped for that; its disks are as they were.` : "";
      throw new Refusal(code, `${message}${stopped}`);
    });
    return { uuid, name: tree.name, domid };
  } catch (error) {
    await trees.sweep(uuid).catch(() => {});
    throw error;
  }
}

/** Name and UUID of the other domain. */
export interface Identity {
  uuid: string;
  name: string;
}

/** Makes a paused domain of memory that is kept somewhere. */
export type Continue = (as: Required<RestoreAs>) => Promise<CreateResult>;

/**
 * Another domain, as that one was then, paused; what two can't both have it has anew (../apart.ts). Whoever calls lets
 * nobody start or delete it meanwhile, and has noted it (unfinished.ts). `memory`: where that is if the snapshot's own is not meant; null:
 * that one, if it has any.
 */
export async function clone(
  parts: Parts,
  from: string,
  id: string,
  { uuid, name }: Identity,
  memory: Continue | null = null,
): Promise<Continued> {
  const { trees, definitions } = parts;
  const tree = trees.find(from)!;
  const snapshot = snapshotOf(tree, id);
  needHost(parts, snapshot);
  const ofFile: Continue = (as) =>
    hostOf(parts).request("restore", { file: snapshotFile(parts, from, id), paused: true, as });
  const goOn = memory ?? (snapshot.hasMemory ? ofFile : null);
  const header = await machineOf(parts, tree, snapshot);
  const disks = await newDisks(tree, snapshot);
  const empty = { ...emptyTree(uuid, name), origin: { uuid: from, snapshot: id } };
  const made = onto(foreign(empty, tree, snapshot), snapshot, disks, true);
  const config = withValue(withValue(apart(configOn(header, made), name), "name", name), "uuid", uuid);
  const files = await readSaved(snapshotFile(parts, from, id), (saved) => Promise.resolve(saved.files));
  const definition: Definition = {
    name,
    config,
    configName: header.configName ?? null,
    isSaved: false,
    files: () => Promise.resolve(files),
  };
  await definitions.add(uuid, definition);
  try {
    await keep(parts, { ...empty, going: disks.map(({ file }) => file) });
    await makeOverlays(overlaysOf(made, disks));
    await keep(parts, made);
    return { uuid, name, domid: goOn ? (await goOn({ config, name, uuid })).domid : null };
  } catch (error) {
    await removed(parts, uuid).catch(() => {});
    throw error;
  }
}

function needHost(parts: Parts, { hasMemory }: Snapshot): void {
  if (!hasMemory || parts.toolstack()) return;
  throw new Refusal(
    "EOFF",
    "The snapshot has the domain's memory, which goes on on a host that runs: power it on first.",
  );
}

function snapshotFile({ trees }: Parts, uuid: string, id: string): string {
  return trees.part(uuid, id, "machine");
}

/** Returns what the domain was. Throws Refusal when its file can't be used. */
function machineOf(parts: Parts, tree: Tree, { id }: Snapshot): Promise<SavedHeader> {
  return readSavedHeader(snapshotFile(parts, tree.uuid, id));
}

async function newDisks(tree: Tree, snapshot: Snapshot): Promise<LayerDisk[]> {
  for (;;) {
    const step = randomBytes(4).toString("hex");
    const disks = snapshot.disks.map((disk) => ({ ...disk, file: overlayFile(disk.file, disk.vdev, step) }));
    const known = new Set(tree.layers.map(({ file }) => file));
    const taken = await Promise.all(disks.map(({ file }) => isTaken(file)));
    if (!taken.includes(true) && !disks.some(({ file }) => known.has(file))) return disks;
  }
}

/** Returns the tree of a domain that has continued from the snapshot with those disks. */
function onto(tree: Tree, snapshot: Snapshot, disks: readonly LayerDisk[], isOther: boolean): Tree {
  const layers: Layer[] = disks.map(({ file }, i) => ({
    file,
    format: "qcow2",
    base: snapshot.disks[i]!.file,
    isOwn: true,
    isForeign: false,
  }));
  return {
    ...withCurrent(tree, { parent: isOther ? null : snapshot.id, disks: [...disks] }),
    layers: [...tree.layers, ...layers],
  };
}

/** Returns a tree with the snapshot's images as another domain knows them. */
function foreign(tree: Tree, from: Tree, snapshot: Snapshot): Tree {
  const files = new Set(snapshot.disks.map(({ file }) => file));
  const layers = from.layers
    .filter(({ file }) => files.has(file))
    .map((layer): Layer => ({ ...layer, base: null, isOwn: false, isForeign: true }));
  return { ...tree, layers };
}

function overlaysOf(tree: Tree, disks: readonly LayerDisk[]): { file: string; base: Layer }[] {
  return disks.map(({ file }) => {
    const { base } = tree.layers.find((layer) => layer.file === file)!;
    return { file, base: tree.layers.find((layer) => layer.file === base)! };
  });
}

function configOn(header: SavedHeader, { current, layers }: Tree): string {
  return withImages({ config: header.config, configName: header.configName ?? null }, current.disks, layers);
}

/** Restores the memory into a new domain, which is started when `ready` has ended. Returns its domid. */
async function restored(
  parts: Parts,
  file: string,
  as: { config: string; name: string; uuid: string },
  ready: () => Promise<void>,
): Promise<number> {
  const toolstack = hostOf(parts);
  const { domid } = await toolstack.request("restore", { file, paused: true, as });
  try {
    await ready();
  } catch (error) {
    await toolstack.request("destroy", { domid }).catch(() => {});
    throw error;
  }
  await toolstack.request("unpause", { domid });
  return domid;
}
