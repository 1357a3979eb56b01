/**
 * L1 and L2 tables: arrays of 64-bit big-endian entries, and the meaning of their bits. Offsets are JavaScript numbers, since they are below 2^53.
 */

/** What an L2 entry says of its cluster of the disk. */
export type Cluster =
  | { readonly kind: "unallocated" }
  /** Reads as zeros. `offset` is that of a cluster kept for it, or 0. */
  | { readonly kind: "zero"; readonly offset: number; readonly copied: boolean }
  /** With `copied` nothing else refers to it, so it may be written in place. */
  | { readonly kind: "data"; readonly offset: number; readonly copied: boolean }
  | { readonly kind: "compressed"; readonly offset: number; readonly bytes: number };

const UNALLOCATED: Cluster = { kind: "unallocated" };

export class Table {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get length(): number {
    return this.bytes.length >> 3;
  }

  /** Returns the offset in an entry of an L1 or refcount table; 0 if there is none. */
  offset(index: number): number {
    return offsetOf(this.#view.getUint32(index * 8), this.#view.getUint32(index * 8 + 4));
  }
  /** Bit 63: the table or cluster has only one reference. */
  copied(index: number): boolean {
    return (this.#view.getUint32(index * 8) & 0x80000000) !== 0;
  }
  /** Sets an entry to an offset, with or without the bit for a single reference. */
  set(index: number, offset: number, copied: boolean, zero = false): void {
    this.#view.setUint32(index * 8, (Math.floor(offset / 2 ** 32) | (copied ? 0x80000000 : 0)) >>> 0);
    this.#view.setUint32(index * 8 + 4, ((offset % 2 ** 32) | (zero ? 1 : 0)) >>> 0);
  }

  /** Decodes an L2 entry. `clusterBits` and `version` are the image's. */
  cluster(index: number, clusterBits: number, version: 2 | 3): Cluster {
    const high = this.#view.getUint32(index * 8);
    const low = this.#view.getUint32(index * 8 + 4);
    if (high & 0x40000000) return compressed(high, low, clusterBits);
    const offset = offsetOf(high, low);
    const copied = (high & 0x80000000) !== 0;
    if (version === 3 && low & 1) return { kind: "zero", offset, copied };
    return offset ? { kind: "data", offset, copied } : UNALLOCATED;
  }
}

function offsetOf(high: number, low: number): number {
  return (high & 0x00ffffff) * 2 ** 32 + ((low & ~0x1ff) >>> 0);
}

/** Decodes the descriptor of a compressed cluster: its offset in bytes, and the number of 512-byte sectors that it reaches into. */
function compressed(high: number, low: number, clusterBits: number): Cluster {
  const offsetBits = 62 - (clusterBits - 8);
  const descriptor = (BigInt(high & 0x3fffffff) << 32n) | BigInt(low);
  const offset = Number(descriptor & ((1n << BigInt(offsetBits)) - 1n));
  const sectors = Number(descriptor >> BigInt(offsetBits)) + 1;
  return { kind: "compressed", offset, bytes: sectors * 512 - (offset & 511) };
}

/** Returns whether a cluster lies `distance` bytes after another one in the file, or is nowhere as that one is. */
export function follows(first: Cluster, next: Cluster, distance: number): boolean {
  if (first.kind !== next.kind || first.kind === "compressed") return false;
  if (first.kind === "data") return next.kind === "data" && next.offset === first.offset + distance;
  return true;
}
