/** Exports a domain with its disks into one file, which is complete in the end or does not exist. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { lstat, open, stat } from "node:fs/promises";
import path from "node:path";
import type { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { pack, type Pack } from "tar-stream";
import { StoreError } from "../../dom0/storage/block-store.ts";
import { moveNew } from "../../files/whole.ts";
import { withValue } from "../../toolstack/config-text.ts";
import { Refusal } from "../../toolstack/error.ts";
import { libraryFailure } from "../failure.ts";
import { convertWithRoom } from "../images/converting.ts";
import { withRoom } from "../images/room.ts";
import { namedDisks, namedImages, withTargets } from "./config.ts";
import {
  DESCRIPTION_MEMBER,
  diskMember,
  fileMember,
  MOST_DISKS,
  MOST_FILE_BYTES,
  MOST_FILES_BYTES,
  SUMS_MEMBER,
  type Package,
} from "./package.ts";
import { readPlain } from "../plain.ts";
import { drained } from "./drained.ts";
import { withScratch, type Noted } from "./scratch.ts";

export interface Exported {
  readonly name: string;
  readonly config: string;
  /** The folder that relative paths in it are taken from. */
  readonly folder: string;
  /** Contents of the files that were given with it, by their names in the text. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** Share of the work that makes the images; writing them is the rest. */
const CONVERTING = 0.6;

/**
 * `check` throws where somebody wrote to the disks meanwhile. `noted` keeps a note of the folder beside the file in which everything lies until it is whole.
 * Returns the size of the file in bytes. Throws Refusal, EEXIST where the file exists; or the reason of the aborted signal.
 */
export async function exportDomain(
  domain: Exported,
  target: string,
  progress: (done: number) => void,
  signal: AbortSignal,
  check: () => Promise<void> = async () => {},
  noted?: Noted,
): Promise<number> {
  if (await lstat(target).catch(() => null)) throw isThere(target);
  const folder = path.dirname(path.resolve(target));
  if (!(await stat(folder).catch(() => null))?.isDirectory())
    throw new Refusal("ENOENT", `There is no folder ${folder}: make it first, or name another.`);
  const exported = async (scratch: string): Promise<number> => {
    const part = path.join(scratch, "domain.tar");
    const contents = await gathered(domain, scratch, (done) => progress(done * CONVERTING), signal);
    await check();
    await written(part, contents, (done) => progress(CONVERTING + done * (1 - CONVERTING)), signal);
    await moveNew(part, target).catch((error: NodeJS.ErrnoException) => {
      throw error.code === "EEXIST" ? isThere(target) : error;
    });
    return (await stat(target)).size;
  };
  try {
    return await withScratch(folder, exported, noted);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StoreError)
      throw new Refusal(error.code, `${domain.name} can't be exported: ${error.message}.`);
    if (error instanceof Error && !isSystem(error)) throw error;
    throw libraryFailure(error, `${domain.name} can't be exported`);
  }
}

const isThere = (target: string): Refusal =>
  new Refusal("EEXIST", `${target} is there already: name a file that is not.`);

/** Whether it is the file system's error and not a refusal. */
function isSystem(error: Error): boolean {
  return "syscall" in error;
}

interface Contents {
  readonly description: Package;
  readonly files: readonly Uint8Array[];
  readonly images: readonly string[];
}

/** Makes of every disk an image that needs no other and holds only what is used. */
async function gathered(
  { name, config, folder, files: given }: Exported,
  scratch: string,
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<Contents> {
  let text = withValue(config, "uuid", null);
  const files: { name: string; bytes: Uint8Array }[] = [];
  for (const { key, file } of namedImages(config)) {
    const bytes = given[file] ?? (await readPlain(path.resolve(folder, file), MOST_FILE_BYTES));
    text = withValue(text, key, fileMember(files.length));
    files.push({ name: path.basename(file).slice(-255), bytes });
  }
  if (files.reduce((sum, { bytes }) => sum + bytes.length, 0) > MOST_FILES_BYTES)
    throw new Refusal("EFBIG", `The kernel and RAM disk of ${name} have more than ${MOST_FILES_BYTES} bytes together.`);
  const disks = namedDisks(text);
  if (disks.length > MOST_DISKS)
    throw new Refusal("EFBIG", `${name} has ${disks.length} disks; a file can have up to ${MOST_DISKS}.`);
  const images: string[] = [];
  for (const [i, { disk }] of disks.entries()) {
    signal.throwIfAborted();
    const image = path.join(scratch, `${i}.qcow2`);
    const from = { file: path.resolve(folder, disk.target), format: disk.format || "raw" };
    await convertWithRoom(from, { file: image, format: "qcow2" }, path.basename(disk.target), (share) => {
      signal.throwIfAborted();
      progress((i + share) / disks.length);
    });
    images.push(image);
  }
  text = withTargets(
    text,
    disks,
    disks.map((_, i) => ({ target: diskMember(i), format: "qcow2" })),
  );
  const sizes = await Promise.all(images.map(async (image) => ({ bytes: (await stat(image)).size })));
  const description: Package = {
    format: "xenarium-domain",
    version: 1,
    name,
    config: text,
    files: files.map((file) => ({ name: file.name, bytes: file.bytes.length })),
    disks: sizes,
  };
  return { description, files: files.map(({ bytes }) => bytes), images };
}

async function written(
  part: string,
  { description, files, images }: Contents,
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const bytes = [...description.files, ...description.disks].reduce((sum, each) => sum + each.bytes, 0);
  await withRoom(path.dirname(part), bytes, description.name, (check) =>
    writtenTo(part, { description, files, images }, progress, () => {
      check();
      signal.throwIfAborted();
    }),
  );
  const handle = await open(part, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** `check` is called again and again, and throws to end the work. */
async function writtenTo(
  part: string,
  { description, files, images }: Contents,
  progress: (done: number) => void,
  check: () => void,
): Promise<void> {
  const archive = pack();
  const out = createWriteStream(part, { flags: "wx", mode: 0o600 });
  const ended = finished(out);
  ended.catch((error: Error) => archive.destroy(error));
  out.on("error", () => {});
  archive.pipe(out as never);
  const sums: string[] = [];
  const small = async (name: string, bytes: Uint8Array): Promise<void> => {
    sums.push(`${createHash("sha256").update(bytes).digest("hex")}  ${name}\n`);
    await entry(archive, name, bytes.length, [Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)], () => {});
  };
  const total = Math.max(
    1,
    description.disks.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  let done = 0;
  try {
    await small(DESCRIPTION_MEMBER, Buffer.from(`${JSON.stringify(description, null, 2)}\n`));
    for (const [i, bytes] of files.entries()) await small(fileMember(i), bytes);
    for (const [i, image] of images.entries()) {
      const hash = createHash("sha256");
      await entry(archive, diskMember(i), description.disks[i]!.bytes, createReadStream(image), (bytes) => {
        check();
        hash.update(bytes);
        progress((done += bytes.length) / total);
      });
      sums.push(`${hash.digest("hex")}  ${diskMember(i)}\n`);
    }
    await small(SUMS_MEMBER, Buffer.from(sums.join("")));
    archive.finalize();
    await ended;
  } catch (error) {
    archive.destroy();
    out.destroy();
    // The file system's error is the cause of the others.
    throw await ended.then(
      () => error,
      (cause: Error) => (isSystem(cause) ? cause : error),
    );
  }
}

async function entry(
  archive: Pack,
  name: string,
  size: number,
  bytes: Iterable<Buffer> | AsyncIterable<Buffer>,
  seen: (bytes: Buffer) => void,
): Promise<void> {
  const stream = archive.entry({ name, size, mode: 0o600, mtime: new Date() });
  const ended = new Promise<void>((resolve, reject) => stream.once("finish", resolve).once("error", reject));
  ended.catch(() => {});
  for await (const chunk of bytes as AsyncIterable<Buffer>) {
    seen(chunk);
    if (!stream.write(chunk)) await drained(stream as unknown as Writable);
  }
  stream.end();
  await ended;
}
