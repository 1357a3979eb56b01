/** A conversion that leaves room on the disk for others: an image may be far larger, unpacked, than its file is, or say so. */
import path from "node:path";
import { convertImage, type NewFormat } from "../../dom0/storage/convert.ts";
import { checkRoom } from "../transfer/scratch.ts";

/** So often is looked whether there is room left. */
const LOOK_MS = 500;

/** `called`: as the sentence has it. Throws StoreError, Refusal ENOSPC, what `progress` throws; then nothing of it is there. */
export async function convertWithRoom(
  from: { file: string; format: string },
  to: { file: string; format: NewFormat },
  called: string,
  progress: (share: number) => void,
): Promise<void> {
  const noRoom = new AbortController();
  const look = (): Promise<void> => checkRoom(path.dirname(to.file), 0, called);
  await look();
  const timer = setInterval(() => void look().catch((error: unknown) => noRoom.abort(error)), LOOK_MS);
  try {
    await convertImage(from, to, (share) => {
      noRoom.signal.throwIfAborted();
      progress(share);
    });
  } finally {
    clearInterval(timer);
  }
}
