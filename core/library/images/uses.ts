/** Finds out who needs which image: definitions and the running domains of them, snapshots, and images that are based on others. Pure functions. */
import path from "node:path";
import { readParams } from "../../dom0/backends/blk/config.ts";
import type { DomainConfig } from "../../toolstack/messages.ts";
import type { Tree } from "../snapshots/tree.ts";

export interface ImageUser {
  /** "image" means that another image is based on it. */
  kind: "domain" | "snapshot" | "image";
  /** Name of the domain, of the snapshot's domain, or of the image's file. */
  name: string;
  /** UUID of the domain; null for images and for domains that are not kept. */
  uuid: string | null;
  /** Names of the snapshots that need it. */
  snapshots: string[];
  /** "running" and "saved": the domain has the image now, or could continue with it. "aside": its definition can't be read and was put aside. */
  state: "running" | "saved" | "halted" | "binned" | "aside";
  /** Whether it may write to the image. */
  writes: boolean;
}

/** A file that a configuration or a tree names. */
export interface NamedImage {
  file: string;
  /** The format that is named with it. */
  format: string;
  user: ImageUser;
}

/** A domain with disks. */
export interface Owner {
  name: string;
  uuid: string | null;
  state: ImageUser["state"];
  config: DomainConfig | null;
  /** The folder that relative names are taken from. */
  folder: string;
}

export function disksOf({ name, uuid, state, config, folder }: Owner): NamedImage[] {
  return (config?.devices ?? []).flatMap(({ kind, back, files }): NamedImage[] => {
    const image = kind === "vbd" && files.length > 0 ? readParams(String(back.params ?? "")) : null;
    if (!image) return [];
    const user: ImageUser = { kind: "domain", name, uuid, snapshots: [], state, writes: back.mode !== "r" };
    return [{ file: path.resolve(folder, image.target), format: image.format, user }];
  });
}

/** Returns every image that a domain's snapshots need, and for what. */
export function layersOf(tree: Tree, state: ImageUser["state"]): NamedImage[] {
  const { name, uuid, layers, snapshots, current } = tree;
  return layers.map(({ file, format }) => {
    const isCurrent = current.disks.some((disk) => disk.file === file);
    const of = snapshots.filter(({ disks }) => disks.some((disk) => disk.file === file)).map(nameOf);
    const kind = isCurrent && of.length === 0 ? ("domain" as const) : ("snapshot" as const);
    return { file, format, user: { kind, name, uuid, snapshots: of, state, writes: isCurrent } };
  });
}

const nameOf = ({ name, deleted }: Tree["snapshots"][number]): string => (deleted ? `${name} (in the bin)` : name);

/** Leaves out repetitions: a domain and its snapshots both name the disk that the domain has now. */
export function withoutTwins(users: readonly ImageUser[]): ImageUser[] {
  const found = new Map<string, ImageUser>();
  for (const user of users) {
    const key = `${user.kind}:${user.uuid ?? user.name}`;
    const before = found.get(key);
    found.set(key, {
      ...(before ?? user),
      snapshots: [...new Set([...(before?.snapshots ?? []), ...user.snapshots])],
      writes: user.writes || (before?.writes ?? false),
    });
  }
  return [...found.values()];
}
