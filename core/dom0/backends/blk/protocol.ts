/**
 * Block requests and responses: public/io/blkif.h, in the layouts of 64-bit and 32-bit frontends. A request is looked at only in the copy that
 * BackRing made. Nothing here reads shared memory except `readSegments`, which copies a page of indirect segments once.
 */
import {
  BLKIF_OP_DISCARD,
  BLKIF_OP_FLUSH_DISKCACHE,
  BLKIF_OP_INDIRECT,
  BLKIF_OP_READ,
  BLKIF_OP_WRITE,
} from "../../../abi/io_blkif.ts";

export const MAX_SEGMENTS_PER_REQUEST = 11;
/** Number of segments whose descriptors fill one page. */
export const SEGMENTS_PER_PAGE = 512;
/** The value of feature-max-indirect-segments: one page of descriptors, for a mebibyte of data. */
export const MAX_INDIRECT_SEGMENTS = 256;

/** The frontend has broken the protocol in a way that no working driver does, and is disconnected. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Where the fields stand that depend on the frontend's word size, as indices of 32-bit words. */
export interface Layout {
  readonly slotBytes: number;
  readonly id: number;
  readonly responseWords: number;
}
export const LAYOUTS: Readonly<Record<string, Layout>> = {
  "x86_64-abi": { slotBytes: 112, id: 2, responseWords: 4 },
  "x86_32-abi": { slotBytes: 108, id: 1, responseWords: 3 },
};

/** Part of a page of the guest's. */
export interface Segment {
  ref: number;
  firstSector: number;
  lastSector: number;
}

export interface Request {
  /** The operation: READ, WRITE and so on, but never INDIRECT. */
  operation: number;
  /** The frontend's id for the request, given back as it is. */
  idLow: number;
  idHigh: number;
  /** In units of 512 bytes. */
  sector: number;
  segments: Segment[];
  /** Length of a discard, in units of 512 bytes. */
  sectors: number;
  /** Where the segments of an indirect request stand, and how many there are; otherwise 0. */
  indirectRef: number;
  indirectSegments: number;
}

/** Parses a request. Throws ProtocolError. */
export function readRequest(words: Int32Array, { id }: Layout): Request {
  const head = words[0]!;
  const operation = head & 0xff;
  const request: Request = {
    operation,
    idLow: words[id]!,
    idHigh: words[id + 1]!,
    sector: number64(words[id + 2]!, words[id + 3]!),
    segments: [],
    sectors: 0,
    indirectRef: 0,
    indirectSegments: 0,
  };
  if (operation === BLKIF_OP_INDIRECT) {
    request.operation = (head >>> 8) & 0xff;
    request.indirectSegments = head >>> 16;
    if (request.operation !== BLKIF_OP_READ && request.operation !== BLKIF_OP_WRITE)
      throw new ProtocolError(`operation ${request.operation} is indirect; only reads and writes can be`);
    if (request.indirectSegments === 0 || request.indirectSegments > MAX_INDIRECT_SEGMENTS)
      throw new ProtocolError(
        `an indirect request has ${request.indirectSegments} segments; 1 to ${MAX_INDIRECT_SEGMENTS} are allowed`,
      );
    request.indirectRef = words[id + 5]! >>> 0;
  } else if (operation === BLKIF_OP_DISCARD) {
    request.sectors = number64(words[id + 4]!, words[id + 5]!);
  } else if (operation <= BLKIF_OP_FLUSH_DISKCACHE) {
    const count = (head >>> 8) & 0xff;
    if (count > MAX_SEGMENTS_PER_REQUEST)
      throw new ProtocolError(`a request has ${count} segments; ${MAX_SEGMENTS_PER_REQUEST} are allowed`);
    for (let i = 0; i < count; i++) request.segments.push(segment(words, id + 4 + 2 * i));
  }
  return request;
}

/** Reads the segments of an indirect request. `page` has the words of the frontend's page, which the frontend may change at any time. */
export function readSegments(page: Int32Array, count: number): Segment[] {
  const copy = Int32Array.from(page.subarray(0, 2 * count));
  return Array.from({ length: count }, (_, i) => segment(copy, 2 * i));
}

function segment(words: Int32Array, at: number): Segment {
  const sectors = words[at + 1]!;
  const firstSector = sectors & 0xff;
  const lastSector = (sectors >>> 8) & 0xff;
  if (lastSector > 7 || firstSector > lastSector)
    throw new ProtocolError(`a segment goes from sector ${firstSector} to ${lastSector} of a page that has 0 to 7`);
  return { ref: words[at]! >>> 0, firstSector, lastSector };
}

/** Exact below 2 ^ 53; a larger number is beyond any disk anyway. */
function number64(low: number, high: number): number {
  return (high >>> 0) * 2 ** 32 + (low >>> 0);
}
