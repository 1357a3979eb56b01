/** A conversion that leaves room on the disk for others: an image may be far larger, unpacked, than its file is, or say so. */
import path from "node:path";
import { convertImage, type NewFormat } from "../../dom0/storage/convert.ts";
import { withRoom } from "./room.ts";

/** `called`: as the sentence has it. Throws StoreError, Refusal ENOSPC, what `progress` throws; then nothing of it is there. */
export async function convertWithRoom(
  from: { file: string; format: string },
  to: { file: string; format: NewFormat },
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
