/**
 * A saved domain as a file: 32 bytes of magic, then gzip of u32 length and JSON of what the toolstack knows (SavedHeader), the files that the
 * domain was created from if they were given with its configuration (it is restarted from them), and the stream of ../dom0/saved.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { z } from "zod";
import { StreamError, takeFrom, type Take } from "../dom0/saved/stream.ts";
import { Refusal } from "./error.ts";

const MAGIC = Buffer.from("Xenarium saved domain".padEnd(32, "\n"), "latin1");
const MOST_HEADER = 1 << 20;
const MOST_FILES = 512 * 2 ** 20;
/** Page tables and zeros take little either way; more takes longer than the disk does. */
const GZIP_LEVEL = 1;

const HEADER = z.strictObject({
  version: z.literal(1),
  name: z.string().min(1).max(80),
  uuid: z.uuid(),
  /** Milliseconds since 1970. */
  savedAt: z.number(),
  memoryMiB: z.number(),
  /** xl.cfg. */
  config: z.string(),
  configName: z.string().optional(),
  files: z.array(z.strictObject({ name: z.string(), size: z.int().min(0) })),
});
export type SavedHeader = z.infer<typeof HEADER>;

/** Writes the file, whole or not at all; its size in bytes. */
export async function writeSaved(
  file: string,
  header: Omit<SavedHeader, "version" | "files">,
  files: Record<string, Uint8Array>,
  stream: AsyncIterable<Uint8Array>,
): Promise<number> {
  const sizes = Object.entries(files).map(([name, { length }]) => ({ name, size: length }));
  const json = Buffer.from(JSON.stringify({ version: 1, ...header, files: sizes } satisfies SavedHeader));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const part = `${file}.part`;
  try {
    await pipeline(
      async function* () {
        yield length;
        yield json;
        yield* Object.values(files);
        yield* stream;
      },
      createGzip({ level: GZIP_LEVEL }),
      async function* (packed: AsyncIterable<Uint8Array>) {
        yield MAGIC;
        yield* packed;
      },
      createWriteStream(part, { mode: 0o600 }),
    );
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || !WRITING[code]) throw error;
    throw new Refusal(code, `${file} can't be written: ${WRITING[code]}.`);
  }
  const handle = await open(file);
  try {
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

const WRITING: Record<string, string> = {
  ENOENT: "there is no such folder",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is no folder",
  EACCES: "that is not allowed",
  EPERM: "that is not allowed",
  EROFS: "its disk can't be written to",
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
  /** What is left: the stream. */
  take: Take;
}

/** Opens a saved domain for `use`. Refusals name the file and what is wrong with it. */
export async function readSaved<T>(file: string, use: (saved: SavedFile) => Promise<T>): Promise<T> {
  return await reading(file, async (take, header) => {
    const files: Record<string, Uint8Array> = {};
    if (header.files.reduce((sum, { size }) => sum + size, 0) > MOST_FILES)
      throw new StreamError(`its files are larger than ${MOST_FILES / 2 ** 20} MiB`);
    for (const { name, size } of header.files) files[name] = await take(size);
    return await use({ header, files, take });
  });
}

/** What the file says of itself, without its memory. */
export function readSavedHeader(file: string): Promise<SavedHeader> {
  return reading(file, (_take, header) => Promise.resolve(header));
}

async function reading<T>(file: string, use: (take: Take, header: SavedHeader) => Promise<T>): Promise<T> {
  try {
    const source = createReadStream(file);
    const plain = takeFrom(source);
    try {
      if (!MAGIC.equals(await plain(MAGIC.length).catch(magicError))) throw new StreamError("it is no saved domain");
    } catch (error) {
      source.destroy();
      throw error;
    }
    source.destroy();
    const packed = createReadStream(file, { start: MAGIC.length });
    const unpacked = createGunzip();
    const ended = pipeline(packed, unpacked).catch((error: unknown) => unpacked.destroy(error as Error));
    try {
      const take = takeFrom(unpacked);
      const length = Buffer.from(await take(4)).readUInt32LE();
      if (length > MOST_HEADER) throw new StreamError(`its description is ${length} bytes long`);
      return await use(take, parseHeader(await take(length)));
    } finally {
      packed.destroy();
      unpacked.destroy();
      await ended;
    }
  } catch (error) {
    if (error instanceof StreamError) throw new Refusal("EINVAL", `${file} can't be restored: ${error.message}.`);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith("Z_")) throw new Refusal("EINVAL", `${file} can't be restored: it is damaged (${message}).`);
    if (code !== undefined && READING[code] && !(error instanceof Refusal))
      throw new Refusal(code, `${file} can't be read: ${READING[code]}.`);
    throw error;
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
  if (!parsed.success)
    throw new StreamError(
      `its description is not understood: ${parsed.error.issues[0]?.path.join(".")} ${parsed.error.issues[0]?.message}`,
    );
  return parsed.data;
}
