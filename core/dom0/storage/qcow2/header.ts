/**
 * The header of a qcow2 image, versions 2 and 3 (QEMU's docs/interop/qcow2.txt). Everything in it may be a lie: sizes are bounded here, and what it
 * points to is checked by those who follow it.
 */
import { StoreError } from "../block-store.ts";

export const QCOW2_MAGIC = 0x514649fb;

const INCOMPATIBLE_DIRTY = 1;
const INCOMPATIBLE_CORRUPT = 2;
const INCOMPATIBLE_DATA_FILE = 4;
const INCOMPATIBLE_COMPRESSION = 8;
const INCOMPATIBLE_EXTENDED_L2 = 16;
const INCOMPATIBLE_KNOWN = INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT | INCOMPATIBLE_COMPRESSION;

const EXTENSION_END = 0;
const EXTENSION_BACKING_FORMAT = 0xe2792aca;

/** Offsets of fields in bytes. All are big-endian. */
export const FIELD_L1_SIZE = 36;
export const FIELD_L1_OFFSET = 40;
export const FIELD_SIZE = 24;
export const FIELD_REFCOUNT_TABLE_OFFSET = 48;
export const FIELD_REFCOUNT_TABLE_CLUSTERS = 56;
export const FIELD_INCOMPATIBLE = 72;
export const FIELD_AUTOCLEAR = 88;
const HEADER_V2 = 72;
const HEADER_V3 = 104;

/** QEMU's bounds on the bytes of an L1 table and of a refcount table. */
const L1_BYTES_MAX = 32 << 20;
export const REFCOUNT_TABLE_BYTES_MAX = 8 << 20;
const BACKING_NAME_MAX = 1023;

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  /** Size of the disk in bytes. */
  readonly size: number;
  /** Number of entries, and place, of the active L1 table. */
  readonly l1Size: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  /** A reference count has 2 to the power of this many bits. */
  readonly refcountOrder: number;
  readonly snapshotCount: number;
  readonly snapshotsOffset: number;
  /** Whether reference counts may be wrong, because they were written lazily and the image was not closed. */
  readonly dirty: boolean;
  readonly corrupt: boolean;
  readonly compression: "zlib" | "zstd";
  readonly backingFile: string | null;
  readonly backingFormat: string | null;
  readonly autoclear: boolean;
  readonly incompatible: number;
}

/** Reads a header from the first bytes of a file (a cluster, or all that the file has). `file` is for messages. */
export function readHeader(bytes: Uint8Array, file: string): Qcow2Header {
  const refuse = (why: string): never => {
    throw new StoreError("EINVAL", `${file}: ${why}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_V2 || view.getUint32(0) !== QCOW2_MAGIC) refuse("this is not a qcow2 image");
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) refuse(`qcow2 version ${version} is not known (2 and 3 are)`);
  if (version === 3 && bytes.length < HEADER_V3) refuse("the qcow2 header is cut off");
  const clusterBits = view.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21)
    refuse(`clusters of 2^${clusterBits} bytes are not allowed (2^9 to 2^21 are)`);
  if (view.getUint32(32) !== 0) refuse("encrypted qcow2 images can't be used; decrypt it with qemu-img convert");
  const number64 = (at: number, what: string): number => {
    const value = view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
    return Number.isSafeInteger(value) ? value : refuse(`${what} is larger than any disk`);
  };
  const incompatible = version === 3 ? number64(FIELD_INCOMPATIBLE, "the set of features") : 0;
  if (incompatible & INCOMPATIBLE_DATA_FILE) refuse("its data lies in another file, which can't be used");
  if (incompatible & INCOMPATIBLE_EXTENDED_L2) refuse("it has subclusters (extended L2 entries), which can't be used");
  if (incompatible > 31 || incompatible & ~INCOMPATIBLE_KNOWN) refuse("it has features that are not known here");
  const headerLength = version === 3 ? view.getUint32(100) : HEADER_V2;
  if (headerLength % 8 || headerLength > bytes.length || (version === 3 && headerLength < HEADER_V3))
    refuse(`a qcow2 header of ${headerLength} bytes is not possible`);
  const compressionType = headerLength > 104 ? bytes[104]! : 0;
  if (compressionType > 1) refuse(`compression ${compressionType} is not known (zlib and zstd are)`);
  const refcountOrder = version === 3 ? view.getUint32(96) : 4;
  if (refcountOrder > 6) refuse(`reference counts of 2^${refcountOrder} bits are not possible`);
  const size = number64(FIELD_SIZE, "its size");
  const l1Size = view.getUint32(FIELD_L1_SIZE);
  const l1Offset = number64(FIELD_L1_OFFSET, "the place of its L1 table");
  const clusterSize = 2 ** clusterBits;
  if (l1Size * 8 > L1_BYTES_MAX) refuse("its L1 table is too large");
  if (l1Size < Math.ceil(size / (clusterSize * (clusterSize / 8)))) refuse("its L1 table is too short for its size");
  const refcountTableOffset = number64(FIELD_REFCOUNT_TABLE_OFFSET, "the place of its refcount table");
  const refcountTableClusters = view.getUint32(FIELD_REFCOUNT_TABLE_CLUSTERS);
  if (refcountTableClusters * clusterSize > REFCOUNT_TABLE_BYTES_MAX || refcountTableClusters === 0)
    refuse(`a refcount table of ${refcountTableClusters} clusters is not possible`);
  if (l1Offset % clusterSize || refcountTableOffset % clusterSize) refuse("a table does not begin at a cluster");
  const backingOffset = number64(8, "the place of its backing file's name");
  const backingLength = view.getUint32(16);
  let backingFile: string | null = null;
  if (backingOffset && backingLength) {
    if (backingLength > BACKING_NAME_MAX || backingOffset + backingLength > bytes.length)
      refuse("the name of its backing file is not in its header");
    backingFile = Buffer.from(bytes.subarray(backingOffset, backingOffset + backingLength)).toString("utf8");
  }
  return {
    version: version as 2 | 3,
    clusterBits,
    size: size - (size % 512),
    l1Size,
    l1Offset,
    refcountTableOffset,
    refcountTableClusters,
    refcountOrder,
    snapshotCount: view.getUint32(60),
    snapshotsOffset: number64(64, "the place of its snapshots"),
    dirty: (incompatible & INCOMPATIBLE_DIRTY) !== 0,
    corrupt: (incompatible & INCOMPATIBLE_CORRUPT) !== 0,
    compression: compressionType === 1 ? "zstd" : "zlib",
    backingFile,
    backingFormat: backingFile === null ? null : backingFormatOf(bytes, view, headerLength),
    autoclear: version === 3 && number64(FIELD_AUTOCLEAR, "the set of features") !== 0,
    incompatible,
  };
}

function backingFormatOf(bytes: Uint8Array, view: DataView, from: number): string | null {
  for (let at = from; at + 8 <= bytes.length;) {
    const type = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (type === EXTENSION_END || at + 8 + length > bytes.length) return null;
    if (type === EXTENSION_BACKING_FORMAT) return Buffer.from(bytes.subarray(at + 8, at + 8 + length)).toString("utf8");
    at += 8 + ((length + 7) & ~7);
  }
  return null;
}

/** What an image is based on: the path as in the header, and the format. */
export interface Backing {
  readonly file: string;
  readonly format: string;
}

/** In images made by createQcow2, the extensions and the backing file's name end before this, so one write of a sector changes them. */
const SECTOR = 512;

/** Returns the first sector of an image that is to be based on another. Throws StoreError where something in it would be lost. */
export function rebasedHeader(bytes: Uint8Array, file: string, backing: Backing | null): Uint8Array {
  const header = readHeader(bytes, file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const refuse = (why: string): never => {
    throw new StoreError("EOPNOTSUPP", `${file}: its header can't be changed in place (${why})`);
  };
  if (header.version !== 3 || view.getUint32(100) !== HEADER_V3) refuse("it is not one that Xenarium has made");
  for (let at = HEADER_V3; view.getUint32(at) !== EXTENSION_END; at += 8 + ((view.getUint32(at + 4) + 7) & ~7))
    if (view.getUint32(at) !== EXTENSION_BACKING_FORMAT || at + 16 > SECTOR)
      refuse("it is not one that Xenarium has made");
  const sector = new Uint8Array(SECTOR);
  sector.set(bytes.subarray(0, HEADER_V3));
  sector.fill(0, 8, 20);
  if (backing && !putBacking(sector, backing)) refuse("the name of its backing file is too long");
  return sector;
}

/**
 * Writes, after the header's fields, the extension with the format, the end of the extensions, and the name. Returns false where there is no room.
 */
function putBacking(bytes: Uint8Array, backing: Backing): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = Buffer.from(backing.format);
  const name = Buffer.from(backing.file);
  const at = HEADER_V3 + 8 + ((format.length + 7) & ~7) + 8;
  if (name.length > BACKING_NAME_MAX || at + name.length > bytes.length) return false;
  view.setUint32(HEADER_V3, EXTENSION_BACKING_FORMAT);
  view.setUint32(HEADER_V3 + 4, format.length);
  bytes.set(format, HEADER_V3 + 8);
  // The offset is below 4 GiB, in the first cluster, so its upper half is 0.
  view.setUint32(12, at);
  view.setUint32(16, name.length);
  bytes.set(name, at);
  return true;
}

export interface NewHeader {
  readonly clusterBits: number;
  readonly size: number;
  readonly l1Size: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly backing: Backing | null;
}

/** Returns the first cluster of a new image of version 3. */
export function writeHeader(header: NewHeader): Uint8Array {
  const bytes = new Uint8Array(2 ** header.clusterBits);
  const view = new DataView(bytes.buffer);
  const put64 = (at: number, value: number) => {
    view.setUint32(at, Math.floor(value / 2 ** 32));
    view.setUint32(at + 4, value % 2 ** 32);
  };
  view.setUint32(0, QCOW2_MAGIC);
  view.setUint32(4, 3);
  view.setUint32(20, header.clusterBits);
  put64(FIELD_SIZE, header.size);
  view.setUint32(FIELD_L1_SIZE, header.l1Size);
  put64(FIELD_L1_OFFSET, header.l1Offset);
  put64(FIELD_REFCOUNT_TABLE_OFFSET, header.refcountTableOffset);
  view.setUint32(FIELD_REFCOUNT_TABLE_CLUSTERS, header.refcountTableClusters);
  view.setUint32(96, 4);
  view.setUint32(100, HEADER_V3);
  if (header.backing && !putBacking(bytes, header.backing))
    throw new StoreError(
      "ENAMETOOLONG",
      `the path of the backing file has ${Buffer.byteLength(header.backing.file)} bytes (at most ${BACKING_NAME_MAX} are allowed)`,
    );
  return bytes;
}
