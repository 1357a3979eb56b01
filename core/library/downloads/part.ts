/**
 * A file that is being downloaded: a folder with the bytes that have come and a description of where they come from. Both outlive the application, so
 * that the download can continue. After a power failure only the first `durable` bytes count; what follows them may be anything.
 */
import { createHash, type Hash } from "node:crypto";
import { open, readFile, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { moveWhole, privateFolder, writeWhole } from "../../files/whole.ts";
import { libraryFailure } from "../failure.ts";

const ABOUT = "about.json";
const BYTES = "bytes";
/** The most bytes that a power failure may cost. */
const DURABLE_EVERY = 16 * 2 ** 20;
const READ = 1 << 20;

export const FILE_KINDS = ["kernel", "ramdisk", "disk"] as const;
/** What a file is fetched as. This decides where it is put and how large it may be. */
export type FileKind = (typeof FILE_KINDS)[number];

const aboutSchema = z.object({
  url: z.string(),
  kind: z.enum(FILE_KINDS),
  name: z.string(),
  /** The total size that the server told; null where it did not. */
  total: z.int().min(0).nullable(),
  etag: z.string().nullable(),
  lastModified: z.string().nullable(),
  durable: z.int().min(0),
  /** When its last bytes came, in milliseconds since 1970. */
  at: z.number(),
});
export type PartAbout = z.infer<typeof aboutSchema>;
/** What a server says by which it recognizes its file again. */
export type Validators = Pick<PartAbout, "etag" | "lastModified" | "total">;

const NO_VALIDATORS: Validators = { etag: null, lastModified: null, total: null };

/** Returns the description of the part with that id; null where there is none that is complete. */
export async function partAbout(folder: string): Promise<PartAbout | null> {
  try {
    return aboutSchema.parse(JSON.parse(await readFile(path.join(folder, ABOUT), "utf8")));
  } catch {
    return null;
  }
}

export class Part {
  readonly #folder: string;
  readonly #handle: FileHandle;
  #about: PartAbout;
  #length = 0;
  #hashes: { sha256: Hash; sha512: Hash } = newHashes();

  private constructor(folder: string, handle: FileHandle, about: PartAbout) {
    this.#folder = folder;
    this.#handle = handle;
    this.#about = about;
  }

  /** Reads the bytes that are there already once, to continue the checksum. Throws the file system's error. */
  static async open(
    folder: string,
    { url, kind, name }: Pick<PartAbout, "url" | "kind" | "name">,
    signal: AbortSignal,
  ): Promise<Part> {
    await privateFolder(folder);
    const before = await partAbout(folder);
    const isSame = before !== null && before.url === url && before.kind === kind;
    const about = isSame ? { ...before, name } : { url, kind, name, ...NO_VALIDATORS, durable: 0, at: Date.now() };
    const file = path.join(folder, BYTES);
    const handle = await open(file, isSame ? "r+" : "w+", 0o600).catch(() => open(file, "w+", 0o600));
    const part = new Part(folder, handle, about);
    try {
      await part.#readBack(signal);
      return part;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get length(): number {
    return this.#length;
  }
  get validators(): Validators {
    return this.#about;
  }
  get path(): string {
    return path.join(this.#folder, BYTES);
  }

  async #readBack(signal: AbortSignal): Promise<void> {
    const length = Math.min((await this.#handle.stat()).size, this.#about.durable);
    await this.#handle.truncate(length);
    const buffer = Buffer.alloc(READ);
    while (this.#length < length) {
      signal.throwIfAborted();
      const { bytesRead } = await this.#handle.read(buffer, 0, Math.min(READ, length - this.#length), this.#length);
      if (bytesRead === 0) break;
      this.#note(buffer.subarray(0, bytesRead));
    }
  }

  #note(bytes: Uint8Array): void {
    this.#hashes.sha256.update(bytes);
    this.#hashes.sha512.update(bytes);
    this.#length += bytes.length;
  }

  /** Discards what has come and starts from the beginning. */
  async restart(): Promise<void> {
    await this.#handle.truncate(0);
    this.#length = 0;
    this.#hashes = newHashes();
    this.#about = { ...this.#about, ...NO_VALIDATORS, durable: 0 };
    await this.#keepAbout();
  }

  /** Records what the server says of the file whose bytes come now. */
  async described(validators: Validators): Promise<void> {
    this.#about = { ...this.#about, ...validators };
    await this.#keepAbout();
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;)
      at += (await this.#handle.write(bytes, at, bytes.length - at, this.#length + at)).bytesWritten;
    this.#note(bytes);
    if (this.#length - this.#about.durable >= DURABLE_EVERY) await this.settle();
  }

  /** Makes durable what has come, so that it stays whatever happens. */
  async settle(): Promise<void> {
    await this.#handle.datasync();
    this.#about = { ...this.#about, durable: this.#length, at: Date.now() };
    await this.#keepAbout();
  }

  checksums(): { sha256: string; sha512: string } {
    const { sha256, sha512 } = this.#hashes;
    return { sha256: sha256.copy().digest("hex"), sha512: sha512.copy().digest("hex") };
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const { bytesRead, buffer } = await this.#handle.read(new Uint8Array(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  }

  /** Moves the whole file to `target`, and removes the part. Throws Refusal. */
  async finish(target: string): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await moveWhole(this.path, target);
    } catch (error) {
      throw libraryFailure(error, `${path.basename(target)} can't be kept`);
    }
    await removePart(this.#folder);
  }

  /** Keeps what has come so that the download can continue, or removes the part if nothing has. */
  async close(): Promise<void> {
    try {
      if (this.#length > 0) await this.settle();
    } finally {
      await this.#handle.close().catch(() => {});
    }
    if (this.#length === 0) await removePart(this.#folder);
  }

  async discard(): Promise<void> {
    await this.#handle.close().catch(() => {});
    await removePart(this.#folder);
  }

  async #keepAbout(): Promise<void> {
    await writeWhole(path.join(this.#folder, ABOUT), `${JSON.stringify(this.#about, null, 2)}\n`);
  }
}

export async function removePart(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

function newHashes(): { sha256: Hash; sha512: Hash } {
  return { sha256: createHash("sha256"), sha512: createHash("sha512") };
}
