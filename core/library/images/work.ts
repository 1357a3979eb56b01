/** Work on the images that the host keeps. Each image is complete in the end, or does not exist. */
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Disks } from "../../dom0/backends/blk/disks.ts";
import { StoreError } from "../../dom0/storage/block-store.ts";
import { createImage, type CopyFormat, type NewFormat } from "../../dom0/storage/convert.ts";
import { openStore } from "../../dom0/storage/open.ts";
import { checkQcow2, type CheckReport } from "../../dom0/storage/qcow2/check.ts";
import { PART, moveWhole } from "../../files/whole.ts";
import { Refusal } from "../../toolstack/error.ts";
import { libraryFailure } from "../failure.ts";
import type { KeptFolder } from "../kept-folder.ts";
import { convertWithRoom } from "./converting.ts";
import { writtenAt } from "./facts.ts";

/** Size in bytes of the largest disk that can be made here. */
const MOST_BYTES = 2 ** 43;
const SECTOR = 512;
const ENDINGS: Record<CopyFormat, string> = { qcow2: ".qcow2", raw: ".img", vhd: ".vhd" };

export interface Image {
  file: string;
  format: string;
}
type Progress = (share: number) => void;

/** Throws Refusal EINVAL. */
export function checkSize(bytes: number): void {
  if (Number.isSafeInteger(bytes) && bytes >= SECTOR && bytes <= MOST_BYTES && bytes % SECTOR === 0) return;
  throw new Refusal(
    "EINVAL",
    `A disk can't have ${bytes} bytes; allowed: a multiple of ${SECTOR} from ${SECTOR} to ${MOST_BYTES} (8 TiB).`,
  );
}

/** Makes an empty image in that folder and returns its path. Throws Refusal. */
export async function makeEmpty(folder: KeptFolder, name: string, format: NewFormat, bytes: number): Promise<string> {
  checkSize(bytes);
  return intoFolder(folder, name, format, (file) => createImage(file, format, bytes));
}

/**
 * Makes a copy in that folder that is based on nothing, also of an image that lies elsewhere, and returns its path. Throws Refusal, EBUSY where the
 * image was written to meanwhile; or the reason of the aborted signal.
 */
export async function makeCopy(
  folder: KeptFolder,
  from: Image,
  name: string,
  format: CopyFormat,
  progress: Progress,
  signal: AbortSignal,
): Promise<string> {
  const before = await writtenAt(from.file);
  return intoFolder(folder, name, format, async (file) => {
    await convertWithRoom(from, { file, format }, path.basename(from.file), (share) => {
      signal.throwIfAborted();
      progress(share);
    });
    signal.throwIfAborted();
    if ((await writtenAt(from.file)) !== before)
      throw new Refusal("EBUSY", `${path.basename(from.file)} was written to meanwhile: copy it again.`);
  });
}

async function intoFolder(
  folder: KeptFolder,
  name: string,
  format: CopyFormat,
  make: (file: string) => Promise<void>,
): Promise<string> {
  const ending = ENDINGS[format];
  const place = await folder.place(name.toLowerCase().endsWith(ending) ? name : `${name}${ending}`);
  const part = `${place.path}.${crypto.randomUUID().slice(0, 8)}${PART}`;
  const called = path.basename(place.path);
  try {
    await make(part);
    const handle = await open(part, "r+");
    try {
      await handle.chmod(0o600);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await moveWhole(part, place.path);
    return place.path;
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw imageFailure(error, `${called} can't be made`);
  } finally {
    place.left();
  }
}

/** Enlarges an image. Throws Refusal, EINVAL where it would become smaller. */
export async function growImage({ file, format }: Image, bytes: number): Promise<void> {
  checkSize(bytes);
  const called = path.basename(file);
  try {
    const store = await new Disks(tmpdir()).open(file, format, "read-write");
    try {
      if (bytes < store.size)
        throw new Refusal(
          "EINVAL",
          `${called} has ${store.size} bytes, and ${bytes} are fewer: what lies behind the new end would be lost, and the file systems on it don't know of it. Make them smaller in a guest first; then “xenarium disk resize --shrink” cuts the image.`,
        );
      await store.resize(bytes);
    } finally {
      await store.close();
    }
  } catch (error) {
    throw imageFailure(error, `The size of ${called} can't be changed`);
  }
}

/**
 * Checks an image: the tables and reference counts of a qcow2 image, and for all formats whether everything in it and in what it is based on can be
 * read. `unreadable` is a sentence that says why not; null where it can. Throws Refusal where the image can't be looked at, or the reason of the
 * aborted signal.
 */
export async function checkImage(
  { file, format }: Image,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ tables: CheckReport | null; unreadable: string | null }> {
  const tell = (share: number): void => {
    signal.throwIfAborted();
    progress(share);
  };
  const called = path.basename(file);
  let tables: CheckReport | null = null;
  try {
    if (format === "qcow2") tables = await checkQcow2(file, (share) => tell(share * 0.3));
  } catch (error) {
    throw imageFailure(error, `${called} can't be checked`);
  }
  try {
    const from = tables ? 0.3 : 0;
    await readAll(file, format, (share) => tell(from + share * (1 - from)));
    return { tables, unreadable: null };
  } catch (error) {
    if (error instanceof StoreError) return { tables, unreadable: `It can't be read to its end: ${error.message}.` };
    throw error;
  }
}

async function readAll(file: string, format: string, progress: Progress): Promise<void> {
  const store = await openStore(file, format, "read");
  try {
    const buffer = new Uint8Array(1 << 20);
    for (let at = 0; at < store.size;) {
      const next = store.nextData ? await store.nextData(at) : at;
      if (next === null || next >= store.size) break;
      const length = Math.min(buffer.length, store.size - next);
      await store.read(next, [buffer.subarray(0, length)]);
      at = next + length;
      progress(at / store.size);
      await new Promise(setImmediate);
    }
  } finally {
    await store.close();
  }
}

function imageFailure(error: unknown, what: string): unknown {
  if (error instanceof StoreError) {
    const why = error.isFull ? "this computer's disk is full" : error.message;
    return new Refusal(error.code, `${what}: ${why}.`);
  }
  return error instanceof Error && "syscall" in error ? libraryFailure(error, what) : error;
}
