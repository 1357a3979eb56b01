/** Who needs which image: definitions and what runs of them, snapshots, and images that are based on others. Pure. */
import path from "node:path";
import { readParams } from "../../dom0/backends/blk/config.ts";
import type { DomainConfig } from "../../toolstack/messages.ts";
import type { Tree } from "../snapshots/tree.ts";

export interface ImageUser {
  /** "image": another image is based on it. */
  kind: "domain" | "snapshot" | "image";
  /** Of the domain, of the snapshot's domain, or the image's file. */
  name: string;
  /** Of the domain; null for images and for domains that are not kept. */
  uuid: string | null;
  /** Names of its snapshots. */
  snapshots: string[];
  /** It has it now, or could be continued where it was. "aside": its definition can't be read, and was put aside. */
  state: "running" | "saved" | "halted" | "binned" | "aside";
  /** It may write it. */
  writes: boolean;
}

/** A file that somebody names. */
export interface NamedImage {
  file: string;
  /** As who names it says. */
  format: string;
  user: ImageUser;
}

/** A domain with disks. */
export interface Owner {
  name: string;
  uuid: string | null;
  state: ImageUser["state"];
  config: DomainConfig | null;
  /** What relative names are taken from. */
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

/** Every image of a domain's snapshots: for what it is there. */
export function layersOf(tree: Tree, state: ImageUser["state"]): NamedImage[] {
  const { name, uuid, layers, snapshots, current } = tree;
  return layers.map(({ file, format }) => {
    const isCurrent = current.disks.some((disk) => disk.file === file);
    const of = snapshots.filter(({ disks }) => disks.some((disk) => disk.file === file)).map((each) => each.name);
    const kind = isCurrent && of.length === 0 ? ("domain" as const) : ("snapshot" as const);
    return { file, format, user: { kind, name, uuid, snapshots: of, state, writes: isCurrent } };
  });
}

/** Each once: a domain's own word and its snapshots' say the same of the disk that it has now. */
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
