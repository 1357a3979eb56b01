/** What those who take, revert, merge and clone share. */
import { realpath } from "node:fs/promises";
import { Refusal } from "../../toolstack/error.ts";
import type { ToolstackClient } from "../../toolstack/client.ts";
import type { DomainInfo, FrozenImage, KeptDisk } from "../../toolstack/messages.ts";
import { isKeptDisk, withDisks } from "../../toolstack/disk-texts.ts";
import { parseXlConfig } from "../../toolstack/xlcfg.ts";
import { paramsOf, readParams } from "../../dom0/backends/blk/config.ts";
import type { DeviceSpec } from "../../dom0/xenbus/kind.ts";
import path from "node:path";
import type { NamedImage, Trees } from "./trees.ts";
import { adopted, type Layer, type LayerDisk, type Tree } from "./tree.ts";

/** What a domain that does not run is started from. */
export interface Definition {
  name: string;
  config: string;
  configName: string | null;
  /** Its memory is kept, and goes on with the disks that it has. */
  isSaved: boolean;
  /** That were given with it. */
  files: () => Promise<Readonly<Record<string, Uint8Array>>>;
}

/** Where definitions of domains are kept. */
export interface Definitions {
  /** null for one that is not kept. */
  find(uuid: string): Promise<Definition | null>;
  /** It is started from that text from now on; one that runs has it already. Nothing happens for one that is not kept. */
  change(uuid: string, config: string): Promise<void>;
  /** A domain more. */
  add(uuid: string, definition: Definition): Promise<void>;
  /** That was added a moment ago, and is not to be. */
  remove(uuid: string): Promise<void>;
  /** All that are known now. */
  all(): readonly (Pick<Definition, "config" | "configName"> & { uuid: string })[];
}

/** How far a deed is, and whether it is wanted still. */
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
  /** A deed that does not go together with the domain's start, copying or deletion. */
  readonly alone: <T>(uuid: string, deed: () => Promise<T>) => Promise<T>;
  /** Tells who follows: a tree has changed. */
  readonly changed: (uuid: string) => void;
}

/** For what goes on with a domain that runs. Throws Refusal EOFF where the host went off meanwhile. */
export function hostOf({ toolstack }: Pick<Parts, "toolstack">): ToolstackClient {
  const found = toolstack();
  if (found) return found;
  throw new Refusal("EOFF", "The host went off meanwhile, and its domains with it.");
}

/** The domain as it runs; null when it does not. */
export async function running({ toolstack }: Parts, uuid: string): Promise<DomainInfo | null> {
  const all = (await toolstack()?.request("list")) ?? [];
  return all.find((each) => each.uuid === uuid && each.config !== null && !each.state.dying) ?? null;
}

/** The text that a domain is to be started from: with the images that it has now, where it names others of its own. */
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
  // Others that its user has put there since stay.
  return withImages(
    definition,
    current.disks.filter(({ id }) => stale.some((each) => each.id === id)),
    layers,
  );
}

/** The disks that the domain has now, by the names that links lead to. Throws Refusal where these aren't those that it is started with next. */
export async function disksNow(parts: Parts, domain: DomainInfo | null, definition: Definition): Promise<KeptDisk[]> {
  const found = domain ? await hostOf(parts).request("keptDisks", { domid: domain.domid }) : disksOf(definition);
  return resolved(found);
}

/** The tree has the disks that the domain has: each deed that changes images begins with it. Throws Refusal. */
export async function adopt(parts: Parts, uuid: string): Promise<void> {
  const tree = parts.trees.find(uuid);
  const definition = await parts.definitions.find(uuid);
  if (!tree || tree.layers.length === 0 || !definition || definition.isSaved) return;
  const disks = await disksNow(parts, await running(parts, uuid), definition);
  const now = adopted(tree, disks);
  const text = (each: Tree): string => JSON.stringify([each.current.disks, each.left, each.layers]);
  if (text(now) !== text(tree)) await keep(parts, now);
}

/**
 * Writes the configuration that a deed before, which was broken off, has not written: each deed begins with one that names the images that the
 * tree says the domain has.
 */
export async function settle(parts: Parts, uuid: string): Promise<void> {
  const tree = parts.trees.known(uuid);
  if (!tree || tree.former.length === 0) return;
  if ((await parts.definitions.find(uuid))?.isSaved) return;
  await nameImages(parts, tree);
  await parts.trees.save({ ...tree, former: [] });
}

/** The domain's configuration names the images that the tree says it has; what else its user has changed in it stays. */
export async function nameImages({ definitions }: Parts, tree: Tree): Promise<void> {
  const definition = await definitions.find(tree.uuid);
  if (!definition) return;
  const config = await configNow(tree, definition);
  if (config !== definition.config) await definitions.change(tree.uuid, config);
}

/** Throws Refusal EBUSY for one whose memory is kept: that goes on with the images that it names, and no others. */
export function checkNotSaved(definition: Definition | null): void {
  if (definition?.isSaved)
    throw new Refusal(
      "EBUSY",
      `${definition.name} is saved with the disks that it has: restore it, or discard what is saved first.`,
    );
}

/** On the disk, told to dom0 and to whoever follows. `also`: images that are not to be written although a domain names them. */
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

/** The same image under the name that links lead to: layers are known by it, those too that are gone. */
export async function resolved<T extends { file: string }>(disks: readonly T[]): Promise<T[]> {
  const nameOf = async (file: string): Promise<string> => {
    const found = await realpath(file).catch(() => null);
    if (found !== null) return found;
    const folder = path.dirname(file);
    return path.join(await realpath(folder).catch(() => folder), path.basename(file));
  };
  return Promise.all(disks.map(async (disk) => ({ ...disk, file: await nameOf(disk.file) })));
}

/** Images that configurations of kept domains name: what their trees do not say, as they have none or stand on others'. */
export async function namedImages({ definitions }: Pick<Parts, "definitions">): Promise<NamedImage[]> {
  const images = definitions.all().flatMap(({ uuid, config, configName }) => {
    try {
      return devicesOf(config, configName)
        .filter(({ kind }) => kind === "vbd")
        .flatMap(({ files }) => files.map((file) => ({ uuid, file })));
    } catch {
      // One that is not understood can't be started.
      return [];
    }
  });
  return resolved(images);
}

/** Disks of an xl.cfg that its domain may write, and keeps. Throws Refusal when the text is not understood. */
export function disksOf({ config, configName }: Pick<Definition, "config" | "configName">): KeptDisk[] {
  return devicesOf(config, configName)
    .filter(isKeptDisk)
    .flatMap(({ id, back }) => {
      const image = readParams(String(back.params));
      return image ? [{ id, vdev: String(back.dev), file: image.target, format: image.format }] : [];
    });
}

function devicesOf(config: string, configName: string | null): DeviceSpec[] {
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

/** The text with those images as the disks of these devices; its other disks stay, with whole paths. */
export function withImages(
  { config, configName }: Pick<Definition, "config" | "configName">,
  disks: readonly LayerDisk[],
  layers: readonly Layer[],
): string {
  const images = new Map(disks.map(({ id, file }) => [id, file]));
  const formats = new Map(layers.map(({ file, format }) => [file, format]));
  const devices = devicesOf(config, configName).map((spec) => {
    const file = spec.kind === "vbd" ? images.get(spec.id) : undefined;
    return file === undefined ? spec : withImage(spec, { file, format: formats.get(file)! });
  });
  return withDisks(config, devices);
}

function withImage(spec: DeviceSpec, { file, format }: { file: string; format: string }): DeviceSpec {
  return { ...spec, back: { ...spec.back, params: paramsOf(format, file) }, files: [file] };
}
