/** Disk images that the host keeps: whole files in a folder of its state, there until somebody removes them, and in the bin for a day from then on. */
import { randomUUID } from "node:crypto";
import { open, rm, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { PART, moveWhole } from "../files/whole.ts";
import { BinnedFolder } from "../library/binned-folder.ts";
import { ApiFailure } from "./failure.ts";

const MOST_BYTES = 2 ** 43;

export class DiskImages extends BinnedFolder {
  constructor(folder: string | null) {
    super(folder, "disk image");
  }

  /** Throws ApiFailure: EFBIG, and what the file system says; Refusal EROFS where nothing is kept. */
  async begin(name: string, size: number): Promise<ImageIntake> {
    if (size > MOST_BYTES) throw new ApiFailure("EFBIG", `${name} has ${size} bytes; allowed: up to ${MOST_BYTES}.`);
    const place = await this.place(name);
    const part = `${place.path}.${randomUUID().slice(0, 8)}${PART}`;
    try {
      const handle = await open(part, "wx", 0o600);
      // The file is sparse, so what is never written takes no room.
      await handle.truncate(size);
      return new ImageIntake(handle, part, place.path, size, place.left);
    } catch (error) {
      place.left();
      await rm(part, { force: true });
      throw failure(error, name);
    }
  }
}

/** One image on its way. In the end it is complete, or does not exist. */
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

  /** Takes the next bytes. Throws ApiFailure. */
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

  /** Called when everything has come: adds it to the images. Returns its path. Throws ApiFailure. */
  async finish(): Promise<string> {
    if (this.#isOver || this.#isBusy || this.#filled !== this.size)
      throw new ApiFailure("EINVAL", `${path.basename(this.path)} has ${this.#filled} of its ${this.size} bytes yet.`);
    this.#isOver = true;
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await moveWhole(this.#part, this.path);
      return this.path;
    } catch (error) {
      await rm(this.#part, { force: true });
      throw failure(error, path.basename(this.path));
    } finally {
      this.#left();
    }
  }

  /** Removes one that was added. */
  undo(): Promise<void> {
    return rm(this.path, { force: true });
  }

  /** Discards an image that is no longer wanted. Throws ApiFailure if its file can't be removed; its name is free again even then. */
  async drop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      await this.#handle.close().catch(() => {});
      await rm(this.#part, { force: true });
    } catch (error) {
      const { code = "EIO", message } = error as NodeJS.ErrnoException;
      throw new ApiFailure(code, `What has come of ${path.basename(this.path)} can't be removed: ${message}.`);
    } finally {
      this.#left();
    }
  }
}

function isZero(bytes: Uint8Array): boolean {
  const words = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return words.length > 0 && words[0] === 0 && words.compare(words, 1, words.length, 0, words.length - 1) === 0;
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
