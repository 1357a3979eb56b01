/**
 * A file that is there whole or not at all, whatever happens meanwhile, a power failure included: it is written under another name in
 * the same folder, reaches the disk, takes its place in one step, and the folder that says so reaches the disk too. Until then the file
 * that was there before stays as it was.
 */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { link, mkdir, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";

/** How the name of a file ends that is being written. One that is left is of no use. */
export const PART = ".part";

/** Two may write the same file at once. */
const partOf = (file: string): string => `${file}.${crypto.randomUUID().slice(0, 8)}${PART}`;

/** Nobody but the user reads it, and it is new: not followed where somebody else may have put a link. */
const NEW = { flags: "wx", mode: 0o600 } as const;

/**
 * Its size in bytes. Throws what the file system or the contents' maker says; then nothing has changed: where the folder can't reach the disk, what
 * was there before takes its place again, for who is told that it failed goes on with that. On file systems without hard links the new content stays.
 */
export async function writeWhole(
  file: string,
  contents: string | Uint8Array | AsyncIterable<Uint8Array>,
): Promise<number> {
  const part = partOf(file);
  const handle = await open(part, NEW.flags, NEW.mode);
  try {
    const size = await closing(handle, async () => {
      // Its types do not know that it takes what comes bit by bit, as it does since Node 15.14.
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
 * A file or folder takes another place in one step, over a file that is there, and the folders that say so reach the disk: the one that it
 * comes to first, so that after a power failure it may be in both places, but never in none. What it holds has reached the disk before.
 */
export async function moveWhole(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncFolder(path.dirname(to));
  if (path.dirname(from) !== path.dirname(to)) await syncFolder(path.dirname(from));
}
export function moveWholeSync(from: string, to: string): void {
  renameSync(from, to);
  syncFolderSync(path.dirname(to));
  if (path.dirname(from) !== path.dirname(to)) syncFolderSync(path.dirname(from));
}

/** As writeWhole, for who can't wait. */
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

/** What a file was before: under another name, or not there at all (null). Some file systems give no second names: then nobody knows. */
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

/** A folder for the user alone, made with those above it where they are missing. */
export async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
}
export function privateFolderSync(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** Removes what writers left that did not come to their end. Only for who knows that none is writing there now. */
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

/** Windows opens no folders, and some file systems sync none: the file itself is on the disk by then. */
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
