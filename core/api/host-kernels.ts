/**
 * Kernels installed on the computer on which Xenarium runs: `vmlinuz-RELEASE` in one folder, as in /boot. A client names a release of this list and
 * never a path. A name that leads out of the folder is not in the list.
 */
import { constants } from "node:fs";
import { access, open, readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { ApiFailure } from "./failure.ts";
import { MOST_FILE_BYTES } from "./schema.ts";

/** How many names in the folder are looked at, and how many kernels are listed. */
const MOST_NAMES = 4096;
const MOST_KERNELS = 64;
const KERNEL = /^vmlinuz-([A-Za-z0-9][\w.+~-]{0,127})$/;
/** The names that Debian, Fedora, Arch and SUSE give to the RAM disk of a kernel. */
const RAMDISKS = [
  (release: string) => `initrd.img-${release}`,
  (release: string) => `initramfs-${release}.img`,
  (release: string) => `initrd-${release}.img`,
  (release: string) => `initrd-${release}`,
];

interface BootFile {
  name: string;
  path: string;
  size: number;
}
export interface HostKernel {
  release: string;
  kernel: BootFile;
  ramdisk: BootFile | null;
}

/** Returns those that this process may read, the newest release first; none if the folder does not exist. */
export async function hostKernels(folder: string): Promise<HostKernel[]> {
  const root = await realpath(folder).catch(() => null);
  if (root === null) return [];
  const names = new Set((await readdir(root).catch(() => [])).slice(0, MOST_NAMES));
  const found: HostKernel[] = [];
  for (const name of names) {
    const release = KERNEL.exec(name)?.[1];
    if (release === undefined || found.length >= MOST_KERNELS) continue;
    const kernel = await bootFile(root, name);
    if (!kernel) continue;
    let ramdisk: BootFile | null = null;
    for (const nameOf of RAMDISKS) if (names.has(nameOf(release))) ramdisk ??= await bootFile(root, nameOf(release));
    found.push({ release, kernel, ramdisk });
  }
  return found.sort((a, b) => b.release.localeCompare(a.release, "en", { numeric: true }));
}

/** Returns a regular file that lies directly in the folder, with links followed; null when it is none, too large or not readable. */
async function bootFile(root: string, name: string): Promise<BootFile | null> {
  try {
    const real = await realpath(path.join(root, name));
    if (path.dirname(real) !== root) return null;
    const { size } = await stat(real).then((facts) => (facts.isFile() ? facts : { size: 0 }));
    if (size === 0 || size > MOST_FILE_BYTES) return null;
    await access(real, constants.R_OK);
    return { name, path: real, size };
  } catch {
    return null;
  }
}

/** Returns as many bytes as were listed. Throws ApiFailure EIO when the file has changed since. */
export async function readBootFile({ name, path: real, size }: BootFile): Promise<Uint8Array> {
  // Does not follow a link that was put there since, and does not wait for the other end of a pipe.
  const file = await open(real, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const bytes = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const { bytesRead } = await file.read(bytes, at, size - at, at);
      if (bytesRead === 0) throw new ApiFailure("EIO", `${name} has become shorter while it was read; try again.`);
      at += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}
