/**
 * Regions in a folder of the user's. A file is written by one host, at its end, and otherwise only read and removed. It is a list of regions, each with its length
 * and the beginning of its SHA-256, so that what was cut off or changed is noticed.
 */
import { createHash, randomUUID } from "node:crypto";
import { closeSync, lstatSync, mkdirSync, openSync, readSync, readdirSync, rmSync, writeSync } from "node:fs";
import path from "node:path";
import { isOnlyWrittenByUser } from "../../../files/own-folder.ts";
import { HASH_BYTES, beginningOf, decode, encode, type KnownRegion } from "./known-region.ts";

/** What one host adds at most, as a guest may make new code for ever; and what it may find, so that there are 96 MiB in the end. */
const MOST_ADDED = 32 << 20;
const MOST_FOUND = 64 << 20;
const MOST_FILES = 16;
/** With more bytes or files than these, they become one, of so many bytes at most, with the newest. */
const MERGED_BYTES = 48 << 20;
/** Hosts that were on at the same time may have left more; but what is beyond these is not even read. */
const MOST_READ = 160 << 20;
const MOST_OPENED = 64;
/** Regions are written when so many bytes have come together. */
const WRITTEN_AT = 256 << 10;
/** Before each region: u32 its length, and its hash. */
const HEADER = 4 + HASH_BYTES;
const MOST_REGION_BYTES = 1 << 20;
const EXTENSION = ".regions";

export const hashOf = (bytes: Uint8Array): Uint8Array =>
  createHash("sha256").update(bytes).digest().subarray(0, HASH_BYTES);
const text = (hash: Uint8Array): string => Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString("latin1");

/** Where a region lies in a file, after its header. What is not written yet lies in memory, with it. */
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
  #waiting: { regions: Map<number, Place | Buffer>; key: number; bytes: Buffer }[] = [];
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
    } catch {
      return null;
    }
    const cache = new CodeCache(folder, version);
    try {
      if (!isOnlyWrittenByUser(folder)) return null;
      cache.#read();
      return cache;
    } catch {
      cache.close();
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
      const isOurs = path.basename(file).startsWith(`${this.#version}-`);
      if (isOurs && total + bytes <= MOST_READ && taken.length < MOST_OPENED) {
        total += bytes;
        this.#take(file, bytes);
        taken.push(file);
      } else remove(file);
    }
    if (taken.length > MOST_FILES || total > MOST_FOUND) this.#merge(taken);
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
        const { regions, key } = this.#regionsLike(bytes.subarray(at, at + length));
        const before = regions.get(key);
        // The newest file comes first, and what is newest in it comes last.
        if (!before || ("file" in before && before.file === opened)) regions.set(key, { file: opened, at, length });
        at += length + HEADER;
      }
    } catch {
      // Another host has removed it, or it is no list of regions: what was found so far may be good, and is looked at before it is used.
    }
  }
  /** Returns where the region belongs. */
  #regionsLike(region: Buffer): { regions: Map<number, Place | Buffer>; key: number } {
    const { page, offset, mode, extent } = beginningOf(region);
    const name = text(page);
    let regions = this.#known.get(name);
    if (!regions) this.#known.set(name, (regions = new Map()));
    return { regions, key: keyOf(offset, mode, extent) };
  }
  /** Writes what is known into one file, before the others go. If that fails, they stay. Whoever reads it meanwhile has a part of it. */
  #merge(files: readonly string[]): void {
    const name = this.#newName();
    let written = 0;
    try {
      const merged = openSync(name, "wx", 0o600);
      try {
        let waiting: Buffer[] = [];
        let length = 0;
        for (const regions of this.#known.values())
          for (const place of regions.values()) {
            const bytes = this.#bytesOf(place);
            if (!bytes || written + length + bytes.length > MERGED_BYTES) continue;
            waiting.push(bytes);
            if ((length += bytes.length) < WRITTEN_AT) continue;
            written += writeWhole(merged, waiting);
            waiting = [];
            length = 0;
          }
        written += writeWhole(merged, waiting);
      } finally {
        closeSync(merged);
      }
    } catch {
      remove(name);
      return;
    }
    for (const file of files) remove(file);
    // Files that are open keep their room on the disk.
    this.#known.clear();
    for (const file of this.#open.splice(0)) closeSync(file);
    this.#take(name, written);
  }
  #newName(): string {
    return path.join(this.#folder, `${this.#version}-${randomUUID()}${EXTENSION}`);
  }

  /** Returns the bytes of a region, after its header; null if they are not what they were. */
  #bytesOf(place: Place | Buffer): Buffer | null {
    if (Buffer.isBuffer(place)) return place;
    const { file, at, length } = place;
    const bytes = Buffer.alloc(HEADER + length);
    if (readSync(file, bytes, 0, bytes.length, at - HEADER) !== bytes.length) return null;
    return bytes.subarray(4, HEADER).equals(hashOf(bytes.subarray(HEADER))) ? bytes : null;
  }

  /** Returns the region that begins in a page of this content; null if there is none. */
  find(hash: Uint8Array, offset: number, mode: number, extent: number): KnownRegion | null {
    const regions = this.#known.get(text(hash));
    const key = keyOf(offset, mode, extent);
    const place = regions?.get(key);
    if (!place) return null;
    try {
      const bytes = this.#bytesOf(place);
      if (bytes) return decode(bytes.subarray(HEADER));
    } catch {
      // It can't be read, or is no region.
    }
    regions!.delete(key);
    return null;
  }
  /** Returns where regions of a mode begin in a page of this content, with their extents, the largest first. */
  inPage(hash: Uint8Array, mode: number): { offset: number; extent: number }[] {
    const all = [...(this.#known.get(text(hash))?.keys() ?? [])].map(partsOf).filter((each) => each.mode === mode);
    return all.map(({ offset, extent }) => ({ offset, extent })).sort((a, b) => b.extent - a.extent);
  }

  add(region: KnownRegion): void {
    if (this.#isFull) return;
    const encoded = encode(region);
    if (encoded.length > MOST_REGION_BYTES) return;
    const bytes = framed(encoded);
    const { regions, key } = this.#regionsLike(encoded);
    // What was kept of this page has other code around it than is there now.
    regions.set(key, bytes);
    this.#waiting.push({ regions, key, bytes });
    this.#waitingBytes += bytes.length;
    if (this.#ownBytes + this.#waitingBytes > MOST_ADDED) this.#isFull = true;
    if (this.#isFull || this.#waitingBytes >= WRITTEN_AT) this.flush();
  }

  /** Writes what is not written yet. If that fails, nothing more is added: the cache is of no use then, but does no harm. */
  flush(): void {
    if (!this.#waiting.length) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const name = this.#newName();
    try {
      this.#own ??= openSync(name, "wx+", 0o600);
      writeWhole(
        this.#own,
        waiting.map(({ bytes }) => bytes),
      );
      for (const { regions, key, bytes } of waiting) {
        const place = { file: this.#own, at: this.#ownBytes + HEADER, length: bytes.length - HEADER };
        if (regions.get(key) === bytes) regions.set(key, place);
        this.#ownBytes += bytes.length;
      }
    } catch {
      this.#isFull = true;
      // On a full disk each host would leave an empty one.
      if (!this.#ownBytes) remove(name);
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

/** Returns the number of bytes. */
function writeWhole(file: number, parts: Buffer[]): number {
  const bytes = Buffer.concat(parts);
  let written = 0;
  while (written < bytes.length) written += writeSync(file, bytes, written);
  return written;
}

/** What can't be removed does no harm. */
function remove(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // The folder is somebody else's, or can't be written to any more.
  }
}

const keyOf = (offset: number, mode: number, extent: number): number => (offset << 16) | (mode << 8) | extent;
const partsOf = (key: number) => ({ offset: key >>> 16, mode: (key >> 8) & 0xff, extent: key & 0xff });
