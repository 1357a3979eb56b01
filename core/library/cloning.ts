/**
 * A definition more that is like another: under a UUID and a name of its own, with addresses of its own, and with copies of the disks that it may
 * write. Copies lie beside their images, on the disk that somebody has chosen for its room. What is being copied is noted in `library/making/`
 * before, and goes when the library is opened next unless the definition is there by then.
 */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { readDisk, writeDisk } from "../dom0/backends/blk/spec-text.ts";
import { StoreError } from "../dom0/storage/block-store.ts";
import type { NewFormat } from "../dom0/storage/convert.ts";
import { SpecError } from "../dom0/xenbus/kind.ts";
import { privateFolder, writeWhole } from "../files/whole.ts";
import { readConfig, withItem, withValue } from "../toolstack/config-text.ts";
import { Refusal } from "../toolstack/error.ts";
import { apart } from "./apart.ts";
import { UUID } from "./definition.ts";
import { plainName } from "./names.ts";
import { convertWithRoom } from "./images/converting.ts";
import { readPlain } from "./plain.ts";

const MOST_NOTE_BYTES = 1024 * 1024;
/** What a copy's name ends with: nothing else is ever taken away by what a note says. */
const COPY = /\.[\da-f]{8}\.(qcow2|img)$/;
const NOTE = z.strictObject({ files: z.array(z.string().regex(COPY).refine(path.isAbsolute)).max(1024) });

/** An image that is to be copied: the item of `disk` that names it, and the new image. */
export interface DiskCopy {
  index: number;
  from: { file: string; format: string };
  to: { file: string; format: NewFormat };
}

/**
 * The disks of a text that its domain may write and keeps. Relative names are taken from `folder`. Throws Refusal for a text that is not
 * understood.
 */
export function copiesFor(config: string, folder: string, name: string): DiskCopy[] {
  const items = readConfig(config).lists.get("disk") ?? [];
  return items.flatMap((item, index): DiskCopy[] => {
    const disk = understood(() => readDisk(item), `disk "${item}"`);
    const isOnlyRead = disk.devtype === "cdrom" || /^ro?$/.test(disk.access) || disk.disposable;
    if (isOnlyRead || disk.target === "") return [];
    const file = path.resolve(folder, disk.target);
    const stem = plainName(path.basename(file, path.extname(file)), "disk").replace(/\.[\da-f]{8}$/, "");
    const format: NewFormat = (disk.format || "raw") === "raw" ? "raw" : "qcow2";
    const ending = `${crypto.randomUUID().slice(0, 8)}.${format === "raw" ? "img" : "qcow2"}`;
    const copy = path.join(path.dirname(file), `${stem}-${plainName(name, "clone").slice(0, 40)}.${ending}`);
    return [{ index, from: { file, format: disk.format || "raw" }, to: { file: copy, format } }];
  });
}

/**
 * The clone's text. It has another name and no UUID, its disks are the copies, and what only one domain can have is left out (apart.ts). Throws
 * Refusal as copiesFor() does.
 */
export function clonedText(config: string, name: string, copies: readonly DiskCopy[]): string {
  let text = withValue(withValue(apart(config, name), "uuid", null), "name", name);
  for (const { index, to } of copies) {
    const item = readConfig(text).lists.get("disk")![index]!;
    text = withItem(text, "disk", index, writeDisk({ ...readDisk(item), target: to.file, format: to.format }));
  }
  return text;
}

/** Names of what is being copied, for who comes after a crash. */
export class Making {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** What crashes have left. `isThere`: whether a definition is. Once, before anything is copied. */
  async open(isThere: (uuid: string) => boolean): Promise<void> {
    for (const name of await readdir(this.#folder).catch((): string[] => [])) {
      const file = path.join(this.#folder, name);
      const uuid = path.basename(name, ".json");
      if (UUID.test(uuid) && !isThere(uuid)) {
        const note = await readPlain(file, MOST_NOTE_BYTES).catch(() => Buffer.alloc(0));
        for (const copy of filesOf(note.toString("utf8"))) await rm(copy, { force: true }).catch(() => {});
      }
      await rm(file, { force: true, recursive: true }).catch(() => {});
    }
  }

  /** Makes the copies, noted for as long as `then` has not ended; all or none are there. Throws Refusal, and what `progress` throws. */
  async copy<T>(
    uuid: string,
    copies: readonly DiskCopy[],
    progress: (share: number) => void,
    then: () => Promise<T>,
  ): Promise<T> {
    if (copies.length === 0) return then();
    const note = path.join(this.#folder, `${uuid}.json`);
    await privateFolder(this.#folder);
    await writeWhole(note, `${JSON.stringify({ files: copies.map(({ to }) => to.file) })}\n`);
    const made: string[] = [];
    try {
      for (const [i, { from, to }] of copies.entries()) {
        await convertWithRoom(from, to, path.basename(from.file), (share) => progress((i + share) / copies.length));
        made.push(to.file);
      }
      return await then();
    } catch (error) {
      for (const file of made) await rm(file, { force: true }).catch(() => {});
      if (error instanceof StoreError) throw new Refusal(error.code, `The disk can't be copied: ${error.message}.`);
      throw error;
    } finally {
      await rm(note, { force: true }).catch(() => {});
    }
  }
}

function filesOf(text: string): string[] {
  try {
    return NOTE.parse(JSON.parse(text)).files;
  } catch {
    return [];
  }
}

function understood<T>(read: () => T, what: string): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SpecError) throw new Refusal("EINVAL", `${what} is not understood: ${error.message}.`);
    throw error;
  }
}
