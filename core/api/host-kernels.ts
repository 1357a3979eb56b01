/**
 * Kernels that are installed on the computer Xenarium runs on: `vmlinuz-RELEASE` in one folder, as /boot has them. A client names a
 * release of this list, never a path; a name that leads out of the folder is not among them.
 */
import { constants } from "node:fs";
import { access, open, readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { ApiFailure } from "./failure.ts";
import { MOST_FILE_BYTES } from "./schema.ts";

/** Names looked at in the folder, and kernels listed. */
const MOST_NAMES = 4096;
const MOST_KERNELS = 64;
const KERNEL = /^vmlinuz-([A-Za-z0-9][\w.+~-]{0,127})$/;
/** As Debian, Fedora, Arch and SUSE call the RAM disk that belongs to a kernel. */
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

/** Those that this process may read, the newest release first. A folder that is not there has none. */
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

/** A regular file that lies in the folder itself, links followed; null when it is none, too large or not readable. */
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

/** Its bytes, as many as were listed. Throws ApiFailure EIO when it has changed since. */
export async function readBootFile({ name, path: real, size }: BootFile): Promise<Uint8Array> {
  // Not through a link that was put there since, and without waiting for a pipe's other end.
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
