/** What taking, reverting, merging and cloning share. */
import { realpath } from "node:fs/promises";
import { Refusal } from "../../toolstack/error.ts";
import type { ToolstackClient } from "../../toolstack/client.ts";
import type { DomainInfo, FrozenImage, KeptDisk } from "../../toolstack/messages.ts";
import { isKeptDisk, withDisks } from "../../toolstack/disk-texts.ts";
import { parseXlConfig } from "../../toolstack/xlcfg.ts";
import { paramsOf, readParams } from "../../dom0/backends/blk/config.ts";
import type { DeviceSpec } from "../../dom0/xenbus/kind.ts";
import path from "node:path";
import type { AwayText } from "../definition.ts";
import type { NamedImage, Trees } from "./trees.ts";
import { adopted, type Layer, type LayerDisk, type Tree } from "./tree.ts";

/** What a domain that does not run is started from. */
export interface Definition {
  name: string;
  config: string;
  configName: string | null;
  /** Whether its memory is saved, so that it must continue with the disks that it has. */
  isSaved: boolean;
  /** The files that were given with it. */
  files: () => Promise<Readonly<Record<string, Uint8Array>>>;
}

/** Where definitions of domains are kept. */
export interface Definitions {
  /** Returns null for a domain that is not kept. */
  find(uuid: string): Promise<Definition | null>;
  /** Changes the text that it is started from the next time; a domain that runs has the change already. Does nothing for one that is not kept. */
  change(uuid: string, config: string): Promise<void>;
  /** Adds a domain. */
  add(uuid: string, definition: Definition): Promise<void>;
  /** Removes a domain that was added a moment ago because its making failed. */
  remove(uuid: string): Promise<void>;
  /** All definitions that are known now. */
  all(): readonly (Pick<Definition, "name" | "config" | "configName"> & { uuid: string })[];
  /** Those in the bin and those that were put aside. It waits for steps of the library that are under way. */
  away(): Promise<readonly AwayText[]>;
}

/** Follows a deed: hears its progress and may cancel it. */
export interface Watch {
  /** Is told the share that is done, up to 1. */
  progress: (share: number) => void;
  signal: AbortSignal;
}

export interface Parts {
  readonly trees: Trees;
  readonly definitions: Definitions;
  /** null while the host does not run. */
  readonly toolstack: () => ToolstackClient | null;
  /** Runs a deed that excludes the start, copying and deletion of the domain. */
  readonly alone: <T>(uuid: string, deed: () => Promise<T>) => Promise<T>;
  /** Tells those who follow that a tree has changed. */
  readonly changed: (uuid: string) => void;
}

/** Returns the toolstack, for work on a domain that runs. Throws Refusal EOFF where the host was switched off meanwhile. */
export function hostOf({ toolstack }: Pick<Parts, "toolstack">): ToolstackClient {
  const found = toolstack();
  if (found) return found;
  throw new Refusal("EOFF", "The host went off meanwhile, and its domains with it.");
}

/** Returns the running domain; null when it does not run. */
export async function running({ toolstack }: Parts, uuid: string): Promise<DomainInfo | null> {
  const all = (await toolstack()?.request("list")) ?? [];
  return all.find((each) => each.uuid === uuid && each.config !== null && !each.state.dying) ?? null;
}

/** Returns the text that a domain is to be started from. Where the given one names earlier images of this domain, it names the current ones. */
export async function configNow(
  { layers, current, former }: Tree,
  definition: Pick<Definition, "config" | "configName">,
): Promise<string> {
  if (layers.length === 0) return definition.config;
  const known = new Set(layers.map(({ file }) => file));
  const now = new Map(current.disks.map(({ id, file }) => [id, file]));
  const named = await resolved(disksOf(definition));
  const stale = named.filter(
    ({ id, file }) =>
      now.has(id) &&
      now.get(id) !== file &&
      (known.has(file) || former.some((each) => each.id === id && each.file === file)),
  );
  if (stale.length === 0) return definition.config;
  // Images that the user has put there since stay.
  return withImages(
    definition,
    current.disks.filter(({ id }) => stale.some((each) => each.id === id)),
    layers,
  );
}

/** Returns the disks that the domain has now, with links resolved. Throws Refusal where they differ from those that it will be started with. */
export async function disksNow(parts: Parts, domain: DomainInfo | null, definition: Definition): Promise<KeptDisk[]> {
  const found = domain ? await hostOf(parts).request("keptDisks", { domid: domain.domid }) : disksOf(definition);
  return resolved(found);
}

/** Brings the tree's disks up to what the domain has. Each deed that changes images begins with this. Throws Refusal. */
export async function adopt(parts: Parts, uuid: string): Promise<void> {
  const tree = parts.trees.find(uuid);
  const definition = await parts.definitions.find(uuid);
  if (!tree || tree.layers.length === 0 || !definition || definition.isSaved) return;
  const disks = await disksNow(parts, await running(parts, uuid), definition);
  const now = adopted(tree, disks);
  const text = (each: Tree): string => JSON.stringify([each.current.disks, each.left, each.layers]);
  if (text(now) !== text(tree)) await keep(parts, now);
}

/** Writes the configuration that an interrupted deed did not get to write, so that each deed begins with one that names the images in the tree. */
export async function settle(parts: Parts, uuid: string): Promise<void> {
  const tree = parts.trees.known(uuid);
  if (!tree || tree.former.length === 0) return;
  if ((await parts.definitions.find(uuid))?.isSaved) return;
  await nameImages(parts, tree);
  await parts.trees.save({ ...tree, former: [] });
}

/** Makes the domain's configuration name the images that the tree says it has; other changes of the user stay. */
export async function nameImages({ definitions }: Parts, tree: Tree): Promise<void> {
  const definition = await definitions.find(tree.uuid);
  if (!definition) return;
  const config = await configNow(tree, definition);
  if (config !== definition.config) await definitions.change(tree.uuid, config);
}

/** Throws Refusal EBUSY for a domain whose memory is saved: it can continue only with the images that it names. */
export function checkNotSaved(definition: Definition | null): void {
  if (definition?.isSaved)
    throw new Refusal(
      "EBUSY",
      `${definition.name} is saved with the disks that it has: restore it, or discard what is saved first.`,
    );
}

/** Writes the tree to the disk, and tells dom0 and those who follow. `also` has images that may not be written although a domain names them. */
export async function keep(parts: Parts, tree: Tree, also: readonly string[] = []): Promise<void> {
  await parts.trees.save(tree);
  await freeze(parts, also);
  parts.changed(tree.uuid);
}

export async function freeze({ trees, toolstack }: Parts, also: readonly string[] = []): Promise<void> {
  const images: FrozenImage[] = [
    ...trees.frozen(),
    ...also.map((file) => ({ file, why: "it is being merged with another; start its domain when that has ended" })),
  ];
  await toolstack()?.request("imagesFreeze", { images });
}

/** Replaces each image's path by the one that links lead to. Layers are known by that path, also those that no longer exist. */
export async function resolved<T extends { file: string }>(disks: readonly T[]): Promise<T[]> {
  const nameOf = async (file: string): Promise<string> => {
    const found = await realpath(file).catch(() => null);
    if (found !== null) return found;
    const folder = path.dirname(file);
    return path.join(await realpath(folder).catch(() => folder), path.basename(file));
  };
  return Promise.all(disks.map(async (disk) => ({ ...disk, file: await nameOf(disk.file) })));
}

/**
 * Tells the trees which images configurations name. Trees do not cover them: a domain may have none, or be based on another's. `away`: what the library says
 * of its bin in the middle of a step of its own.
 */
export async function learnNames({ trees, definitions }: Parts, away?: readonly AwayText[]): Promise<void> {
  try {
    const others = away ?? (await definitions.away());
    const kept = definitions.all().map((each) => ({ ...each, place: "kept" as const }));
    trees.named(await resolved([...kept, ...others].flatMap(imagesIn)), null);
  } catch (error) {
    trees.named([], (error as Error).message);
  }
}

function imagesIn(
  each: Pick<AwayText, "uuid" | "name" | "config" | "configName"> & Pick<NamedImage, "place">,
): NamedImage[] {
  const { uuid, name, place } = each;
  try {
    return devicesOf(each)
      .filter(({ kind }) => kind === "vbd")
      .flatMap(({ files }) => files.map((file) => ({ uuid, name, place, file })));
  } catch {
    // A configuration that is not understood can't be started.
    return [];
  }
}

/** Returns the disks of an xl.cfg that its domain may write and that it keeps. Throws Refusal when the text is not understood. */
export function disksOf({ config, configName }: Pick<Definition, "config" | "configName">): KeptDisk[] {
  return devicesOf({ config, configName })
    .filter(isKeptDisk)
    .flatMap(({ id, back }) => {
      const image = readParams(String(back.params));
      return image ? [{ id, vdev: String(back.dev), file: image.target, format: image.format }] : [];
    });
}

function devicesOf({ config, configName }: Pick<Definition, "config" | "configName">): DeviceSpec[] {
  const parsed = parseXlConfig(config);
  if (!parsed.config) {
    const why = parsed.diagnostics.find(({ severity }) => severity === "error")?.message;
    throw new Refusal("EINVAL", `The domain's configuration is not understood: ${why}.`, parsed.diagnostics);
  }
  const folder = configName === null ? "." : path.dirname(path.resolve(configName));
  return parsed.config.devices.map((spec) => {
    const image = spec.kind === "vbd" ? readParams(String(spec.back.params)) : null;
    return image ? withImage(spec, { file: path.resolve(folder, image.target), format: image.format }) : spec;
  });
}

/** Returns the text with those images as the disks of these devices. Its other disks stay, with absolute paths. */
export function withImages(
  { config, configName }: Pick<Definition, "config" | "configName">,
  disks: readonly LayerDisk[],
  layers: readonly Layer[],
): string {
  const images = new Map(disks.map(({ id, file }) => [id, file]));
  const formats = new Map(layers.map(({ file, format }) => [file, format]));
  const devices = devicesOf({ config, configName }).map((spec) => {
    const file = spec.kind === "vbd" ? images.get(spec.id) : undefined;
    return file === undefined ? spec : withImage(spec, { file, format: formats.get(file)! });
  });
  return withDisks(config, devices);
}

function withImage(spec: DeviceSpec, { file, format }: { file: string; format: string }): DeviceSpec {
  return { ...spec, back: { ...spec.back, params: paramsOf(format, file) }, files: [file] };
}
