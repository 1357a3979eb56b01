/**
 * A saved domain as a file: 32 bytes of magic, and then in blocks (saved-blocks.ts) the following: a u32 length and JSON of what the toolstack knows
 * (SavedHeader); the files from which the domain was created, if they were given with its configuration, because it is restarted from them; what its
 * console had; and the stream of ../dom0/saved. Files of earlier versions have gzip of these after another magic.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { z } from "zod";
import { writeWhole } from "../files/whole.ts";
import { StreamError, takeFrom, type Source } from "../dom0/saved/stream.ts";
import { isDomainName } from "./domain-name.ts";
import { Refusal } from "./error.ts";
import { intoBlocks, outOfBlocks } from "./saved-blocks.ts";

const magic = (text: string): Buffer => Buffer.from(text.padEnd(MAGIC_BYTES, "\n"), "latin1");
const MAGIC_BYTES = 32;
const MAGIC = magic("Xenarium saved domain in blocks");
const MAGIC_PACKED = magic("Xenarium saved domain");
/** Bytes that are read from the disk at once. */
const READ_AT_ONCE = 1 << 20;
const MOST_HEADER = 1 << 20;
const MOST_FILES = 512 * 2 ** 20;
/** More than a host keeps of a console. */
const MOST_CONSOLE = 16 * 2 ** 20;
/** As many MiB as a stream may have pages for. */
const MOST_MEMORY_MIB = 4096;

/** The last moment that a Date can express. */
const LAST_TIME = 8.64e15;

const HEADER = z.strictObject({
  version: z.literal(1),
  name: z.string().refine(isDomainName),
  /** Any 128 bits, as in xl.cfg. */
  uuid: z.guid().toLowerCase(),
  /** Milliseconds since 1970. */
  savedAt: z.number().min(0).max(LAST_TIME),
  memoryMiB: z.number().min(0).max(MOST_MEMORY_MIB),
  /** An xl.cfg. */
  config: z.string(),
  configName: z.string().optional(),
  files: z.array(z.strictObject({ name: z.string(), size: z.int().min(0) })),
  /** The bytes of its console's log. Files that were written before the log was kept have none. */
  consoleBytes: z.int().min(0).max(MOST_CONSOLE).default(0),
});
export type SavedHeader = z.infer<typeof HEADER>;

/** Writes the file, whole or not at all. Returns its size in bytes. */
export async function writeSaved(
  file: string,
  header: Omit<SavedHeader, "version" | "files" | "consoleBytes">,
  files: Record<string, Uint8Array>,
  console: Uint8Array,
  stream: AsyncIterable<Uint8Array>,
): Promise<number> {
  const sizes = Object.entries(files).map(([name, { length }]) => ({ name, size: length }));
  const json = Buffer.from(
    JSON.stringify({ version: 1, ...header, files: sizes, consoleBytes: console.length } satisfies SavedHeader),
  );
  if (json.length > MOST_HEADER)
    throw new Refusal("E2BIG", `${file} can't be written: the domain's description is ${json.length} bytes long.`);
  if (total(sizes) > MOST_FILES)
    throw new Refusal(
      "E2BIG",
      `${file} can't be written: the files that the domain was created from are larger than ${MOST_FILES / 2 ** 20} MiB.`,
    );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  async function* content(): AsyncGenerator<Uint8Array> {
    yield length;
    yield json;
    yield* Object.values(files);
    yield console;
    yield* stream;
  }
  try {
    return await writeWhole(file, afterMagic(intoBlocks(content())));
  } catch (error) {
    throw fileError(error, `${file} can't be written`, WRITING);
  }
}

async function* afterMagic(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield MAGIC;
  yield* blocks;
}

function total(files: readonly { size: number }[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

/** Returns what the file system reported as a sentence, and any other error unchanged. */
export function fileError(error: unknown, what: string, reasons: Record<string, string>): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code === "ERR_INVALID_ARG_VALUE") return new Refusal("EINVAL", `${what}: no file can have that name.`);
  // Errors of hypercalls have codes too.
  if (code === undefined || syscall === undefined) return error;
  return new Refusal(code, `${what}: ${reasons[code] ?? message}.`);
}

export const WRITING: Record<string, string> = {
  ENOENT: "there is no such folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is no folder",
  EACCES: "that is not allowed",
  EPERM: "that is not allowed",
  EROFS: "its disk can't be written to",
  ENAMETOOLONG: "its name is too long",
  ENOSPC: "the disk is full",
};
const READING: Record<string, string> = {
  ...WRITING,
  ENOENT: "there is no such file",
  EACCES: "it may not be read",
};

export interface SavedFile {
  header: SavedHeader;
  files: Record<string, Uint8Array>;
  console: Uint8Array;
  /** What is left to read: the stream. */
  stream: Source;
}

/** Opens a saved domain for `use`. A refusal names the file and what is wrong with it. */
export async function readSaved<T>(file: string, use: (saved: SavedFile) => Promise<T>): Promise<T> {
  return await reading(file, async (stream, header) => {
    if (total(header.files) > MOST_FILES)
      throw new StreamError(`its files are larger than ${MOST_FILES / 2 ** 20} MiB`);
    const files: [string, Uint8Array][] = [];
    for (const { name, size } of header.files) files.push([name, await stream.take(size)]);
    const console = await stream.take(header.consoleBytes);
    return await use({ header, files: Object.fromEntries(files), console, stream });
  });
}

/** Returns what the file says about itself, without its memory. */
export function readSavedHeader(file: string): Promise<SavedHeader> {
  return reading(file, (_stream, header) => Promise.resolve(header));
}

async function reading<T>(file: string, use: Use<T>): Promise<T> {
  try {
    // Whoever opens a pipe has to wait for its other end.
    const kind = await stat(file);
    if (!kind.isFile() && !kind.isDirectory()) throw new StreamError("it is no file but a device, a pipe or a socket");
    const bytes = createReadStream(file, { highWaterMark: READ_AT_ONCE });
    try {
      const source = takeFrom(bytes);
      const found = await source.take(MAGIC.length).catch(magicError);
      if (MAGIC_PACKED.equals(found)) return await unpacking(file, use);
      if (!MAGIC.equals(found)) throw new StreamError("it is no saved domain");
      return await using(takeFrom(outOfBlocks(source)), use);
    } finally {
      bytes.destroy();
    }
  } catch (error) {
    if (error instanceof StreamError) throw new Refusal("EINVAL", `${file} can't be restored: ${error.message}.`);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith("Z_")) throw new Refusal("EINVAL", `${file} can't be restored: it is damaged (${message}).`);
    throw fileError(error, `${file} can't be read`, READING);
  }
}

type Use<T> = (stream: Source, header: SavedHeader) => Promise<T>;

async function using<T>(stream: Source, use: Use<T>): Promise<T> {
  const length = Buffer.from(await stream.take(4)).readUInt32LE();
  if (length > MOST_HEADER)
    throw new StreamError(`its description is ${length} bytes long; ${MOST_HEADER} are allowed`);
  return await use(stream, parseHeader(await stream.take(length)));
}

async function unpacking<T>(file: string, use: Use<T>): Promise<T> {
  const packed = createReadStream(file, { start: MAGIC_BYTES });
  const unpacked = createGunzip();
  const ended = pipeline(packed, unpacked).catch((error: unknown) => unpacked.destroy(error as Error));
  try {
    return await using(takeFrom(unpacked), use);
  } finally {
    packed.destroy();
    unpacked.destroy();
    await ended;
  }
}

function magicError(error: unknown): Uint8Array {
  if (error instanceof StreamError) return new Uint8Array(0);
  throw error;
}

function parseHeader(bytes: Uint8Array): SavedHeader {
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    throw new StreamError("its description is no JSON");
  }
  const parsed = HEADER.safeParse(found);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const what = [issue?.path.join("."), issue?.message].filter(Boolean).join(": ");
  throw new StreamError(`its description is not understood (${what})`);
}
