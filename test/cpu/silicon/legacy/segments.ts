/**
 * The LDT that both legacy.c and the engine get, and the part of the GDT that 64-bit Linux shows to programs. Code lies at CODE_ADDRESS, the data
 * window at WINDOW_START (generate.ts of the 64-bit cases).
 */
import { DATA_PAGES, WINDOW, WINDOW_START } from "../generate.ts";

export const CODE_PAGE = 0x10000000;
export const CODE_OFFSET = 0x800;

export interface Segment {
  selector: number;
  base: number;
  limit: number;
  pages: boolean;
  /** The bit D or B. */
  is32: boolean;
  /** As in struct user_desc: 0 data, 1 expand-down, 2 code. (Linux lets nobody make conforming code.) */
  contents: number;
  /** Data that is not writable, or code that is not readable. */
  restricted: boolean;
  present: boolean;
}

let index = 0;
function segment(base: number, limit: number, is32: boolean, contents: number, more: Partial<Segment> = {}): Segment {
  return {
    selector: (++index << 3) | 7,
    base,
    limit,
    pages: false,
    is32,
    contents,
    restricted: false,
    present: true,
    ...more,
  };
}

const data = [
  segment(DATA_PAGES, 0x1fff, true, 0),
  segment(DATA_PAGES, 0x1fff, false, 0),
  segment(0, 0xfffff, true, 0, { pages: true }),
  segment(WINDOW_START, WINDOW - 1, true, 0),
  segment(WINDOW_START - 3, WINDOW + 1, false, 0),
  segment(DATA_PAGES, 0xfff, true, 1),
  segment(DATA_PAGES, 0xfff, false, 1),
  // Expand-down below the border: with a granularity of pages, the limit ends in fff too.
  segment(DATA_PAGES - 0x1000, 1, true, 1, { pages: true }),
] as const;
/** The segments that SS may hold. */
export const STACKS: readonly Segment[] = data;
export const DATA: readonly Segment[] = [
  ...data,
  segment(DATA_PAGES, 0x1fff, true, 0, { restricted: true }),
  segment(DATA_PAGES, 0x1fff, true, 2),
  segment(DATA_PAGES, 0xfff, true, 1, { restricted: true }),
];
export const CODE_32: readonly Segment[] = [
  segment(CODE_PAGE, 0xfff, true, 2),
  segment(0, 0xfffff, true, 2, { pages: true }),
  segment(CODE_PAGE + 0x700, 0x8ff, true, 2, { restricted: true }),
  segment(CODE_PAGE, CODE_OFFSET + 3, true, 2),
];
export const CODE_16: readonly Segment[] = [
  segment(CODE_PAGE, 0xfff, false, 2),
  segment(CODE_PAGE + 0x700, 0xffff, false, 2),
  segment(CODE_PAGE, CODE_OFFSET + 2, false, 2, { restricted: true }),
];
/** The segments that no data segment register can hold: not readable, or not present. */
const absent = [
  segment(DATA_PAGES, 0x1fff, true, 2, { restricted: true }),
  segment(DATA_PAGES, 0x1fff, true, 0, { present: false }),
  segment(CODE_PAGE, 0xfff, true, 2, { present: false }),
];
export const LDT: readonly Segment[] = [...DATA, ...CODE_32, ...CODE_16, ...absent];
/** Programs' own segments in Linux's GDT: 32-bit code, data, 64-bit code. */
export const USER_CODE_32 = 0x23;
export const USER_DATA = 0x2b;
export const USER_CODE_64 = 0x33;
/** Everything that an instruction of a case may try to load: null, privileged, beyond the tables, wrong in every way. */
export const SELECTORS: readonly number[] = [
  ...LDT.flatMap(({ selector }) => [selector, selector & ~3]),
  0,
  3,
  0x10,
  USER_CODE_32,
  USER_DATA,
  USER_DATA & ~3,
  USER_CODE_64,
  ((LDT.length + 1) << 3) | 7,
  0xffff,
];

/** Bits 8..15 and 20..23 of the descriptor's upper half, which are attributes as the engine's segment registers hold them. */
export function attributes({ contents, restricted, present, is32, pages }: Segment): number {
  const isCode = contents >= 2;
  const type = (isCode ? 8 : 0) | (contents === 1 ? 4 : 0) | (restricted ? 0 : 2) | 1;
  return type | 0x70 | (present ? 0x80 : 0) | 0x100 | (is32 ? 0x400 : 0) | (pages ? 0x800 : 0);
}

export function descriptor(each: Segment): bigint {
  const attr = BigInt(attributes(each));
  const base = BigInt(each.base);
  const limit = BigInt(each.limit);
  return (
    (limit & 0xffffn) |
    ((base & 0xffffffn) << 16n) |
    ((attr & 0xffn) << 40n) |
    ((limit >> 16n) << 48n) |
    ((attr >> 8n) << 52n) |
    ((base >> 24n) << 56n)
  );
}

/** What legacy.c reads first: a count, then struct user_desc for each. */
export function userDescriptors(): Buffer {
  const out = Buffer.alloc(4 + 16 * LDT.length);
  out.writeUInt32LE(LDT.length);
  LDT.forEach((each, n) => {
    const at = 4 + 16 * n;
    out.writeUInt32LE(each.selector >> 3, at);
    out.writeUInt32LE(each.base, at + 4);
    out.writeUInt32LE(each.limit, at + 8);
    const flags =
      (each.is32 ? 1 : 0) |
      (each.contents << 1) |
      (each.restricted ? 8 : 0) |
      (each.pages ? 16 : 0) |
      (each.present ? 0 : 32) |
      64;
    out.writeUInt32LE(flags, at + 12);
  });
  return out;
}
