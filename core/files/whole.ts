/**
 * A file that is there whole or not at all, whatever happens meanwhile, even a power failure. It is written under another name in the same folder and
 * flushed to the disk. Then it takes its place in one step, and the folder, which records that, is flushed too. Until then the file that was there
 * before stays as it was.
 */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { link, mkdir, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";

/** The end of the name of a file that is being written. One that is left over is of no use. */
export const PART = ".part";

/** Two writers may write the same file at the same time. */
const partOf = (file: string): string => `${file}.${crypto.randomUUID().slice(0, 8)}${PART}`;

/** Nobody but the user may read it. It must be new, so that a link that somebody else has put there is not followed. */
const NEW = { flags: "wx", mode: 0o600 } as const;

/**
 * Returns the file's size in bytes. Throws what the file system or the source of the contents throws, and then nothing has changed: if the folder
 * can't be flushed, the file that was there before takes its place again, because the caller, who gets an error, goes on with that one. On file
 * systems without hard links the new content stays.
 */
export async function writeWhole(
  file: string,
  contents: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<number> {
  const part = partOf(file);
  const handle = await open(part, NEW.flags, NEW.mode);
  try {
    const size = await closing(handle, async () => {
      // The types of Node do not know that writeFile takes what arrives piece by piece, as it does since Node 15.14.
      await handle.writeFile(contents as Uint8Array);
      await handle.sync();
      return (await handle.stat()).size;
    });
    const before = await secondName(file);
    try {
      await moveWhole(part, file).catch(async (error: unknown) => {
        if (before.isKnown)
          await (before.name === null ? rm(file, { force: true }) : rename(before.name, file)).catch(() => {});
        throw error;
      });
    } finally {
      if (before.name !== null) await rm(before.name, { force: true }).catch(() => {});
    }
    return size;
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw error;
  }
}

/**
 * Moves a file or folder to another place in one step, over a file that is there, and flushes the folders that record it. The folder that it comes to
 * is flushed first, so that after a power failure it may be in both places but never in none. The contents must have been flushed before.
 */
export async function moveWhole(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(path.dirname(to));
  if (path.dirname(from) !== path.dirname(to)) await syncFolder(path.dirname(from));
}
/**
 * The same for a file that takes a place where nothing may be. Throws EEXIST where something is: of several that come at the same moment, one is there and
 * the others are told so. If it fails, nothing is at that place.
 */
export async function moveNew(from: string, to: string): Promise<void> {
  const isLinked = await link(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") throw error;
      return false;
    },
  );
  // exFAT and many network drives have no hard links. There an empty file, which only one can make, holds the place until the whole one takes it. Who is
  // killed between these two steps leaves it.
  if (!isLinked) await (await open(to, NEW.flags, NEW.mode)).close();
  try {
    if (isLinked) await syncFolder(path.dirname(to));
    else await moveWhole(from, to);
  } catch (error) {
    await rm(to, { force: true }).catch(() => {});
    throw error;
  }
  if (isLinked) await rm(from, { force: true });
}
export function moveWholeSync(from: string, to: string): void {
  renameSync(from, to);
  syncFolderSync(path.dirname(to));
  if (path.dirname(from) !== path.dirname(to)) syncFolderSync(path.dirname(from));
}

/** Does what writeWhole does, for callers who can't wait. */
export function writeWholeSync(file: string, contents: string | Uint8Array): void {
  const part = partOf(file);
  const descriptor = openSync(part, NEW.flags, NEW.mode);
  try {
    try {
      writeFileSync(descriptor, contents);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    const before = secondNameSync(file);
    try {
      moveWholeSync(part, file);
    } catch (error) {
      if (before.isKnown && before.name === null) rmSync(file, { force: true });
      else if (before.name !== null) renameSync(before.name, file);
      throw error;
    } finally {
      if (before.name !== null) rmSync(before.name, { force: true });
    }
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}

/** What a file was before: a second name for it, or null if there was none. Some file systems have no second names, and then it is unknown. */
interface Before {
  readonly isKnown: boolean;
  readonly name: string | null;
}

async function secondName(file: string): Promise<Before> {
  const name = partOf(file);
  return link(file, name).then(() => ({ isKnown: true, name }), without);
}
function secondNameSync(file: string): Before {
  const name = partOf(file);
  try {
    linkSync(file, name);
    return { isKnown: true, name };
  } catch (error) {
    return without(error);
  }
}
function without(error: unknown): Before {
  return { isKnown: (error as NodeJS.ErrnoException).code === "ENOENT", name: null };
}

/** Makes a folder that only the user may use, and those above it that are missing. */
export async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
}
export function privateFolderSync(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Removes what is left of writers that did not finish. Call it only where nobody can be writing at the moment. */
export async function removeParts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch((): string[] => []))
    if (name.endsWith(PART)) await rm(path.join(folder, name), { force: true });
}

async function closing<T>(handle: FileHandle, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } finally {
    await handle.close();
  }
}

/** Windows opens no folders, and some file systems can't flush them. By then the file itself is on the disk. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, "r");
    await closing(handle, () => handle.sync());
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
}
function syncFolderSync(folder: string): void {
  try {
    const descriptor = openSync(folder, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
}

const UNSUPPORTED = new Set(["EINVAL", "ENOTSUP", "EISDIR", "EPERM", "EACCES", "EBADF"]);
function isUnsupported(error: unknown): boolean {
  return UNSUPPORTED.has((error as NodeJS.ErrnoException).code ?? "");
}
