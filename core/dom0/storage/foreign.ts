/** What the read-only formats of other hypervisors have in common: blocks of the disk, which lie somewhere in the file or are zero. */
import { StoreError, type BlockStore } from "./block-store.ts";
import type { HostFile } from "./host-file.ts";
import { takeStep } from "./turn.ts";
import { lengthOf, ViewReader } from "./views.ts";

export abstract class ForeignStore implements BlockStore {
  abstract readonly format: string;
  abstract readonly size: number;
  readonly readOnly = true;
  readonly discardGranularity = null;
  protected readonly file: HostFile;
  /** Size of a block in bytes. */
  readonly #blockSize: number;

  protected constructor(file: HostFile, blockSize: number) {
    this.file = file;
    this.#blockSize = blockSize;
  }

  /** Fills the targets from byte `inside` of a block on. They do not reach beyond the block. */
  protected abstract readBlock(block: number, inside: number, targets: readonly Uint8Array[]): Promise<void>;
  /** Returns the first block from this one on that is in the file; null when there is none. */
  protected abstract nextBlock(block: number): Promise<number | null>;

  async read(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    const length = lengthOf(targets);
    const views = new ViewReader(targets);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const inside = at % this.#blockSize;
      const count = Math.min(this.#blockSize - inside, length - done);
      await takeStep(count);
      await this.readBlock(Math.floor(at / this.#blockSize), inside, views.take(count));
      done += count;
    }
  }

  async nextData(offset: number): Promise<number | null> {
    const block = await this.nextBlock(Math.floor(offset / this.#blockSize));
    return block === null ? null : Math.max(offset, block * this.#blockSize);
  }

  write(): Promise<void> {
    return this.#refuse();
  }
  writeZeroes(): Promise<void> {
    return this.#refuse();
  }
  resize(): Promise<void> {
    return this.#refuse();
  }
  async discard(): Promise<void> {}
  async flush(): Promise<void> {}

  close(): Promise<void> {
    return this.file.close();
  }

  #refuse(): Promise<never> {
    return Promise.reject(onlyRead(this.file.path, this.format));
  }
}

export function onlyRead(path: string, format: string): StoreError {
  return new StoreError(
    "EROFS",
    `${path}: ${format} images can only be read; make a qcow2 image of it with "xenarium disk convert", or attach it read-only`,
  );
}

/** The error for an image that contains something impossible. */
export function damaged(path: string, what: string): StoreError {
  return new StoreError("EIO", `${path}: the image is damaged (${what})`);
}

/** The error for an image whose data lie where its file has ended, as that of a copy that was broken off. */
export const cutShort = (path: string): StoreError =>
  damaged(path, "it is cut short: what it has there lies behind its end");

export function fillZeroes(targets: readonly Uint8Array[]): void {
  for (const target of targets) target.fill(0);
}
