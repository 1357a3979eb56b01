/** A folder for an import or export that is under way. It is removed when that ends, successfully or not. */
import { createHash } from "node:crypto";
import { mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { privateFolder } from "../../files/whole.ts";
import { checkRoom } from "../images/room.ts";
import type { Member } from "./archive.ts";

const CHECK_EVERY = 64 * 2 ** 20;

/** Removes what a crash has left. Called once, before anything is imported. */
export async function clearScratch(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** The names of such folders. */
export const SCRATCH = /^on-its-way-[\da-f]{8}$/;

/** `noted` keeps a note of the folder until `then` has ended, for folders that nobody clears who opens the library next. */
export async function withScratch<T>(
  folder: string,
  use: (own: string) => Promise<T>,
  noted: Noted = (_, then) => then(),
): Promise<T> {
  await privateFolder(folder);
  const own = path.join(folder, `on-its-way-${crypto.randomUUID().slice(0, 8)}`);
  return noted(own, async () => {
    await mkdir(own, { mode: 0o700 });
    try {
      return await use(own);
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  });
}
export type Noted = <T>(folder: string, then: () => Promise<T>) => Promise<T>;

export interface Sums {
  readonly sha1: string;
  readonly sha256: string;
  readonly sha512: string;
}

/** Writes a member into a new file and returns its checksums. Throws Refusal, or the file system's error. */
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
