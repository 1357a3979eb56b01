/**
 * Open regular files of a shared folder. Pipes, devices and sockets are never opened on the host: what a guest does with them stays in the guest.
 * The number of an open file must not be given back to the operating system while a transfer waits for its turn, because the next file that anybody
 * opens would get it. So the transfers under way are counted, and the last one closes the file.
 */
import { close, constants, fdatasync, fstat, fsync, ftruncate, open, readv, writev, type BigIntStats } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { FolderError } from "../errno.ts";
import { namesBelow, type Entry, type Folder } from "./folder.ts";

/** Linux's flags, as the guest sends them. */
export const OPEN = {
  access: 0o3,
  writeOnly: 0o1,
  readWrite: 0o2,
  exclusive: 0o200,
  truncate: 0o1000,
  append: 0o2000,
  dataSync: 0o10000,
  sync: 0o4010000,
} as const;
/** IOV_MAX of the supported hosts. */
const MOST_VIEWS = 1024;

const opened = promisify(open) as (path: string, flags: number, mode?: number) => Promise<number>;
const truncated = promisify(ftruncate);
const closed = promisify(close);
const statusOf = (descriptor: number): Promise<BigIntStats> =>
  new Promise((resolve, reject) =>
    fstat(descriptor, { bigint: true }, (error, status) => (error ? reject(error) : resolve(status))),
  );

/** Converts the place of a byte in a file. Throws FolderError EFBIG. */
export function placeIn(offset: bigint): number {
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new FolderError("EFBIG");
  return Number(offset);
}

export function writes(flags: number): boolean {
  return (flags & OPEN.access) !== 0 || (flags & OPEN.truncate) !== 0;
}

/** Returns the host's flags for a guest's. The guest's other flags change nothing for a file that somebody else opens for it. */
function hostFlags(flags: number): number {
  const access = flags & OPEN.access;
  const host =
    access === OPEN.writeOnly
      ? constants.O_WRONLY
      : access === OPEN.readWrite
        ? constants.O_RDWR
        : access === 0
          ? constants.O_RDONLY
          : null;
  if (host === null) throw new FolderError("EINVAL", "this is no way of opening");
  const isSync = (flags & OPEN.sync) === OPEN.sync;
  const synced = isSync ? constants.O_SYNC : flags & OPEN.dataSync ? constants.O_DSYNC : 0;
  return host | (flags & OPEN.append ? constants.O_APPEND : 0) | (synced ?? 0);
}

export class OpenFile {
  readonly #descriptor: number;
  #underWay = 0;
  #isClosed = false;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Rejects with FolderError for what is not a regular file. */
  static async open(folder: Folder, entry: Entry, flags: number): Promise<OpenFile> {
    if (entry.type === "directory") throw new FolderError("EISDIR");
    if (entry.type !== "file")
      throw new FolderError(entry.type === "link" ? "ELOOP" : "ENXIO", "it is no regular file");
    const how = hostFlags(flags) | folder.openFlags;
    const descriptor = await folder.reach([entry], ([at]) => opened(at!, how));
    return OpenFile.#checked(descriptor, entry, flags);
  }

  /** Makes a file, or opens an existing one unless it must be new. The caller releases the entry. */
  static async create(
    folder: Folder,
    directory: Entry,
    name: string,
    flags: number,
    mode: number,
  ): Promise<{ file: OpenFile; entry: Entry }> {
    const how = hostFlags(flags) | constants.O_CREAT | constants.O_EXCL;
    // It would be made and not found.
    namesBelow(directory, name);
    let descriptor: number | null = null;
    try {
      descriptor = await folder.reach([directory], ([at]) => opened(path.join(at!, name), how, mode));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || flags & OPEN.exclusive) throw error;
    }
    const entry = await folder.walk(directory, name).catch(async (error: unknown) => {
      if (descriptor !== null) await closed(descriptor);
      throw error;
    });
    try {
      const file =
        descriptor === null
          ? await OpenFile.open(folder, entry, flags)
          : await OpenFile.#checked(descriptor, entry, flags & ~OPEN.truncate);
      return { file, entry };
    } catch (error) {
      entry.release();
      throw error;
    }
  }

  /** The file is emptied only after it is certain that it is the one that was meant. */
  static async #checked(descriptor: number, entry: Entry, flags: number): Promise<OpenFile> {
    try {
      const status = await statusOf(descriptor);
      if (!status.isFile() || !entry.is(status)) throw new FolderError("ESTALE");
      if (flags & OPEN.truncate) await truncated(descriptor, 0);
      return new OpenFile(descriptor);
    } catch (error) {
      await closed(descriptor);
      throw error;
    }
  }

  /** Fills the views with the bytes from `offset` on. Returns how many there were. */
  read(offset: number, views: readonly Uint8Array[]): Promise<number> {
    return this.#use((descriptor) => move(readv, descriptor, views, offset));
  }
  /** Returns how many bytes were written, fewer than given where the disk is full. */
  write(offset: number, views: readonly Uint8Array[]): Promise<number> {
    return this.#use((descriptor) => move(writev, descriptor, views, offset));
  }
  sync(onlyData: boolean): Promise<void> {
    return this.#use(promisify(onlyData ? fdatasync : fsync));
  }
  truncate(size: number): Promise<void> {
    return this.#use((descriptor) => truncated(descriptor, size));
  }
  status(): Promise<BigIntStats> {
    return this.#use(statusOf);
  }

  close(): void {
    this.#isClosed = true;
    if (this.#underWay === 0) close(this.#descriptor, () => {});
  }

  async #use<R>(action: (descriptor: number) => Promise<R>): Promise<R> {
    if (this.#isClosed) throw new FolderError("EBADF");
    this.#underWay++;
    try {
      return await action(this.#descriptor);
    } finally {
      if (--this.#underWay === 0 && this.#isClosed) close(this.#descriptor, () => {});
    }
  }
}

function move(
  call: typeof readv | typeof writev,
  descriptor: number,
  views: readonly Uint8Array[],
  offset: number,
): Promise<number> {
  return new Promise((resolve, reject) =>
    call(descriptor, views.slice(0, MOST_VIEWS), offset, (error, count) => (error ? reject(error) : resolve(count))),
  );
}
