/** Makes a new image with the content of another, in qcow2, raw or VHD format, without what is zero. */
import { ftruncate, open, close } from "node:fs";
import { lstat, rm } from "node:fs/promises";
import { promisify } from "node:util";
import type { Lock } from "../../files/lock.ts";
import { StoreError, storeError, type BlockStore } from "./block-store.ts";
import { lockImage } from "./image-locks.ts";
import { openStore } from "./open.ts";
import { createQcow2 } from "./qcow2/create.ts";
import { writeVhd } from "./vhd/write.ts";

const CHUNK = 1 << 20;
/** The size of the pieces that are left out if they are zero. */
const PIECE = 65536;

export type NewFormat = "qcow2" | "raw";
/** What an image can become: a VHD is written for other hypervisors, and is only read here. */
export type CopyFormat = NewFormat | "vhd";

/** The file must not exist. If this rejects, the caller removes it. */
export async function createImage(file: string, format: NewFormat, size: number): Promise<void> {
  if (format === "qcow2") return createQcow2({ path: file, size });
  if (!Number.isSafeInteger(size) || size < 0 || size % 512)
    throw new StoreError("EINVAL", `a disk of ${size} bytes is not possible: the size must be a multiple of 512`);
  try {
    const fd = await new Promise<number>((resolve, reject) =>
      open(file, "wx", (error, number) => (error ? reject(error) : resolve(number))),
    );
    try {
      await promisify(ftruncate)(fd, size);
    } finally {
      await promisify(close)(fd);
    }
  } catch (error) {
    throw storeError(error, file);
  }
}

/**
 * `progress` is told the share that is done, up to 1. In the end the image is complete, or does not exist; a file that was there before stays as it is.
 * Throws StoreError, EEXIST where one was.
 */
export async function convertImage(
  from: { file: string; format: string },
  to: { file: string; format: CopyFormat },
  progress: (share: number) => void = () => {},
): Promise<void> {
  // Below, a new file is removed after any error, also after one that came before the file could be made.
  if (await lstat(to.file).catch(() => null))
    throw new StoreError("EEXIST", `${to.file} is there already (EEXIST): name a file that is not`);
  const locks: Lock[] = [];
  try {
    const source = await openStore(from.file, from.format, "read", async (id, file) => {
      locks.push(lockImage(id, file, "read"));
    });
    await into(source, to, progress);
  } finally {
    for (const lock of locks) lock.release();
  }
}

async function into(
  source: BlockStore,
  to: { file: string; format: CopyFormat },
  progress: (share: number) => void,
): Promise<void> {
  try {
    await (to.format === "vhd" ? writeVhd(source, to.file, progress) : made(source, to.file, to.format, progress));
  } catch (error) {
    // A file that somebody else has there must not be removed.
    if ((error as StoreError).code !== "EEXIST") await rm(to.file, { force: true });
    throw error;
  } finally {
    await source.close();
  }
}

async function made(
  source: BlockStore,
  file: string,
  format: NewFormat,
  progress: (share: number) => void,
): Promise<void> {
  await createImage(file, format, source.size);
  const target = await openStore(file, format, "read-write");
  try {
    await copy(source, target, progress);
  } finally {
    await target.close();
  }
}

async function copy(source: BlockStore, target: BlockStore, progress: (share: number) => void): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (let at = 0; at < source.size;) {
    const next = source.nextData ? await source.nextData(at) : at;
    if (next === null || next >= source.size) break;
    at = next;
    // Pieces begin where the target's pieces do.
    const length = Math.min(CHUNK - (at % PIECE), source.size - at);
    const bytes = buffer.subarray(0, length);
    await source.read(at, [bytes]);
    for (let done = 0; done < length;) {
      const count = Math.min(PIECE - ((at + done) % PIECE), length - done);
      const piece = bytes.subarray(done, done + count);
      if (!isZero(piece)) await target.write(at + done, [piece]);
      done += count;
    }
    at += length;
    progress(at / source.size);
    // What is known to be zero takes no waiting, and there may be any amount of it; who wants to cancel must be heard.
    await new Promise(setImmediate);
  }
  await target.flush();
  progress(1);
}

function isZero(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).equals(ZEROES.subarray(0, bytes.length));
}
const ZEROES = Buffer.alloc(PIECE);
