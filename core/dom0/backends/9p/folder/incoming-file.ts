/**
 * A file that the host's user puts into a shared folder, in pieces. It comes under a name of its own and gets the name that was asked for when it is
 * whole. The guest may do what it likes with everything in the folder meanwhile, so nothing of it is trusted: no link is followed, what is written goes
 * to the file that was made here, wherever the guest has put it by then, and at the end it is looked at whether that file has the name.
 */
import { constants, type BigIntStats } from "node:fs";
import { link, lstat, open, rename, rm, statfs, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { FolderError } from "../errno.ts";
import { namesBelow, type Entry, type Folder } from "./folder.ts";
import { incompleteName } from "./left-files.ts";
import { checkName } from "./names.ts";

const MODE = 0o644;
/** Hosts and file systems answer this way where a file can't have two names. */
const NO_SECOND_NAME = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

export class IncomingFile {
  readonly size: number;
  readonly #folder: Folder;
  /** Retained, so that the file can come to its end when the device has gone. */
  readonly #root: Entry;
  readonly #handle: FileHandle;
  readonly #made: BigIntStats;
  readonly #part: string;
  readonly #name: string;
  readonly #replaces: boolean;
  #filled = 0;
  #isBusy = false;
  #isOver = false;

  private constructor(
    folder: Folder,
    root: Entry,
    handle: FileHandle,
    made: BigIntStats,
    names: { part: string; name: string },
    size: number,
    replaces: boolean,
  ) {
    this.#folder = folder;
    this.#root = root;
    this.#handle = handle;
    this.#made = made;
    this.#part = names.part;
    this.#name = names.name;
    this.size = size;
    this.#replaces = replaces;
  }

  /**
   * `replaces` says that a file of that name is to be replaced at the end. Rejects with FolderError EEXIST if there is one and it is not, EISDIR for a
   * directory of that name, ENOSPC if there is no room for so many bytes, and the host's errors.
   */
  static async begin(folder: Folder, name: string, size: number, replaces: boolean): Promise<IncomingFile> {
    checkName(name);
    namesBelow(folder.root, name);
    // The device may go at any time, and what its descriptor is called stands for something else then.
    const root = folder.root.retain();
    try {
      return await IncomingFile.#begin(folder, root, name, size, replaces);
    } catch (error) {
      root.release();
      throw error;
    }
  }

  static async #begin(
    folder: Folder,
    root: Entry,
    name: string,
    size: number,
    replaces: boolean,
  ): Promise<IncomingFile> {
    const part = incompleteName();
    const handle = await folder.reach([root], async ([at]) => {
      await mustBeFree(path.join(at!, name), replaces);
      const { bavail, bsize } = await statfs(at!);
      if (bavail * bsize < size) throw new FolderError("ENOSPC");
      const { O_WRONLY, O_CREAT, O_EXCL } = constants;
      return open(path.join(at!, part), O_WRONLY | O_CREAT | O_EXCL | (constants.O_NOFOLLOW ?? 0), MODE);
    });
    try {
      const made = await handle.stat({ bigint: true });
      return new IncomingFile(folder, root, handle, made, { part, name }, size, replaces);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Takes the next bytes. Rejects with FolderError EINVAL for others, and with the host's errors. */
  async take(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.#isOver || this.#isBusy || offset !== this.#filled || offset + bytes.length > this.size)
      throw new FolderError(
        "EINVAL",
        `the next bytes begin at ${this.#filled} and end by ${this.size}, and come when those before are taken`,
      );
    this.#isBusy = true;
    try {
      for (let at = 0; at < bytes.length;)
        at += (await this.#handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
      this.#filled += bytes.length;
    } finally {
      this.#isBusy = false;
    }
  }

  /** Called when everything has come: gives it its name. When that fails nothing of it stays. */
  async finish(): Promise<void> {
    if (this.#isOver || this.#isBusy || this.#filled !== this.size)
      throw new FolderError("EINVAL", `${this.#filled} of its ${this.size} bytes have come`);
    this.#isOver = true;
    try {
      await this.#handle.sync();
      await this.#folder.moves.take(() => this.#folder.reach([this.#root], ([at]) => this.#giveName(at!)));
      await this.#handle.close();
    } catch (error) {
      // The first error is the one that is reported.
      await this.#discard().catch(() => {});
      throw error;
    } finally {
      this.#root.release();
    }
  }

  /** Discards what has come of it. */
  async drop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      await this.#discard();
    } finally {
      this.#root.release();
    }
  }

  async #giveName(at: string): Promise<void> {
    const [part, whole] = [path.join(at, this.#part), path.join(at, this.#name)];
    if (!(await this.#isAt(part))) throw new FolderError("ESTALE", "the guest has moved or removed it while it came");
    await mustBeFree(whole, this.#replaces);
    if (this.#replaces) await rename(part, whole);
    else
      try {
        // In one step, and never in place of what has come there meanwhile.
        await link(part, whole);
        await this.#removeAt(part);
      } catch (error) {
        if (!NO_SECOND_NAME.includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
        await rename(part, whole);
      }
    if (!(await this.#isAt(whole))) throw new FolderError("ESTALE", "the guest has put something else in its place");
  }

  async #isAt(file: string): Promise<boolean> {
    const found = await lstat(file, { bigint: true }).catch(() => null);
    return found !== null && found.ino === this.#made.ino && found.dev === this.#made.dev;
  }

  /** The guest may have removed it from there, or put something else there, which stays. */
  async #removeAt(file: string): Promise<void> {
    if (await this.#isAt(file)) await rm(file, { force: true });
  }

  /** Empties the file, because the guest may have given it another name, and removes it from where it was made and from where it was to be. */
  async #discard(): Promise<void> {
    await this.#handle.truncate(0).catch(() => {});
    await this.#handle.close().catch(() => {});
    await this.#folder.reach([this.#root], async ([at]) => {
      for (const name of [this.#part, this.#name]) await this.#removeAt(path.join(at!, name));
    });
  }
}

/** Throws FolderError unless a file may get this name. What is there is looked at, and no link is followed. */
async function mustBeFree(file: string, replaces: boolean): Promise<void> {
  const found = await lstat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (found?.isDirectory()) throw new FolderError("EISDIR");
  if (found && !replaces) throw new FolderError("EEXIST");
}
