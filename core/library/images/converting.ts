/** Converts an image and leaves room on the disk for others: an image may unpack to far more than its file's size, or claim to. */
import path from "node:path";
import { convertImage, type CopyFormat } from "../../dom0/storage/convert.ts";
import { withRoom } from "./room.ts";

/**
 * `called` is the image's name in the message. Throws StoreError, Refusal ENOSPC, and what `progress` throws; nothing of the new image is left then.
 */
export async function convertWithRoom(
  from: { file: string; format: string },
  to: { file: string; format: CopyFormat },
  called: string,
  progress: (share: number) => void,
): Promise<void> {
  await withRoom(path.dirname(to.file), 0, called, (check) =>
    convertImage(from, to, (share) => {
      check();
      progress(share);
    }),
  );
}
