/**
 * Files that a session has given to the server: kernels and RAM disks to be started. They are in memory, bounded, and go with the session. Their memory
 * is shared: dom0's thread, and the threads that unpack them and read their symbols, see the same bytes. A file is copied to none of them, however
 * often it is looked at and started. When a file is complete, nobody writes to it any more.
 */
import { ApiFailure } from "./failure.ts";
import { MOST_FILE_BYTES, MOST_SESSION_BYTES, type TakenImage } from "./schema.ts";

const MOST_SESSION_FILES = 64;

interface Intake {
  name: string;
  bytes: Uint8Array<SharedArrayBuffer>;
  /** Number of bytes that have come. */
  filled: number;
}

export class SessionFiles {
  readonly #files = new Map<string, Intake>();
  #total = 0;
  #next = 1;

  /** Throws ApiFailure: EFBIG for a file that is too large by itself, ENOSPC when there is no room for it beside the others. */
  checkRoom(name: string, size: number): void {
    if (size > MOST_FILE_BYTES)
      throw new ApiFailure(
        "EFBIG",
        `${name} has ${size} bytes; allowed: up to ${MOST_FILE_BYTES} (${mib(MOST_FILE_BYTES)} MiB).`,
      );
    if (this.#files.size >= MOST_SESSION_FILES)
      throw new ApiFailure("ENOSPC", `${MOST_SESSION_FILES} files are given already; release one before ${name}.`);
    if (this.#total + size > MOST_SESSION_BYTES)
      throw new ApiFailure(
        "ENOSPC",
        `${name} is ${mib(size)} MiB; with ${mib(this.#total)} MiB given before that is more than the ${mib(MOST_SESSION_BYTES)} MiB a window may give.`,
      );
  }

  begin(name: string, size: number): string {
    this.checkRoom(name, size);
    return this.#add({ name, bytes: shared(size), filled: 0 });
  }

  /** Adds a file that is complete from the beginning. */
  put(name: string, bytes: Uint8Array): TakenImage {
    this.checkRoom(name, bytes.length);
    const copy = shared(bytes.length);
    copy.set(bytes);
    return { name, size: bytes.length, file: this.#add({ name, bytes: copy, filled: bytes.length }) };
  }

  #add(intake: Intake): string {
    const id = `f${this.#next++}`;
    this.#files.set(id, intake);
    this.#total += intake.bytes.length;
    return id;
  }

  chunk(id: string, offset: number, bytes: Uint8Array): void {
    const file = this.#get(id);
    if (offset !== file.filled || offset + bytes.length > file.bytes.length)
      throw new ApiFailure(
        "EINVAL",
        `The next chunk of ${file.name} begins at ${file.filled} and ends by ${file.bytes.length}, not ${offset} to ${offset + bytes.length}.`,
      );
    file.bytes.set(bytes, offset);
    file.filled += bytes.length;
  }

  /** Returns a complete file. */
  whole(id: string): { name: string; bytes: Uint8Array } {
    const file = this.#get(id);
    if (file.filled !== file.bytes.length)
      throw new ApiFailure("EINVAL", `${file.name} has ${file.filled} of its ${file.bytes.length} bytes yet.`);
    return file;
  }

  release(id: string): void {
    this.#total -= this.#get(id).bytes.length;
    this.#files.delete(id);
  }

  clear(): void {
    this.#files.clear();
    this.#total = 0;
  }

  #get(id: string): Intake {
    const file = this.#files.get(id);
    if (!file) throw new ApiFailure("ENOENT", `There is no file ${id}; it was released or never given.`);
    return file;
  }
}

const shared = (size: number): Uint8Array<SharedArrayBuffer> => new Uint8Array(new SharedArrayBuffer(size));

function mib(bytes: number): number {
  return Math.round(bytes / 2 ** 20);
}
