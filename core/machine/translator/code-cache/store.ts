/**
 * Regions in a folder of the user's. A file is written by one host, at its end, and otherwise only read and removed. It is a list of regions, each with its length
 * and the beginning of its SHA-256, so that what was cut off or changed is noticed.
 */
import { createHash, randomUUID } from "node:crypto";
import { closeSync, lstatSync, mkdirSync, openSync, readSync, readdirSync, rmSync, writeSync } from "node:fs";
import { userInfo } from "node:os";
import path from "node:path";
import { HASH_BYTES, beginningOf, decode, encode, type KnownRegion } from "./known-region.ts";

/** Of all files together, and what one host adds at most: a guest may make new code for ever. */
const MOST_BYTES = 96 << 20;
const MOST_ADDED = 32 << 20;
/** With more files than these, they become one, of so many bytes at most. */
const MOST_FILES = 16;
const MERGED_BYTES = 64 << 20;
/** Regions are written when so many bytes have come together. */
const WRITTEN_AT = 256 << 10;
/** Before each region: u32 its length, and its hash. */
const HEADER = 4 + HASH_BYTES;
const MOST_REGION_BYTES = 1 << 20;
const EXTENSION = ".regions";

export const hashOf = (bytes: Uint8Array): Uint8Array =>
  createHash("sha256").update(bytes).digest().subarray(0, HASH_BYTES);
const text = (hash: Uint8Array): string => Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1");

/** Where a region lies: in a file, or in memory until it is written. */
interface Place {
  file: number;
  at: number;
  length: number;
}

export class CodeCache {
  readonly #folder: string;
  readonly #version: string;
  /** Regions by the content of the page in which they begin, then by keyOf(). */
  readonly #known = new Map<string, Map<number, Place | Buffer>>();
  readonly #open: number[] = [];
  /** The file of this host, once there is something to write. */
  #own: number | null = null;
  #ownBytes = 0;
  /** Regions that are not written yet. */
  #waiting: { page: string; key: number; region: Buffer }[] = [];
  #waitingBytes = 0;
  /** Nothing more is added: there is enough, or it could not be written. */
  #isFull = false;

  private constructor(folder: string, version: string) {
    this.#folder = folder;
    this.#version = version;
  }

  /**
   * Opens the cache in a folder, which is made. `version` is that of the engine, whose regions no other can use. Null if the folder can't be made, or others could
   * write to it: translated code is trusted.
   */
  static open(folder: string, version: string): CodeCache | null {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (!isPrivate(folder)) return null;
      const cache = new CodeCache(folder, version);
      cache.#read();
      return cache;
    } catch {
      return null;
    }
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** Newest first. What is too much, or of another version, is removed: another host that uses it has it open. */
  #read(): void {
    const files = readdirSync(this.#folder)
      .filter((name) => name.endsWith(EXTENSION))
      .map((name) => path.join(this.#folder, name))
      .map((file) => ({ file, stat: lstatSync(file, { throwIfNoEntry: false }) }))
      .flatMap(({ file, stat }) => (stat?.isFile() ? [{ file, bytes: stat.size, time: stat.mtimeMs }] : []))
      .sort((a, b) => b.time - a.time);
    let total = 0;
    const taken: string[] = [];
    for (const { file, bytes } of files) {
      if (path.basename(file).startsWith(`${this.#version}-`) && (total += bytes) <= MOST_BYTES) {
        this.#take(file, bytes);
        taken.push(file);
      } else rmSync(file, { force: true });
    }
    if (taken.length > MOST_FILES) this.#merge(taken);
  }
  #take(file: string, size: number): void {
    try {
      const opened = openSync(file, "r");
      this.#open.push(opened);
      const bytes = Buffer.alloc(size);
      const read = readSync(opened, bytes, 0, size, 0);
      for (let at = HEADER; at <= read;) {
        const length = bytes.readUInt32LE(at - HEADER);
        if (length > MOST_REGION_BYTES || at + length > read) return;
        this.#remember(bytes.subarray(at, at + length), { file: opened, at, length });
        at += length + HEADER;
      }
    } catch {
      // Another host has removed it, or it is no list of regions: what was found so far may be good, and is looked at before it is used.
    }
  }
  /** The first that is remembered stays. */
  #remember(region: Buffer, place: Place | Buffer): { page: string; key: number } {
    const { page, offset, mode, extent } = beginningOf(region);
    const [name, key] = [text(page), keyOf(offset, mode, extent)];
    let regions = this.#known.get(name);
    if (!regions) this.#known.set(name, (regions = new Map()));
    if (!regions.has(key)) regions.set(key, place);
    return { page: name, key };
  }
  /** Writes all that is known into one file, before the others go. Whoever reads it meanwhile has a part of it. */
  #merge(files: readonly string[]): void {
    const merged = openSync(this.#newName(), "wx", 0o600);
    let written = 0;
    try {
      for (const regions of this.#known.values())
        for (const place of regions.values()) {
          const region = this.#bytesOf(place);
          if (region && written < MERGED_BYTES) written += writeSync(merged, framed(region));
        }
    } finally {
      closeSync(merged);
    }
    for (const file of files) rmSync(file, { force: true });
  }
  #newName(): string {
    return path.join(this.#folder, `${this.#version}-${randomUUID()}${EXTENSION}`);
  }

  /** Returns the bytes of a region; null if they are not what they were. */
  #bytesOf(place: Place | Buffer): Buffer | null {
    if (Buffer.isBuffer(place)) return place;
    const { file, at, length } = place;
    const bytes = Buffer.alloc(HEADER + length);
    if (readSync(file, bytes, 0, bytes.length, at - HEADER) !== bytes.length) return null;
    const region = bytes.subarray(HEADER);
    return bytes.subarray(4, HEADER).equals(hashOf(region)) ? region : null;
  }

  /** Returns the region that begins in a page of this content; null if there is none. */
  find(hash: Uint8Array, offset: number, mode: number, extent: number): KnownRegion | null {
    const regions = this.#known.get(text(hash));
    const key = keyOf(offset, mode, extent);
    const place = regions?.get(key);
    if (!place) return null;
    try {
      const bytes = this.#bytesOf(place);
      if (bytes) return decode(bytes);
    } catch {
      // It can't be read, or is no region.
    }
    regions!.delete(key);
    return null;
  }
  /** Returns where regions of a mode begin in a page of this content, with their largest extents. */
  inPage(hash: Uint8Array, mode: number): { offset: number; extent: number }[] {
    const largest = new Map<number, number>();
    for (const key of this.#known.get(text(hash))?.keys() ?? []) {
      const each = partsOf(key);
      if (each.mode === mode) largest.set(each.offset, Math.max(each.extent, largest.get(each.offset) ?? 0));
    }
    return [...largest].map(([offset, extent]) => ({ offset, extent }));
  }

  add(region: KnownRegion): void {
    if (this.#isFull) return;
    const bytes = Buffer.from(encode(region));
    if (bytes.length > MOST_REGION_BYTES) return;
    this.#waiting.push({ ...this.#remember(bytes, bytes), region: bytes });
    this.#waitingBytes += HEADER + bytes.length;
    if (this.#ownBytes + this.#waitingBytes > MOST_ADDED) this.#isFull = true;
    if (this.#isFull || this.#waitingBytes >= WRITTEN_AT) this.flush();
  }

  /** Writes what is not written yet. If that fails, nothing more is added: the cache is of no use then, but does no harm. */
  flush(): void {
    if (!this.#waiting.length) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      this.#own ??= openSync(this.#newName(), "wx+", 0o600);
      const bytes = Buffer.concat(waiting.map(({ region }) => framed(region)));
      if (writeSync(this.#own, bytes) !== bytes.length) this.#isFull = true;
      for (const { page, key, region } of waiting) {
        const regions = this.#known.get(page)!;
        const place = { file: this.#own, at: this.#ownBytes + HEADER, length: region.length };
        if (regions.get(key) === region) regions.set(key, place);
        this.#ownBytes += HEADER + region.length;
      }
    } catch {
      this.#isFull = true;
    }
  }

  /** Writes what is left, and closes the files. */
  close(): void {
    this.flush();
    for (const file of [...this.#open, ...(this.#own === null ? [] : [this.#own])]) closeSync(file);
  }
}

function framed(region: Buffer): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(region.length);
  header.set(hashOf(region), 4);
  return Buffer.concat([header, region]);
}

function isPrivate(folder: string): boolean {
  const { mode, uid } = lstatSync(folder);
  return process.platform === "win32" || (uid === userInfo().uid && !(mode & 0o022));
}

const keyOf = (offset: number, mode: number, extent: number): number => (offset << 16) | (mode << 8) | extent;
const partsOf = (key: number) => ({ offset: key >>> 16, mode: (key >> 8) & 0xff, extent: key & 0xff });
