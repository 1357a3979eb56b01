/** A raw image: the file's bytes are the disk's. What does not fill a whole sector at its end can't be reached. */
import { close, fdatasync, fstat, ftruncate, open, readv, writev, type Stats } from "node:fs";
import { promisify } from "node:util";
import { SECTOR_BYTES, storeError, StoreError, type BlockStore } from "./block-store.ts";
import { without } from "./views.ts";

/** IOV_MAX of the hosts that there are. */
const MOST_VIEWS = 1024;
const ZEROES = new Uint8Array(1 << 20);

const [openFile, closeFile, statFile, syncFile, truncateFile] = [
  promisify(open) as (file: string, flags: string) => Promise<number>,
  promisify(close),
  promisify(fstat) as (fd: number) => Promise<Stats>,
  promisify(fdatasync),
  promisify(ftruncate),
];

type Vectored = typeof readv | typeof writev;

export class RawStore implements BlockStore {
  readonly format = "raw";
  /** Node has no call that punches holes. */
  readonly discardGranularity = null;
  readonly readOnly: boolean;
  readonly #file: string;
  #fd: number | null;
  #size: number;

  private constructor(file: string, fd: number, size: number, readOnly: boolean) {
    this.#file = file;
    this.#fd = fd;
    this.#size = size;
    this.readOnly = readOnly;
  }

  /** Throws StoreError when it can't be opened, or is no regular file or device. */
  static async open(file: string, access: "read" | "read-write"): Promise<RawStore> {
    try {
      const fd = await openFile(file, access === "read" ? "r" : "r+");
      const status = await statFile(fd);
      if (status.isFile()) {
        const size = status.size - (status.size % SECTOR_BYTES);
        return new RawStore(file, fd, size, access === "read");
      }
      await closeFile(fd);
    } catch (error) {
      throw storeError(error, file);
    }
    throw new StoreError("EINVAL", `${file}: a disk image must be a regular file`);
  }

  get size(): number {
    return this.#size;
  }

  read(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    return this.#move(readv, offset, targets, "the file has become shorter than the disk");
  }

  write(offset: number, sources: readonly Uint8Array[]): Promise<void> {
    return this.#move(writev, offset, sources, "the host took no more of it");
  }

  async flush(): Promise<void> {
    try {
      await syncFile(this.#open());
    } catch (error) {
      throw storeError(error, this.#file);
    }
  }

  /** Never offered; what is discarded stays. */
  async discard(): Promise<void> {}

  async writeZeroes(offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; done += ZEROES.length)
      await this.write(offset + done, [ZEROES.subarray(0, Math.min(ZEROES.length, length - done))]);
  }

  async resize(size: number): Promise<void> {
    try {
      await truncateFile(this.#open(), size);
    } catch (error) {
      throw storeError(error, this.#file);
    }
    this.#size = size;
  }

  async close(): Promise<void> {
    if (this.#fd === null) return;
    if (!this.readOnly) await this.flush();
    const fd = this.#fd;
    if (fd === null) return;
    this.#fd = null;
    await closeFile(fd);
  }

  #open(): number {
    if (this.#fd === null) throw new StoreError("EBADF", `${this.#file}: the image is closed`);
    return this.#fd;
  }

  /** The host may move less than was asked for: the rest is asked for again, until nothing moves any more. */
  #move(call: Vectored, offset: number, views: readonly Uint8Array[], short: string): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = views;
      let at = offset;
      const next = (): void => {
        if (left.length === 0) return resolve();
        const now = left.length > MOST_VIEWS ? left.slice(0, MOST_VIEWS) : left;
        call(this.#open(), now, at, (error, count) => {
          if (error) return reject(storeError(error, this.#file));
          if (count === 0) return reject(new StoreError("EIO", `${this.#file}: ${short}`));
          at += count;
          left = without(left, count);
          try {
            next();
          } catch (closed) {
            reject(closed as Error);
          }
        });
      };
      next();
    });
  }
}
