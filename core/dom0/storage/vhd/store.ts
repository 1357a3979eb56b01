/** Microsoft's VHD ("Virtual Hard Disk Image Format Specification", 2006), fixed and dynamic, read-only. QEMU calls it vpc. */
import { SECTOR_BYTES, StoreError } from "../block-store.ts";
import { cutShort, damaged, fillZeroes, ForeignStore } from "../foreign.ts";
import type { HostFile } from "../host-file.ts";
import { lengthOf, part } from "../views.ts";

const FOOTER_BYTES = 512;
const FOOTER_COOKIE = "conectix";
const HEADER_BYTES = 1024;
const HEADER_COOKIE = "cxsparse";
const [FIXED, DYNAMIC] = [2, 3];
const UNUSED = 0xffffffff;
/** The format allows 2040 GiB in blocks of 2 MiB, which is 4 MiB of table. */
const TABLE_BYTES_MAX = 16 << 20;
const BLOCK_BYTES_MAX = 256 << 20;
const BITMAPS_KEPT = 64;

export class VhdStore extends ForeignStore {
  readonly format = "vhd";
  readonly size: number;
  readonly #blockSize: number;
  /** For each block, the sector of its bitmap, which its data follow; null where the file's bytes are the disk's. */
  readonly #table: DataView | null;
  readonly #bitmaps = new Map<number, Uint8Array>();

  private constructor(file: HostFile, size: number, blockSize: number, table: DataView | null) {
    super(file, blockSize);
    this.size = size;
    this.#blockSize = blockSize;
    this.#table = table;
  }

  /**
   * The open file belongs to the store from then on, and is closed if this fails. Throws StoreError. `takeMemory` is told how much the table takes,
   * and may throw.
   */
  static async open(file: HostFile, takeMemory: (bytes: number) => void): Promise<VhdStore> {
    try {
      return await VhdStore.#read(file, takeMemory);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  static async #read(file: HostFile, takeMemory: (bytes: number) => void): Promise<VhdStore> {
    const footer = await readFooter(file);
    const size = number64(footer, 48);
    if (!Number.isSafeInteger(size) || size % SECTOR_BYTES)
      throw damaged(file.path, `its disk would have ${size} bytes`);
    const type = footer.getUint32(60);
    if (type === FIXED) {
      if (size > file.end) throw damaged(file.path, "the file is shorter than its disk");
      return new VhdStore(file, size, 1 << 21, null);
    }
    if (type !== DYNAMIC)
      throw new StoreError(
        "EINVAL",
        `${file.path}: it is a VHD of type ${type}; fixed and dynamic ones can be read, not one that is based on another`,
      );
    const header = await view(file, number64(footer, 16), HEADER_BYTES);
    if (text(header, 0) !== HEADER_COOKIE || !isSummed(header, 36))
      throw damaged(file.path, "it has no dynamic header");
    const tableOffset = number64(header, 16);
    const entries = header.getUint32(28);
    const blockSize = header.getUint32(32);
    if (blockSize < SECTOR_BYTES || blockSize > BLOCK_BYTES_MAX || (blockSize & (blockSize - 1)) !== 0)
      throw damaged(file.path, `blocks of ${blockSize} bytes`);
    const needed = Math.ceil(size / blockSize);
    if (entries < needed || needed * 4 > TABLE_BYTES_MAX || !Number.isSafeInteger(tableOffset))
      throw damaged(file.path, "its table of blocks does not fit its size");
    takeMemory(needed * 4);
    return new VhdStore(file, size, blockSize, await view(file, tableOffset, needed * 4));
  }

  protected async readBlock(block: number, inside: number, targets: readonly Uint8Array[]): Promise<void> {
    const length = lengthOf(targets);
    if (!this.#table) {
      if ((await this.file.read(block * this.#blockSize + inside, targets)) < length) throw cutShort(this.file.path);
      return;
    }
    const sector = this.#table.getUint32(block * 4);
    if (sector === UNUSED) return fillZeroes(targets);
    const bitmap = await this.#bitmap(sector);
    const data = sector * SECTOR_BYTES + bitmap.length + inside;
    const had = await this.file.read(data, targets);
    // A sector that is not set in the bitmap is zero, whatever lies in its place.
    const first = inside / SECTOR_BYTES;
    for (let at = 0; at < length; at += SECTOR_BYTES) {
      const index = Math.floor(first + at / SECTOR_BYTES);
      const end = Math.min(at + SECTOR_BYTES, length);
      if (!(bitmap[index >> 3]! & (0x80 >> (index & 7)))) fillZeroes(part(targets, at, end - at));
      else if (end > had) throw cutShort(this.file.path);
    }
  }

  protected async nextBlock(block: number): Promise<number | null> {
    const blocks = Math.ceil(this.size / this.#blockSize);
    for (let next = block; next < blocks; next++)
      if (!this.#table || this.#table.getUint32(next * 4) !== UNUSED) return next;
    return null;
  }

  async #bitmap(sector: number): Promise<Uint8Array> {
    const known = this.#bitmaps.get(sector);
    if (known) return known;
    const bytes = Math.ceil(this.#blockSize / SECTOR_BYTES / 8);
    const bitmap = new Uint8Array(Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES);
    if ((await this.file.read(sector * SECTOR_BYTES, [bitmap])) < bytes) throw cutShort(this.file.path);
    if (this.#bitmaps.size >= BITMAPS_KEPT) this.#bitmaps.delete(this.#bitmaps.keys().next().value!);
    this.#bitmaps.set(sector, bitmap);
    return bitmap;
  }
}

/** Reads the footer at the end of the file, or its copy at the beginning. */
async function readFooter(file: HostFile): Promise<DataView> {
  for (const at of [file.end - FOOTER_BYTES, 0]) {
    if (at < 0) continue;
    const footer = await view(file, at, FOOTER_BYTES);
    if (text(footer, 0) === FOOTER_COOKIE && isSummed(footer, 64)) return footer;
  }
  throw new StoreError("EINVAL", `${file.path}: this is not a VHD image`);
}

async function view(file: HostFile, offset: number, length: number): Promise<DataView> {
  if (!Number.isSafeInteger(offset) || offset + length > file.end)
    throw damaged(file.path, "a table lies behind its end");
  const bytes = new Uint8Array(length);
  await file.read(offset, [bytes]);
  return new DataView(bytes.buffer);
}

function text(bytes: DataView, at: number): string {
  return Buffer.from(bytes.buffer, at, 8).toString("latin1");
}

function number64(bytes: DataView, at: number): number {
  return bytes.getUint32(at) * 2 ** 32 + bytes.getUint32(at + 4);
}

/** The checksum is the complement of the sum of all other bytes. */
function isSummed(bytes: DataView, at: number): boolean {
  let sum = 0;
  for (let i = 0; i < bytes.byteLength; i++) if (i < at || i >= at + 4) sum += bytes.getUint8(i);
  return ~sum >>> 0 === bytes.getUint32(at);
}
