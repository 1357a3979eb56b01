/** Disk images that windows have given to the host: whole files in a folder of its state, there until somebody removes them. */
import { randomUUID } from "node:crypto";
import { open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { PART, privateFolder, removeParts } from "../files/whole.ts";
import { ApiFailure } from "./failure.ts";
import type { DiskImage } from "./host-state.ts";

const MOST_BYTES = 2 ** 43;
const MOST_NAME = 120;

export class DiskImages {
  /** null where nothing is kept. */
  readonly folder: string | null;
  /** Names that images on their way will have. */
  readonly #coming = new Set<string>();

  constructor(folder: string | null) {
    this.folder = folder;
  }

  /** Once, before any is given: what a crash has left is of no use. */
  async start(): Promise<void> {
    if (this.folder !== null) await removeParts(this.folder);
  }

  async all(): Promise<DiskImage[]> {
    if (this.folder === null) return [];
    const found: DiskImage[] = [];
    for (const name of (await readdir(this.folder).catch((): string[] => [])).sort()) {
      if (name.endsWith(PART)) continue;
      const file = path.join(this.folder, name);
      const facts = await stat(file).catch(() => null);
      if (!facts?.isFile()) continue;
      const { size, blocks } = facts;
      found.push({ name, path: file, bytes: size, allocated: blocks ? Math.min(size, blocks * 512) : size });
    }
    return found;
  }

  /** Throws ApiFailure: EROFS where nothing is kept, EFBIG, and what the file system says. */
  async begin(name: string, size: number): Promise<ImageIntake> {
    if (this.folder === null)
      throw new ApiFailure(
        "EROFS",
        "This host keeps nothing on disk: name an image where it lies, on the command line.",
      );
    if (size > MOST_BYTES) throw new ApiFailure("EFBIG", `${name} has ${size} bytes; allowed: up to ${MOST_BYTES}.`);
    await privateFolder(this.folder);
    const taken = new Set([...(await readdir(this.folder)), ...this.#coming]);
    const target = freeName(plainName(name), taken);
    this.#coming.add(target);
    const part = path.join(this.folder, `${target}.${randomUUID().slice(0, 8)}${PART}`);
    try {
      const handle = await open(part, "wx", 0o600);
      // Sparse: what is never written takes no room.
      await handle.truncate(size);
      return new ImageIntake(handle, part, path.join(this.folder, target), size, () => this.#coming.delete(target));
    } catch (error) {
      this.#coming.delete(target);
      await rm(part, { force: true });
      throw failure(error, name);
    }
  }

  /** The file of that name. Throws ApiFailure ENOENT. */
  async remove(name: string): Promise<void> {
    const found = (await this.all()).find((each) => each.name === name);
    if (!found) throw new ApiFailure("ENOENT", `There is no image ${name} among those that the host keeps.`);
    await rm(found.path);
  }
}

/** One image on its way: whole in the end, or not there. */
export class ImageIntake {
  readonly size: number;
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #part: string;
  readonly #left: () => void;
  #filled = 0;
  #isBusy = false;
  #isOver = false;

  constructor(handle: FileHandle, part: string, target: string, size: number, left: () => void) {
    this.#handle = handle;
    this.#part = part;
    this.path = target;
    this.size = size;
    this.#left = left;
  }

  /** The next bytes. Throws ApiFailure. */
  async take(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.#isOver || this.#isBusy || offset !== this.#filled || offset + bytes.length > this.size)
      throw new ApiFailure(
        "EINVAL",
        `The next bytes of ${path.basename(this.path)} begin at ${this.#filled} and end by ${this.size}, and come when those before are taken.`,
      );
    this.#isBusy = true;
    try {
      for (let at = 0; at < bytes.length && !isZero(bytes);)
        at += (await this.#handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
      this.#filled += bytes.length;
    } catch (error) {
      throw failure(error, path.basename(this.path));
    } finally {
      this.#isBusy = false;
    }
  }

  /** All has come: it is among the images from now on. Its path. Throws ApiFailure. */
  async finish(): Promise<string> {
    if (this.#isOver || this.#isBusy || this.#filled !== this.size)
      throw new ApiFailure("EINVAL", `${path.basename(this.path)} has ${this.#filled} of its ${this.size} bytes yet.`);
    this.#isOver = true;
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.#part, this.path);
      return this.path;
    } catch (error) {
      await rm(this.#part, { force: true });
      throw failure(error, path.basename(this.path));
    } finally {
      this.#left();
    }
  }

  /** It is not wanted any more: nothing of it stays. */
  async drop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#handle.close().catch(() => {});
    await rm(this.#part, { force: true });
    this.#left();
  }
}

function isZero(bytes: Uint8Array): boolean {
  const words = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return words.length > 0 && words[0] === 0 && words.compare(words, 1, words.length, 0, words.length - 1) === 0;
}

/** A name that is one file in one folder on every system. */
function plainName(name: string): string {
  const plain = name
    .replace(/[^\w.+-]+/g, "-")
    .replace(/^[.-]+/, "")
    .slice(-MOST_NAME);
  return plain.replace(new RegExp(`\\${PART}$`), "") || "disk.img";
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  const [, base, ending] = /^(.*?)(\.[^.]*)?$/.exec(name)!;
  for (let n = 2; ; n++) if (!taken.has(`${base}-${n}${ending ?? ""}`)) return `${base}-${n}${ending ?? ""}`;
}

function failure(error: unknown, name: string): ApiFailure {
  if (error instanceof ApiFailure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new ApiFailure(
    code ?? "EIO",
    isFull
      ? `This computer's disk is full: ${name} could not be taken, and nothing of it was kept.`
      : `${name} can't be kept: ${message}.`,
  );
}
