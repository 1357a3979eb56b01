/** The file of an image: whole reads and writes at places, and writing to stay. Bytes behind the end of the file read as zeroes. */
import { fdatasync, fstat, ftruncate, type Stats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { StoreError, storeError } from "../block-store.ts";
import { without } from "../views.ts";

const sync = promisify(fdatasync);
const stat = promisify(fstat) as (fd: number) => Promise<Stats>;
const truncate = promisify(ftruncate);

/** IOV_MAX of the hosts that there are. */
const MOST_VIEWS = 1024;

export class ImageFile {
  readonly path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  static async open(path: string, flags: "r" | "r+" | "wx+"): Promise<ImageFile> {
    try {
      const handle = await open(path, flags);
      if ((await handle.stat()).isFile()) return new ImageFile(path, handle);
      await handle.close();
    } catch (error) {
      throw storeError(error, path);
    }
    throw new StoreError("EINVAL", `${path}: a disk image must be a regular file`);
  }

  async size(): Promise<number> {
    return (await stat(this.#handle.fd)).size;
  }

  /** Fills the views from `offset` on. */
  async read(offset: number, views: readonly Uint8Array[]): Promise<void> {
    let at = offset;
    for (let left = views; left.length;) {
      let count: number;
      try {
        count = (await this.#handle.readv(left.slice(0, MOST_VIEWS), at)).bytesRead;
      } catch (error) {
        throw storeError(error, this.path);
      }
      if (count === 0) {
        for (const view of left) view.fill(0);
        return;
      }
      at += count;
      left = without(left, count);
    }
  }

  async write(offset: number, views: readonly Uint8Array[]): Promise<void> {
    let at = offset;
    for (let left = views; left.length;) {
      try {
        const { bytesWritten } = await this.#handle.writev(left.slice(0, MOST_VIEWS), at);
        at += bytesWritten;
        left = without(left, bytesWritten);
      } catch (error) {
        throw storeError(error, this.path);
      }
    }
  }

  async flush(): Promise<void> {
    try {
      await sync(this.#handle.fd);
    } catch (error) {
      throw storeError(error, this.path);
    }
  }

  async truncate(size: number): Promise<void> {
    try {
      await truncate(this.#handle.fd, size);
    } catch (error) {
      throw storeError(error, this.path);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
