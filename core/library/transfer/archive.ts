/**
 * Reads tar archives from outside, one member after the other. Nothing is unpacked under the archive's own names: the visitor of a member decides
 * what becomes of it. Links, devices and names that lead elsewhere are refused, and the memory that a header can make the reader use is bounded.
 */
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import path from "node:path";
import type { Writable } from "node:stream";
import { extract } from "tar-stream";
import { Refusal } from "../../toolstack/error.ts";
import { libraryFailure } from "../failure.ts";
import { drained } from "./drained.ts";

export interface Member {
  /** Its name in the archive: plain parts between slashes. */
  readonly name: string;
  readonly size: number;
  /** The member's bytes, to be read once. What the visitor leaves is skipped. */
  readonly bytes: AsyncIterable<Buffer>;
}

const MOST_NAME = 255;
/** The most bytes of headers, such as those of long names, between one member and the next. */
const MOST_HEADERS = 2 * 2 ** 20;
const READ = 256 * 1024;

/** `progress` is told the share of the file that has been read, 0 to 1. Throws Refusal, what `visit` throws, or the reason of the aborted signal. */
export async function readArchive(
  file: string,
  visit: (member: Member) => Promise<void>,
  progress: (done: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const called = path.basename(file);
  const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw libraryFailure(error, `${called} can't be read`);
  });
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new Refusal("EINVAL", `${called} is no file.`);
    const packed = packing(await head(handle));
    if (packed) throw new Refusal("EINVAL", `${called} is packed with ${packed}: unpack it first.`);
    const reader = extract();
    // Bytes given to the reader, and how many these were when it last delivered any.
    let fed = 0;
    let moved = 0;
    const feed = async (): Promise<void> => {
      // A stream that is created with an already aborted signal has no listener for its error, which would end the host.
      signal.throwIfAborted();
      for await (const chunk of handle.createReadStream({ autoClose: false, start: 0, highWaterMark: READ, signal })) {
        fed += (chunk as Buffer).length;
        if (fed - moved > MOST_HEADERS)
          throw new Refusal("EFBIG", `${called} has headers of more than ${MOST_HEADERS} bytes between its members.`);
        progress(fed / Math.max(1, facts.size));
        if (!reader.write(chunk)) await drained(reader as unknown as Writable);
      }
      reader.end();
    };
    const feeding = feed().catch((error: unknown) => void reader.destroy(error as Error));
    try {
      for await (const entry of reader) {
        moved = fed;
        const { size = 0, type } = entry.header;
        // Whoever packs a whole folder has all names begin with this one.
        const name = entry.header.name.replace(/^(\.\/)+(?=.)/, "");
        checkMember(called, name, size, type ?? "thing of a kind that nobody knows");
        const bytes = (async function* () {
          for await (const chunk of entry as AsyncIterable<Buffer>) {
            moved = fed;
            yield chunk;
          }
        })();
        if (type !== "directory" && !ATTRIBUTES.test(name)) await visit({ name, size, bytes });
        for await (const _ of bytes);
      }
    } finally {
      reader.destroy();
      await feeding;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Refusal) throw error;
    if ("syscall" in (error as Error)) throw libraryFailure(error, `${called} can't be read`);
    throw new Refusal("EINVAL", `${called} is no archive that is whole: ${(error as Error).message}.`);
  } finally {
    await handle.close();
  }
}

/** What macOS packs before a file: its attributes, under the file's name. */
const ATTRIBUTES = /(^|\/)\._[^/]*$/;

/** Compressions in which an archive must not come. */
const PACKINGS: readonly [RegExp, string][] = [
  [/^\x1f\x8b/, "gzip"],
  [/^PK\x03\x04/, "zip"],
  // A tar may begin with the first three letters, as they could be a member's name. The level and a block's mark follow.
  [/^BZh[1-9]1AY&SY/, "bzip2"],
  [/^\xfd7zXZ/, "xz"],
  [/^\x28\xb5\x2f\xfd/, "zstd"],
  [/^7z\xbc\xaf\x27\x1c/, "7-Zip"],
];
/** Bytes needed to distinguish all of these. */
const MARK_BYTES = 10;
/** Returns what a file with these first bytes is packed with; null where it is not. */
export const packing = (head: string): string | null => PACKINGS.find(([mark]) => mark.test(head))?.[1] ?? null;

async function head(handle: FileHandle): Promise<string> {
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(MARK_BYTES), 0, MARK_BYTES, 0);
  return buffer.toString("latin1", 0, bytesRead);
}

function checkMember(archive: string, name: string, size: number, type: string): void {
  const shown = JSON.stringify(name.slice(0, 100));
  const refuse = (why: string): Refusal => new Refusal("EINVAL", `${archive} is refused: its member ${shown} ${why}.`);
  if (!["file", "contiguous-file", "directory"].includes(type)) throw refuse(`is no file but a ${type}`);
  if (name.length > MOST_NAME) throw refuse(`has a name longer than ${MOST_NAME} letters`);
  if (/[\p{Cc}\p{Cf}\\]/u.test(name)) throw refuse("has signs in its name that names of files may not have");
  // The folder that was packed.
  if (type === "directory" && (name === "./" || name === ".")) return;
  if (name.startsWith("/") || /^[a-z]:/i.test(name)) throw refuse("has an absolute name");
  const parts = name.replace(/\/$/, "").split("/");
  if (parts.some((part) => part === ".." || part === "" || part === "."))
    throw refuse("has a name that leads out of the archive");
  if (!Number.isSafeInteger(size) || size < 0) throw refuse("has no size that is possible");
}

/** Reads a member whole. Throws Refusal EFBIG before it takes the memory. */
export async function wholeMember({ name, size, bytes }: Member, most: number): Promise<Buffer> {
  if (size > most) throw new Refusal("EFBIG", `${name} has ${size} bytes; allowed: up to ${most}.`);
  const parts: Buffer[] = [];
  for await (const chunk of bytes) parts.push(chunk);
  return Buffer.concat(parts);
}
