/**
 * Finds where the clusters of the disk lie: the L1 table is in memory, and L2 tables are read as they are needed. Changes are made in memory.
 * writeOut() writes them to the file in an order that leaves the image valid wherever it is interrupted. Calls that change something are made under
 * the store's lock.
 */
import { StoreError } from "../block-store.ts";
import type { HostFile } from "../host-file.ts";
import { FIELD_SIZE, type Qcow2Header } from "./header.ts";
import type { Refcounts } from "./refcounts.ts";
import { Table, type Cluster } from "./tables.ts";

/** How many bytes of unchanged L2 tables are kept: 16 MiB of 64 KiB tables cover 128 GiB. */
const CLEAN_BYTES = 16 << 20;

const UNALLOCATED: Cluster = { kind: "unallocated" };

interface L2 {
  readonly table: Table;
  offset: number;
  dirty: boolean;
}

export class Clusters {
  readonly #file: HostFile;
  readonly #refcounts: Refcounts;
  readonly #clusterBits: number;
  readonly #version: 2 | 3;
  #l1: Table;
  #l1Offset: number;
  /** The changed entries of L1, from the first to the one after the last; empty when there are none. */
  #l1Changed = { from: Infinity, to: 0 };
  /** By index in L1; the one used last stands last. */
  readonly #l2 = new Map<number, L2>();
  readonly #loading = new Map<number, Promise<L2 | null>>();
  /** Clusters that nothing will refer to once writeOut() has ended, and that may not be used again before. */
  #released: number[] = [];
  /** Returns whether the header or a table lies in a cluster, where no entry may lead. */
  readonly #reserved: (cluster: number) => boolean;
  /** Resolves when every transfer that is under way now has ended. */
  readonly #settled: () => Promise<unknown>;

  constructor(
    file: HostFile,
    refcounts: Refcounts,
    header: Qcow2Header,
    l1: Uint8Array,
    { reserved, settled }: { reserved: (cluster: number) => boolean; settled: () => Promise<unknown> },
  ) {
    this.#file = file;
    this.#refcounts = refcounts;
    this.#clusterBits = header.clusterBits;
    this.#version = header.version;
    this.#l1 = new Table(l1);
    this.#l1Offset = header.l1Offset;
    this.#reserved = reserved;
    this.#settled = settled;
  }

  get clusterSize(): number {
    return 2 ** this.#clusterBits;
  }
  get #perTable(): number {
    return this.clusterSize / 8;
  }
  get dirty(): boolean {
    return this.#l1Changed.to > 0 || this.#released.length > 0 || this.dirtyBytes > 0;
  }
  /** Bytes of L2 tables that wait to be written. */
  get dirtyBytes(): number {
    let count = 0;
    for (const { dirty } of this.#l2.values()) if (dirty) count++;
    return count * this.clusterSize;
  }
  /** Number of clusters whose reference is still to be given back. */
  get releasedCount(): number {
    return this.#released.length;
  }
  get l1(): { readonly offset: number; readonly table: Table } {
    return { offset: this.#l1Offset, table: this.#l1 };
  }

  /** Returns what the cluster with this number is, without a promise if its table is in memory. */
  find(cluster: number): Cluster | Promise<Cluster> {
    const index = Math.floor(cluster / this.#perTable);
    const l2 = this.#l2.get(index);
    if (l2) return this.#entry(l2, cluster);
    if (index >= this.#l1.length || !this.#l1.offset(index)) return UNALLOCATED;
    return this.#load(index).then((loaded) => (loaded ? this.#entry(loaded, cluster) : UNALLOCATED));
  }

  /** Returns the first cluster from this one on that has an L2 table. The last part of the disk may have none. */
  skipEmpty(cluster: number): number {
    let index = Math.floor(cluster / this.#perTable);
    if (this.#l2.has(index) || this.#l1.offset(index)) return cluster;
    while (index < this.#l1.length && !this.#l2.has(index) && !this.#l1.offset(index)) index++;
    return index < this.#l1.length ? index * this.#perTable : Infinity;
  }

  /** Throws StoreError for an entry that leads where no data can be, so that the guest does not overwrite header and tables. */
  #entry(l2: L2, cluster: number): Cluster {
    const found = l2.table.cluster(cluster % this.#perTable, this.#clusterBits, this.#version);
    if (found.kind === "data") this.#check(found.offset, "a cluster of its disk");
    return found;
  }

  #check(offset: number, what: string): void {
    if (offset % this.clusterSize || this.#reserved(offset / this.clusterSize) || offset >= this.#file.end)
      throw new StoreError(
        "EIO",
        `${this.#file.path}: it is damaged (${what} would lie at byte ${offset}); repair it with qemu-img check -r all`,
      );
  }

  #load(index: number): Promise<L2 | null> {
    const loading = this.#loading.get(index);
    if (loading) return loading;
    const load = this.#read(index).finally(() => this.#loading.delete(index));
    this.#loading.set(index, load);
    return load;
  }

  async #read(index: number): Promise<L2 | null> {
    const known = this.#l2.get(index);
    if (known) return known;
    if (index >= this.#l1.length) return null;
    const offset = this.#l1.offset(index);
    if (!offset) return null;
    this.#check(offset, "an L2 table");
    const bytes = new Uint8Array(this.clusterSize);
    await this.#file.read(offset, [bytes]);
    // Another call may have made or replaced it meanwhile.
    const now = this.#l2.get(index);
    if (now) return now;
    const l2 = { table: new Table(bytes), offset, dirty: false };
    this.#l2.set(index, l2);
    this.#evict();
    return l2;
  }

  #evict(): void {
    for (const [index, l2] of this.#l2) {
      if (this.#l2.size * this.clusterSize <= CLEAN_BYTES) return;
      if (!l2.dirty) this.#l2.delete(index);
    }
  }

  /** Makes the cluster lie at `offset`, or read as zeros, or read as the backing file. What it had before is released. */
  async set(cluster: number, place: { offset: number } | "zero" | "unallocated"): Promise<void> {
    const index = Math.floor(cluster / this.#perTable);
    const l2 = await this.#tableToChange(index, place === "unallocated");
    if (!l2) return;
    const at = cluster % this.#perTable;
    const before = this.#entry(l2, cluster);
    if (place === "zero") l2.table.set(at, 0, false, true);
    else if (place === "unallocated") l2.table.set(at, 0, false);
    else l2.table.set(at, place.offset, true);
    l2.dirty = true;
    this.#release(before);
  }

  #release(cluster: Cluster): void {
    const { clusterSize } = this;
    if (cluster.kind === "data" || (cluster.kind === "zero" && cluster.offset))
      this.#released.push(cluster.offset / clusterSize);
    if (cluster.kind !== "compressed") return;
    const last = Math.floor((cluster.offset + cluster.bytes - 1) / clusterSize);
    for (let part = Math.floor(cluster.offset / clusterSize); part <= last; part++) this.#released.push(part);
  }

  /** Returns the L2 table in a form that may be changed: its own copy, if a snapshot shares it. */
  async #tableToChange(index: number, onlyExisting: boolean): Promise<L2 | null> {
    if (index >= this.#l1.length) throw new StoreError("EIO", `${this.#file.path}: its L1 table ends before its disk`);
    const known = await this.#load(index);
    if (known && this.#l1.copied(index)) {
      this.#l2.delete(index);
      this.#l2.set(index, known);
      return known;
    }
    if (!known && onlyExisting) return null;
    const offset = await this.#refcounts.allocate();
    if (known) this.#released.push(known.offset / this.clusterSize);
    const bytes = known ? known.table.bytes.slice() : new Uint8Array(this.clusterSize);
    const l2 = { table: new Table(bytes), offset, dirty: true };
    this.#l2.set(index, l2);
    this.#evict();
    this.#l1.set(index, offset, true);
    this.#changedL1(index, index + 1);
    return l2;
  }

  /**
   * Writes all changes: counts first, then the tables that lead to what they count, from the leaves up, each durable before the next. It writes what
   * has changed when it is called; later changes are for the next time.
   */
  async writeOut(): Promise<void> {
    const tables = [...this.#l2.values()].filter(({ dirty }) => dirty);
    const contents = tables.map((l2) => ({ offset: l2.offset, bytes: l2.table.bytes.slice() }));
    const { from, to } = this.#l1Changed;
    const l1 = to > 0 ? this.#l1.bytes.slice(from * 8, to * 8) : null;
    const released = this.#released;
    for (const l2 of tables) l2.dirty = false;
    this.#l1Changed = { from: Infinity, to: 0 };
    this.#released = [];
    try {
      await this.#refcounts.writeOut();
      await this.#file.flush();
      for (const { offset, bytes } of contents) await this.#file.write(offset, [bytes]);
      if (l1) {
        await this.#file.flush();
        await this.#file.write(this.#l1Offset + from * 8, [l1]);
      }
      await this.#file.flush();
    } catch (error) {
      for (const l2 of tables) l2.dirty = true;
      if (l1) this.#changedL1(from, to);
      for (const cluster of released) this.#released.push(cluster);
      throw error;
    }
    if (released.length === 0) return;
    // A transfer that began when a cluster was still in its place must have ended before the cluster is used for something else.
    await this.#settled();
    for (const cluster of released) await this.#refcounts.release(cluster);
    await this.#refcounts.writeOut();
  }

  #changedL1(from: number, to: number): void {
    this.#l1Changed = { from: Math.min(from, this.#l1Changed.from), to: Math.max(to, this.#l1Changed.to) };
  }

  /** Adapts the L1 table to another size of the disk. */
  async resize(size: number): Promise<void> {
    const entries = Math.ceil(size / (this.clusterSize * this.#perTable));
    await this.writeOut();
    const old = { offset: this.#l1Offset, bytes: this.#l1.bytes.length };
    if (entries > this.#l1.length) {
      const count = Math.ceil((entries * 8) / this.clusterSize);
      const bytes = new Uint8Array(count * this.clusterSize);
      bytes.set(this.#l1.bytes);
      const offset = await this.#refcounts.allocateRow(count);
      await this.#refcounts.writeOut();
      await this.#file.write(offset, [bytes]);
      await this.#file.flush();
      this.#l1 = new Table(bytes.subarray(0, entries * 8));
      this.#l1Offset = offset;
    }
    // Size, encryption method (none), and the L1 table's number of entries and place are adjacent in the header, so one write changes them together.
    const field = Buffer.alloc(24);
    field.writeBigUInt64BE(BigInt(size));
    field.writeUInt32BE(this.#l1.length, 12);
    field.writeBigUInt64BE(BigInt(this.#l1Offset), 16);
    await this.#file.write(FIELD_SIZE, [field]);
    await this.#file.flush();
    if (this.#l1Offset === old.offset) return;
    for (let cluster = 0; cluster < Math.ceil(old.bytes / this.clusterSize); cluster++)
      await this.#refcounts.release(old.offset / this.clusterSize + cluster);
    await this.#refcounts.writeOut();
  }
}
