/** A qcow2 image as a disk: reads go through its backing chain, writes go to its own clusters. README.md has the rules. */
import { StoreError, type BlockStore } from "../block-store.ts";
import type { HostFile } from "../host-file.ts";
import { together } from "../together.ts";
import { lengthOf, part, ViewReader } from "../views.ts";
import { AtOnce } from "./at-once.ts";
import { Clusters } from "./clusters.ts";
import { CompressedClusters } from "./compressed.ts";
import { FIELD_AUTOCLEAR, readHeader, type Backing, type Qcow2Header } from "./header.ts";
import { Mutex } from "./mutex.ts";
import { rebaseFile } from "./rebase.ts";
import { Refcounts } from "./refcounts.ts";
import { readSnapshots, type Snapshot } from "./snapshots.ts";
import { follows, type Cluster } from "./tables.ts";

/** Changed tables are written to the file after so many milliseconds, even if the guest never flushes. */
const WRITE_OUT_AFTER = 5000;
/** The largest header, with its extensions and the backing file's name, that is read. */
const HEADER_BYTES = 1 << 16;
/** How many bytes of changed tables may wait in memory. When there are more, they are written before the next write goes on. */
const MOST_DIRTY_BYTES = 16 << 20;
const MOST_RELEASED = 65536;
/** Steps of a long operation before others have their turn. */
const STEPS_PER_TURN = 4096;

/** A part of the disk that an image has itself, so that nothing below it is visible there. */
export interface OwnRange {
  readonly offset: number;
  readonly length: number;
  readonly isZero: boolean;
}

export interface Qcow2Options {
  readonly access: "read" | "read-write";
  /** Opens the backing file that the image names. Decides whether it may be opened at all. */
  openBacking(name: string, format: string | null): Promise<BlockStore>;
  /** Says that the image's tables take so many bytes of memory. Throws StoreError when that is too much. */
  takeMemory(bytes: number): void;
}

export class Qcow2Store implements BlockStore {
  readonly format = "qcow2";
  readonly readOnly: boolean;
  readonly discardGranularity: number;
  readonly snapshots: readonly Snapshot[];
  readonly #file: HostFile;
  readonly #header: Qcow2Header;
  readonly #clusterSize: number;
  readonly #refcounts: Refcounts;
  readonly #clusters: Clusters;
  #backing: BlockStore | null;
  readonly #lock = new Mutex();
  /** Clusters that are being given a place; whoever wants to write to one waits. */
  readonly #moving = new Map<number, Promise<unknown>>();
  /** Transfers from or to clusters in their places. */
  readonly #transfers: Set<Promise<unknown>>;
  /** Reads from the image that this one is based on. */
  readonly #below = new Set<Promise<unknown>>();
  readonly #compressed: CompressedClusters;
  readonly #atOnce: AtOnce;
  #size: number;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  private constructor(parts: {
    file: HostFile;
    header: Qcow2Header;
    refcounts: Refcounts;
    clusters: Clusters;
    backing: BlockStore | null;
    snapshots: readonly Snapshot[];
    readOnly: boolean;
    transfers: Set<Promise<unknown>>;
  }) {
    this.#file = parts.file;
    this.#header = parts.header;
    this.#refcounts = parts.refcounts;
    this.#clusters = parts.clusters;
    this.#backing = parts.backing;
    this.snapshots = parts.snapshots;
    this.readOnly = parts.readOnly;
    this.#transfers = parts.transfers;
    this.#size = parts.header.size;
    this.#clusterSize = 2 ** parts.header.clusterBits;
    this.discardGranularity = this.#clusterSize;
    this.#compressed = new CompressedClusters(parts.file, parts.header.compression, this.#clusterSize);
    this.#atOnce = new AtOnce(parts.file, parts.clusters, (cluster) => this.#moving.has(cluster));
  }

  /** The open file belongs to the store from then on, and is closed if this fails. */
  static async open(file: HostFile, options: Qcow2Options): Promise<Qcow2Store> {
    try {
      return await Qcow2Store.#read(file, options);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  static async #read(file: HostFile, { access, openBacking, takeMemory }: Qcow2Options): Promise<Qcow2Store> {
    const first = new Uint8Array(Math.min(HEADER_BYTES, file.end));
    await file.read(0, [first]);
    const header = readHeader(first, file.path);
    const readOnly = access === "read";
    if (!readOnly && (header.dirty || header.corrupt))
      throw new StoreError(
        "EIO",
        `${file.path}: it was not closed cleanly by what wrote it; repair it with qemu-img check -r all, or use it read-only`,
      );
    const clusterSize = 2 ** header.clusterBits;
    takeMemory(header.l1Size * 8 + (readOnly ? 0 : header.refcountTableClusters * clusterSize));
    const l1 = new Uint8Array(header.l1Size * 8);
    await file.read(header.l1Offset, [l1]);
    // The L1 table and the refcount table move when they grow, so this asks where they are now.
    const reserved = (cluster: number): boolean => {
      const within = (offset: number, bytes: number) =>
        cluster >= offset / clusterSize && cluster < Math.ceil((offset + bytes) / clusterSize);
      const { l1 } = clusters;
      const { offset, entries } = refcounts.table;
      return cluster === 0 || within(l1.offset, l1.table.bytes.length) || within(offset, entries.bytes.length);
    };
    const refcounts: Refcounts = readOnly ? Refcounts.none(file, header) : await Refcounts.open(file, header, reserved);
    const transfers = new Set<Promise<unknown>>();
    const settled = (): Promise<unknown> => Promise.allSettled(transfers);
    const clusters = new Clusters(file, refcounts, header, l1, { reserved, settled });
    const snapshots = await readSnapshots(file, header);
    const backing = header.backingFile === null ? null : await openBacking(header.backingFile, header.backingFormat);
    if (!readOnly && header.autoclear) await file.write(FIELD_AUTOCLEAR, [new Uint8Array(8)]);
    return new Qcow2Store({ file, header, refcounts, clusters, backing, snapshots, readOnly, transfers });
  }

  get size(): number {
    return this.#size;
  }
  get header(): Qcow2Header {
    return this.#header;
  }
  get backing(): BlockStore | null {
    return this.#backing;
  }

  read(offset: number, targets: readonly Uint8Array[]): Promise<void> {
    return together((add) => this.#beginReads(offset, targets, add));
  }

  async #beginReads(offset: number, targets: readonly Uint8Array[], add: (read: Promise<void>) => void): Promise<void> {
    const length = lengthOf(targets);
    const views = new ViewReader(targets);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const cluster = Math.floor(at / this.#clusterSize);
      const inside = at % this.#clusterSize;
      const found = this.#clusters.find(cluster);
      const first = found instanceof Promise ? await found : found;
      let room = this.#clusterSize - inside;
      // Clusters that are adjacent both on the disk and in the file, or that are nowhere, are read together.
      for (let next = cluster + 1; room < length - done; next++) {
        const following = this.#clusters.find(next);
        if (following instanceof Promise || !follows(first, following, (next - cluster) * this.#clusterSize)) break;
        room += this.#clusterSize;
      }
      const count = Math.min(room, length - done);
      add(this.#readRun(first, at, inside, views.take(count), count));
      done += count;
    }
  }

  readAtOnce(offset: number, targets: readonly Uint8Array[]): boolean {
    return this.#atOnce.read(this.#backing, offset, targets);
  }

  async #readRun(cluster: Cluster, at: number, inside: number, targets: Uint8Array[], count: number): Promise<void> {
    switch (cluster.kind) {
      case "data":
        await this.#transfer(this.#file.read(cluster.offset + inside, targets));
        return;
      case "unallocated":
        return this.#readBacking(at, targets, count);
      case "zero":
        for (const target of targets) target.fill(0);
        return;
      case "compressed":
        scatter((await this.#compressed.read(cluster)).subarray(inside, inside + count), targets);
    }
  }

  async #readBacking(at: number, targets: Uint8Array[], count: number): Promise<void> {
    let backing = this.#backing;
    // Images in between that have nothing there are skipped. So a long chain costs a look-up in memory for each image, and one read.
    while (backing instanceof Qcow2Store && backing.#showsBelow(at, count)) backing = backing.#backing;
    const there = backing ? Math.max(0, Math.min(count, backing.size - at)) : 0;
    if (there) {
      const read = backing!.read(at, part(targets, 0, there)).finally(() => this.#below.delete(read));
      this.#below.add(read);
      await read;
    }
    if (there < count) for (const target of part(targets, there, count - there)) target.fill(0);
  }

  /** Returns whether the image is known to have nothing there itself. */
  #showsBelow(at: number, count: number): boolean {
    if (at + count > this.#size) return false;
    for (let cluster = Math.floor(at / this.#clusterSize); cluster * this.#clusterSize < at + count; cluster++) {
      const found = this.#clusters.find(cluster);
      if (found instanceof Promise) {
        // Whoever reads there is told what is wrong with the table.
        found.catch(() => {});
        return false;
      }
      if (found.kind !== "unallocated") return false;
    }
    return true;
  }

  #transfer<T>(moving: Promise<T>): Promise<T> {
    const done = moving.finally(() => this.#transfers.delete(done));
    this.#transfers.add(done);
    return done;
  }

  write(offset: number, sources: readonly Uint8Array[]): Promise<void> {
    return together((add) => this.#beginWrites(offset, sources, add));
  }

  writeAtOnce(offset: number, sources: readonly Uint8Array[]): boolean {
    return this.#atOnce.write(offset, sources);
  }

  async #beginWrites(
    offset: number,
    sources: readonly Uint8Array[],
    add: (write: Promise<void>) => void,
  ): Promise<void> {
    const length = lengthOf(sources);
    const rest = new ViewReader(sources);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const cluster = Math.floor(at / this.#clusterSize);
      const inside = at % this.#clusterSize;
      const moving = this.#moving.get(cluster);
      if (moving) {
        await moving.catch(() => {});
        continue;
      }
      const found = this.#clusters.find(cluster);
      if (found instanceof Promise) {
        await found;
        continue;
      }
      let count = Math.min(this.#clusterSize - inside, length - done);
      const inPlace = found.kind === "data" && found.copied;
      for (let next = cluster + 1; count < length - done; next++) {
        if (this.#moving.has(next)) break;
        const following = this.#clusters.find(next);
        if (following instanceof Promise) break;
        const also = following.kind === "data" && following.copied;
        if (also !== inPlace || (inPlace && !follows(found, following, (next - cluster) * this.#clusterSize))) break;
        count = Math.min(count + this.#clusterSize, length - done);
      }
      const views = rest.take(count);
      if (inPlace) add(this.#transfer(this.#file.write(found.offset + inside, views)));
      else add(this.#writeMoving(cluster, inside, views, count));
      done += count;
    }
  }

  /** Writes to clusters that have no place of their own yet. */
  #writeMoving(cluster: number, inside: number, sources: Uint8Array[], count: number): Promise<void> {
    const clusters = Math.ceil((inside + count) / this.#clusterSize);
    const done = this.#writeNew(cluster, clusters, inside, sources, count).finally(() => {
      for (let i = 0; i < clusters; i++) this.#moving.delete(cluster + i);
    });
    for (let i = 0; i < clusters; i++) this.#moving.set(cluster + i, done);
    return done;
  }

  async #writeNew(
    cluster: number,
    clusters: number,
    inside: number,
    sources: Uint8Array[],
    count: number,
  ): Promise<void> {
    const size = this.#clusterSize;
    const places = await this.#lock.run(async () => {
      const taken: number[] = [];
      for (let i = 0; i < clusters; i++) taken.push(await this.#refcounts.allocate());
      return taken;
    });
    try {
      // The parts of the first and the last cluster that the guest does not write keep their content.
      const head = new Uint8Array(inside);
      const tail = new Uint8Array(clusters * size - inside - count);
      await this.#readOld(cluster * size, head);
      await this.#readOld(cluster * size + inside + count, tail);
      const views = [...(head.length ? [head] : []), ...sources, ...(tail.length ? [tail] : [])];
      for (let first = 0; first < clusters;) {
        let run = 1;
        while (first + run < clusters && places[first + run] === places[first]! + run * size) run++;
        await this.#file.write(places[first]!, part(views, first * size, run * size));
        first += run;
      }
    } catch (error) {
      await this.#lock.run(async () => {
        for (const place of places) await this.#refcounts.release(place / size);
      });
      throw error;
    }
    await this.#lock.run(async () => {
      for (let i = 0; i < clusters; i++) await this.#clusters.set(cluster + i, { offset: places[i]! });
    });
    await this.#madeChanges();
  }

  /** Reads bytes of the disk as they are, and zeros beyond its end. */
  async #readOld(at: number, target: Uint8Array): Promise<void> {
    const there = Math.max(0, Math.min(target.length, this.#size - at));
    if (there) await this.read(at, [target.subarray(0, there)]);
  }

  /** A guest that changes tables faster than it flushes has to wait for them. */
  async #madeChanges(): Promise<void> {
    this.#changed();
    const waiting = this.#clusters.dirtyBytes + this.#refcounts.dirtyBytes;
    if (waiting > MOST_DIRTY_BYTES || this.#clusters.releasedCount > MOST_RELEASED) await this.flush();
  }

  /** Writes the tables to the file some time after a change, if nobody flushes before. */
  #changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      // The guest learns of a failure by its own flush. The changes still wait to be written.
      this.flush().catch(() => this.#changed());
    }, WRITE_OUT_AFTER).unref();
  }

  async flush(): Promise<void> {
    if (this.readOnly) return;
    await this.#lock.run(async () => {
      if (this.#clusters.dirty || this.#refcounts.dirty) await this.#clusters.writeOut();
      else await this.#file.flush();
    });
  }

  discard(offset: number, length: number): Promise<void> {
    return this.#drop(offset, length, "discard");
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    const size = this.#clusterSize;
    const first = Math.ceil(offset / size) * size;
    const end = offset + length;
    // The last cluster of the disk may be cut off by its end.
    const last = end === this.#size ? end : Math.floor(end / size) * size;
    if (last <= first) return this.write(offset, [new Uint8Array(length)]);
    if (first > offset) await this.write(offset, [new Uint8Array(first - offset)]);
    await this.#drop(first, last - first, "zero");
    if (end > last) await this.write(last, [new Uint8Array(end - last)]);
  }

  /**
   * Gives back the places of all whole clusters in the range. They read as zeros then; with a discard, those that have no place here keep showing the
   * backing file. A disk may have more clusters than can be processed in one go.
   */
  async #drop(offset: number, length: number, to: "discard" | "zero"): Promise<void> {
    const size = this.#clusterSize;
    const end = offset + length === this.#size ? Math.ceil(this.#size / size) : Math.floor((offset + length) / size);
    const shown = Math.ceil((this.#backing?.size ?? 0) / size);
    let steps = 0;
    for (let cluster = Math.ceil(offset / size); cluster < end; cluster++) {
      if (++steps % STEPS_PER_TURN === 0) await new Promise(setImmediate);
      if (to === "discard" || cluster >= shown) {
        cluster = this.#clusters.skipEmpty(cluster);
        if (cluster >= end) return;
      }
      const moving = this.#moving.get(cluster);
      if (moving) await moving.catch(() => {});
      const found = this.#clusters.find(cluster);
      const { kind, offset: place } = { offset: 0, ...(found instanceof Promise ? await found : found) };
      if (kind === "unallocated" && (to === "discard" || cluster >= shown)) continue;
      if (kind === "zero" && !place) continue;
      if (cluster < shown && this.#header.version === 2) {
        // Version 2 can't express that a cluster is zero while the backing file has something there.
        if (to === "zero")
          await this.write(cluster * size, [new Uint8Array(Math.min(size, this.#size - cluster * size))]);
        continue;
      }
      await this.#lock.run(() => this.#clusters.set(cluster, cluster < shown ? "zero" : "unallocated"));
      if (steps % 64 === 0) await this.#madeChanges();
      else this.#changed();
    }
  }

  /** Only for images that are based on nothing, in units of whole L2 tables. */
  async nextData(offset: number): Promise<number | null> {
    if (this.#backing) return offset;
    const cluster = this.#clusters.skipEmpty(Math.floor(offset / this.#clusterSize));
    return cluster === Infinity ? null : Math.max(offset, cluster * this.#clusterSize);
  }

  /** Returns the first part of the disk from `offset` on that this image has itself, at most `most` bytes of it; null when there is none. */
  async nextOwn(offset: number, most: number): Promise<OwnRange | null> {
    const size = this.#clusterSize;
    const last = Math.ceil(this.#size / size);
    let steps = 0;
    for (let cluster = Math.floor(offset / size); cluster < last; cluster++) {
      if (++steps % STEPS_PER_TURN === 0) await new Promise(setImmediate);
      cluster = this.#clusters.skipEmpty(cluster);
      if (cluster >= last) return null;
      const { kind } = await this.#clusters.find(cluster);
      if (kind === "unallocated") continue;
      const isZero = kind === "zero";
      const from = Math.max(offset, cluster * size);
      let to = (cluster + 1) * size;
      for (let next = cluster + 1; next < last && to - from < most; next++) {
        const following = await this.#clusters.find(next);
        if (following.kind === "unallocated" || (following.kind === "zero") !== isZero) break;
        to += size;
      }
      return { offset: from, length: Math.min(to, from + most, this.#size) - from, isZero };
    }
    return null;
  }

  /**
   * Bases the image on another one, which must show the same bytes wherever this one has none itself. `store` is the other image, opened; `backing`
   * is what the header is to say. The header is changed in one step. The earlier one is closed when no read from it is under way.
   */
  async rebase(store: BlockStore | null, backing: Backing | null): Promise<void> {
    if (this.readOnly) throw new StoreError("EROFS", `${this.#file.path}: it was opened to be read only`);
    await this.flush();
    await rebaseFile(this.#file, backing);
    const before = this.#backing;
    this.#backing = store;
    await Promise.allSettled(this.#below);
    await before?.close();
  }

  async resize(size: number): Promise<void> {
    const before = this.#size;
    if (size < before && this.snapshots.length)
      throw new StoreError("EINVAL", `${this.#file.path}: an image with internal snapshots can't be made smaller`);
    if (size < before) {
      // What is cut off must not come back when the disk grows again.
      const tail = Math.min(before, Math.ceil(size / this.#clusterSize) * this.#clusterSize) - size;
      if (tail > 0) await this.write(size, [new Uint8Array(tail)]);
      await this.#drop(size, before - size, "zero");
    }
    await this.#lock.run(() => this.#clusters.resize(size));
    this.#size = size;
    // What the backing file has beyond the old end was never part of this disk.
    const shown = Math.min(size, this.#backing?.size ?? 0);
    if (shown > before) await this.writeZeroes(before, shown - before);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    try {
      await this.flush();
    } finally {
      await this.#file.close();
      await this.#backing?.close();
    }
  }
}

function scatter(bytes: Uint8Array, targets: Uint8Array[]): void {
  let at = 0;
  for (const target of targets) {
    target.set(bytes.subarray(at, at + target.length));
    at += target.length;
  }
}
