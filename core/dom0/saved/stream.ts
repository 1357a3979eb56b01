/**
 * A saved domain's stream as libxenguest writes it: Xen's docs/specs/libxc-migration-stream.pandoc, version 3, of an x86 PV or PVH domain. It
 * consists of an image header and a domain header, then records: u32 type, u32 length, body, zeros up to a multiple of 8. All numbers are
 * little-endian, except in the image header. A stream that is read may come from anybody: StreamError says what is wrong with it.
 */

import { XEN_DOMCTL_PFINFO_LTAB_SHIFT } from "../../abi/domctl.ts";
import { PAGE_SIZE, type PhysicalMemory } from "../kernel/memory.ts";
import { ALL_ZEROS } from "../kernel/page-types.ts";

export class StreamError extends Error {
  override readonly name = "StreamError";
}

export const REC_END = 0x0;
export const REC_PAGE_DATA = 0x1;
export const REC_X86_PV_INFO = 0x2;
export const REC_X86_PV_P2M_FRAMES = 0x3;
export const REC_X86_PV_VCPU_BASIC = 0x4;
export const REC_X86_PV_VCPU_EXTENDED = 0x5;
export const REC_X86_PV_VCPU_XSAVE = 0x6;
export const REC_SHARED_INFO = 0x7;
export const REC_X86_TSC_INFO = 0x8;
export const REC_HVM_CONTEXT = 0x9;
export const REC_HVM_PARAMS = 0xa;
export const REC_STATIC_DATA_END = 0x10;
export const REC_X86_CPUID_POLICY = 0x11;
/** A reader that does not know the type may ignore the record. */
const REC_OPTIONAL = 0x80000000;

const IHDR_ID = 0x58454e46;
const IHDR_VERSION = 3;
/** Types of domains in the domain header, by their name in a configuration. PVH domains are x86 HVM domains there. */
const DHDR_TYPES = { pv: { number: 1, name: "x86 PV" }, pvh: { number: 2, name: "x86 HVM" } } as const;
export type StreamType = keyof typeof DHDR_TYPES;
const HEADERS_SIZE = 24 + 16;
const PAGE_SHIFT = 12;
/** libxenguest's REC_LENGTH_MAX. */
const RECORD_MOST = 8 << 20;
/**
 * The most pages of one PAGE_DATA record: as many as fit with their bytes. libxenguest writes 1024. A reader takes a record in one go, so pages of
 * zeros, which need no room, count as well.
 */
const PAGES_MOST = RECORD_MOST / PAGE_SIZE;

export interface StreamRecord {
  type: number;
  body: Uint8Array;
}

export function headers(xenMajor: number, xenMinor: number, type: StreamType = "pv"): Uint8Array {
  const bytes = new Uint8Array(HEADERS_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.fill(0xff, 0, 8);
  view.setUint32(8, IHDR_ID);
  view.setUint32(12, IHDR_VERSION);
  view.setUint32(24, DHDR_TYPES[type].number, true);
  view.setUint16(28, PAGE_SHIFT, true);
  view.setUint32(32, xenMajor, true);
  view.setUint32(36, xenMinor, true);
  return bytes;
}

function checkHeaders(bytes: Uint8Array, type: StreamType): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.subarray(0, 8).some((byte) => byte !== 0xff) || view.getUint32(8) !== IHDR_ID)
    throw new StreamError("it has no libxc image header");
  if (view.getUint32(12) !== IHDR_VERSION)
    throw new StreamError(`its stream has version ${view.getUint32(12)}; ${IHDR_VERSION} is understood`);
  if (view.getUint16(16) & 1) throw new StreamError("it is big-endian");
  const { number, name } = DHDR_TYPES[type];
  if (view.getUint32(24, true) !== number)
    throw new StreamError(
      `its domain is of type ${view.getUint32(24, true)}, and by its configuration of type ${number} (${name})`,
    );
  if (view.getUint16(28, true) !== PAGE_SHIFT) throw new StreamError("its pages are not of 4 KiB");
}

/** A page of a domain's memory: its number, and its type, XEN_DOMCTL_PFINFO_* in the upper 4 bits. */
export interface PageEntry {
  pfn: number;
  type: number;
}

/**
 * Returns the pages of a PAGE_DATA record with their bytes; null stands for a page of zeros, which the frames of a new domain have. `most` is the
 * number of pfns that may exist. Throws StreamError for a record that is not well-formed.
 */
export function pagesOf({ body }: StreamRecord, most: number): (PageEntry & { data: Uint8Array | null })[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const count = view.getUint32(0, true);
  if (count > PAGES_MOST) throw new StreamError(`a record has ${count} pages; ${PAGES_MOST} are allowed`);
  if (8 + 8 * count > body.length) throw new StreamError(`a record of ${count} pages has ${body.length} bytes`);
  let at = 8 + 8 * count;
  const pages = Array.from({ length: count }, (_, i) => {
    const entry = view.getBigUint64(8 + 8 * i, true);
    const [type, pfn] = [Number(entry >> 60n), Number(entry & 0xfffffffffffffffn)];
    if (pfn >= most) throw new StreamError(`it has page ${pfn}; ${most} are allowed`);
    if (type === ALL_ZEROS) return { pfn, type, data: null };
    const data = body.subarray(at, at + PAGE_SIZE);
    at += PAGE_SIZE;
    return { pfn, type, data };
  });
  if (at !== body.length) throw new StreamError(`a record of ${count} pages has ${body.length} bytes`);
  return pages;
}

/** A page that is put into a record, and where it is in the host's memory, in which it is only read. */
export interface PageOut extends PageEntry {
  address: number;
}

/**
 * Makes a PAGE_DATA record. Each page is copied once, into the record. `change` then converts the copy of a page that has a type to what belongs into
 * a stream. Of pages of zeros without a type only the number is written.
 */
export function pageRecord(
  memory: PhysicalMemory,
  pages: readonly PageOut[],
  change: (copy: Uint8Array, type: number) => void = () => {},
): Uint8Array {
  const types = pages.map(({ type, address }) => (type === 0 && memory.isZeroPage(address) ? ALL_ZEROS : type));
  const written = types.reduce((count, type) => count + (type === ALL_ZEROS ? 0 : 1), 0);
  const record = new Uint8Array(16 + 8 * pages.length + PAGE_SIZE * written);
  const view = new DataView(record.buffer);
  view.setUint32(0, REC_PAGE_DATA, true);
  view.setUint32(4, record.length - 8, true);
  view.setUint32(8, pages.length, true);
  let at = 16 + 8 * pages.length;
  pages.forEach(({ pfn, address }, i) => {
    const type = types[i]!;
    // The number has 60 bits there, and 32 in any domain; the type has the upper half's highest.
    view.setUint32(16 + 8 * i, pfn, true);
    view.setUint32(20 + 8 * i, type << XEN_DOMCTL_PFINFO_LTAB_SHIFT, true);
    if (type === ALL_ZEROS) return;
    const copy = record.subarray(at, at + PAGE_SIZE);
    copy.set(memory.bytes(address, PAGE_SIZE));
    if (type) change(copy, type);
    at += PAGE_SIZE;
  });
  return record;
}

/** Returns a record as bytes. */
export function record(type: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(8 + ((length + 7) & ~7));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length, true);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export interface Source {
  /** Takes so many bytes, which may only be read, because they may be part of a larger buffer. Rejects if there are fewer. */
  take(bytes: number): Promise<Uint8Array>;
  /** Rejects if anything follows. What the source checks at its end, as gzip does its checksum, has been checked when this resolves. */
  end(): Promise<void>;
}

/** Yields the records up to REC_END, which must be the end of the source. */
export async function* records(source: Source, of: StreamType): AsyncGenerator<StreamRecord> {
  checkHeaders(await source.take(HEADERS_SIZE), of);
  const known = KNOWN[of];
  for (;;) {
    const header = await source.take(8);
    const view = new DataView(header.buffer, header.byteOffset, 8);
    const [type, length] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (length > RECORD_MOST) throw new StreamError(`a record is ${length} bytes long; ${RECORD_MOST} are allowed`);
    const body = (await source.take((length + 7) & ~7)).subarray(0, length);
    if (type === REC_END) return await source.end();
    if (type & REC_OPTIONAL && !known.has(type)) continue;
    if (!known.has(type))
      throw new StreamError(`it has a record of type 0x${type.toString(16)}, which is not understood`);
    yield { type, body };
  }
}

const COMMON = [REC_PAGE_DATA, REC_X86_TSC_INFO, REC_STATIC_DATA_END, REC_X86_CPUID_POLICY];
const KNOWN: Readonly<Record<StreamType, ReadonlySet<number>>> = {
  pv: new Set([
    ...COMMON,
    REC_X86_PV_INFO,
    REC_X86_PV_P2M_FRAMES,
    REC_X86_PV_VCPU_BASIC,
    REC_X86_PV_VCPU_EXTENDED,
    REC_X86_PV_VCPU_XSAVE,
    REC_SHARED_INFO,
  ]),
  pvh: new Set([...COMMON, REC_HVM_CONTEXT, REC_HVM_PARAMS]),
};

/** Makes a source of chunks of any size. */
export function takeFrom(source: AsyncIterable<Uint8Array>): Source {
  const chunks = source[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  /** Returns false at the end. */
  const more = async (): Promise<boolean> => {
    while (rest.length === 0) {
      const { done, value } = await chunks.next();
      if (done) return false;
      // A Buffer's slice() makes no copy, and those who take bytes rely on that of arrays.
      rest = new Uint8Array(value.buffer, value.byteOffset, value.length);
    }
    return true;
  };
  /** Whether the next bytes lie in one chunk, so that they need not be copied. */
  const isAllIn = async (wanted: number): Promise<boolean> => wanted > 0 && (await more()) && rest.length >= wanted;
  return {
    async take(wanted) {
      if (await isAllIn(wanted)) {
        const all = rest.subarray(0, wanted);
        rest = rest.subarray(wanted);
        return all;
      }
      const bytes = new Uint8Array(wanted);
      for (let got = 0; got < wanted;) {
        if (!(await more())) throw new StreamError("it ends too early");
        const part = rest.subarray(0, wanted - got);
        bytes.set(part, got);
        got += part.length;
        rest = rest.subarray(part.length);
      }
      return bytes;
    },
    async end() {
      if (await more()) throw new StreamError("something follows its end");
    },
  };
}
