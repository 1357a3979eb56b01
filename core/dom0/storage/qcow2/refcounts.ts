/**
 * Counts how often each cluster of the file is referred to, and which are free. Counts are changed in memory. writeOut() writes them to the file
 * before anything refers to a cluster that they count. So a crash can leave a cluster counted that nobody uses, but never the other way round. The
 * caller holds the store's lock around every call.
 */
import { StoreError } from "../block-store.ts";
import { FIELD_REFCOUNT_TABLE_OFFSET, REFCOUNT_TABLE_BYTES_MAX, type Qcow2Header } from "./header.ts";
import type { HostFile } from "../host-file.ts";
import { Table } from "./tables.ts";

/** How many bytes of unchanged blocks are kept: 16 blocks of 64 KiB cover 32 GiB. */
const CLEAN_BYTES = 4 << 20;
/** How many bytes of full blocks are searched before the end of the file is used, so that nobody can make an image that keeps us reading for ever. */
const SEARCH_BYTES = 64 << 20;
/** A small block counts as this many bytes, since each is a read of its own. */
const SEARCH_LEAST = 16384;

interface Block {
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  dirty: boolean;
}

export class Refcounts {
  readonly #file: HostFile;
  readonly #clusterBits: number;
  readonly #order: number;
  readonly #blocks = new Map<number, Block>();
  #table: Table;
  #tableOffset: number;
  #tableDirty = false;
  #searchFrom = 0;
  /** Returns whether a cluster must never be handed out, whatever its count says. */
  readonly #reserved: (cluster: number) => boolean;

  private constructor(file: HostFile, header: Qcow2Header, table: Table, reserved: (cluster: number) => boolean) {
    this.#file = file;
    this.#clusterBits = header.clusterBits;
    this.#order = header.refcountOrder;
    this.#table = table;
    this.#tableOffset = header.refcountTableOffset;
    this.#reserved = reserved;
  }

  static async open(file: HostFile, header: Qcow2Header, reserved: (cluster: number) => boolean): Promise<Refcounts> {
    const bytes = new Uint8Array(header.refcountTableClusters * 2 ** header.clusterBits);
    await file.read(header.refcountTableOffset, [bytes]);
    return new Refcounts(file, header, new Table(bytes), reserved);
  }

  /** For an image that is only read, in which nothing is counted. */
  static none(file: HostFile, header: Qcow2Header): Refcounts {
    return new Refcounts(file, header, new Table(new Uint8Array()), () => false);
  }

  get clusterSize(): number {
    return 2 ** this.#clusterBits;
  }
  get dirty(): boolean {
    return this.#tableDirty || [...this.#blocks.values()].some((block) => block.dirty);
  }
  /** Bytes of blocks that wait to be written. */
  get dirtyBytes(): number {
    let count = 0;
    for (const { dirty } of this.#blocks.values()) if (dirty) count++;
    return count * this.clusterSize;
  }
  /** Number of clusters that one block counts. */
  get perBlock(): number {
    return (this.clusterSize * 8) >> this.#order;
  }
  get table(): { readonly offset: number; readonly clusters: number; readonly entries: Table } {
    return {
      offset: this.#tableOffset,
      clusters: this.#table.bytes.length / this.clusterSize,
      entries: this.#table,
    };
  }

  /** The count of a cluster. */
  async get(cluster: number): Promise<number> {
    const block = await this.#block(Math.floor(cluster / this.perBlock));
    return block ? getCount(block.bytes, cluster % this.perBlock, this.#order) : 0;
  }

  /** Sets the count of a cluster. Makes the block that holds it if there is none. */
  async set(cluster: number, count: number): Promise<void> {
    const index = Math.floor(cluster / this.perBlock);
    let block = await this.#block(index);
    if (!block) {
      if (count === 0) return;
      block = await this.#newBlock(index);
    }
    setCount(block.bytes, cluster % this.perBlock, this.#order, count);
    block.dirty = true;
    if (count === 0 && cluster < this.#searchFrom) this.#searchFrom = cluster;
  }

  /** Takes one reference from a cluster. */
  async release(cluster: number): Promise<void> {
    const count = await this.get(cluster);
    if (count > 0) await this.set(cluster, count - 1);
  }

  /** Takes a free cluster and counts it. Returns its offset. */
  async allocate(): Promise<number> {
    return (await this.#take(1)) * this.clusterSize;
  }

  /** Takes adjacent clusters. */
  async allocateRow(count: number): Promise<number> {
    return (await this.#take(count)) * this.clusterSize;
  }

  async #take(count: number): Promise<number> {
    const { perBlock } = this;
    let run = 0;
    let looked = 0;
    let isAtEnd = false;
    for (let cluster = this.#searchFrom; ;) {
      const index = Math.floor(cluster / perBlock);
      // If there is no block, nothing in its range is used, and the first free cluster there becomes the block itself.
      const { bytes } = (await this.#block(index)) ?? (await this.#newBlock(index));
      const base = index * perBlock;
      for (let entry = cluster - base; entry < perBlock; entry++) {
        if (run === 0) entry = firstFree(bytes, entry, this.#order);
        if (entry < 0) break;
        const isFree = getCount(bytes, entry, this.#order) === 0;
        if (isFree && this.#reserved(base + entry)) throw this.#wrong();
        run = isFree ? run + 1 : 0;
        if (run < count) continue;
        const first = base + entry - count + 1;
        for (let taken = first; taken < first + count; taken++) await this.set(taken, 1);
        if (count === 1 || first === this.#searchFrom) this.#searchFrom = first + count;
        return first;
      }
      cluster = base + perBlock;
      looked += Math.max(bytes.length, SEARCH_LEAST);
      if (run > 0 || looked <= SEARCH_BYTES) continue;
      if (isAtEnd) throw this.#wrong();
      isAtEnd = true;
      looked = 0;
      cluster = Math.max(cluster, Math.ceil(this.#file.end / this.clusterSize));
    }
  }

  #wrong(): StoreError {
    return new StoreError(
      "EIO",
      `${this.#file.path}: its reference counts are wrong; repair it with qemu-img check -r all`,
    );
  }

  async #block(index: number): Promise<Block | null> {
    const known = this.#blocks.get(index);
    if (known) return known;
    const offset = index < this.#table.length ? this.#table.offset(index) : 0;
    if (!offset) return null;
    if (offset % this.clusterSize)
      throw new StoreError("EIO", `${this.#file.path}: a refcount block does not begin at a cluster`);
    const bytes = new Uint8Array(this.clusterSize);
    await this.#file.read(offset, [bytes]);
    const block = { offset, bytes, dirty: false };
    this.#blocks.set(index, block);
    this.#evict();
    return block;
  }

  #evict(): void {
    if (this.#blocks.size * this.clusterSize <= CLEAN_BYTES) return;
    for (const [index, block] of this.#blocks)
      if (!block.dirty) {
        this.#blocks.delete(index);
        return;
      }
  }

  /** Makes a block for a range that has none. It lies in that range, so that it counts itself. */
  async #newBlock(index: number): Promise<Block> {
    if (index >= this.#table.length) await this.#growTable(index);
    const known = await this.#block(index);
    if (known) return known;
    const first = index * this.perBlock;
    const end = Math.ceil(this.#file.end / this.clusterSize);
    let at = first;
    while (this.#reserved(at)) at++;
    if (at >= first + this.perBlock) throw this.#wrong();
    // Where the file has bytes already, there may be data that nobody counts. The block is put after them if that is still in the range.
    if (end > at && end < first + this.perBlock) at = end;
    const block = { offset: at * this.clusterSize, bytes: new Uint8Array(this.clusterSize), dirty: true };
    setCount(block.bytes, at - first, this.#order, 1);
    this.#blocks.set(index, block);
    this.#table.set(index, block.offset, false);
    this.#tableDirty = true;
    return block;
  }

  /** Makes a larger table after everything that the old one covers, with the blocks that count it and themselves. */
  async #growTable(needed: number): Promise<void> {
    const { clusterSize, perBlock } = this;
    const first = this.#table.length * perBlock;
    const entries = Math.max(needed + 1, Math.ceil(this.#table.length * 1.5)) + 64;
    const tableClusters = Math.ceil((entries * 8) / clusterSize);
    if (tableClusters * clusterSize > REFCOUNT_TABLE_BYTES_MAX)
      throw new StoreError("EFBIG", `${this.#file.path}: the image can't grow any more`);
    let blocks = 1;
    while (blocks * perBlock < tableClusters + blocks) blocks++;
    const bytes = new Uint8Array(tableClusters * clusterSize);
    bytes.set(this.#table.bytes);
    const table = new Table(bytes);
    const made: Block[] = [];
    for (let i = 0; i < blocks; i++) {
      const block = {
        offset: (first + tableClusters + i) * clusterSize,
        bytes: new Uint8Array(clusterSize),
        dirty: false,
      };
      for (let entry = 0; entry < perBlock && i * perBlock + entry < tableClusters + blocks; entry++)
        setCount(block.bytes, entry, this.#order, 1);
      table.set(this.#table.length + i, block.offset, false);
      made.push(block);
      await this.#file.write(block.offset, [block.bytes]);
    }
    const offset = first * clusterSize;
    await this.writeOut();
    await this.#file.write(offset, [bytes]);
    await this.#file.flush();
    const field = Buffer.alloc(12);
    field.writeBigUInt64BE(BigInt(offset));
    field.writeUInt32BE(tableClusters, 8);
    await this.#file.write(FIELD_REFCOUNT_TABLE_OFFSET, [field]);
    await this.#file.flush();
    const old = { first: this.#tableOffset / clusterSize, count: this.#table.bytes.length / clusterSize };
    made.forEach((block, i) => this.#blocks.set(this.#table.length + i, block));
    this.#table = table;
    this.#tableOffset = offset;
    for (let i = 0; i < old.count; i++) await this.release(old.first + i);
  }

  /** Writes changed counts to the file. A new block is durable before the table names it. */
  async writeOut(): Promise<void> {
    const changed = [...this.#blocks.values()].filter((block) => block.dirty);
    for (const block of changed) {
      block.dirty = false;
      try {
        await this.#file.write(block.offset, [block.bytes]);
      } catch (error) {
        block.dirty = true;
        throw error;
      }
    }
    if (!this.#tableDirty) return;
    await this.#file.flush();
    this.#tableDirty = false;
    try {
      await this.#file.write(this.#tableOffset, [this.#table.bytes]);
    } catch (error) {
      this.#tableDirty = true;
      throw error;
    }
  }
}

/** Returns the first entry from `from` on whose count is 0; -1 for none. */
function firstFree(bytes: Uint8Array<ArrayBuffer>, from: number, order: number): number {
  switch (order) {
    case 3:
      return bytes.indexOf(0, from);
    case 4:
      return new Uint16Array(bytes.buffer).indexOf(0, from);
    case 5:
      return new Uint32Array(bytes.buffer).indexOf(0, from);
    case 6:
      return new BigUint64Array(bytes.buffer).indexOf(0n, from);
  }
  const perByte = 8 >> order;
  for (let entry = from; entry < bytes.length * perByte;) {
    if (entry % perByte === 0 && bytes[entry / perByte] === 0xff) entry += perByte;
    else if (getCount(bytes, entry, order) === 0) return entry;
    else entry++;
  }
  return -1;
}

/** Reads a count in a block. Counts of fewer than 8 bits begin at the lowest bit of a byte. */
export function getCount(bytes: Uint8Array, index: number, order: number): number {
  if (order < 3) {
    const bits = 1 << order;
    const at = index * bits;
    return (bytes[at >> 3]! >> (at & 7)) & ((1 << bits) - 1);
  }
  const size = 1 << (order - 3);
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + bytes[index * size + i]!;
  return value;
}

export function setCount(bytes: Uint8Array, index: number, order: number, count: number): void {
  if (order < 3) {
    const bits = 1 << order;
    const at = index * bits;
    const mask = ((1 << bits) - 1) << (at & 7);
    bytes[at >> 3] = (bytes[at >> 3]! & ~mask) | ((count << (at & 7)) & mask);
    return;
  }
  const size = 1 << (order - 3);
  let value = count;
  for (let i = size - 1; i >= 0; i--) {
    bytes[index * size + i] = value % 256;
    value = Math.floor(value / 256);
  }
}
