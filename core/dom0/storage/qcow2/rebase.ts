/** Changes in place what a qcow2 image is based on. */
import { HostFile } from "../host-file.ts";
import { lockImage } from "../image-locks.ts";
import { rebasedHeader, type Backing } from "./header.ts";

/** The largest header, with extensions, that is read. */
const MOST_BYTES = 1 << 16;

/**
 * Changes what a qcow2 image says that it is based on, and nothing else. Nobody may have it open in this process. Throws StoreError, EBUSY while another process
 * uses it: that may write its header as it was.
 */
export async function rebaseImage(path: string, backing: Backing | null): Promise<void> {
  const file = await HostFile.open(path, "read-write");
  try {
    const lock = lockImage(file.id, path, "write");
    try {
      await rebaseFile(file, backing);
    } finally {
      lock.release();
    }
  } finally {
    await file.close();
  }
}

/** The same for an open image, of whose header nothing may wait to be written. */
export async function rebaseFile(file: HostFile, backing: Backing | null): Promise<void> {
  const first = new Uint8Array(Math.min(MOST_BYTES, file.end));
  await file.read(0, [first]);
  // This is no more than a disk writes in one go, so after a power failure the image has either the old header or the new one.
  await file.write(0, [rebasedHeader(first, file.path, backing)]);
  await file.flush();
}
