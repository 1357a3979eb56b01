/**
 * What lies behind a virtual disk: bytes that are read and written at offsets, whatever the format of the file. The block backend knows nothing more
 * of it. Each format (raw, qcow2, vhd, vmdk) is one implementation in this folder.
 * Scatter lists are views of the host's shared memory: the guest's own frames. Data goes between file and frame without a copy in between. A guest
 * may change its frames while they are read, so an implementation must never take a length, an offset or any other decision from their content.
 * Every operation but those "at once" is asynchronous, and several may be under way at once. Operations that overlap are ordered only if the caller waits for one before
 * it begins the next, as on a real disk. An operation that fails rejects with a StoreError.
 */

export interface BlockStore {
  /** Such as "raw" or "qcow2", for people. */
  readonly format: string;
  /** Size of the disk in bytes, a multiple of SECTOR_BYTES. Only resize() changes it. */
  readonly size: number;
  readonly readOnly: boolean;
  /** The unit in bytes in which discard() gives space back; null where it can't, so that discarding is not offered to the guest. */
  readonly discardGranularity: number | null;
  /** Fills the targets in order with the bytes from `offset` on. The caller has checked that all of it lies inside the store. */
  read(offset: number, targets: readonly Uint8Array[]): Promise<void>;
  /**
   * Does what read() does on this thread, and has done it when it returns true. Returns false if that might take longer than to ask another thread,
   * or if only a part could be read; the caller then calls read() for all of it. Missing where that can't be told. Throws StoreError.
   */
  readAtOnce?(offset: number, targets: readonly Uint8Array[]): boolean;
  /** Writes the sources in order from `offset` on. When it resolves, the data may still be in the host's cache: see flush(). */
  write(offset: number, sources: readonly Uint8Array[]): Promise<void>;
  /** Does what write() does, as readAtOnce() does what read() does. */
  writeAtOnce?(offset: number, sources: readonly Uint8Array[]): boolean;
  /** Resolves when everything is durable on the host's disk whose write(), discard() or writeZeroes() had resolved before. */
  flush(): Promise<void>;
  /** Says that the content of the range is no longer needed. It reads as zeros or as before. */
  discard(offset: number, length: number): Promise<void>;
  /** Makes the range read as zeros. */
  writeZeroes(offset: number, length: number): Promise<void>;
  /** Returns the first place from `offset` on that may have a byte other than zero; null when there is none. Missing where that can't be told. */
  nextData?(offset: number): Promise<number | null>;
  /** Enlarges or shrinks the store. `size` is a multiple of SECTOR_BYTES. */
  resize(size: number): Promise<void>;
  /** Flushes and closes the files. Nothing else may be called afterwards; a second close() does nothing. */
  close(): Promise<void>;
}

/** The unit in which Xen's block protocol counts, whatever the sector size of the disk. */
export const SECTOR_BYTES = 512;

/**
 * Why an operation failed. `code` is the name of an errno. "ENOSPC" and "EDQUOT" mean that the host's disk is full: nothing that was written before
 * is lost, and the same operation may be tried again when there is room.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
  get isFull(): boolean {
    return this.code === "ENOSPC" || this.code === "EDQUOT";
  }
}

/** Converts any error of the host's file system to a StoreError that names the file. */
export function storeError(error: unknown, file: string): StoreError {
  if (error instanceof StoreError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  return new StoreError(code ?? "EIO", `${file}: ${message}`);
}
