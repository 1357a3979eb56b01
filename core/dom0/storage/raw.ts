/** A raw image: the file's bytes are the disk's. An incomplete sector at its end can't be reached. */
import { SECTOR_BYTES, StoreError, type BlockStore } from "./block-store.ts";
import type { HostFile } from "./host-file.ts";
import { lengthOf } from "./views.ts";

const ZEROES = new Uint8Array(1 << 20);

export class RawStore implements BlockStore {
  readonly format = "raw";
  /** Node has no call that punches holes. */
  readonly discardGranularity = null;
  readonly readOnly: boolean;
  readonly #file: HostFile;
  #size: number;

  private constructor(file: HostFile, readOnly: boolean) {
    this.#file = file;
    this.#size = file.end - (file.end % SECTOR_BYTES);
    this.readOnly = readOnly;
  }

  /** The open file belongs to the store from then on. */
  static of(file: HostFile, access: "read" | "read-write"): RawStore {
    return new RawStore(file, access === "read");
  }

  get size(): number {
    return this.#size;
  }

  async read(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    if ((await this.#file.read(offset, targets)) < lengthOf(targets))
      throw new StoreError("EIO", `${this.#file.path}: the file has become shorter than the disk`);
  }

  readAtOnce(offset: number, targets: readonly Uint8Array[]): boolean {
    return this.#file.readAtOnce(offset, targets);
  }

  write(offset: number, sources: readonly Uint8Array[]): Promise<void> {
    return this.#file.write(offset, sources);
  }

  writeAtOnce(offset: number, sources: readonly Uint8Array[]): boolean {
    return this.#file.writeAtOnce(offset, sources);
  }

  flush(): Promise<void> {
    return this.#file.flush();
  }

  /** Never offered to the guest, so nothing is discarded. */
  async discard(): Promise<void> {}

  async writeZeroes(offset: number, length: number): Promise<void> {
    for (let done = 0; done < length; done += ZEROES.length)
      await this.write(offset + done, [ZEROES.subarray(0, Math.min(ZEROES.length, length - done))]);
  }

  async resize(size: number): Promise<void> {
    await this.#file.truncate(size);
    this.#size = size;
  }

  async close(): Promise<void> {
    try {
      if (!this.readOnly) await this.#file.flush();
    } catch (error) {
      // That was a second close().
      if (!(error instanceof StoreError && error.code === "EBADF")) throw error;
    } finally {
      await this.#file.close();
    }
  }
}
