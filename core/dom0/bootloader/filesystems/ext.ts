/** Reads ext2, ext3 and ext4, as Linux' Documentation/filesystems/ext4 describes them. The journal is not replayed, and checksums are not checked. */
import { BootError } from "../error.ts";
import type { Region } from "../region.ts";
import { mapBlock } from "./ext-blocks.ts";
import { entriesOf, findEntry } from "./ext-directory.ts";
import { inlineData } from "./ext-inline.ts";
import { MOST_NAMES, type FileSystem, type Node } from "./filesystem.ts";

const SUPERBLOCK = 1024;
const MAGIC = 0xef53;
/** s_feature_incompat has the features that a reader must know; these do not change how it reads. */
const META_BG = 0x10;
const EXTENTS = 0x40;
const HAS_64BIT = 0x80;
const ENCRYPT = 0x10000;
const READABLE =
  0x2 | 0x4 | META_BG | EXTENTS | HAS_64BIT | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | ENCRYPT | 0x20000;
/** s_feature_compat and s_feature_ro_compat. */
const HAS_JOURNAL = 0x4;
const SPARSE_SUPER = 0x1;
/** i_flags. */
const FLAG_ENCRYPT = 0x800;
const FLAG_EXTENTS = 0x80000;
const FLAG_INLINE = 0x10000000;
const ROOT_INODE = 2;
const BLOCK_FIELD = 40;
const BLOCK_FIELD_BYTES = 60;
const MOST_DIRECTORY = 64 << 20;
const MOST_LINK = 4096;

export interface ExtNode extends Node {
  readonly number: number;
  readonly flags: number;
  readonly inode: DataView<ArrayBuffer>;
}

export class ExtFileSystem implements FileSystem<ExtNode> {
  readonly type: string;
  readonly uuid: string;
  readonly label: string;
  readonly #region: Region;
  readonly #super: DataView;
  readonly #blockSize: number;
  readonly #inodeSize: number;
  readonly #descriptorSize: number;

  private constructor(region: Region, superblock: DataView) {
    this.#region = region;
    this.#super = superblock;
    this.#blockSize = 1024 << superblock.getUint32(24, true);
    const isOld = superblock.getUint32(76, true) === 0;
    this.#inodeSize = isOld ? 128 : superblock.getUint16(88, true);
    const incompatible = superblock.getUint32(96, true);
    this.#descriptorSize = incompatible & HAS_64BIT ? Math.max(32, superblock.getUint16(254, true)) : 32;
    const text = (at: number, length: number): string => {
      const bytes = Buffer.from(superblock.buffer, superblock.byteOffset + at, length);
      return bytes.toString("utf8").replace(/\0.*$/s, "");
    };
    const hex = Buffer.from(superblock.buffer, superblock.byteOffset + 104, 16).toString("hex");
    this.uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    this.label = text(120, 16);
    const hasJournal = (superblock.getUint32(92, true) & HAS_JOURNAL) !== 0;
    this.type = incompatible & (EXTENTS | HAS_64BIT) ? "ext4" : hasJournal ? "ext3" : "ext2";
  }

  /** Returns null when the region holds something else. Throws BootError when it is an ext file system that can't be read. */
  static async open(region: Region): Promise<ExtFileSystem | null> {
    if (region.size < SUPERBLOCK + 1024) return null;
    const superblock = await region.read(SUPERBLOCK, 1024);
    if (superblock.getUint16(56, true) !== MAGIC) return null;
    const unknown = superblock.getUint32(96, true) & ~READABLE;
    if (unknown !== 0)
      throw new BootError(
        `This ext4 file system uses features that are not known here: 0x${(unknown >>> 0).toString(16)}.`,
      );
    const system = new ExtFileSystem(region, superblock);
    const sizes = [system.#inodeSize, system.#descriptorSize];
    const isSound =
      superblock.getUint32(24, true) <= 6 &&
      sizes.every((size) => size >= 32 && size <= system.#blockSize) &&
      system.#inodeSize >= 128 &&
      superblock.getUint32(32, true) > 0 &&
      superblock.getUint32(40, true) > 0;
    if (!isSound) throw new BootError("The superblock of this ext file system is damaged.");
    return system;
  }

  root(): Promise<ExtNode> {
    return this.#node(ROOT_INODE);
  }

  async find(directory: ExtNode, name: string): Promise<ExtNode | null> {
    const wanted = Buffer.from(name);
    for await (const block of this.#directoryBlocks(directory)) {
      const number = findEntry(block, wanted);
      if (number !== null) return this.#node(number);
    }
    return null;
  }

  async names(directory: ExtNode): Promise<string[]> {
    const names: string[] = [];
    for await (const block of this.#directoryBlocks(directory))
      for (const { name } of entriesOf(block)) {
        if (names.length >= MOST_NAMES) return names;
        const text = name.toString("utf8");
        if (text !== "." && text !== "..") names.push(text);
      }
    return names;
  }

  async read(file: ExtNode, offset: number, target: Uint8Array): Promise<void> {
    if (file.flags & FLAG_ENCRYPT) throw new BootError("A file that is needed is encrypted on the disk.");
    if (file.flags & FLAG_INLINE) {
      target.set(inlineData(file.inode).subarray(offset, offset + target.length));
      return;
    }
    const size = this.#blockSize;
    for (let done = 0; done < target.length;) {
      await this.#region.spend();
      const block = Math.floor((offset + done) / size);
      const within = (offset + done) % size;
      const run = await this.#map(file, block);
      const length = Math.min(run.count * size - within, target.length - done);
      const part = target.subarray(done, done + length);
      if (run.physical === null) part.fill(0);
      else await this.#region.readInto(run.physical * size + within, part);
      done += length;
    }
  }

  async linkTarget(link: ExtNode): Promise<string> {
    if (link.size > MOST_LINK) throw new BootError(`A symbolic link on the disk has ${link.size} bytes.`);
    if (link.size < BLOCK_FIELD_BYTES && !(link.flags & (FLAG_EXTENTS | FLAG_INLINE)))
      return Buffer.from(link.inode.buffer, BLOCK_FIELD, link.size).toString("utf8");
    const bytes = Buffer.alloc(link.size);
    await this.read(link, 0, bytes);
    return bytes.toString("utf8");
  }

  #map(file: ExtNode, block: number): ReturnType<typeof mapBlock> {
    const root = new DataView(file.inode.buffer, BLOCK_FIELD, BLOCK_FIELD_BYTES);
    return mapBlock(this.#region, this.#blockSize, root, (file.flags & FLAG_EXTENTS) !== 0, block);
  }

  async *#directoryBlocks(directory: ExtNode): AsyncGenerator<Buffer> {
    if (directory.flags & FLAG_ENCRYPT) return;
    if (directory.flags & FLAG_INLINE) {
      const all = inlineData(directory.inode);
      // Yields the number of the parent, then entries up to the end of the field, then those of the attribute.
      yield all.subarray(4, BLOCK_FIELD_BYTES);
      if (all.length > BLOCK_FIELD_BYTES) yield all.subarray(BLOCK_FIELD_BYTES);
      return;
    }
    if (directory.size > MOST_DIRECTORY) throw new BootError(`A directory on the disk has ${directory.size} bytes.`);
    const count = Math.floor(directory.size / this.#blockSize);
    for (let block = 0; block < count;) {
      const run = await this.#map(directory, block);
      if (run.physical === null) {
        block += run.count;
        continue;
      }
      for (let i = 0; i < run.count && block < count; i++, block++) {
        const bytes = Buffer.alloc(this.#blockSize);
        await this.#region.readInto((run.physical + i) * this.#blockSize, bytes);
        yield bytes;
      }
    }
  }

  async #node(number: number): Promise<ExtNode> {
    const inodes = this.#super.getUint32(0, true);
    if (number < 1 || number > inodes) throw new BootError(`The file system is damaged: it refers to inode ${number}.`);
    const perGroup = this.#super.getUint32(40, true);
    const table = await this.#inodeTable(Math.floor((number - 1) / perGroup));
    const at = table * this.#blockSize + ((number - 1) % perGroup) * this.#inodeSize;
    const inode = await this.#region.read(at, this.#inodeSize);
    const mode = inode.getUint16(0, true) & 0xf000;
    const kind = mode === 0x8000 ? "file" : mode === 0x4000 ? "directory" : mode === 0xa000 ? "link" : "other";
    const size = inode.getUint32(4, true) + inode.getUint32(108, true) * 2 ** 32;
    return { kind, size, number, flags: inode.getUint32(32, true), inode };
  }

  /** Returns the first block of the group's inode table. */
  async #inodeTable(group: number): Promise<number> {
    const size = this.#descriptorSize;
    const descriptor = await this.#region.read(this.#descriptorAt(group), size);
    return descriptor.getUint32(8, true) + (size >= 64 ? descriptor.getUint32(40, true) * 2 ** 32 : 0);
  }

  #descriptorAt(group: number): number {
    const firstBlock = this.#super.getUint32(20, true);
    const perBlock = Math.floor(this.#blockSize / this.#descriptorSize);
    const metaGroup = Math.floor(group / perBlock);
    const isMeta = (this.#super.getUint32(96, true) & META_BG) !== 0 && metaGroup >= this.#super.getUint32(260, true);
    const within = (group % perBlock) * this.#descriptorSize;
    if (!isMeta) return (firstBlock + 1 + metaGroup) * this.#blockSize + within;
    const first = metaGroup * perBlock;
    const block = firstBlock + first * this.#super.getUint32(32, true) + (this.#hasSuper(first) ? 1 : 0);
    return block * this.#blockSize + within;
  }

  #hasSuper(group: number): boolean {
    if (group <= 1 || !(this.#super.getUint32(100, true) & SPARSE_SUPER)) return true;
    return [3, 5, 7].some((base) => {
      let power = base;
      while (power < group) power *= base;
      return power === group;
    });
  }
}
