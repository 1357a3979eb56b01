/**
 * Keeps two hosts on this computer from using an image that one of them writes: locks in the user's folder of temporary files name the processes. They are named
 * after the file's device and inode, so links make no difference, and nothing lies beside the image. The register of a host (`../backends/blk/image-register.ts`)
 * knows what this host does with an image; locks only speak to other processes. Hosts of other users, of other computers or in containers don't see it.
 */
import { lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { holderOf, takeLock, type Holder, type Lock } from "../../files/lock.ts";
import { StoreError } from "./block-store.ts";

/** The names of a writer's lock and of readers' marks. Others in this folder are not of ours. */
const LOCK = /^\d+-\d+(\.[\da-f]{8})?$/;
const NONE: Lock = { release: () => {} };
let isSwept = false;

/**
 * Called before the image is used, by its id. Throws StoreError EBUSY while another process writes it or, where it is to be written, uses it at all. Does nothing
 * where no locks can be made. What is in use in this process its register knows.
 */
export function lockImage(id: string, file: string, access: "read" | "write"): Lock {
  const folder = ownFolder();
  if (folder === null) return NONE;
  if (!isSwept) sweep(folder);
  isSwept = true;
  const lock = path.join(folder, id.replace(":", "-"));
  return access === "read" ? marked(lock, file) : locked(folder, lock, file);
}

function locked(folder: string, lock: string, file: string): Lock {
  // A thread of this process that was ended has released nothing.
  const taken = takeLock(lock, COMMAND, isOwn);
  if (taken === null) return NONE;
  if ("holder" in taken) throw inUse(file, taken.holder, "written");
  // Readers make their mark before they look for a writer: of two that come at the same moment, one at least sees the other.
  for (const name of names(folder).filter((each) => each.startsWith(`${path.basename(lock)}.`))) {
    const reader = holderOf(path.join(folder, name));
    if (reader === null || isOwn(reader)) continue;
    taken.lock.release();
    throw inUse(file, reader, "read");
  }
  return taken.lock;
}

function marked(lock: string, file: string): Lock {
  const taken = takeLock(`${lock}.${crypto.randomUUID().slice(0, 8)}`, COMMAND);
  if (taken === null || "holder" in taken) return NONE;
  const writer = holderOf(lock);
  if (writer === null || isOwn(writer)) return taken.lock;
  taken.lock.release();
  throw inUse(file, writer, "written");
}

const COMMAND = "Xenarium";
const isOwn = ({ pid }: Holder): boolean => pid === process.pid;

/** Releases all locks of this process: a host that has ended writes nothing any more. The folder goes when it is empty. */
export function releaseImages(): void {
  const folder = ownFolder();
  if (folder === null) return;
  for (const name of names(folder))
    if (holderOf(path.join(folder, name))?.pid === process.pid) rmSync(path.join(folder, name), { force: true });
  try {
    rmdirSync(folder);
  } catch {
    // Others have locks in it.
  }
}

const inUse = (file: string, { pid }: Holder, how: "written" | "read"): StoreError =>
  new StoreError(
    "EBUSY",
    `${file} is being ${how} by another Xenarium (process ${pid}): end what uses it there first, or use a copy`,
  );

/** Null where another user has made it before, so that nothing in it can be believed. */
function ownFolder(): string | null {
  try {
    const { uid } = userInfo();
    const folder = path.join(tmpdir(), `xenarium-images-${uid}`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    const isOwn = found.isDirectory() && (process.platform === "win32" || (found.uid === uid && !(found.mode & 0o077)));
    return isOwn ? folder : null;
  } catch {
    return null;
  }
}

/** Removes what crashes have left, so that the folder does not grow. */
function sweep(folder: string): void {
  for (const name of names(folder)) {
    const file = path.join(folder, name);
    const taken = holderOf(file) === null ? takeLock(file, COMMAND) : null;
    if (taken && "lock" in taken) taken.lock.release();
  }
}

function names(folder: string): string[] {
  return readdirSync(folder).filter((name) => LOCK.test(name));
}
