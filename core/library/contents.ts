/** Files that were given together with definitions. Each content is kept once, in `library/files/` under its SHA-256. */
import { createHash } from "node:crypto";
import { lstat, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { privateFolder, removeParts, writeWhole } from "../files/whole.ts";
import { Refusal } from "../toolstack/error.ts";
import { SHA256 } from "./definition.ts";
import { readPlain } from "./plain.ts";

/** The most that a client may give (core/api/limits.ts). */
const MOST_BYTES = 512 * 2 ** 20;
/** A large file is hashed in steps of this many bytes, so that others get their turn between them. */
const STEP = 8 * 2 ** 20;

export class Contents {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Called once, before anything is written. */
  async open(): Promise<void> {
    await removeParts(this.#folder);
  }

  /** Returns the content's SHA-256. When it resolves, the content is on the disk. Throws the file system's error. */
  async put(bytes: Uint8Array): Promise<string> {
    const sum = await sha256(bytes);
    const file = path.join(this.#folder, sum);
    const there = await lstat(file).catch(() => null);
    if (there?.isFile() && there.size === bytes.length) return sum;
    await privateFolder(this.#folder);
    await writeWhole(file, bytes);
    return sum;
  }

  /** Throws Refusal EIO where the content is gone or has changed. `name` is what its user calls it, for the message. */
  async read(sum: string, name: string): Promise<Uint8Array> {
    const bytes = await readPlain(path.join(this.#folder, sum), MOST_BYTES).catch((error: unknown) => {
      throw new Refusal("EIO", `${name}, which was given with it, can't be read: ${(error as Error).message}.`);
    });
    if ((await sha256(bytes)) === sum) return bytes;
    throw new Refusal("EIO", `${name}, which was given with it, is damaged: its content is not what was kept.`);
  }

  /** Bytes that it takes on the disk; 0 where it is gone. */
  async size(sum: string): Promise<number> {
    return (await lstat(path.join(this.#folder, sum)).catch(() => null))?.size ?? 0;
  }

  /** Removes every content that is not in `used`. Nothing may be put while this runs. */
  async keepOnly(used: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder).catch((): string[] => []))
      if (SHA256.test(name) && !used.has(name))
        await rm(path.join(this.#folder, name), { force: true }).catch(() => {});
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += STEP) {
    if (at > 0) await new Promise((resolve) => setImmediate(resolve));
    hash.update(bytes.subarray(at, at + STEP));
  }
  return hash.digest("hex");
}
