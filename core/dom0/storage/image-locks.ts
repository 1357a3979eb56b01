/**
 * Keeps two hosts on this computer from using an image that one of them writes: locks in the user's folder of temporary files name the processes. They are named
 * after the file's device and inode, so links make no difference, and nothing lies beside the image. The register of a host (`../backends/blk/image-register.ts`)
 * knows what this host does with an image; locks only speak to other processes. Hosts of other users, of other computers or in containers don't see it.
 */
import { lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import path from "node:path";
import { holderOf, removeLeft, takeLock, type Holder, type Lock } from "../../files/lock.ts";
import { StoreError } from "./block-store.ts";

/** The names of a writer's lock and of readers' marks. Others in this folder are not of ours. */
const LOCK = /^\d+-\d+(\.[\da-f]{8})?$/;
const NONE: Lock = { release: () => {} };
/** The files of the locks that this thread has. */
const own = new Set<string>();
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
  const mine = takenOrHeld(lock, isOwn);
  if ("holder" in mine) throw inUse(file, mine.holder, "written");
  // Readers make their mark before they look for a writer: of two that come at the same moment, one at least sees the other.
  for (const name of names(folder).filter((each) => each.startsWith(`${path.basename(lock)}.`))) {
    const reader = holderOf(path.join(folder, name));
    if (reader === null || isOwn(reader)) continue;
    mine.lock.release();
    throw inUse(file, reader, "read");
  }
  return mine.lock;
}

function marked(lock: string, file: string): Lock {
  const mine = takenOrHeld(`${lock}.${crypto.randomUUID().slice(0, 8)}`, () => false);
  const writer = holderOf(lock);
  const mark = "lock" in mine ? mine.lock : NONE;
  if (writer === null || isOwn(writer)) return mark;
  mark.release();
  throw inUse(file, writer, "written");
}

/** Where the folder can't be written, as when its disk is full, others are told nothing, but what they say counts. */
function takenOrHeld(file: string, isLeft: (holder: Holder) => boolean): { lock: Lock } | { holder: Holder } {
  const taken = takeLock(file, COMMAND, isLeft);
  if (taken === null) {
    const holder = holderOf(file);
    return holder === null || isLeft(holder) ? { lock: NONE } : { holder };
  }
  if ("holder" in taken) return taken;
  own.add(file);
  stayYoung(file);
  const release = (): void => {
    own.delete(file);
    taken.lock.release();
  };
  return { lock: { release } };
}

/**
 * Systems remove what lies in folders of temporary files and is some days old, and a domain may run for longer. Who reads the file leaves its time of access
 * as it is (Linux, relatime), because that is after the other one.
 */
function stayYoung(file: string): void {
  const later = Date.now() + TEN_YEARS_MS;
  try {
    utimesSync(file, new Date(later + 1000), new Date(later));
  } catch {
    // It is as good as any other file there, then.
  }
}
const TEN_YEARS_MS = 10 * 365 * 24 * 3600 * 1000;

const COMMAND = "Xenarium";
const isOwn = ({ pid }: Holder): boolean => pid === process.pid;

/**
 * Releases the locks of other threads of this process: a host that has ended writes nothing any more. What this thread does with images, such as copying
 * them, goes on. The folder goes when it is empty.
 */
export function releaseImages(): void {
  const folder = ownFolder();
  if (folder === null) return;
  for (const name of names(folder)) {
    const file = path.join(folder, name);
    if (!own.has(file) && holderOf(file)?.pid === process.pid) rmSync(file, { force: true });
  }
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
  for (const name of names(folder)) removeLeft(path.join(folder, name));
}

/** Another process may have removed the folder since it was made. */
function names(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => LOCK.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
