/**
 * VMware's VMDK in one file ("Virtual Disk Format 5.0"): monolithicSparse and streamOptimized, read-only. Images whose data lie in other files, which
 * their text names, are refused, because whoever made the image must not choose files of the user's.
 */
import { constants, inflate } from "node:zlib";
import { promisify } from "node:util";
import { SECTOR_BYTES, StoreError } from "../block-store.ts";
import { cutShort, damaged, fillZeroes, ForeignStore } from "../foreign.ts";
import type { HostFile } from "../host-file.ts";
import { UnpackedPieces } from "../unpacked.ts";
import { lengthOf } from "../views.ts";

const unpack = promisify(inflate) as (bytes: Uint8Array, options: object) => Promise<Buffer>;

const MAGIC = 0x564d444b;
const TEXT_MAGIC = "# Disk DescriptorFile";
const FLAG_ZERO_GRAINS = 4;
const FLAG_COMPRESSED = 0x10000;
const AT_END = 2 ** 64;
const GRAIN_BYTES_MAX = 1 << 20;
const DIRECTORY_BYTES_MAX = 8 << 20;
const DESCRIPTOR_BYTES_MAX = 1 << 16;
/** The header of a compressed grain: its sector on the disk, and its size in bytes. */
const GRAIN_HEADER = 12;
const TABLES_KEPT = 256;

interface Layout {
  size: number;
  grainSize: number;
  entriesPerTable: number;
  flags: number;
}

export class VmdkStore extends ForeignStore {
  readonly format = "vmdk";
  readonly size: number;
  readonly #layout: Layout;
  /** The sectors of the grain tables. */
  readonly #directory: DataView;
  readonly #tables = new Map<number, Promise<DataView | null>>();
  readonly #grains = new UnpackedPieces();

  private constructor(file: HostFile, layout: Layout, directory: DataView) {
    super(file, layout.grainSize);
    this.size = layout.size;
    this.#layout = layout;
    this.#directory = directory;
  }

  /**
   * The open file belongs to the store from then on, and is closed if this fails. Throws StoreError. `takeMemory` is told how much the directory
   * takes, and may throw.
   */
  static async open(file: HostFile, takeMemory: (bytes: number) => void): Promise<VmdkStore> {
    try {
      return await VmdkStore.#read(file, takeMemory);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  static async #read(file: HostFile, takeMemory: (bytes: number) => void): Promise<VmdkStore> {
    // A shorter file is no image, or is a text.
    let header: DataView = new DataView(new ArrayBuffer(SECTOR_BYTES));
    await file.read(0, [new Uint8Array(header.buffer)]);
    if (Buffer.from(header.buffer).toString("latin1").startsWith(TEXT_MAGIC))
      throw new StoreError(
        "EINVAL",
        `${file.path}: its data lie in other files; make one file of it with qemu-img convert -O qcow2`,
      );
    if (header.getUint32(0, true) !== MAGIC) throw new StoreError("EINVAL", `${file.path}: this is not a VMDK image`);
    await refuseParent(file, header);
    // An image that was written in one go has its directory at the end, and a second header there that knows where.
    if (number64(header, 56) === AT_END) header = await view(file, file.end - 2 * SECTOR_BYTES, SECTOR_BYTES);
    if (header.getUint32(0, true) !== MAGIC) throw damaged(file.path, "its header at the end is missing");
    const sectors = number64(header, 12);
    const grainSize = number64(header, 20) * SECTOR_BYTES;
    const entriesPerTable = header.getUint32(44, true);
    const size = sectors * SECTOR_BYTES;
    if (!Number.isSafeInteger(size)) throw damaged(file.path, "its disk is larger than any");
    if (grainSize < SECTOR_BYTES || grainSize > GRAIN_BYTES_MAX || (grainSize & (grainSize - 1)) !== 0)
      throw damaged(file.path, `grains of ${grainSize} bytes`);
    if (entriesPerTable < 1 || entriesPerTable > 4096) throw damaged(file.path, `tables of ${entriesPerTable} entries`);
    const tables = Math.ceil(size / (grainSize * entriesPerTable));
    if (tables * 4 > DIRECTORY_BYTES_MAX) throw damaged(file.path, "its directory would be too large");
    takeMemory(tables * 4);
    const directory = await view(file, number64(header, 56) * SECTOR_BYTES, tables * 4);
    return new VmdkStore(file, { size, grainSize, entriesPerTable, flags: header.getUint32(8, true) }, directory);
  }

  protected async readBlock(grain: number, inside: number, targets: readonly Uint8Array[]): Promise<void> {
    const { flags } = this.#layout;
    const sector = await this.#sector(grain);
    if (sector === 0 || (sector === 1 && flags & FLAG_ZERO_GRAINS)) return fillZeroes(targets);
    const offset = sector * SECTOR_BYTES;
    if (!(flags & FLAG_COMPRESSED)) {
      if ((await this.file.read(offset + inside, targets)) < lengthOf(targets)) throw cutShort(this.file.path);
      return;
    }
    const plain = await this.#grains.get(offset, () => this.#unpack(offset));
    if (plain.length < inside + lengthOf(targets))
      throw damaged(this.file.path, `a grain at ${offset} of ${plain.length} bytes`);
    let at = inside;
    for (const target of targets) {
      target.set(plain.subarray(at, at + target.length));
      at += target.length;
    }
  }

  protected async nextBlock(grain: number): Promise<number | null> {
    const { entriesPerTable, grainSize, size } = this.#layout;
    const grains = Math.ceil(size / grainSize);
    for (let next = grain; next < grains;) {
      const index = Math.floor(next / entriesPerTable);
      const end = Math.min(grains, (index + 1) * entriesPerTable);
      if (this.#directory.getUint32(index * 4, true) !== 0) {
        const table = await this.#table(index);
        for (; next < end; next++) if (table?.getUint32((next % entriesPerTable) * 4, true)) return next;
        // Whoever made the image decides how many tables there are with nothing in them.
        await new Promise(setImmediate);
      }
      next = end;
    }
    return null;
  }

  /** Returns the sector of a grain; 0 for one that is not in the file. */
  async #sector(grain: number): Promise<number> {
    const { entriesPerTable } = this.#layout;
    const table = await this.#table(Math.floor(grain / entriesPerTable));
    return table ? table.getUint32((grain % entriesPerTable) * 4, true) : 0;
  }

  #table(index: number): Promise<DataView | null> {
    const { entriesPerTable } = this.#layout;
    let loading = this.#tables.get(index);
    if (!loading) {
      const at = this.#directory.getUint32(index * 4, true);
      loading = at === 0 ? Promise.resolve(null) : view(this.file, at * SECTOR_BYTES, entriesPerTable * 4);
      loading.catch(() => this.#tables.delete(index));
      if (this.#tables.size >= TABLES_KEPT) this.#tables.delete(this.#tables.keys().next().value!);
      this.#tables.set(index, loading);
    }
    return loading;
  }

  async #unpack(offset: number): Promise<Uint8Array> {
    const { grainSize } = this.#layout;
    const bytes = (await view(this.file, offset, GRAIN_HEADER)).getUint32(8, true);
    if (bytes > 2 * grainSize + SECTOR_BYTES) throw damaged(this.file.path, `a grain of ${bytes} packed bytes`);
    const packed = await view(this.file, offset + GRAIN_HEADER, bytes);
    try {
      const options = { maxOutputLength: grainSize, finishFlush: constants.Z_SYNC_FLUSH };
      return await unpack(new Uint8Array(packed.buffer), options);
    } catch (error) {
      throw damaged(this.file.path, `a grain at ${offset}: ${(error as Error).message}`);
    }
  }
}

/** The text in the image says whether it is based on another. */
async function refuseParent(file: HostFile, header: DataView): Promise<void> {
  const [at, sectors] = [number64(header, 28), number64(header, 36)];
  if (at === 0 || sectors === 0) return;
  const length = Math.min(sectors * SECTOR_BYTES, DESCRIPTOR_BYTES_MAX);
  const text = Buffer.from((await view(file, at * SECTOR_BYTES, length)).buffer).toString("latin1");
  const parent = /^parentCID\s*=\s*([0-9a-f]+)/im.exec(text)?.[1];
  if (parent !== undefined && parent.toLowerCase() !== "ffffffff")
    throw new StoreError(
      "EINVAL",
      `${file.path}: it is based on another VMDK image; make one file of it with qemu-img convert`,
    );
}

async function view(file: HostFile, offset: number, length: number): Promise<DataView> {
  if (!(offset >= 0 && Number.isSafeInteger(offset)) || offset + length > file.end)
    throw damaged(file.path, "a table or a grain lies behind its end");
  const bytes = new Uint8Array(length);
  await file.read(offset, [bytes]);
  return new DataView(bytes.buffer);
}

function number64(bytes: DataView, at: number): number {
  const [low, high] = [bytes.getUint32(at, true), bytes.getUint32(at + 4, true)];
  return low === 0xffffffff && high === 0xffffffff ? AT_END : high * 2 ** 32 + low;
}
