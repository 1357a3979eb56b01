/**
 * A file of the host's computer that holds an image. It offers complete reads and writes at given places, and durable writes. All formats use it.
 * The number of an open file must not be given back to the operating system while a transfer waits for its turn, because the next file that anybody
 * opens would get it, and the transfer would go there. So close() waits for what is under way, and nothing begins after it.
 */
import {
  close,
  constants,
  fdatasync,
  fstat,
  ftruncate,
  open,
  readv,
  readvSync,
  writev,
  writevSync,
  type BigIntStats,
} from "node:fs";
import { readlink, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { StoreError, storeError } from "./block-store.ts";
import { isNear } from "./near.ts";
import { Promptness, READING, WRITING } from "./promptness.ts";
import { lengthOf, without } from "./views.ts";

/** An open file of another thread of this process, which keeps it open for as long as the one that borrows it has it. */
export interface LentFile {
  readonly path: string;
  readonly fd: number;
}

export type HostFileMode = "read" | "read-write" | "create";

/** O_NONBLOCK so that opening a FIFO does not wait for a writer. It does nothing for regular files. */
const FLAGS: Record<HostFileMode, number> = {
  read: constants.O_RDONLY | (constants.O_NONBLOCK ?? 0),
  "read-write": constants.O_RDWR | (constants.O_NONBLOCK ?? 0),
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
};
/** IOV_MAX of the supported hosts. */
const MOST_VIEWS = 1024;

export class HostFile {
  readonly path: string;
  /** Identifies the file, whatever names it has or gets, by its device and inode. */
  readonly id: string;
  readonly #fd: number;
  /** Gives the number back to the operating system, or, if it is another thread's, leaves it. */
  readonly #letGo: (fd: number) => Promise<void>;
  /** Number of bytes that the file is known to have: what it had when it was opened, or has been written since. */
  #end: number;
  /** Decides which reads and writes this thread does itself; null: none. */
  readonly #reads: Promptness | null;
  readonly #writes: Promptness | null;
  #underWay = 0;
  /** Number of writes and changes of size that other threads of the host are working on. */
  #changing = 0;
  #closing: Promise<void> | null = null;
  /** Called when nothing is under way any more and the file is being closed. */
  #idle: (() => void) | null = null;
  #syncing: Promise<void> | null = null;
  #nextSync: Promise<void> | null = null;

  private constructor(
    { path, fd }: LentFile,
    { dev, ino, size }: BigIntStats,
    isNear: boolean,
    letGo: (fd: number) => Promise<void>,
  ) {
    this.#letGo = letGo;
    this.#reads = isNear ? new Promptness(READING) : null;
    this.#writes = isNear ? new Promptness(WRITING) : null;
    this.path = path;
    this.id = `${dev}:${ino}`;
    this.#fd = fd;
    this.#end = Number(size);
  }

  /** Throws StoreError when it can't be opened, or is not a regular file. With "create" it must not exist. */
  static async open(path: string, mode: HostFileMode): Promise<HostFile> {
    try {
      const fd = await opened(path, FLAGS[mode]);
      const status = await statusOf(fd);
      if (status.isFile()) return new HostFile({ path, fd }, status, await isNear(fd), promisify(close));
      await promisify(close)(fd);
    } catch (error) {
      throw storeError(error, path);
    }
    throw new StoreError("EINVAL", `${path}: a disk image must be a regular file`);
  }

  /** The other thread has opened it to be read and written. Throws StoreError. */
  static async borrow(lent: LentFile): Promise<HostFile> {
    try {
      return new HostFile(lent, await statusOf(lent.fd), await isNear(lent.fd), async () => {});
    } catch (error) {
      throw storeError(error, lent.path);
    }
  }

  /** For another thread's borrow(). This one is not to be closed before that is. */
  lend(): LentFile {
    return { path: this.path, fd: this.#fd };
  }

  /**
   * Returns whether the open file lies in the folder (a real path) or below it. The path that its name led to before it was opened may have changed
   * since: a guest that shares the folder may have put something else there.
   */
  async liesIn(folder: string): Promise<boolean> {
    const isBelow = (real: string): boolean => real.startsWith(folder + path.sep);
    if (process.platform === "linux") return isBelow(await readlink(`/proc/self/fd/${this.#fd}`));
    const real = await realpath(this.path);
    const { dev, ino } = await stat(real, { bigint: true });
    return isBelow(real) && `${dev}:${ino}` === this.id;
  }

  /** Size in bytes as known here; nobody else changes the file. */
  get end(): number {
    return this.#end;
  }

  /** Reads on this thread. Returns false if that might take long, or if the host read only a part. Throws StoreError. */
  readAtOnce(offset: number, views: readonly Uint8Array[]): boolean {
    return this.#atOnce(this.#reads, readvSync, offset, views) === lengthOf(views);
  }

  /** Writes on this thread, in the same way. */
  writeAtOnce(offset: number, views: readonly Uint8Array[]): boolean {
    return this.#atOnce(this.#freeWrites, writevSync, offset, views) === lengthOf(views);
  }

  /** Fills the views from `offset` on; what lies beyond the file's end is filled with zeros. Resolves with the number of bytes that the file had. */
  async read(offset: number, views: readonly Uint8Array[]): Promise<number> {
    const done = this.#atOnce(this.#reads, readvSync, offset, views);
    const left = done === 0 ? views : without(views, done);
    return done > 0 && left.length === 0 ? done : done + (await this.#readInSteps(offset + done, left));
  }

  /**
   * Does the transfer on this thread in one go, and returns the number of bytes moved. That is 0 where this is not possible: a transfer beyond the
   * file's end, or of too many parts, is left to the function that works in steps. Throws StoreError.
   */
  #atOnce(
    promptness: Promptness | null,
    call: typeof readvSync | typeof writevSync,
    offset: number,
    views: readonly Uint8Array[],
  ): number {
    if (!promptness || this.#closing || views.length > MOST_VIEWS) return 0;
    const bytes = lengthOf(views);
    if (bytes === 0 || offset + bytes > this.#end || !promptness.allows(bytes)) return 0;
    return promptness.measure(bytes, () => {
      try {
        return call(this.#fd, views, offset);
      } catch (error) {
        throw storeError(error, this.path);
      }
    });
  }

  #readInSteps(offset: number, views: readonly Uint8Array[]): Promise<number> {
    return this.#move(readv, offset, views, (left) => {
      for (const view of left) view.fill(0);
      return null;
    });
  }

  async write(offset: number, views: readonly Uint8Array[]): Promise<void> {
    const done = this.#atOnce(this.#freeWrites, writevSync, offset, views);
    const left = done === 0 ? views : without(views, done);
    if (done > 0 && left.length === 0) return;
    const count = await this.#change(() =>
      this.#move(writev, offset + done, left, () => new StoreError("EIO", `${this.path}: the host took no more of it`)),
    );
    this.#end = Math.max(this.#end, offset + done + count);
  }

  /** A write has the file to itself: one that begins while another is under way, or while the file is on its way to the disk, may have to wait for that. */
  get #freeWrites(): Promptness | null {
    return !this.#syncing && this.#changing === 0 ? this.#writes : null;
  }

  async #change<T>(action: () => Promise<T>): Promise<T> {
    this.#changing++;
    try {
      return await action();
    } finally {
      this.#changing--;
    }
  }

  /** The host may move less than was asked for. The rest is asked for again, until nothing moves any more (`ended`). */
  #move(
    call: typeof readv | typeof writev,
    offset: number,
    views: readonly Uint8Array[],
    ended: (left: readonly Uint8Array[]) => StoreError | null,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#closing) return reject(this.#closed());
      this.#underWay++;
      let left = views;
      let at = offset;
      const end = (error: StoreError | null): void => {
        this.#release();
        if (error) reject(error);
        else resolve(at - offset);
      };
      const next = (): void => {
        if (left.length === 0) return end(null);
        const now = left.length > MOST_VIEWS ? left.slice(0, MOST_VIEWS) : left;
        call(this.#fd, now, at, (error, count) => {
          if (error) return end(storeError(error, this.path));
          if (count === 0) return end(ended(left));
          at += count;
          left = without(left, count);
          next();
        });
      };
      next();
    });
  }

  /**
   * Makes everything durable that was written before. Calls that come while a sync is under way share the next one, so a guest that flushes in a loop
   * takes one thread of the host and not all.
   */
  flush(): Promise<void> {
    if (!this.#syncing) return this.#sync();
    this.#nextSync ??= this.#syncing
      .catch(() => {})
      .then(() => {
        this.#nextSync = null;
        return this.#sync();
      });
    return this.#nextSync;
  }

  #sync(): Promise<void> {
    this.#syncing = this.#call((fd) => promisify(fdatasync)(fd)).finally(() => (this.#syncing = null));
    return this.#syncing;
  }

  async truncate(size: number): Promise<void> {
    await this.#change(() => this.#call((fd) => promisify(ftruncate)(fd, size)));
    this.#end = size;
  }

  async #call(action: (fd: number) => Promise<void>): Promise<void> {
    if (this.#closing) throw this.#closed();
    this.#underWay++;
    try {
      await action(this.#fd);
    } catch (error) {
      throw storeError(error, this.path);
    } finally {
      this.#release();
    }
  }

  #release(): void {
    if (--this.#underWay === 0) this.#idle?.();
  }

  #closed(): StoreError {
    return new StoreError("EBADF", `${this.path}: the image is closed`);
  }

  /** Resolves when what is under way has ended and the file is closed. Nothing may be begun any more. */
  close(): Promise<void> {
    this.#closing ??= new Promise<void>((resolve) => {
      this.#idle = resolve;
      if (this.#underWay === 0) resolve();
    }).then(() => this.#letGo(this.#fd));
    return this.#closing;
  }
}

function opened(path: string, flags: number): Promise<number> {
  return new Promise((resolve, reject) => open(path, flags, (error, fd) => (error ? reject(error) : resolve(fd))));
}

function statusOf(fd: number): Promise<BigIntStats> {
  return new Promise((resolve, reject) =>
    fstat(fd, { bigint: true }, (error, status) => (error ? reject(error) : resolve(status))),
  );
}
