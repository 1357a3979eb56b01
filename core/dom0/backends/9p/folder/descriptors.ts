/**
 * For Linux: each object is held by a descriptor that only names it (O_PATH), and its entries are opened below /proc/self/fd, which is what openat()
 * does. Nobody can lead a call elsewhere, not even a program of the host's that moves things at the same time, because there is no path of several
 * names.
 */
import { close, constants, existsSync, fstat, open, type BigIntStats } from "node:fs";
import { readlink, statfs } from "node:fs/promises";
import { promisify } from "node:util";
import { FolderError } from "../errno.ts";
import { Entry, namesBelow, type Folder } from "./folder.ts";
import type { Moves, MovesIn } from "./moves.ts";

/** include/uapi/asm-generic/fcntl.h; Node has no name for it. */
const O_PATH = 0o10000000;
/** statfs(2): the kernel's own file systems, in which opening a file may have an effect. */
const KERNELS_OWN = [0x9fa0, 0x62656572, 0x64626720, 0x74726163, 0x27e0eb, 0x63677270, 0x1cd1, 0xcafe4a11];

const opened = promisify(open) as (path: string, flags: number) => Promise<number>;
const closed = promisify(close);
const statusOf = (descriptor: number): Promise<BigIntStats> =>
  new Promise((resolve, reject) =>
    fstat(descriptor, { bigint: true }, (error, status) => (error ? reject(error) : resolve(status))),
  );

export function hasDescriptors(): boolean {
  return process.platform === "linux" && existsSync("/proc/self/fd");
}

export class DescriptorFolder implements Folder {
  readonly root: Entry;
  readonly moves: MovesIn;
  /** The path that reach() gives is a link of the kernel's to the object itself, and has to be followed. */
  readonly openFlags = 0;

  private constructor(descriptor: number, status: BigIntStats, moves: MovesIn) {
    this.moves = moves;
    this.root = new Entry([], status, descriptor, letGo);
  }

  static async open(path: string, moves: Moves): Promise<DescriptorFolder> {
    const descriptor = await opened(path, O_PATH | constants.O_DIRECTORY);
    try {
      const { type } = await statfs(`/proc/self/fd/${descriptor}`);
      if (KERNELS_OWN.includes(type)) throw new FolderError("EINVAL", `${path} holds the kernel's own files`);
      const status = await statusOf(descriptor);
      const real = await readlink(`/proc/self/fd/${descriptor}`);
      return new DescriptorFolder(descriptor, status, moves.of(real));
    } catch (error) {
      await closed(descriptor);
      throw error;
    }
  }

  async walk(directory: Entry, name: string): Promise<Entry> {
    const names = namesBelow(directory, name);
    const path = `/proc/self/fd/${directory.descriptor}/${name}`;
    const descriptor = await opened(path, O_PATH | constants.O_NOFOLLOW);
    try {
      const status = await statusOf(descriptor);
      // What is mounted inside was not chosen by the user, and its inode numbers would be taken for those of others.
      if (status.isDirectory() && status.dev !== this.root.device)
        throw new FolderError("EXDEV", `${name} is another file system`);
      return new Entry(names, status, descriptor, letGo);
    } catch (error) {
      await closed(descriptor);
      throw error;
    }
  }

  status({ descriptor }: Entry): Promise<BigIntStats> {
    return statusOf(descriptor);
  }

  reach<T>(entries: readonly Entry[], action: (paths: string[]) => Promise<T>): Promise<T> {
    return action(entries.map(({ descriptor }) => `/proc/self/fd/${descriptor}`));
  }

  close(): void {
    this.moves.close();
    this.root.release();
  }
}

function letGo({ descriptor }: Entry): void {
  close(descriptor, () => {});
}
