/**
 * The images that snapshots make: qcow2 overlays, each beside the image that it is based on. What belongs to a disk so stays on the disk that the
 * user has chosen for it, which has the room, and in the folder that the user moves or copies as a whole.
 */
import { lstat, rm, stat } from "node:fs/promises";
import path from "node:path";
import { lockImage } from "../../dom0/storage/image-locks.ts";
import { openStore } from "../../dom0/storage/open.ts";
import { createQcow2 } from "../../dom0/storage/qcow2/create.ts";
import { looksLikeDisk } from "../../dom0/storage/recognise.ts";
import { StoreError } from "../../dom0/storage/block-store.ts";
import type { Lock } from "../../files/lock.ts";
import { Refusal } from "../../toolstack/error.ts";
import type { Layer } from "./tree.ts";

/** What an overlay's name ends with: its device and the id of the step that made it. */
const ENDING = /\.[a-z0-9]{1,16}-[\da-f]{8}\.qcow2$/;
const MOST_STEM = 120;

/** Returns the path of the overlay over `base` that the step `id` makes. */
export function overlayFile(base: string, vdev: string, id: string): string {
  const name = path.basename(base);
  const stem = ENDING.test(name) ? name.replace(ENDING, "") : name.replace(/\.[^.]{1,8}$/, "");
  return path.join(path.dirname(base), `${cut(stem)}.${vdev.replace(/[^a-z0-9]/g, "").slice(0, 16)}-${id}.qcow2`);
}

/** Shortens a name in bytes, as file systems count its length. */
function cut(stem: string): string {
  let short = stem;
  while (Buffer.byteLength(short) > MOST_STEM) short = [...short].slice(0, -1).join("");
  return short || "disk";
}

/** Names that image headers use for formats, where they differ from ours. */
const HEADER_NAMES = { raw: "raw", qcow2: "qcow2", vhd: "vpc", vmdk: "vmdk" } as const;

export interface NewOverlay {
  file: string;
  base: Pick<Layer, "file" | "format">;
}

/** Makes all overlays or none. An overlay shows what its base shows and has its size, which nobody changes meanwhile. Throws Refusal. */
export async function makeOverlays(overlays: readonly NewOverlay[]): Promise<void> {
  const made: string[] = [];
  try {
    for (const { file, base } of overlays) {
      if (base.format === "raw" && !(await looksLikeDisk(base.file)))
        throw new StoreError(
          "EACCES",
          `${base.file} does not look like the image of a disk, by its name or what it holds; call it ${path.basename(base.file)}.img`,
        );
      const size = await sizeOf(base);
      const backing = { file: path.basename(base.file), format: HEADER_NAMES[base.format] };
      await createQcow2({ path: file, size, backing }).catch((error: unknown) => {
        // A file that somebody else has there must not be removed.
        if ((error as StoreError).code !== "EEXIST") made.push(file);
        throw error;
      });
      made.push(file);
      await opened(file);
    }
  } catch (error) {
    for (const file of made) await rm(file, { force: true });
    throw imageFailure(error, "The image for what is written from now on can't be made");
  }
}

/**
 * Opens the overlay as a domain will, so that a fault in its chain is known before anything depends on it. Throws StoreError EBUSY where another process writes to
 * what the overlay is based on: the overlay would not show what that was at any moment.
 */
async function opened(file: string): Promise<void> {
  const locks: Lock[] = [];
  try {
    const store = await openStore(file, "qcow2", "read", async (id, name) => {
      locks.push(lockImage(id, name, "read"));
    });
    await store.close();
  } finally {
    for (const lock of locks) lock.release();
  }
}

/** Whether something has that name already. */
export async function isTaken(file: string): Promise<boolean> {
  return (await lstat(file).catch(() => null)) !== null;
}

/** Size of the disk in bytes. */
async function sizeOf({ file, format }: Pick<Layer, "file" | "format">): Promise<number> {
  const store = await openStore(file, format, "read");
  try {
    return store.size;
  } finally {
    await store.close();
  }
}

/** Bytes that it takes on this computer's disk; 0 where it does not exist. */
export async function allocated(file: string): Promise<number> {
  const facts = await stat(file).catch(() => null);
  if (!facts) return 0;
  // Windows does not count blocks.
  return facts.blocks ? Math.min(facts.size, facts.blocks * 512) : facts.size;
}

export function imageFailure(error: unknown, what: string): unknown {
  if (!(error instanceof StoreError)) return error;
  const why = error.isFull ? `this computer's disk is full (${error.message})` : error.message;
  return new Refusal(error.code, `${what}: ${why}.`);
}
