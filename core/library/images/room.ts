/** Keeps room free on a disk for others while something large is written to it. */
import { statfs } from "node:fs/promises";
import { Refusal } from "../../toolstack/error.ts";

/** Bytes of the disk that are left free for others. */
const SPARE_BYTES = 256 * 2 ** 20;
/** How often the free room is looked at, in milliseconds. */
const LOOK_MS = 500;

/** `bytes` is 0 where nobody knows how many will come. Throws Refusal ENOSPC. */
export async function checkRoom(folder: string, bytes: number, what: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize - bytes >= SPARE_BYTES) return;
  const toCome = bytes > 0 ? `${mib(bytes)} MiB are to come, ` : "";
  throw new Refusal(
    "ENOSPC",
    `${what} has no room on this computer's disk: ${toCome}${mib(bavail * bsize)} MiB are free, and ${mib(SPARE_BYTES)} MiB are left for others.`,
  );
}

/**
 * Runs `write`, and gives it a check to call again and again that throws once no room is left for others. Throws Refusal ENOSPC at once if there is
 * no room for `bytes`, which is 0 where nobody knows how many will come.
 */
export async function withRoom<T>(
  folder: string,
  bytes: number,
  what: string,
  write: (check: () => void) => Promise<T>,
): Promise<T> {
  await checkRoom(folder, bytes, what);
  const noRoom = new AbortController();
  const timer = setInterval(() => {
    checkRoom(folder, 0, what).catch((error: unknown) => noRoom.abort(error));
  }, LOOK_MS);
  try {
    return await write(() => noRoom.signal.throwIfAborted());
  } finally {
    clearInterval(timer);
  }
}

function mib(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
