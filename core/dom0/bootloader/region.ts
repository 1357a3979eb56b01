/**
 * A part of a disk that is read, with a small cache. Everything that the boot loader learns comes through here, and each read takes a step from a
 * budget that all regions of a disk share. So an image whose structures run in circles ends with an error and not with a hang.
 */
import type { BlockStore } from "../storage/block-store.ts";
import { BootError } from "./error.ts";

/** Bytes that are read and kept together; the cache holds KEPT of these pieces. */
const PIECE = 1 << 16;
const KEPT = 64;
/** A read costs one step, and another one for each of so many bytes. */
const STEP_BYTES = 4096;
/** Milliseconds of work before others have their turn, since reading from the cache waits for nothing. */
const TURN = 8;
/** The steps of one search or one extraction: what a file of 1 GiB takes in single blocks of 1 KiB, each mapped by its own extent. */
const MOST_STEPS = 2_000_000;

export class DiskReader {
  readonly #store: BlockStore;
  /** By the piece's number, least recently used first. */
  readonly #pieces = new Map<number, Promise<Uint8Array>>();
  #steps = 0;
  #turnBegan = performance.now();

  constructor(store: BlockStore) {
    this.#store = store;
  }

  get size(): number {
    return this.#store.size;
  }

  /** Throws BootError when the budget of the disk is used up. */
  async spend(bytes = 0): Promise<void> {
    this.#steps += 1 + Math.floor(bytes / STEP_BYTES);
    if (this.#steps > MOST_STEPS)
      throw new BootError("The disk's file system is damaged: following its structures comes to no end.");
    if (performance.now() - this.#turnBegan < TURN) return;
    await new Promise(setImmediate);
    this.#turnBegan = performance.now();
  }

  /** Small reads go through the cache, large ones do not. The range lies inside the disk. */
  async read(offset: number, target: Uint8Array): Promise<void> {
    if (target.length >= PIECE) return this.#store.read(offset, [target]);
    for (let done = 0; done < target.length;) {
      const at = offset + done;
      const piece = await this.#piece(Math.floor(at / PIECE));
      const part = piece.subarray(at % PIECE, (at % PIECE) + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  }

  #piece(number: number): Promise<Uint8Array> {
    let piece = this.#pieces.get(number);
    if (piece) this.#pieces.delete(number);
    else piece = this.#load(number);
    this.#pieces.set(number, piece);
    if (this.#pieces.size > KEPT) this.#pieces.delete(this.#pieces.keys().next().value!);
    return piece;
  }

  async #load(number: number): Promise<Uint8Array> {
    const offset = number * PIECE;
    const bytes = new Uint8Array(Math.min(PIECE, this.size - offset));
    await this.#store.read(offset, [bytes]);
    return bytes;
  }
}

/** Bytes `start` up to `start + size` of a disk. */
export class Region {
  readonly size: number;
  readonly #disk: DiskReader;
  readonly #start: number;

  private constructor(disk: DiskReader, start: number, size: number) {
    this.#disk = disk;
    this.#start = start;
    this.size = size;
  }

  static whole(store: BlockStore): Region {
    const disk = new DiskReader(store);
    return new Region(disk, 0, disk.size);
  }

  /** Returns the part of the given range that lies in this region; null when none does. */
  part(start: number, size: number): Region | null {
    const inside = Math.min(size, this.size - start);
    if (!(start >= 0 && inside > 0 && Number.isSafeInteger(start))) return null;
    return new Region(this.#disk, this.#start + start, inside);
  }

  spend(bytes?: number): Promise<void> {
    return this.#disk.spend(bytes);
  }

  /** Throws BootError when not all of it lies in the region. */
  async read(offset: number, length: number): Promise<DataView<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    await this.readInto(offset, bytes);
    return new DataView(bytes.buffer);
  }

  async readInto(offset: number, target: Uint8Array): Promise<void> {
    await this.#disk.spend(target.length);
    if (!(offset >= 0 && Number.isSafeInteger(offset) && offset + target.length <= this.size))
      throw new BootError(`The file system is damaged: it refers to byte ${offset}, and has ${this.size}.`);
    await this.#disk.read(this.#start + offset, target);
  }
}
