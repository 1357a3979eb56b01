/**
 * Keeps two hosts on this computer from using an image that one of them writes: locks in folders of the user's name the processes. They are named after the
 * file's device and inode, so links make no difference, and nothing lies beside the image. The register of a host (`../backends/blk/image-register.ts`)
 * knows what this host does with an image; locks only speak to other processes. Hosts of other users, of other computers or in containers don't see it.
 *
 * A lock lies in the user's runtime folder (XDG_RUNTIME_DIR) and in the folder of temporary files, as far as there are such and nobody else may write them. Each
 * of them alone would fail somebody: another user may have made the folder for temporary files first; the runtime folder is not there for a service or over
 * `sudo`, and is removed when its user logs out, whatever goes on; and an application may have a folder for temporary files of its own.
 */
import { chmodSync, mkdirSync, readdirSync, rmdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { holderOf, removeLeft, takeLock, type Holder, type Lock } from "../../files/lock.ts";
import { isOwnFolder, isPrivateFolder, userNumber } from "../../files/own-folder.ts";
import { StoreError } from "./block-store.ts";

/** The names of a writer's lock and of readers' marks. Others in this folder are not of ours. */
const LOCK = /^\d+-\d+(\.[\da-f]{8})?$/;
/** Those of files that are to become locks, and of the locks of whoever removes one (../../files/lock.ts). Who is killed leaves them. */
const BESIDE = /^\d+-\d+(\.[\da-f]{8})?(\.[\da-f]{12}\.left)*(\.[\da-f-]{36}\.new)?$/;
const NONE: Lock = { release: () => {} };
/** The files of the locks that this thread has. */
const own = new Set<string>();
/** Folders in which this thread has looked for what crashes have left. */
const swept = new Set<string>();

/**
 * Called before the image is used, by its id. Throws StoreError EBUSY while another process writes it or, where it is to be written, uses it at all. Does nothing
 * where no locks can be made. What is in use in this process its register knows.
 */
export function lockImage(id: string, file: string, access: "read" | "write"): Lock {
  const taken: Lock[] = [];
  const release = (): void => {
    for (const lock of taken) lock.release();
  };
  try {
    for (const folder of folders()) {
      if (!swept.has(folder)) sweep(folder);
      swept.add(folder);
      const lock = path.join(folder, id.replace(":", "-"));
      taken.push(access === "read" ? marked(lock, file) : locked(folder, lock, file));
    }
  } catch (error) {
    release();
    throw error;
  }
  return { release };
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
  for (const folder of folders()) {
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
}

const inUse = (file: string, { pid }: Holder, how: "written" | "read"): StoreError =>
  new StoreError(
    "EBUSY",
    `${file} is being ${how} by another Xenarium (process ${pid}): end what uses it there first, or use a copy`,
  );

/** In the same order for everybody, so that of two who come at the same moment one has the first and the other nothing. */
function folders(): string[] {
  const runtime = process.env.XDG_RUNTIME_DIR ?? "";
  return [
    ...(path.isAbsolute(runtime) && isPrivateFolder(runtime) ? [path.join(runtime, "xenarium-images")] : []),
    path.join(tmpdir(), `xenarium-images-${userNumber()}`),
  ].filter(isMade);
}

/** Returns false where nothing in it can be believed, such as one that another user has made before. */
function isMade(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Who owns it may have changed who else may write it.
    if (isOwnFolder(folder)) chmodSync(folder, 0o700);
    return isPrivateFolder(folder);
  } catch {
    return false;
  }
}

/** Removes what crashes have left, so that the folder does not grow. */
function sweep(folder: string): void {
  for (const name of names(folder, BESIDE)) removeLeft(path.join(folder, name));
}

/** Another process may have removed the folder since it was made. */
function names(folder: string, like = LOCK): string[] {
  try {
    return readdirSync(folder).filter((name) => like.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
