/** A folder for what is on its way in or out; it is gone when that has ended, one way or the other. */
import { createHash } from "node:crypto";
import { mkdtemp, open, rm } from "node:fs/promises";
import path from "node:path";
import type { Writable } from "node:stream";
import { privateFolder } from "../../files/whole.ts";
import { checkRoom } from "../images/room.ts";
import type { Member } from "./archive.ts";

const CHECK_EVERY = 64 * 2 ** 20;

/** Once, before anything is imported: what a crash has left is of no use. */
export async function clearScratch(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

export async function withScratch<T>(folder: string, use: (own: string) => Promise<T>): Promise<T> {
  await privateFolder(folder);
  const own = await mkdtemp(path.join(folder, "on-its-way-"));
  try {
    return await use(own);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

export interface Sums {
  readonly sha1: string;
  readonly sha256: string;
  readonly sha512: string;
}

/** A member into a new file. Its checksums. Throws Refusal, what the file system says. */
export async function takeMember({ name, size, bytes }: Member, file: string): Promise<Sums> {
  const folder = path.dirname(file);
  await checkRoom(folder, size, name);
  const [sha1, sha256, sha512] = [createHash("sha1"), createHash("sha256"), createHash("sha512")];
  const handle = await open(file, "wx", 0o600);
  try {
    let checked = 0;
    let done = 0;
    for await (const chunk of bytes) {
      for (const each of [sha1, sha256, sha512]) each.update(chunk);
      await handle.writeFile(chunk);
      done += chunk.length;
      if (done - checked < CHECK_EVERY) continue;
      checked = done;
      await checkRoom(folder, size - done, name);
    }
  } finally {
    await handle.close();
  }
  return { sha1: sha1.digest("hex"), sha256: sha256.digest("hex"), sha512: sha512.digest("hex") };
}

/** Until a stream that is full takes more. Rejects where it takes none any more. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      stream.off("drain", done).off("close", done);
      if (stream.destroyed) reject(new Error("The stream has ended."));
      else resolve();
    };
    if (stream.destroyed) done();
    else stream.on("drain", done).on("close", done);
  });
}
