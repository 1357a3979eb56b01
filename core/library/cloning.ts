/**
 * Makes a definition that is like another one, with a UUID, a name and addresses of its own, and with copies of the disks that its domain may write.
 * A copy lies beside the image it was made from, because the user has chosen that disk for the room it has. Before anything is copied it is noted in
 * `library/making/`; when the library is opened the next time, noted copies are removed unless their definition exists by then.
 */
import { lstat, readdir, rm } from "node:fs/promises";
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
import { SCRATCH } from "./transfer/scratch.ts";

const MOST_NOTE_BYTES = 1024 * 1024;
/** What a copy's name ends with. A note can never cause a file with another ending to be removed. */
const COPY = /\.[\da-f]{8}\.(qcow2|img)$/;
const NOTE = z.strictObject({
  /** Copies, which are written under the names that they keep. */
  files: z.array(z.string().regex(COPY).refine(path.isAbsolute)).max(1024).default([]),
  /** Files that are moved to their place when they are whole. They may be called anything, and are known by the number that a file keeps when it moves. */
  moved: z
    .array(z.strictObject({ file: z.string().refine(path.isAbsolute), inode: z.string().regex(/^\d{1,20}$/) }))
    .max(1024)
    .default([]),
  /** Folders of exports that are under way, beside the files that these become. */
  folders: z
    .array(
      z
        .string()
        .refine(path.isAbsolute)
        .refine((folder) => SCRATCH.test(path.basename(folder))),
    )
    .max(1024)
    .default([]),
});
type Note = z.infer<typeof NOTE>;

/** A file that is whole, and where it is to lie from now on. */
export interface Move {
  from: string;
  to: string;
}

/** An image that is to be copied: the item of `disk` that names it, and the new image. */
export interface DiskCopy {
  index: number;
  from: { file: string; format: string };
  to: { file: string; format: NewFormat };
}

/**
 * Returns the disks of a configuration that its domain may write and that it keeps. Relative names are taken from `folder`. Throws Refusal for a text
 * that is not understood.
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
 * Returns the clone's configuration. It has another name and no UUID, names the copies as its disks, and leaves out what only one domain can have
 * (apart.ts). Throws Refusal as copiesFor() does.
 */
export function clonedText(config: string, name: string, copies: readonly DiskCopy[]): string {
  let text = withValue(withValue(apart(config, name), "uuid", null), "name", name);
  for (const { index, to } of copies) {
    const item = readConfig(text).lists.get("disk")![index]!;
    text = withItem(text, "disk", index, writeDisk({ ...readDisk(item), target: to.file, format: to.format }));
  }
  return text;
}

/** Notes which files are being made for a definition, so that they can be removed after a crash. */
export class Making {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Removes what crashes have left. `isThere` tells whether a definition exists. Called once, before anything is copied. */
  async open(isThere: (uuid: string) => boolean): Promise<void> {
    for (const name of await readdir(this.#folder).catch((): string[] => [])) {
      const file = path.join(this.#folder, name);
      const uuid = path.basename(name, ".json");
      if (UUID.test(uuid) && !isThere(uuid)) {
        const note = await readPlain(file, MOST_NOTE_BYTES).catch(() => Buffer.alloc(0));
        const { files, moved, folders } = notedIn(note.toString("utf8"));
        for (const { file: each, inode } of moved) if ((await inodeOf(each)) === inode) files.push(each);
        for (const each of files) await rm(each, { force: true }).catch(() => {});
        for (const each of folders) await rm(each, { force: true, recursive: true }).catch(() => {});
      }
      await rm(file, { force: true, recursive: true }).catch(() => {});
    }
  }

  /** Notes files that are to be moved, until `then` has ended: it moves them, and makes a definition that names them. */
  async moving<T>(uuid: string, moves: readonly Move[], then: () => Promise<T>): Promise<T> {
    const moved = await Promise.all(
      moves.map(async ({ from, to }) => {
        const inode = await inodeOf(from);
        return inode === null ? [] : [{ file: to, inode }];
      }),
    );
    return this.#noted(uuid, { moved: moved.flat() }, then);
  }

  /** Notes the folder of an export until `then` has ended. */
  exporting<T>(folder: string, then: () => Promise<T>): Promise<T> {
    return this.#noted(crypto.randomUUID(), { folders: [folder] }, then);
  }

  async #noted<T>(uuid: string, what: z.input<typeof NOTE>, then: () => Promise<T>): Promise<T> {
    const note = path.join(this.#folder, `${uuid}.json`);
    await privateFolder(this.#folder);
    await writeWhole(note, `${JSON.stringify(what)}\n`);
    try {
      return await then();
    } finally {
      await rm(note, { force: true }).catch(() => {});
    }
  }

  /** Makes the copies, noted until `then` has ended. In the end either all of them exist or none. Throws Refusal, and whatever `progress` throws. */
  copy<T>(
    uuid: string,
    copies: readonly DiskCopy[],
    progress: (share: number) => void,
    then: () => Promise<T>,
  ): Promise<T> {
    if (copies.length === 0) return then();
    return this.#noted(uuid, { files: copies.map(({ to }) => to.file) }, async () => {
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
      }
    });
  }
}

function notedIn(text: string): Note {
  try {
    return NOTE.parse(JSON.parse(text));
  } catch {
    return { files: [], moved: [], folders: [] };
  }
}

/** Returns the number that the file system has for it; null where there is no such file. */
async function inodeOf(file: string): Promise<string | null> {
  const facts = await lstat(file, { bigint: true }).catch(() => null);
  return facts?.isFile() ? String(facts.ino) : null;
}

function understood<T>(read: () => T, what: string): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SpecError) throw new Refusal("EINVAL", `${what} is not understood: ${error.message}.`);
    throw error;
  }
}
