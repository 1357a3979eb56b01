/** Writes a dynamic VHD ("Virtual Hard Disk Image Format Specification", 2006), which has only those blocks of a disk that are not zero. */
import { randomBytes } from "node:crypto";
import { StoreError, type BlockStore } from "../block-store.ts";
import { HostFile } from "../host-file.ts";

const SECTOR = 512;
const FOOTER_BYTES = 512;
const HEADER_BYTES = 1024;
const TABLE_AT = FOOTER_BYTES + HEADER_BYTES;
const BLOCK = 2 << 20;
/** A bit for each of a block's sectors. */
const BITMAP_BYTES = BLOCK / SECTOR / 8;
const UNUSED = 0xffffffff;
/** The format's bound. */
const MOST_BYTES = 2040 * 2 ** 30;
const SINCE = Date.UTC(2000, 0, 1) / 1000;
/**
 * The largest geometry. Whoever finds it takes the size in bytes that the footer says. From any other one, some programs compute a size, and that is not the
 * disk's in general.
 */
const GEOMETRY = { cylinders: 65535, heads: 16, sectors: 255 } as const;

/** The file must not exist; if this rejects, the caller removes it. Throws StoreError, and what `progress` throws. */
export async function writeVhd(source: BlockStore, file: string, progress: (share: number) => void): Promise<void> {
  if (source.size > MOST_BYTES || source.size === 0)
    throw new StoreError(
      "EINVAL",
      `${file}: a disk of ${source.size} bytes can't be a VHD; allowed: up to ${MOST_BYTES} (2040 GiB)`,
    );
  const target = await HostFile.open(file, "create");
  try {
    await written(source, target, progress);
  } finally {
    await target.close();
  }
}

async function written(source: BlockStore, target: HostFile, progress: (share: number) => void): Promise<void> {
  const { size } = source;
  const blocks = Math.ceil(size / BLOCK);
  const table = Buffer.alloc(Math.ceil((blocks * 4) / SECTOR) * SECTOR, 0xff);
  const bitmap = Buffer.alloc(BITMAP_BYTES, 0xff);
  const block = Buffer.alloc(BLOCK);
  let end = TABLE_AT + table.length;
  for (let at = 0; at < size;) {
    const next = source.nextData ? await source.nextData(at) : at;
    if (next === null || next >= size) break;
    at = Math.floor(next / BLOCK) * BLOCK;
    const length = Math.min(BLOCK, size - at);
    // What lies behind the disk's end in its last block is zero.
    block.fill(0, length);
    await source.read(at, [block.subarray(0, length)]);
    if (!block.equals(ZEROES)) {
      table.writeUInt32BE(end / SECTOR, (at / BLOCK) * 4);
      await target.write(end, [bitmap, block]);
      end += bitmap.length + block.length;
    }
    at += BLOCK;
    progress(Math.min(1, at / size));
    await new Promise(setImmediate);
  }
  const footer = footerFor(size);
  await target.write(0, [footer, headerFor(blocks), table]);
  await target.write(end, [footer]);
  await target.flush();
  progress(1);
}
const ZEROES = Buffer.alloc(BLOCK);

function footerFor(size: number): Buffer {
  const footer = Buffer.alloc(FOOTER_BYTES);
  footer.write("conectix", 0, "latin1");
  // A bit that is always set, and the version of the format.
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x10000, 12);
  footer.writeBigUInt64BE(BigInt(FOOTER_BYTES), 16);
  footer.writeUInt32BE(Math.floor(Date.now() / 1000) - SINCE, 24);
  footer.write("xnrm", 28, "latin1");
  footer.writeUInt32BE(0x10000, 32);
  footer.write("Wi2k", 36, "latin1");
  footer.writeBigUInt64BE(BigInt(size), 40);
  footer.writeBigUInt64BE(BigInt(size), 48);
  footer.writeUInt16BE(GEOMETRY.cylinders, 56);
  footer.writeUInt8(GEOMETRY.heads, 58);
  footer.writeUInt8(GEOMETRY.sectors, 59);
  footer.writeUInt32BE(DYNAMIC, 60);
  randomBytes(16).copy(footer, 68);
  footer.writeUInt32BE(sumOf(footer), 64);
  return footer;
}
const DYNAMIC = 3;

function headerFor(blocks: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("cxsparse", 0, "latin1");
  header.writeUInt32BE(UNUSED, 8);
  header.writeUInt32BE(UNUSED, 12);
  header.writeBigUInt64BE(BigInt(TABLE_AT), 16);
  header.writeUInt32BE(0x10000, 24);
  header.writeUInt32BE(blocks, 28);
  header.writeUInt32BE(BLOCK, 32);
  header.writeUInt32BE(sumOf(header), 36);
  return header;
}

/** The complement of the sum of all bytes, while the checksum itself is zero. */
const sumOf = (bytes: Buffer): number => ~bytes.reduce((sum, each) => sum + each, 0) >>> 0;
