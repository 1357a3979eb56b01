/**
 * Finds out whether a file lies on a disk of this computer, or in its memory. A file of another computer may never answer, so only a thread that
 * nobody else needs may wait for it.
 */
import { statfs } from "node:fs/promises";

/** statfs(2), f_type: ext2 to ext4, XFS, Btrfs, tmpfs, F2FS, ZFS, bcachefs, and overlayfs, whose layers in containers are of these types. */
const NEAR = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0xf2f52010, 0x2fc12fc1, 0xca451a4e, 0x794c7630]);

/**
 * Asks about an open file, whatever its name leads to by now. Returns false where it is not known, since systems other than Linux number their file
 * systems differently.
 */
export async function isNear(fd: number): Promise<boolean> {
  if (process.platform !== "linux") return false;
  return statfs(`/proc/self/fd/${fd}`).then(
    ({ type }) => NEAR.has(type >>> 0),
    () => false,
  );
}
